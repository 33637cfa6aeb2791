/** A token bucket: so many at once, so many per second. Time is an argument. */
export class Budget {
    readonly #burst: number
    readonly #perSecond: number
    #tokens: number
    #at = 0

    constructor(burst: number, perSecond: number) {
        this.#burst = burst
        this.#perSecond = perSecond
        this.#tokens = burst
    }

    /** Takes one token if there is one. `now`: milliseconds, never going back. */
    spend(now: number): boolean {
        this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) * this.#perSecond) / 1000)
        this.#at = now
        if (this.#tokens < 1) return false
        this.#tokens--
        return true
    }
}
