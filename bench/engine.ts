/**
 * What a packet costs the engine alone: no capture, no kernel, simulated time. A process of its own, so that every
 * figure is of code that was compiled for it and of nothing else.
 *
 * argv[2]: a JSON `Load`; prints nanoseconds of processor time per packet. A hundred packets come in each simulated
 * millisecond. All sources, in turn, send a first hit, and all, in turn, a wrong one: so each packet is looked up and
 * matched, gets a place and a deadline or gives them back, and in between all sources are live at once.
 */

import type { Config } from "../src/core/config/config.ts"
import { DOOR, GATEWAY } from "../src/core/config/defaults.ts"
import { Engine } from "../src/core/engine.ts"
import { hitsOf } from "./doors.ts"
import { senderTo, timePerOne } from "./sender.ts"

/** How many doors, and how many sources that are live at once. */
export type Load = { readonly doors: number; readonly sources: number }

const PER_MS = 100
/** A port of no sequence. */
const WRONG = 1
const ATTEMPTS = 1_048_576
/** Packets between two looks at the deadlines, as many as come together in a flood. */
const TOGETHER = 256
const WARM_UP = 1_000_000
const COUNTED = 2_000_000

process.stdout.write(`${measure(JSON.parse(process.argv[2] ?? "null"))}\n`)

function measure({ doors, sources }: Load): number {
    const engine = new Engine(configOf(doors), [0x1234_5678, 0x9abc_def0])
    const send = senderTo(engine, { perMs: PER_MS, together: TOGETHER })
    const firsts = Array.from({ length: doors }, (_, index) => hitsOf(index)[0]!)
    let sent = 0
    const one = () => {
        const source = sent % sources
        const pass = Math.floor(sent++ / sources)
        send(source, pass % 2 === 0 ? firsts[(source + pass) % doors]! : WRONG)
    }
    // Every source has had its place before the clock runs.
    for (let left = Math.max(WARM_UP, 2 * sources); left > 0; left--) one()
    return timePerOne(COUNTED, one)
}

function configOf(count: number): Config {
    const doors = Array.from({ length: count }, (_, index) => ({
        name: `bench${index}`,
        opens: [],
        for: DOOR.for,
        uses: null,
        network: DOOR.network,
        hide: DOOR.hide,
        sources: DOOR.sources,
        at: [],
        leadTo: [],
        always: [],
        closes: [],
        sequence: {
            hits: hitsOf(index).map((port) => ({ protocol: "tcp" as const, port })),
            within: DOOR.within,
            flags: DOOR.flags,
            target: [],
            strict: true,
            once: false,
            knockd: null,
        },
        oneTime: null,
        command: null,
        command6: null,
    }))
    return { gateway: { ...GATEWAY, attempts: ATTEMPTS }, doors, hooks: [], bundles: null, hide: [] }
}
