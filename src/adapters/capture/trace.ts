/** Packets from a capture file or a list, with the times they have there: for tests, and to replay a bug report. */
import type { Address } from "../../core/net/address.ts"
import { decodePacket } from "../../core/net/decode.ts"
import { networkOffset } from "../../core/net/frame.ts"
import { Packet } from "../../core/net/packet.ts"
import { readCaptureFile } from "../../core/net/pcap.ts"
import { Sieve } from "../../core/sieve.ts"
import type { Watching } from "../../core/watch.ts"
import type { Capture, CaptureSink } from "../../ports/capture.ts"

/** One packet of a list: IP bytes, its time in milliseconds, and the name of the interface if that matters. */
export type TracePacket = { readonly time: number; readonly bytes: Uint8Array; readonly interface?: string }

export type TraceOptions = {
    /** A pcap or pcapng file, or packets in order. */
    readonly source: Uint8Array | readonly TracePacket[]
    /** The addresses of the host that saw them. */
    readonly local: readonly Address[]
    /** The monotonic time of the first packet; the others follow with the distances they have. Default 0. */
    readonly begin?: number
    /** Called before each packet with its time, so that a simulated clock can go there first. */
    readonly reach?: (time: number) => void
}

/** A capture that delivers when it is told to. */
export type TraceCapture = Capture & {
    /** Delivers all packets, each as a wake-up of its own. What is wrong with the file goes to `sink.trouble`. */
    replay(): void
    /** Delivers one more packet, as a wake-up of its own; `time` is as it is, and never earlier than the last one's. */
    deliver(packet: TracePacket): void
}

type Item = { readonly time: number; readonly bytes: Uint8Array; readonly start: number; readonly end: number } & {
    readonly interface: string | null
}

/** Makes one. Nothing is read before `replay`. */
export function traceCapture(options: TraceOptions): TraceCapture {
    const { source, local, begin = 0, reach } = options
    let running: CaptureSink | null = null
    let interfaces: readonly string[] | null = null
    let sieve: Sieve | null = null
    let delivered = 0
    let unreadable = 0
    let unwanted = 0
    let last = begin
    const packet = new Packet()

    function items(sink: CaptureSink): readonly Item[] {
        if (!(source instanceof Uint8Array)) return source.map(toItem)
        const { frames, problems } = readCaptureFile(source)
        for (const { code, offset } of problems) sink.trouble(`capture file: ${code} at byte ${offset}`)
        return frames.map(({ time, linkType, start, end, interface: name }) => {
            return { time, bytes: source, start: networkOffset(linkType, source, start, end), end, interface: name }
        })
    }

    function look(watching: Watching): void {
        interfaces = watching.interfaces
        sieve = new Sieve(watching, local)
    }

    function pass(item: Item, time: number): void {
        // A file's clock may have gone back; ours does not.
        last = Math.max(last, time)
        reach?.(last)
        if (running === null) return
        // A classic pcap does not say which interface it was: then it counts as watched.
        if (interfaces !== null && item.interface !== null && !interfaces.includes(item.interface)) return
        if (!decodePacket(item.bytes, item.start, item.end, packet)) {
            unreadable++
            return
        }
        if (!sieve!.wants(packet)) {
            unwanted++
            return
        }
        packet.time = last
        delivered++
        running.packet(packet)
        running?.drained()
    }

    return {
        name: "trace",
        start(watching, sink) {
            running = sink
            look(watching)
        },
        follow: look,
        stats: () => ({ delivered, dropped: 0, unreadable, unwanted, overflows: 0 }),
        // Nobody stamped these packets by a clock that is running.
        age: () => null,
        alive: () => true,
        stop() {
            running = null
        },
        replay() {
            if (running === null) return
            const list = items(running)
            const first = list[0]?.time ?? 0
            last = begin
            for (const item of list) pass(item, begin + Math.floor(item.time - first))
        },
        deliver: (one) => pass(toItem(one), one.time),
    }
}

function toItem({ time, bytes, interface: name }: TracePacket): Item {
    return { time, bytes, start: 0, end: bytes.length, interface: name ?? null }
}
