import type { Packet } from "../core/net/packet.ts"
import type { Watching } from "../core/watch.ts"

/** Where packets come from. Adapters: nflog, packet-socket, trace. */
export interface Capture {
    /** How the log and `status` call it. */
    readonly name: "nflog" | "packet-socket" | "trace"
    /**
     * Begins to deliver. Every packet that can be a hit of some view, or can spoil one, reaches `sink.packet` once or
     * more, in order; packets the plan has no use for may be left out. Throws if the kernel refuses (no permission, no
     * such feature), with what to do about it; a missing interface is not an error.
     */
    start(watching: Watching, sink: CaptureSink): void
    /**
     * Looks for something else from now on. Packets that both are after are neither lost nor doubled by the change.
     * Throws if the kernel refuses: then it goes on as before.
     */
    follow(watching: Watching): void
    /** What became of packets so far. */
    stats(): CaptureStats
    /**
     * How long ago the kernel saw the packet that is being delivered: milliseconds with fractions. Null if it is not
     * known, as after the wall clock was set. For the time of `sink.packet` alone, and only where it matters: it costs a
     * system call.
     */
    age(): number | null
    /** Asked now and then: false if packets have waited since it was asked before and none was read, or if it was stopped. */
    alive(): boolean
    /** Ends delivery and frees what was taken. Can be called twice. */
    stop(): void
}

/** Counters since the capture was made. */
export type CaptureStats = {
    readonly delivered: number
    /** The kernel had no room for them, because we were too slow. */
    readonly dropped: number
    /** Nothing that can be a hit, as far as one can read: malformed, cut, or a fragment that says too little. */
    readonly unreadable: number
    /** Of no use to the plan, though the kernel passed them up. */
    readonly unwanted: number
    /** Times the kernel said that it watches as many sources as it can. */
    readonly overflows: number
}

/** Who receives. Neither method may throw. */
export interface CaptureSink {
    /** One packet. The object is the capture's own and is filled anew after the call. */
    packet(packet: Packet): void
    /** After the packets of one wake-up: act on what they caused. */
    drained(): void
    /** Something is wrong but the capture goes on by itself (queue overrun, interface gone). */
    trouble(what: string): void
}
