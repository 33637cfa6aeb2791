/** Durations counted by size: fixed bounds, so that observing one costs a few comparisons and allocates nothing. */

/** Ours: from a tenth of a millisecond, which no firewall beats, to five seconds, after which nobody waits. Seconds. */
const BOUNDS: readonly number[] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
]

/** See the head of the file. All values are seconds. */
export class Histogram {
    /** Upper bounds, each included, rising. What is above the last one counts in a bucket of its own. */
    readonly bounds: Float64Array
    readonly #counts: Float64Array
    #sum = 0

    constructor(bounds: readonly number[] = BOUNDS) {
        this.bounds = Float64Array.from(bounds)
        this.#counts = new Float64Array(bounds.length + 1)
    }

    /** Counts one. What is no duration (negative, not a number, without end) is left out. */
    observe(seconds: number): void {
        if (!(seconds >= 0 && seconds < Number.POSITIVE_INFINITY)) return
        let bucket = 0
        while (bucket < this.bounds.length && seconds > this.bounds[bucket]!) bucket++
        this.#counts[bucket]!++
        this.#sum += seconds
    }

    /** How many were at most as long as each bound, and after those how many there were at all. */
    cumulative(): number[] {
        let total = 0
        return Array.from(this.#counts, (count) => (total += count))
    }

    /** All of them together. */
    get sum(): number {
        return this.#sum
    }
}
