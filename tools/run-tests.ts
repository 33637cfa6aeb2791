/**
 * Everything that is checked, tier by tier, and one last line over all of them: `N passed, N failed, N skipped`.
 * Exit 1 if anything failed. Names of tiers as arguments run only those: `npx tsx tools/run-tests.ts static unit`.
 *
 * The tests use a real kernel and real clocks, on machines that others use as well. So a few files that failed are run once
 * more, with nothing beside them: what fails then is counted as failed. What does not is told, at the end, with what it
 * said at first: it is a mistake to be found, in the test or in what it tests.
 *
 * static: types, lint, format, arrows, unused code; each check counts as one test. The other tiers are the vitest
 * projects; alone: those of test/e2e that measure. e2e, alone and interop need network namespaces; where the system gives
 * us none they are skipped, with the reason, and counted.
 */
import { execFile, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { whyNoNamespaces } from "../test/lab/namespace.ts"
import type { Counts, Result } from "./tier-reporter.ts"

type Tier = { readonly name: string; readonly run: () => Counts | Promise<Counts> }

const root = join(import.meta.dirname, "..")
const scratch = mkdtempSync(join(tmpdir(), "postern-tests-"))

/** So many files at most are run once more: when more fail, it is not by chance. */
const MOST_AGAIN = 3
/** What is told once more at the end: of long output it is all that is looked at. */
const afterwards: string[] = []

const CHECKS: readonly (readonly [name: string, ...argv: readonly string[]])[] = [
    ["the core compiles without Node's types", "tsc", "-p", "src/core", "--noEmit"],
    ["the page compiles without Node's types", "tsc", "-p", "src/page", "--noEmit"],
    ["everything compiles", "tsc", "-p", ".", "--noEmit"],
    ["oxlint", "oxlint", "--type-aware"],
    ["biome: lint and format", "biome", "check", "."],
    ["import arrows", "tsx", "tools/check-imports.ts"],
    ["nothing unused (knip)", "knip"],
]

const TIERS: readonly Tier[] = [
    { name: "static", run: staticTier },
    { name: "unit", run: () => vitestTier("unit") },
    { name: "contract", run: () => vitestTier("contract") },
    { name: "cli", run: () => vitestTier("cli") },
    { name: "e2e", run: () => namespaceTier("e2e") },
    { name: "alone", run: () => namespaceTier("alone") },
    { name: "interop", run: () => namespaceTier("interop") },
]

try {
    process.exitCode = await main(process.argv.slice(2))
} finally {
    rmSync(scratch, { recursive: true, force: true })
}

async function main(wanted: readonly string[]): Promise<number> {
    const unknown = wanted.filter((name) => !TIERS.some((tier) => tier.name === name))
    if (unknown.length > 0) {
        process.stderr.write(`no such tier: ${unknown.join(", ")} (${TIERS.map((tier) => tier.name).join(", ")})\n`)
        return 2
    }
    const total: Counts = { passed: 0, failed: 0, skipped: 0 }
    for (const { name, run } of TIERS) {
        if (wanted.length > 0 && !wanted.includes(name)) continue
        say(`\n${name}`)
        const begun = performance.now()
        const counts = await run()
        total.passed += counts.passed
        total.failed += counts.failed
        total.skipped += counts.skipped
        say(`${name}: ${sentence(counts)} (${((performance.now() - begun) / 1000).toFixed(1)} s)`)
    }
    for (const line of afterwards) say(line)
    // On a line of its own, and the last one.
    say(`\n${sentence(total)}`)
    return total.failed === 0 && total.passed > 0 ? 0 : 1
}

/** Two checks at a time: most of them use one processor. */
async function staticTier(): Promise<Counts> {
    const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
    const left = [...CHECKS]
    const lane = async () => {
        for (let check = left.shift(); check !== undefined; check = left.shift()) {
            const [name, program, ...args] = check
            const wrong = await complaint(tool(program!), args)
            counts[wrong === null ? "passed" : "failed"] += 1
            say(wrong === null ? `  ${name}` : `  ${name} FAILED: ${[program, ...args].join(" ")}`)
            for (const line of wrong ?? []) say(`    ${line}`)
        }
    }
    await Promise.all([lane(), lane()])
    return counts
}

/** What a check says if it fails, line by line; null: it does not. */
function complaint(program: string, args: readonly string[]): Promise<readonly string[] | null> {
    return new Promise((resolve) => {
        execFile(program, args, { cwd: root, encoding: "utf8", maxBuffer: Infinity }, (error, stdout, stderr) => {
            const said = `${stdout}${stderr}`.trim()
            resolve(error === null ? null : (said === "" ? error.message : said).split("\n"))
        })
    })
}

function vitestTier(project: string): Counts {
    const first = vitest(project, [])
    if (first.failed === 0) return first
    const { failedIn, said } = first
    const files = Object.keys(failedIn ?? {})
    if (failedIn === null || files.length > MOST_AGAIN) return failed(project, first)
    say(`  once more, alone: ${files.join(", ")}`)
    const second = vitest(project, files)
    if (second.failed > 0) return failed(project, { ...first, said: [...said, "and once more:", ...second.said] })
    afterwards.push(`\n${project}: failed at first, and not once more, alone:`, ...said.map((line) => `    ${line}`))
    const without = (key: keyof Counts) => files.reduce((sum, file) => sum - failedIn[file]![key], first[key])
    const sum = (key: keyof Counts) => without(key) + second[key]
    return { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") }
}

/** What failed is told at the end as well. */
function failed(project: string, result: Result): Result {
    afterwards.push(`\n${project}:`, ...result.said.map((line) => `    ${line}`))
    return result
}

function vitest(project: string, files: readonly string[]): Result {
    const file = join(scratch, `${project}.json`)
    rmSync(file, { force: true })
    const args = ["run", "--project", project, `--reporter=${join(import.meta.dirname, "tier-reporter.ts")}`]
    const { status } = spawnSync(tool("vitest"), [...args, ...files, ...(files.length > 0 ? ["--maxWorkers=1"] : [])], {
        cwd: root,
        stdio: "inherit",
        env: { ...process.env, TIER_RESULT: file },
    })
    const result = read(file)
    // A runner that broke down before it could count, or for a reason that it did not count, is a failure as well.
    if (status !== 0 && result.failed === 0) return { ...result, failed: 1, failedIn: null }
    return result
}

/**
 * A tier that needs network namespaces, and every program that one can knock with. The names of its tests are collected
 * without running them, to count them.
 */
function namespaceTier(project: string): Counts {
    const reason = whyNoNamespaces() ?? whatIsMissing()
    if (reason === null) return vitestTier(project)
    const { stdout } = spawnSync(tool("vitest"), ["list", "--project", project, "--json"], {
        cwd: root,
        encoding: "utf8",
    })
    const skipped = listLength(stdout)
    say(`  skipped ${skipped}: ${reason}`)
    return { passed: 0, failed: 0, skipped }
}

/** Why not, or null. */
function whatIsMissing(): string | null {
    const { stdout } = spawnSync("sh", ["tools/setup.sh", "missing", "test"], { cwd: root, encoding: "utf8" })
    return stdout.trim() === "" ? null : `needs ${stdout.trim().replaceAll(" ", ", ")}`
}

function listLength(json: string): number {
    try {
        const list: unknown = JSON.parse(json.slice(json.indexOf("[")))
        return Array.isArray(list) ? Math.max(1, list.length) : 1
    } catch {
        return 1
    }
}

function read(file: string): Result {
    if (!existsSync(file)) return { passed: 0, failed: 0, skipped: 0, failedIn: null, said: [] }
    const result: Result = JSON.parse(readFileSync(file, "utf8"))
    return result
}

function tool(name: string): string {
    return join(root, "node_modules", ".bin", name)
}

function sentence({ passed, failed, skipped }: Counts): string {
    return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

function say(line: string): void {
    process.stdout.write(`${line}\n`)
}
