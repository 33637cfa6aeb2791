/**
 * `make bench`: everything that is promised in figures, beside Debian's knockd, in one run. Rows by name as arguments
 * measure only those: `npx tsx bench/run.ts latency flood4`. BENCH_ROUNDS: so many rounds of each, whatever it says.
 *
 * Writes build/bench.json and build/bench.md. Exit 1 if something could not be measured; a goal that is missed is told,
 * and is no failure of the measuring.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { cpus, loadavg, release } from "node:os"
import { join } from "node:path"
import { POSTERN } from "../test/lab/lab.ts"
import { markdown, type Report, type RowReport, reportRow } from "./report.ts"
import { makeRig, type Rig } from "./rig.ts"
import type { Row, Samples } from "./row.ts"
import { command } from "./rows/command.ts"
import { core } from "./rows/core.ts"
import { doors } from "./rows/doors.ts"
import { fast, flood4, flood6 } from "./rows/flood.ts"
import { disorder, hammer } from "./rows/hammer.ts"
import { hidden } from "./rows/hidden.ts"
import { idle } from "./rows/idle.ts"
import { knocks } from "./rows/knocks.ts"
import { latency } from "./rows/latency.ts"
import { silent } from "./rows/silent.ts"
import { web } from "./rows/web.ts"

const ROWS: readonly Row[] = [
    latency,
    command,
    flood4,
    flood6,
    fast,
    silent,
    knocks,
    hammer,
    disorder,
    doors,
    core,
    idle,
    web,
    hidden,
]
/** Ours: who runs it must not wait for longer than a quarter of an hour. On a busy machine there are fewer rounds. */
const BUDGET_MS = 840_000
const out = join(import.meta.dirname, "..", "build")

process.exitCode = await main(process.argv.slice(2))

async function main(names: readonly string[]): Promise<number> {
    const unknown = names.filter((name) => !ROWS.some((row) => row.name === name))
    if (unknown.length > 0) {
        say(`error: no such row: ${unknown.join(", ")} (${ROWS.map(({ name }) => name).join(", ")})`)
        return 2
    }
    if (process.getuid?.() !== 0) {
        say("error: needs root, for network namespaces and knockd")
        return 6
    }
    const begun = performance.now()
    const load = `Load before: ${loadavg()[0]!.toFixed(1)} on ${cpus().length} processors`
    const chosen = ROWS.filter(({ name }) => names.length === 0 || names.includes(name))
    const rows: RowReport[] = []
    mkdirSync(out, { recursive: true })
    for (const [index, row] of chosen.entries()) {
        rows.push(await measure(row, begun + (BUDGET_MS * (index + 1)) / chosen.length))
        // After each row, so that a run that is interrupted has not been for nothing.
        const report: Report = { ...surroundings(), load, seconds: (performance.now() - begun) / 1000, rows }
        writeFileSync(join(out, "bench.json"), `${JSON.stringify(report, null, 4)}\n`)
        writeFileSync(join(out, "bench.md"), markdown(report))
    }
    process.stdout.write(readFileSync(join(out, "bench.md")))
    const figures = rows.flatMap((row) => row.figures.map((figure) => [row, figure] as const))
    for (const [row, { what, goal, missed }] of figures)
        if (missed.length > 0) say(`${row.name}: ${what}: missed by ${missed.join(", ")}: ${goal}`)
    return rows.every(({ failures }) => failures.length === 0) ? 0 : 1
}

/**
 * All rounds of a row, each subject in a network of its own, so that what goes wrong leaves the next one alone. No round
 * but the first begins when it would not end before `deadline`.
 */
async function measure(row: Row, deadline: number): Promise<RowReport> {
    const most = Number(process.env["BENCH_ROUNDS"] ?? row.rounds)
    let samples: RowReport["samples"] = {}
    const failures: string[] = []
    const begun = performance.now()
    let rounds = 0
    while (rounds < most && (rounds === 0 || performance.now() + (performance.now() - begun) / rounds < deadline)) {
        // Who begins changes from round to round.
        const turn = rounds % row.subjects.length
        for (const subject of [...row.subjects.slice(turn), ...row.subjects.slice(0, turn)]) {
            let rig: Rig | null = null
            try {
                rig = makeRig()
                samples = {
                    ...samples,
                    [subject]: added(samples[subject] ?? {}, await row.sample(rig, subject, rounds)),
                }
            } catch (error) {
                const why = error instanceof Error ? error.message : String(error)
                failures.push(`${subject}, round ${rounds + 1}: ${why}`)
                say(`${row.name}: not measured: ${failures.at(-1)}`)
            } finally {
                rig?.remove()
            }
        }
        rounds++
        say(`${row.name}: round ${rounds} of ${most}, ${((performance.now() - begun) / 1000).toFixed(0)} s`)
    }
    return reportRow({ ...row, rounds }, samples, failures)
}

function added(all: Samples, more: Samples): Samples {
    const keys = [...new Set([...Object.keys(all), ...Object.keys(more)])]
    return Object.fromEntries(keys.map((key) => [key, [...(all[key] ?? []), ...(more[key] ?? [])]]))
}

function surroundings(): Pick<Report, "machine" | "versions"> {
    return {
        machine: `${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"}, Linux ${release()}`,
        versions: [
            version([POSTERN, "--version"]),
            `Node.js ${process.version}`,
            version(["knockd", "-V"]),
            version(["iptables", "--version"]),
            version(["nft", "--version"]),
        ].join(", "),
    }
}

function version(argv: readonly string[]): string {
    const { stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), { encoding: "utf8" })
    return `${stdout ?? ""}${stderr ?? ""}`.trim().split("\n")[0] ?? ""
}

function say(text: string): void {
    process.stderr.write(`bench: ${text}\n`)
}
