/**
 * A vitest reporter for one tier: prints what tests have counted (`account`), what failed and why tests were skipped, and
 * writes the counts that `run-tests.ts` adds up to the file named by $TIER_RESULT. A file that cannot be loaded and an
 * error outside any test count as failures too, so that no way of failing is left out of the sum.
 */
import { writeFileSync } from "node:fs"
import { relative } from "node:path"
import type { Reporter, TestCase, TestModule } from "vitest/node"
import { whyNoNamespaces } from "../test/lab/namespace.ts"

/** What a tier came to. */
export type Counts = { passed: number; failed: number; skipped: number }
/** The same, with what the files came to that failed (null: something failed outside any file), and what was said of it. */
export type Result = Counts & { failedIn: Record<string, Counts> | null; said: string[] }

type Failure = { readonly message: string; readonly stack?: string; readonly stacks?: readonly Frame[] }
type Frame = { readonly file: string; readonly line: number; readonly column: number }

/** `run-tests.ts` hands this file to vitest, which makes one. */
export default class TierReporter implements Reporter {
    readonly counts: Result = { passed: 0, failed: 0, skipped: 0, failedIn: {}, said: [] }

    onTestModuleEnd(module: TestModule): void {
        const file = relative(process.cwd(), module.moduleId)
        const tests = [...module.children.allTests()]
        const failed = tests.filter((test) => test.result().state === "failed")
        const skipped = tests.filter((test) => test.result().state === "skipped")
        // Errors of files and of set-up hooks belong to no test, and the tests they kept from running count as skipped.
        const errors: Failure[] = [module, ...module.children.allSuites()].flatMap((suite) => suite.errors())
        const counts = {
            passed: tests.length - failed.length - skipped.length,
            failed: failed.length + errors.length,
            skipped: skipped.length,
        }
        this.counts.passed += counts.passed
        this.counts.failed += counts.failed
        this.counts.skipped += counts.skipped

        const seconds = (module.diagnostic().duration / 1000).toFixed(1)
        const notes = [`${tests.length} tests`, `${seconds} s`]
        if (skipped.length > 0) notes.push(`${skipped.length} skipped`)
        if (counts.failed > 0) notes.push(`${counts.failed} FAILED`)
        say(`  ${file} (${notes.join(", ")})`)
        for (const test of tests) for (const line of test.meta().account ?? []) say(`    ${line}`)
        for (const [reason, count] of reasonsOf(skipped, errors.length > 0)) say(`    skipped ${count}: ${reason}`)
        for (const error of errors) this.#tell(file, error)
        for (const test of failed) {
            // A property's message holds its seed and path: enough to run the same case again.
            for (const error of test.result().errors ?? []) this.#tell(`${test.fullName} (${file})`, error)
        }
        if (counts.failed > 0 && this.counts.failedIn !== null) this.counts.failedIn[file] = counts
    }

    onTestRunEnd(_modules: readonly TestModule[], unhandled: readonly Failure[]): void {
        for (const error of unhandled) this.#tell("outside any test", error)
        this.counts.failed += unhandled.length
        if (unhandled.length > 0) this.counts.failedIn = null
        const file = process.env["TIER_RESULT"]
        if (file !== undefined) writeFileSync(file, JSON.stringify(this.counts))
    }

    #tell(where: string, error: Failure): void {
        const lines = [`FAILED: ${where}`, ...detail(error).map((line) => `  ${line}`)]
        this.counts.said.push(...lines)
        for (const line of lines) say(`    ${line}`)
    }
}

/** How many tests were skipped for which reason; tests that name none were left out by `describe.skipIf` or set-up. */
function reasonsOf(skipped: readonly TestCase[], setUpFailed: boolean): Map<string, number> {
    const reasons = new Map<string, number>()
    for (const test of skipped) {
        const result = test.result()
        const named = result.state === "skipped" ? result.note : undefined
        const reason =
            named ?? (setUpFailed ? "their set-up failed" : whyNoNamespaces()) ?? `no reason: ${test.fullName}`
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
    }
    return reasons
}

/** What it says, and where. */
function detail({ message, stack, stacks }: Failure): string[] {
    const frame = stacks?.[0]
    const place = frame
        ? `at ${relative(process.cwd(), frame.file)}:${frame.line}:${frame.column}`
        : stack?.split("\n")[1]?.trim()
    return [...message.split("\n"), ...(place === undefined ? [] : [place])]
}

function say(line: string): void {
    process.stdout.write(`${line}\n`)
}
