/**
 * A vitest reporter for one tier: prints what tests have counted (`account`), what failed and why tests were skipped, and
 * writes the counts that `run-tests.ts` adds up to the file named by $TIER_COUNTS. A file that cannot be loaded and an
 * error outside any test count as failures too, so that no way of failing is left out of the sum.
 */
import { writeFileSync } from "node:fs"
import { relative } from "node:path"
import type { Reporter, TestCase, TestModule } from "vitest/node"
import { whyNoNamespaces } from "../test/lab/namespace.ts"

/** What a tier came to. */
export type Counts = { passed: number; failed: number; skipped: number }

type Failure = { readonly message: string; readonly stack?: string; readonly stacks?: readonly Frame[] }
type Frame = { readonly file: string; readonly line: number; readonly column: number }

/** `run-tests.ts` hands this file to vitest, which makes one. */
export default class TierReporter implements Reporter {
    readonly counts: Counts = { passed: 0, failed: 0, skipped: 0 }

    onTestModuleEnd(module: TestModule): void {
        const file = relative(process.cwd(), module.moduleId)
        const tests = [...module.children.allTests()]
        const failed = tests.filter((test) => test.result().state === "failed")
        const skipped = tests.filter((test) => test.result().state === "skipped")
        // Errors of files and of set-up hooks belong to no test, and the tests they kept from running count as skipped.
        const errors: Failure[] = [module, ...module.children.allSuites()].flatMap((suite) => suite.errors())
        this.counts.failed += failed.length + errors.length
        this.counts.skipped += skipped.length
        this.counts.passed += tests.length - failed.length - skipped.length

        const seconds = (module.diagnostic().duration / 1000).toFixed(1)
        const notes = [`${tests.length} tests`, `${seconds} s`]
        if (skipped.length > 0) notes.push(`${skipped.length} skipped`)
        if (failed.length + errors.length > 0) notes.push(`${failed.length + errors.length} FAILED`)
        say(`  ${file} (${notes.join(", ")})`)
        for (const test of tests) for (const line of test.meta().account ?? []) say(`    ${line}`)
        for (const [reason, count] of reasonsOf(skipped, errors.length > 0)) say(`    skipped ${count}: ${reason}`)
        for (const error of errors) tell(file, error)
        for (const test of failed) {
            // A property's message holds its seed and path: enough to run the same case again.
            for (const error of test.result().errors ?? []) tell(test.fullName, error)
        }
    }

    onTestRunEnd(_modules: readonly TestModule[], unhandled: readonly Failure[]): void {
        for (const error of unhandled) tell("outside any test", error)
        this.counts.failed += unhandled.length
        const file = process.env["TIER_COUNTS"]
        if (file !== undefined) writeFileSync(file, JSON.stringify(this.counts))
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

function tell(where: string, error: Failure): void {
    say(`    FAILED: ${where}`)
    for (const line of error.message.split("\n")) say(`      ${line}`)
    const frame = error.stacks?.[0]
    if (frame) say(`      at ${relative(process.cwd(), frame.file)}:${frame.line}:${frame.column}`)
    else if (error.stack !== undefined) say(`      ${error.stack.split("\n")[1]?.trim() ?? ""}`)
}

function say(line: string): void {
    process.stdout.write(`${line}\n`)
}
