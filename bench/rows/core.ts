import { spawnSync } from "node:child_process"
import { join } from "node:path"
import type { Load } from "../engine.ts"
import { type Measure, median, type Row, type Samples } from "../row.ts"
import { serverCpu } from "../running.ts"

const LOADS: readonly (Load & { readonly what: string })[] = [
    { doors: 1, sources: 1000, what: "1 door, 1 000 sources" },
    { doors: 100, sources: 1000, what: "100 doors, 1 000 sources" },
    { doors: 10_000, sources: 1000, what: "10 000 doors, 1 000 sources" },
    { doors: 1, sources: 1, what: "1 door, 1 source" },
    { doors: 1, sources: 1_000_000, what: "1 door, 1 000 000 sources" },
]

/** What a packet costs the engine, without capture and kernel. */
export const core: Row = {
    name: "core",
    title: "Cost of a packet in the engine",
    how: "So many sources, live all at once, send first hits of so many doors and wrong hits in turn, in simulated time: looked up, matched, given a place and a deadline, which the wrong hit takes away; a table of 1 048 576 sources. No capture, no kernel. A million sources do not fit into the caches of a processor; that is what they cost.",
    subjects: ["postern"],
    rounds: 3,
    measures: [
        ...LOADS.map(
            (load): Measure => ({
                id: `core.${key(load)}`,
                what: load.what,
                unit: "ns",
                better: "less",
                value: (s) => median(s[key(load)]),
            }),
        ),
        {
            id: "core.flat",
            what: "10 000 doors cost so many times what 1 costs",
            unit: "",
            better: "less",
            value: (s) => ratio(s, { doors: 10_000, sources: 1000 }, { doors: 1, sources: 1000 }),
            goal: { text: "< 2", holds: (times) => times < 2 },
        },
        {
            id: "core.sources",
            what: "1 000 000 sources cost so many times what 1 000 cost",
            unit: "",
            better: "less",
            value: (s) => ratio(s, { doors: 1, sources: 1_000_000 }, { doors: 1, sources: 1000 }),
        },
    ],
    async sample() {
        return Object.fromEntries(LOADS.map((load) => [key(load), [engineCost(load)]]))
    },
}

function key({ doors, sources }: Load): string {
    return `${doors}x${sources}`
}

function ratio(samples: Samples, a: Load, b: Load): number {
    return median(samples[key(a)]) / median(samples[key(b)])
}

/** Nanoseconds per packet, in a process of its own. */
export function engineCost({ doors, sources }: Load): number {
    const script = join(import.meta.dirname, "..", "engine.ts")
    const argv = ["-c", serverCpu(), process.execPath, "--import", "tsx", script, JSON.stringify({ doors, sources })]
    const { status, stdout, stderr } = spawnSync("taskset", argv, { encoding: "utf8", timeout: 120_000 })
    if (status !== 0) throw new Error(`engine.ts: exit ${status}: ${stderr}`)
    return Number(stdout)
}
