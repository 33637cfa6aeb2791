/** What would this capture have opened? The daemon's own engine over the packets of a capture file; nothing is done. */
import type { Config } from "../../core/config/config.ts"
import type { Effect } from "../../core/effect.ts"
import { Engine, type EngineEvent } from "../../core/engine.ts"
import { type Address, formatAddress, sameAddress } from "../../core/net/address.ts"
import { decodePacket } from "../../core/net/decode.ts"
import { networkOffset } from "../../core/net/frame.ts"
import { Packet } from "../../core/net/packet.ts"
import { readCaptureFile } from "../../core/net/pcap.ts"
import type { Report } from "../../core/report.ts"

/** What came of a capture. */
export type Replay = {
    /** Frames in the file, and those that can be hits of some door. */
    readonly frames: number
    readonly packets: number
    /** The capture's packets opened so many doors (renewals not counted). */
    readonly opened: number
    /** What the daemon would have said, with milliseconds from the first frame; `wall` since 1970. */
    readonly said: readonly { readonly at: number; readonly wall: number; readonly report: Report }[]
    /** What is wrong with the file, and at which byte; what came before it counts. */
    readonly problems: readonly { readonly code: string; readonly offset: number }[]
}

/** More deadlines than any capture has after its last packet: an end for a loop that has one anyway. */
const MOST_TICKS = 1_000_000

/**
 * Runs the frames of a capture file (pcap or pcapng bytes) past the doors. Firewall and programs are taken to work at
 * once. Every destination in the file counts as an address of the gateway, except those that are some door's target.
 */
export function replay(bytes: Uint8Array, config: Config): Replay {
    const { frames, problems } = readCaptureFile(bytes)
    // The seed spreads sources over a table; which one it is changes nothing here.
    const engine = new Engine(config, [1, 2])
    const said: { at: number; wall: number; report: Report }[] = []
    const packet = new Packet()
    const first = frames[0]?.time ?? 0
    let now = 0
    let packets = 0

    const carryOut = (effects: readonly Effect[]) => {
        const queue = [...effects]
        for (let effect = queue.shift(); effect; effect = queue.shift()) {
            const answer = answerTo(effect)
            if (effect.type === "report") said.push({ at: now, wall: first + now, report: effect.report })
            if (answer) queue.push(...engine.step(answer, now))
        }
    }
    const ticksUntil = (end: number) => {
        for (let count = 0; count < MOST_TICKS; count++) {
            const at = engine.nextDeadline()
            if (at === null || at > end) return
            now = Math.max(now, at)
            carryOut(engine.step({ type: "tick" }, now))
        }
    }
    const each = (act: () => void) => {
        for (const { time, linkType, start, end } of frames) {
            const offset = networkOffset(linkType, bytes, start, end)
            if (offset < 0 || !decodePacket(bytes, offset, end, packet)) continue
            packet.time = Math.max(now, Math.floor(time - first))
            act()
        }
    }

    const targets = config.doors.flatMap((door) => door.sequence?.target ?? [])
    const addresses = new Map<string, Address>()
    each(() => {
        const { destination0: a, destination1: b, destination2: c, destination3: d } = packet
        addresses.set(`${a} ${b} ${c} ${d}`, [a, b, c, d])
    })
    const own = [...addresses.values()].filter((address) => !targets.some((target) => sameAddress(target, address)))
    carryOut(engine.step({ type: "addresses", addresses: own }, now))
    each(() => {
        ticksUntil(packet.time)
        now = packet.time
        packets++
        carryOut(engine.packet(packet))
    })
    ticksUntil(Number.POSITIVE_INFINITY)
    const opened = said.filter(({ report }) => report.type === "opened" && !report.renewed).length
    return { frames: frames.length, packets, opened, said, problems }
}

/** A replay for programs: addresses and times as text. */
export function plainReplay(replay: Replay): object {
    const said = replay.said.map(({ at, wall, report }) => {
        const time = { at, time: new Date(wall).toISOString() }
        return "source" in report
            ? { ...time, ...report, source: formatAddress(report.source) }
            : { ...time, ...report }
    })
    return { ...replay, said }
}

function answerTo(effect: Effect): EngineEvent | null {
    if (effect.type === "run") return { type: "ended", which: effect.which, lease: effect.lease }
    return effect.type === "grant" ? { type: "granted", lease: effect.lease } : null
}
