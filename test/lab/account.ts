/** What a test has counted, told in the report of the run, beside the file that it is in. */
import { TestRunner } from "vitest"

declare module "vitest" {
    interface TaskMeta {
        account?: string[]
    }
}

/** Tells one line, for people: figures, with what they are. Within a test alone. */
export function account(line: string): void {
    const test = TestRunner.getCurrentTest()
    if (test === undefined) throw new Error("an account belongs to a test")
    test.meta.account = [...(test.meta.account ?? []), line]
}
