import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { Agent, get } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { formatPlace } from "../../src/core/one-time/place.ts"
import { POSTERN } from "../../test/lab/lab.ts"
import { collectLines } from "../../test/lab/lines.ts"
import { median, quantile, type Row } from "../row.ts"

/** Files that are there, and questions of each kind in a round. */
const FILES = 1000
const ASKED = 4000
/** The first ones, which wake everything up, are not counted. */
const WARM = 400

/** What the time of an answer tells of names: questions that are almost one, and questions that are far from any. */
export const web: Row = {
    name: "web",
    title: "What the time of an answer tells",
    how: `\`postern web\` with ${FILES} files. By turns, over one connection on loopback: names of which all but the last letter is right, names that are nothing like any, and names that are there. The odds are those with which the slower one of a right beginning and a wrong one is the right one: one half tells nothing.`,
    subjects: ["postern"],
    rounds: 3,
    measures: [
        {
            id: "web.odds",
            what: "odds that a right beginning is slower than a wrong one",
            unit: "%",
            better: "less",
            value: (s) => 100 * odds(s["near"] ?? [], s["far"] ?? []),
            goal: { text: "50 ± 2 %", holds: (percent) => Math.abs(percent - 50) <= 2 },
        },
        {
            id: "web.missing",
            what: "answer to a stranger, median",
            unit: "ms",
            better: "less",
            value: (s) => median(s["far"]),
        },
        {
            id: "web.file",
            what: "answer with a file, median",
            unit: "ms",
            better: "less",
            value: (s) => median(s["there"]),
        },
        {
            id: "web.file.p99",
            what: "99 % within",
            unit: "ms",
            better: "less",
            value: (s) => quantile(s["there"], 0.99),
        },
    ],
    async sample() {
        const directory = mkdtempSync(join(tmpdir(), "postern-bench-web-"))
        const names = Array.from({ length: FILES }, () => formatPlace(randomBytes(20)))
        for (const name of names) writeFileSync(join(directory, name), "x".repeat(8192))
        const child = spawn(POSTERN, ["web", directory, "--listen", "127.0.0.1:0"], {
            stdio: ["ignore", "ignore", "pipe"],
        })
        const agent = new Agent({ keepAlive: true, maxSockets: 1 })
        try {
            const log = collectLines(child, child.stderr)
            const [, port] = /:(\d+) serves /.exec(await log.waitFor(/ serves /))!
            const times: Record<string, number[]> = { near: [], far: [], there: [] }
            for (let n = 0; n < ASKED + WARM; n++) {
                const name = names[n % FILES]!
                const asked = {
                    near: `${name.slice(0, -1)}${name.endsWith("a") ? "b" : "a"}`,
                    far: formatPlace(randomBytes(20)),
                    there: name,
                }
                // In another order each time: what came before must not say anything.
                for (const kind of shuffled(["near", "far", "there"] as const)) {
                    const time = await ask(agent, Number(port), asked[kind])
                    if (n >= WARM) times[kind]!.push(time)
                }
            }
            return times
        } finally {
            agent.destroy()
            child.kill("SIGKILL")
            rmSync(directory, { recursive: true })
        }
    },
}

/** From the question to the end of the answer, in milliseconds. */
function ask(agent: Agent, port: number, name: string): Promise<number> {
    return new Promise((resolve, reject) => {
        const begun = process.hrtime.bigint()
        get({ host: "127.0.0.1", port, path: `/${name}`, agent }, (answer) => {
            answer.resume()
            answer.once("end", () => resolve(Number(process.hrtime.bigint() - begun) / 1e6))
        }).once("error", reject)
    })
}

function shuffled<T>(values: readonly T[]): T[] {
    return values
        .map((value) => ({ value, at: Math.random() }))
        .toSorted((a, b) => a.at - b.at)
        .map(({ value }) => value)
}

/** How often a value of the first kind is larger than one of the second (Mann and Whitney's U, as a share of all pairs). */
function odds(first: readonly number[], second: readonly number[]): number {
    const sorted = second.toSorted((a, b) => a - b)
    const below = (value: number) => {
        let [from, to] = [0, sorted.length]
        while (from < to) {
            const middle = (from + to) >> 1
            if (sorted[middle]! < value) from = middle + 1
            else to = middle
        }
        return from
    }
    return first.reduce((sum, value) => sum + below(value), 0) / (first.length * sorted.length)
}
