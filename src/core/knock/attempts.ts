/**
 * The table of recent hits: for each source (and view) a ring of its last hits, in flat arrays of a fixed size.
 *
 * - Nothing is allocated per packet, and memory is bounded: a JavaScript Map with eviction was measured a hundred times
 *   slower under a spoofed flood.
 * - Places are in sets of WAYS. Which set a source uses depends on a random seed of this start, so that nobody can aim.
 * - IPv6 sources are spread by their /64 alone, over two sets: whoever owns a /64 fills sixteen places and no more.
 * - When a set is full the newcomer takes the place of the one least far on, the longest quiet among those; never of
 *   one that is further on than a newcomer can be.
 */
import { mix } from "../mix.ts"
import type { Address } from "../net/address.ts"

/** Places per set. */
const WAYS = 8
/** A source that has been quiet for so long (ms) is forgotten with its near-misses: no place of its own any more. */
export const FORGET_MS = 600_000

/** See the head of the file. A place is a number from `find` or `claim`, good until it is released or claimed. */
export class Attempts {
    readonly capacity: number
    readonly depth: number
    readonly #sets: number
    readonly #seed: readonly [number, number]
    /** Four words per place. */
    readonly #key: Uint32Array
    /** View + 1; 0 is a free place, so that untouched memory stays untouched. */
    readonly #view: Uint8Array
    /** Hits in the ring, and where the next one goes. */
    readonly #count: Uint8Array
    readonly #head: Uint8Array
    readonly #codes: Int32Array
    readonly #times: Float64Array
    readonly #marks: Int32Array
    /** When the place was last used (ms). */
    readonly touched: Float64Array
    /** How far the longest live attempt is, and which prefix that is (the matcher's number for it). */
    readonly stage: Uint8Array
    readonly prefix: Int32Array
    /** The attempt began with the very hit that completed another: nobody meant it, so nobody is told of it. */
    readonly quiet: Uint8Array
    /** Near-misses since the last success, and until when (ms) the source's hits do not count. */
    readonly misses: Uint8Array
    readonly paused: Float64Array
    #used = 0

    /** `capacity` is a power of two of at least 1024, `depth` the length of the longest sequence (1–32). */
    constructor(capacity: number, depth: number, seed: readonly [number, number]) {
        this.capacity = capacity
        this.depth = depth
        this.#sets = capacity / WAYS
        this.#seed = seed
        this.#key = new Uint32Array(capacity * 4)
        this.#view = new Uint8Array(capacity)
        this.#count = new Uint8Array(capacity)
        this.#head = new Uint8Array(capacity)
        this.#codes = new Int32Array(capacity * depth)
        this.#times = new Float64Array(capacity * depth)
        this.#marks = new Int32Array(capacity * depth)
        this.touched = new Float64Array(capacity)
        this.stage = new Uint8Array(capacity)
        this.prefix = new Int32Array(capacity)
        this.quiet = new Uint8Array(capacity)
        this.misses = new Uint8Array(capacity)
        this.paused = new Float64Array(capacity)
    }

    /** Places in use, sources that have gone quiet included. */
    get used(): number {
        return this.#used
    }

    /** The place of this source in this view, or -1. */
    find(a: number, b: number, c: number, d: number, view: number): number {
        const first = this.#firstPlace(a, b, c, d, view)
        for (let place = first; place < first + WAYS; place++) {
            const k = place * 4
            if (this.#view[place] !== view + 1 || this.#key[k + 3] !== d || this.#key[k + 2] !== c) continue
            if (this.#key[k + 1] === b && this.#key[k] === a) return place
        }
        return -1
    }

    /**
     * A place for a source that has none: a free one, one that has been forgotten, or that of the source least far on.
     * -1 when all others are further on than a newcomer can be. Whoever had the place is forgotten.
     */
    claim(a: number, b: number, c: number, d: number, view: number, now: number): number {
        const first = this.#firstPlace(a, b, c, d, view)
        let best = -1
        let bestRank = 2
        for (let place = first; place < first + WAYS; place++) {
            const rank = this.#rank(place, now)
            if (rank > 1 || rank > bestRank) continue
            if (rank === bestRank && this.touched[place]! >= this.touched[best]!) continue
            best = place
            bestRank = rank
        }
        if (best < 0) return -1
        if (this.#view[best] === 0) this.#used++
        this.#key[best * 4] = a
        this.#key[best * 4 + 1] = b
        this.#key[best * 4 + 2] = c
        this.#key[best * 4 + 3] = d
        this.#view[best] = view + 1
        this.misses[best] = 0
        this.paused[best] = 0
        this.touched[best] = now
        this.empty(best)
        return best
    }

    /** Word `i` (0–3) of the source at this place. */
    source(place: number, i: number): number {
        return this.#key[place * 4 + i]!
    }

    /** The source at this place. */
    address(place: number): Address {
        return [this.source(place, 0), this.source(place, 1), this.source(place, 2), this.source(place, 3)]
    }

    /** The view of this place. */
    view(place: number): number {
        return this.#view[place]! - 1
    }

    /** Hits in the ring of this place. */
    count(place: number): number {
        return this.#count[place]!
    }

    /** The code of the `back`-th last hit (1 is the last), and its time (ms) and mark below. */
    code(place: number, back: number): number {
        return this.#codes[this.#slot(place, back)]!
    }

    time(place: number, back: number): number {
        return this.#times[this.#slot(place, back)]!
    }

    mark(place: number, back: number): number {
        return this.#marks[this.#slot(place, back)]!
    }

    /** Adds a hit; the oldest gives way in a full ring. `mark` is what a retransmission repeats. */
    push(place: number, code: number, time: number, mark: number): void {
        const head = this.#head[place]!
        const slot = place * this.depth + head
        this.#codes[slot] = code
        this.#times[slot] = time
        this.#marks[slot] = mark
        this.#head[place] = head + 1 === this.depth ? 0 : head + 1
        if (this.#count[place]! < this.depth) this.#count[place]!++
    }

    /** Gives the place back. */
    release(place: number): void {
        if (this.#view[place] !== 0) this.#used--
        this.#view[place] = 0
        this.empty(place)
    }

    /** Forgets the hits of this place, not its near-misses. */
    empty(place: number): void {
        this.#count[place] = 0
        this.#head[place] = 0
        this.stage[place] = 0
        this.prefix[place] = 0
    }

    /** Places with a live attempt, the furthest first, at most so many; `total` counts all. Looks at every place. */
    furthest(most: number): { readonly total: number; readonly places: readonly number[] } {
        const live = (place: number) => this.stage[place]! > 0 && this.quiet[place] === 0
        const byStage = new Uint32Array(this.depth + 1)
        let total = 0
        for (let place = 0; place < this.capacity; place++) {
            if (!live(place)) continue
            byStage[this.stage[place]!]!++
            total++
        }
        // The stage of which there is only room for some, and for how many.
        let least = this.depth
        let room = most
        while (least > 0 && byStage[least]! <= room) room -= byStage[least--]!
        const places: number[] = []
        for (let place = 0; place < this.capacity && places.length < Math.min(most, total); place++) {
            if (!live(place) || this.stage[place]! < least) continue
            if (this.stage[place] === least && room-- <= 0) continue
            places.push(place)
        }
        return { total, places: places.sort((a, b) => this.stage[b]! - this.stage[a]!) }
    }

    /** 0: free or forgotten; 1: at most at stage 1; 2: further on. */
    #rank(place: number, now: number): number {
        if (this.#view[place] === 0 || now - this.touched[place]! > FORGET_MS) return 0
        return this.stage[place]! > 1 || this.paused[place]! > now ? 2 : 1
    }

    #slot(place: number, back: number): number {
        const at = this.#head[place]! - back
        return place * this.depth + (at < 0 ? at + this.depth : at)
    }

    #firstPlace(a: number, b: number, c: number, d: number, view: number): number {
        const v4 = a === 0 && b === 0 && c === 0xffff
        const [s0, s1] = this.#seed
        let h = mix(mix(s0 ^ view, v4 ? d : a) ^ s1, v4 ? 0 : b)
        if (!v4) h = (h & ~1) | (mix(mix(s1, c) ^ s0, d) & 1)
        return ((h >>> 0) % this.#sets) * WAYS
    }
}
