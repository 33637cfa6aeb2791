/**
 * Lines for people that come as often as packets do, rationed: so many at once, then so many per second. The rest is
 * counted, to be said in one line a little later.
 */
import { Budget } from "./budget.ts"

const BURST = 100
const PER_SECOND = 20
/** How long (ms) after the first one left out their number is said. */
const SUMMARY_MS = 1000

/** See the head of the file. Times are milliseconds, never going back. */
export class Ration {
    readonly #budget = new Budget(BURST, PER_SECOND)
    #omitted = 0
    #due: number | null = null

    /** When to ask `takeOmitted`, or null. */
    get due(): number | null {
        return this.#due
    }

    /** May a line be made? One that may not is counted. */
    afford(now: number): boolean {
        if (this.#budget.spend(now)) return true
        this.#omitted++
        this.#due ??= now + SUMMARY_MS
        return false
    }

    /** How many were left out, once it is time to say so; else 0. */
    takeOmitted(now: number): number {
        if (this.#due === null || now < this.#due) return 0
        const omitted = this.#omitted
        this.#omitted = 0
        this.#due = null
        return omitted
    }
}
