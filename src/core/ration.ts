/**
 * Lines for people that come as often as packets do, rationed: so many at once, then so many per second, and a share of
 * that for one source, so that one that is noisy does not use up what all have. What is left out is counted, to be said
 * in one line a little later.
 *
 * There are five rations, so that who floods with little knowledge does not silence those with more: whoever can touch
 * a first port, who knows two hits of a sequence, who knows all of it (in knockd's place), who does and is refused, and
 * who has opened a door.
 */
import { Budget } from "./budget.ts"
import { Distinct } from "./distinct.ts"
import { mix } from "./mix.ts"
import type { Omitted, OmittedKind } from "./report.ts"

/** Which ration a line is taken from. */
export type RationName = "first" | "further" | "whole" | "refused" | "grant"

/** Ours: lines at once and per second, of all sources and of one. */
const RATIONS = {
    first: { all: [100, 20], one: [10, 1] },
    further: { all: [100, 20], one: [40, 2] },
    refused: { all: [100, 20], one: [40, 2] },
    whole: { all: [1000, 100], one: [100, 5] },
    grant: { all: [1000, 100], one: [100, 5] },
} as const
/** Ours: sources that share a number here share a share. */
const SHARES = 1024
/** How long (ms) after the first line left out their number is said, and how long after the last time it was. */
const FIRST_SUMMARY_MS = 1000
const NEXT_SUMMARY_MS = 10_000

/** See the head of the file. Times are milliseconds, never going back. `seed`: two random 32-bit numbers. */
export class Ration {
    readonly #seed: readonly [number, number]
    readonly #rations: Readonly<Record<RationName, Shared>>
    readonly #sources: Distinct
    readonly #kinds = new Map<OmittedKind, number>()
    #since = 0
    #due: number | null = null
    #said = Number.NEGATIVE_INFINITY

    constructor(seed: readonly [number, number]) {
        this.#seed = seed
        this.#sources = new Distinct(seed)
        this.#rations = {
            first: new Shared("first"),
            further: new Shared("further"),
            whole: new Shared("whole"),
            refused: new Shared("refused"),
            grant: new Shared("grant"),
        }
    }

    /** When to ask `takeOmitted`, or null. */
    get due(): number | null {
        return this.#due
    }

    /** May a line about source a.b.c.d (words) be made? One that may not is counted. Allocates nothing. */
    afford(name: RationName, kind: OmittedKind, a: number, b: number, c: number, d: number, now: number): boolean {
        const v4 = a === 0 && b === 0 && c === 0xffff
        // Whoever owns an IPv6 /64 has one share, whatever addresses he takes.
        const share = mix(mix(this.#seed[0], v4 ? d : a), v4 ? 0 : b) & (SHARES - 1)
        if (this.#rations[name].spend(share, now)) return true
        this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + 1)
        this.#sources.add(a, b, c, d)
        if (this.#due === null) {
            this.#since = now
            this.#due = Math.max(now + FIRST_SUMMARY_MS, this.#said + NEXT_SUMMARY_MS)
        }
        return false
    }

    /** What was left out, once it is time to say so, or if there will be no other time; else null. */
    takeOmitted(now: number, last = false): Omitted | null {
        if (this.#due === null || (now < this.#due && !last)) return null
        const kinds = [...this.#kinds].map(([kind, count]) => ({ kind, count })).sort((x, y) => y.count - x.count)
        const count = kinds.reduce((sum, one) => sum + one.count, 0)
        const omitted = { count, sources: Math.min(count, this.#sources.estimate()), ms: now - this.#since, kinds }
        this.#kinds.clear()
        this.#sources.clear()
        this.#due = null
        this.#said = now
        return omitted
    }
}

/** A budget for all, and one for each share of it. */
class Shared {
    readonly #all: Budget
    readonly #most: number
    readonly #perSecond: number
    /** What each share has used and not got back, at the time (ms) in `#at`: 0 at first, so that it needs no filling. */
    readonly #used = new Float64Array(SHARES)
    readonly #at = new Float64Array(SHARES)

    constructor(name: RationName) {
        const { all, one } = RATIONS[name]
        this.#all = new Budget(all[0], all[1])
        this.#most = one[0]
        this.#perSecond = one[1]
    }

    spend(share: number, now: number): boolean {
        const used = Math.max(0, this.#used[share]! - ((now - this.#at[share]!) * this.#perSecond) / 1000)
        this.#used[share] = used
        this.#at[share] = now
        if (used + 1 > this.#most || !this.#all.spend(now)) return false
        this.#used[share] = used + 1
        return true
    }
}
