/**
 * How many ICMP errors a host still has for us. Linux sends six in a row to one peer and then one a second
 * (icmp_ratelimit, inet_peer_xrlim_allow() in net/ipv4/inetpeer.c): who asks faster finds silence on the hidden port and
 * on the closed ones alike, and so no difference where there may be one.
 */
export class Ration {
    #left = BURST
    #at = 0

    /** Milliseconds to wait before the next probe that an ICMP error may answer. `now` in milliseconds. */
    wait(now: number): number {
        this.#refill(now)
        return Math.max(0, (1 - this.#left) * EACH_MS)
    }

    /** Errors that have come. */
    take(count: number, now: number): void {
        this.#refill(now)
        this.#left -= count
    }

    #refill(now: number): void {
        this.#left = Math.min(BURST, this.#left + (now - this.#at) / EACH_MS)
        this.#at = now
    }
}

/** One less than the kernel's own, for the error that somebody else's packet has cost. */
const BURST = 5
const EACH_MS = 1000
