/** TCP hits of many sources to an engine, in simulated time: what measurements of it send. */
import type { Effect } from "../src/core/effect.ts"
import type { Engine } from "../src/core/engine.ts"
import { Packet, TCP } from "../src/core/net/packet.ts"

/** How dense the packets are: so many in a millisecond, and so many between two looks at the deadlines. */
export type Density = { readonly perMs: number; readonly together: number }

/**
 * A function that sends one packet more, from this source (a number) to this port, and returns what the engine wants done.
 * Begin: simulated second 1.
 */
export function senderTo(
    engine: Engine,
    { perMs, together }: Density,
): (source: number, port: number) => readonly Effect[] {
    engine.step({ type: "addresses", addresses: [[0, 0, 0xffff, 0x0a4d_0001]] }, 0)
    const packet = new Packet()
    packet.protocol = TCP
    packet.flags = 2
    packet.destination2 = 0xffff
    packet.destination3 = 0x0a4d_0001
    packet.source2 = 0xffff
    let sent = 0
    return (source, port) => {
        packet.time = 1000 + Math.floor(sent / perMs)
        packet.source3 = 0x0b00_0000 + source
        packet.sourcePort = 32_768 + (sent & 0x3fff)
        packet.sequence = sent
        packet.port = port
        const effects = engine.packet(packet)
        if (sent++ % together === 0) {
            const due = engine.nextDeadline()
            if (due !== null && due <= packet.time) engine.step({ type: "tick" }, packet.time)
        }
        return effects
    }
}

/** Nanoseconds of processor time for one of so many: what others do on this machine meanwhile is not in it. */
export function timePerOne(count: number, one: (i: number) => void): number {
    const begun = process.cpuUsage()
    for (let i = 0; i < count; i++) one(i)
    const { user, system } = process.cpuUsage(begun)
    return ((user + system) * 1000) / count
}
