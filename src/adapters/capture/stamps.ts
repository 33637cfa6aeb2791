import type { Packet } from "../../core/net/packet.ts"
import type { Clock } from "../../ports/clock.ts"
import { realTime } from "../system/realtime.ts"

/** Nothing waits so long (ms): the wall clock was set. */
const OLDEST_MS = 60_000

/**
 * The kernel stamps packets with the wall clock, the engine thinks in the monotonic one. A packet's age is taken from
 * the wall clock and subtracted from the monotonic time of reading; a wall clock that jumps in between can only move
 * it within what is possible: after the packet before, and not after now.
 */
export class Stamps {
    readonly #clock: Clock
    #now = 0
    #wall = 0
    #last = 0
    /** The stamp of the packet that was set last. */
    #seconds = 0
    #fraction = 0
    #perMillisecond = 1
    readonly #real: () => number

    /** `real`: the clock that makes the stamps, in milliseconds with fractions. */
    constructor(clock: Clock, real: () => number = realTime) {
        this.#clock = clock
        this.#real = real
        // The first reading finds the system call, which takes longer than a door does to open.
        real()
    }

    /** Before the packets of one reading. */
    begin(): void {
        this.#now = this.#clock.monotonic()
        this.#wall = this.#clock.wall()
    }

    /**
     * Sets the time of a packet, in whole monotonic milliseconds, from the kernel's stamp: seconds, and a fraction of
     * which so many make a millisecond. Seconds 0: there is no stamp.
     */
    set(packet: Packet, seconds: number, fraction: number, perMillisecond: number): void {
        // Whole numbers come in and nothing goes out: a fraction as argument or result would be an object.
        const age = seconds === 0 ? 0 : this.#wall - seconds * 1000 - fraction / perMillisecond
        this.#last = Math.max(this.#last, Math.min(Math.floor(this.#now - age), this.#now))
        packet.time = this.#last
        this.#seconds = seconds
        this.#fraction = fraction
        this.#perMillisecond = perMillisecond
    }

    /** How long ago (ms, with fractions) the packet that was set last came; null: it has no stamp, or a clock was set. */
    age(): number | null {
        if (this.#seconds === 0) return null
        const age = this.#real() - this.#seconds * 1000 - this.#fraction / this.#perMillisecond
        return age >= 0 && age <= OLDEST_MS ? age : null
    }
}
