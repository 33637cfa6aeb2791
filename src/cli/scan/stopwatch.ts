/**
 * How long answers take: the same packet to the asked port and to two closed ones, in a new order each time, with the
 * kernel's own stamps at both ends. Compared by the Kolmogorov-Smirnov test, and the two closed ports with each other:
 * where these differ the measurement says nothing.
 */
import { randomInt } from "node:crypto"
import { setImmediate as turn } from "node:timers/promises"
import { openStamps, type Stamps } from "../../adapters/wire/stamps.ts"
import type { Wire } from "../../adapters/wire/wire.ts"
import { ACK, FIN, SYN } from "../../core/net/packet.ts"
import type { Ends } from "../../core/scan/ends.ts"
import type { Timing } from "../../core/scan/finding.ts"
import { probe } from "../../core/scan/probe.ts"
import { shoot } from "../../core/scan/shoot.ts"
import { kolmogorovSmirnov, median } from "../../core/scan/statistic.ts"
import { segment } from "../../core/scan/tcp-probes.ts"
import { endsFrom, type Plan } from "./plan.ts"

const SERIES = [
    { what: "SYN", flags: SYN, count: 3000 },
    { what: "ACK", flags: ACK, count: 1500 },
    { what: "FIN", flags: FIN, count: 1500 },
] as const
/** Caches fill, processors wake up. */
const WARM_UP = 300
/** Others have their turn after so many. */
const BETWEEN = 50

/** Measures all series. Blocks for moments. */
export async function measure(wire: Wire, plan: Plan): Promise<Timing[]> {
    const stamps = openStamps(plan.way.index)
    const next = endsFrom(plan, randomInt)
    const ports = [plan.service.port, ...plan.closed]
    const timings: Timing[] = []
    try {
        for (const { what, flags, count } of SERIES) {
            const times: number[][] = [[], [], []]
            for (let round = -WARM_UP; round < count; round++) {
                const ends = next()
                for (const index of order()) {
                    const time = once(wire, stamps, ends(ports[index]!), flags, plan.wait)
                    if (round >= 0 && time !== null) times[index]!.push(time)
                }
                if (round % BETWEEN === 0) {
                    wire.drain()
                    await turn()
                }
            }
            const [here, first, second] = [times[0]!, times[1]!, times[2]!]
            // Of ports that answer nothing there are no times.
            if (times.some(({ length }) => length < count / 2)) continue
            timings.push({
                what,
                samples: here.length,
                here: median(here),
                closed: median([...first, ...second]),
                test: kolmogorovSmirnov(here, [...first, ...second]),
                control: kolmogorovSmirnov(first, second),
            })
        }
    } finally {
        stamps.close()
    }
    return timings
}

/** Nanoseconds from one packet to its answer; null if there is none in time. */
function once(wire: Wire, stamps: Stamps, ends: Ends, flags: number, wait: number): number | null {
    const shot = shoot(probe("flags", "", { body: segment({ flags, acknowledged: flags === ACK ? 1 : 0 }) }), ends)
    const tcp = ends.family === 4 ? 20 : 40
    const seen: { sent?: number; came?: number } = {}
    stamps.take(() => {})
    wire.send(shot.frames[0]!)
    const deadline = performance.now() + wait
    while (seen.came === undefined && performance.now() < deadline) {
        stamps.take((packet, ns) => {
            if (packet[0]! >>> 4 !== ends.family || packet.length < tcp + 20) return
            const [from, to] = [(packet[tcp]! << 8) | packet[tcp + 1]!, (packet[tcp + 2]! << 8) | packet[tcp + 3]!]
            if (from === ends.sourcePort && to === ends.port) seen.sent ??= ns
            else if (from === ends.port && to === ends.sourcePort) seen.came ??= ns
        })
    }
    return seen.sent === undefined || seen.came === undefined ? null : seen.came - seen.sent
}

/** Three, in one of their six orders. */
function order(): readonly number[] {
    const first = randomInt(3)
    const rest = [0, 1, 2].filter((index) => index !== first)
    return [first, ...(randomInt(2) === 0 ? rest : rest.toReversed())]
}
