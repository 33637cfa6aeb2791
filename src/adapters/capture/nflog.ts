/**
 * Packets from a kernel log group. The rules that choose them are part of the firewall's table: the kernel deals with
 * links, VLANs, tunnels, addresses and ports, and this only reads. So `follow` has nothing to do here.
 */
import { decodePacket } from "../../core/net/decode.ts"
import { Packet } from "../../core/net/packet.ts"
import type { Watching } from "../../core/watch.ts"
import type { Capture, CaptureSink, CaptureStats } from "../../ports/capture.ts"
import type { Clock } from "../../ports/clock.ts"
import { ENOBUFS } from "../system/errno.ts"
import { type LogGroup, LogReader, openLogGroup } from "../system/nfnetlink-log.ts"
import { MessageBatch } from "../system/socket.ts"
import { Drops } from "./drops.ts"
import { type Pace, pace } from "./pace.ts"
import { Stamps } from "./stamps.ts"

/** Bytes of each packet: headers with options and a few extension headers. */
const SNAPLEN = 128
/** What the kernel may queue while we are busy: some ten thousand packets. */
const QUEUE_BYTES = 16 << 20
const MESSAGE_BYTES = 8192
const MESSAGES = 32
/** Readings in one wake-up, so that a flood leaves room for timers. */
const ROUNDS = 32
/** The kernel sends packets one by one, in a rush this many together, but not later than after a tick. */
const TOGETHER = 32
const TICK_MS = 10

/** The rules' `queue-threshold` bounds how many packets come together: leave it out, or make it large. */
export function nflogCapture(deps: { readonly clock: Clock }): Capture {
    return new NflogCapture(deps.clock)
}

class NflogCapture implements Capture {
    readonly name = "nflog"
    readonly #clock: Clock
    readonly #stamps: Stamps
    readonly #packet = new Packet()
    readonly #reader = new LogReader()
    readonly #drops = new Drops()
    #running: { readonly group: LogGroup; readonly pace: Pace } | null = null
    #batch: MessageBatch | null = null
    #delivered = 0
    #unreadable = 0
    #overflows = 0
    #expected = -1

    constructor(clock: Clock) {
        this.#clock = clock
        this.#stamps = new Stamps(clock)
    }

    start({ plan }: Watching, sink: CaptureSink): void {
        this.stop()
        const group = openLogGroup(plan.logGroup, SNAPLEN, QUEUE_BYTES, MESSAGE_BYTES)
        this.#batch ??= new MessageBatch(MESSAGES, MESSAGE_BYTES)
        this.#expected = -1
        const batch = this.#batch
        const reading = pace([group.fd], {
            drain: (error) => this.#drain(group, batch, sink, error),
            rush: (on) => group.batch(on ? TOGETHER : 1, TICK_MS),
            now: () => this.#clock.monotonic(),
        })
        this.#running = { group, pace: reading }
    }

    follow(): void {}

    stats(): CaptureStats {
        const [delivered, dropped] = [this.#delivered, this.#drops.total]
        return { delivered, dropped, unreadable: this.#unreadable, unwanted: 0, overflows: this.#overflows }
    }

    age(): number | null {
        return this.#stamps.age()
    }

    alive(): boolean {
        return this.#running?.pace.alive() ?? false
    }

    stop(): void {
        this.#running?.pace.close()
        this.#running?.group.close()
        this.#running = null
    }

    #drain(group: LogGroup, batch: MessageBatch, sink: CaptureSink, error: number): number {
        const before = this.#delivered
        let logged = 0
        this.#stamps.begin()
        for (let round = 0; round < ROUNDS && this.#running !== null; round++) {
            const count = batch.receive(group.fd)
            // An overrun stands before what waits in the queue. The numbers of the packets tell how many were lost.
            if (count === -ENOBUFS) continue
            for (let slot = 0; slot < count && this.#running !== null; slot++) {
                logged += this.#deliver(batch, slot, sink)
            }
            if (count < MESSAGES) break
        }
        if (this.#delivered !== before) sink.drained()
        if (error !== 0 && error !== ENOBUFS) sink.trouble(`the log group reports error ${error}; reading goes on`)
        this.#drops.tell(this.#clock.monotonic(), sink)
        return logged
    }

    #deliver(batch: MessageBatch, slot: number, sink: CaptureSink): number {
        const reader = this.#reader
        const packet = this.#packet
        const from = slot * batch.slotSize
        let count = 0
        reader.begin(batch.bytes, from, from + Math.min(batch.length(slot), batch.slotSize))
        while (reader.next()) {
            count++
            if (reader.sequence >= 0) {
                const lost = this.#expected < 0 ? 0 : (reader.sequence - this.#expected) >>> 0
                // A number that goes back is a group made anew, not four billion lost packets.
                if (lost > 0 && lost < 0x8000_0000) this.#drops.add(lost)
                this.#expected = (reader.sequence + 1) >>> 0
            }
            if (reader.prefixed) {
                // The one rule with a prefix tells this, and has logged the packet itself before.
                this.#overflows++
                sink.trouble("more sources than `attempts` are watched: every new packet is looked at for a while")
                continue
            }
            if (!decodePacket(batch.bytes, reader.start, reader.end, packet)) {
                this.#unreadable++
                continue
            }
            this.#stamps.set(packet, reader.seconds, reader.microseconds, 1000)
            this.#delivered++
            sink.packet(packet)
            // The sink may have stopped us.
            if (this.#running === null) break
        }
        return count
    }
}
