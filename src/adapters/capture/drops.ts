import type { CaptureSink } from "../../ports/capture.ts"

/** Ours: a flood is worth one line now and then, not one per batch. */
const QUIET_MS = 10_000

/** Counts packets that the kernel had no room for, and says so, but not too often. */
export class Drops {
    total = 0
    #told = 0
    #next = Number.NEGATIVE_INFINITY

    add(count: number): void {
        this.total += count
    }

    /** Tells the sink what was not told yet, if it is time. */
    tell(now: number, sink: CaptureSink): void {
        if (this.total === this.#told || now < this.#next) return
        this.#next = now + QUIET_MS
        const count = this.total - this.#told
        this.#told = this.total
        sink.trouble(`${count} packets came faster than they could be read and were dropped by the kernel`)
    }
}
