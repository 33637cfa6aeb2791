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
/**
 * A place in memory. Everything about a source is in one piece, and its set beside it: a source that nobody has seen
 * is in no cache, and in a flood that is every source, so what a packet costs is how many pieces of memory it touches.
 * Counts are in units of the view: words and doubles from the beginning of the place, bytes too.
 */
const [KEY0, KEY1, KEY2, KEY3] = [0, 1, 2, 3]
const [TOUCHED, PAUSED] = [2, 3]
const PREFIX = 8
/** View + 1; 0 is a free place, so that untouched memory stays untouched. */
const VIEW = 36
/** Hits in the ring, and where the next one goes. */
const COUNT = 37
const HEAD = 38
const STAGE = 39
const QUIET = 40
const MISSES = 41
const HEAD_BYTES = 48
/** The ring: the times of all hits, as doubles, then their codes, then their marks. */
const TIMES = HEAD_BYTES / 8
const HIT_BYTES = 16
/** A source that has been quiet for so long (ms) is forgotten with its near-misses: no place of its own any more. */
export const FORGET_MS = 600_000

/** See the head of the file. A place is a number from `find` or `claim`, good until it is released or claimed. */
export class Attempts {
    readonly capacity: number
    readonly depth: number
    readonly #sets: number
    readonly #seed: readonly [number, number]
    /** Views of one buffer, and the size of a place in the units of each. */
    readonly #bytes: Uint8Array
    readonly #words: Int32Array
    readonly #doubles: Float64Array
    readonly #byteSize: number
    readonly #wordSize: number
    readonly #doubleSize: number
    #used = 0

    /** `capacity` is a power of two of at least 1024, `depth` the length of the longest sequence (1–32). */
    constructor(capacity: number, depth: number, seed: readonly [number, number]) {
        this.capacity = capacity
        this.depth = depth
        this.#sets = capacity / WAYS
        this.#seed = seed
        this.#byteSize = HEAD_BYTES + HIT_BYTES * depth
        this.#wordSize = this.#byteSize / 4
        this.#doubleSize = this.#byteSize / 8
        const buffer = new ArrayBuffer(capacity * this.#byteSize)
        this.#bytes = new Uint8Array(buffer)
        this.#words = new Int32Array(buffer)
        this.#doubles = new Float64Array(buffer)
    }

    /** Places in use, sources that have gone quiet included. */
    get used(): number {
        return this.#used
    }

    /** The place of this source in this view, or -1. */
    find(a: number, b: number, c: number, d: number, view: number): number {
        const first = this.#firstPlace(a, b, c, d, view)
        for (let place = first; place < first + WAYS; place++) {
            const at = place * this.#wordSize
            // Signed words: so they are compared.
            if (this.#words[at + KEY3] !== (d | 0) || this.#words[at + KEY2] !== (c | 0)) continue
            if (this.#words[at + KEY1] !== (b | 0) || this.#words[at + KEY0] !== (a | 0)) continue
            if (this.#bytes[place * this.#byteSize + VIEW] === view + 1) return place
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
            if (rank === bestRank && this.touched(place) >= this.touched(best)) continue
            best = place
            bestRank = rank
        }
        if (best < 0) return -1
        const [bytes, words] = [best * this.#byteSize, best * this.#wordSize]
        if (this.#bytes[bytes + VIEW] === 0) this.#used++
        this.#words[words + KEY0] = a
        this.#words[words + KEY1] = b
        this.#words[words + KEY2] = c
        this.#words[words + KEY3] = d
        this.#bytes[bytes + VIEW] = view + 1
        this.setMisses(best, 0)
        this.setPaused(best, 0)
        this.setTouched(best, now)
        this.empty(best)
        return best
    }

    /** Word `i` (0–3) of the source at this place. */
    source(place: number, i: number): number {
        return this.#words[place * this.#wordSize + KEY0 + i]! >>> 0
    }

    /** The source at this place. */
    address(place: number): Address {
        return [this.source(place, 0), this.source(place, 1), this.source(place, 2), this.source(place, 3)]
    }

    /** The view of this place. */
    view(place: number): number {
        return this.#bytes[place * this.#byteSize + VIEW]! - 1
    }

    /** When the place was last used (ms). */
    touched(place: number): number {
        return this.#doubles[place * this.#doubleSize + TOUCHED]!
    }

    setTouched(place: number, value: number): void {
        this.#doubles[place * this.#doubleSize + TOUCHED] = value
    }

    /** Until when (ms) the source's hits do not count. */
    paused(place: number): number {
        return this.#doubles[place * this.#doubleSize + PAUSED]!
    }

    setPaused(place: number, value: number): void {
        this.#doubles[place * this.#doubleSize + PAUSED] = value
    }

    /** Near-misses since the last success, up to 255. */
    misses(place: number): number {
        return this.#bytes[place * this.#byteSize + MISSES]!
    }

    setMisses(place: number, value: number): void {
        this.#bytes[place * this.#byteSize + MISSES] = value
    }

    /** How far the longest live attempt is. */
    stage(place: number): number {
        return this.#bytes[place * this.#byteSize + STAGE]!
    }

    setStage(place: number, value: number): void {
        this.#bytes[place * this.#byteSize + STAGE] = value
    }

    /** Which prefix that is: the matcher's number for it. */
    prefix(place: number): number {
        return this.#words[place * this.#wordSize + PREFIX]!
    }

    setPrefix(place: number, value: number): void {
        this.#words[place * this.#wordSize + PREFIX] = value
    }

    /** 1: the attempt began with the very hit that completed another. Nobody meant it, so nobody is told of it. */
    quiet(place: number): number {
        return this.#bytes[place * this.#byteSize + QUIET]!
    }

    setQuiet(place: number, value: number): void {
        this.#bytes[place * this.#byteSize + QUIET] = value
    }

    /** Hits in the ring of this place. */
    count(place: number): number {
        return this.#bytes[place * this.#byteSize + COUNT]!
    }

    /** The code of the `back`-th last hit (1 is the last), and its time (ms) and mark below. */
    code(place: number, back: number): number {
        return this.#words[this.#codes(place) + this.#slot(place, back)]!
    }

    time(place: number, back: number): number {
        return this.#doubles[place * this.#doubleSize + TIMES + this.#slot(place, back)]!
    }

    mark(place: number, back: number): number {
        return this.#words[this.#codes(place) + this.depth + this.#slot(place, back)]!
    }

    /** Adds a hit; the oldest gives way in a full ring. `mark` is what a retransmission repeats. */
    push(place: number, code: number, time: number, mark: number): void {
        const bytes = place * this.#byteSize
        const slot = this.#bytes[bytes + HEAD]!
        this.#words[this.#codes(place) + slot] = code
        this.#words[this.#codes(place) + this.depth + slot] = mark
        this.#doubles[place * this.#doubleSize + TIMES + slot] = time
        this.#bytes[bytes + HEAD] = slot + 1 === this.depth ? 0 : slot + 1
        if (this.#bytes[bytes + COUNT]! < this.depth) this.#bytes[bytes + COUNT]!++
    }

    /** Gives the place back. */
    release(place: number): void {
        const at = place * this.#byteSize + VIEW
        if (this.#bytes[at] !== 0) this.#used--
        this.#bytes[at] = 0
        this.empty(place)
    }

    /** Forgets the hits of this place, not its near-misses. */
    empty(place: number): void {
        const bytes = place * this.#byteSize
        this.#bytes[bytes + COUNT] = 0
        this.#bytes[bytes + HEAD] = 0
        this.setStage(place, 0)
        this.setPrefix(place, 0)
    }

    /** Places with a live attempt, the furthest first, at most so many; `total` counts all. Looks at every place. */
    furthest(most: number): { readonly total: number; readonly places: readonly number[] } {
        const live = (place: number) => this.stage(place) > 0 && this.quiet(place) === 0
        const byStage = new Uint32Array(this.depth + 1)
        let total = 0
        for (let place = 0; place < this.capacity; place++) {
            if (!live(place)) continue
            byStage[this.stage(place)]!++
            total++
        }
        // The stage of which there is only room for some, and for how many.
        let least = this.depth
        let room = most
        while (least > 0 && byStage[least]! <= room) room -= byStage[least--]!
        const places: number[] = []
        for (let place = 0; place < this.capacity && places.length < Math.min(most, total); place++) {
            if (!live(place) || this.stage(place) < least) continue
            if (this.stage(place) === least && room-- <= 0) continue
            places.push(place)
        }
        return { total, places: places.sort((a, b) => this.stage(b) - this.stage(a)) }
    }

    /** 0: free or forgotten; 1: at most at stage 1; 2: further on. */
    #rank(place: number, now: number): number {
        if (this.#bytes[place * this.#byteSize + VIEW] === 0 || now - this.touched(place) > FORGET_MS) return 0
        return this.stage(place) > 1 || this.paused(place) > now ? 2 : 1
    }

    /** Where in the ring. */
    #slot(place: number, back: number): number {
        const at = this.#bytes[place * this.#byteSize + HEAD]! - back
        return at < 0 ? at + this.depth : at
    }

    /** Where the codes of this place begin, in words. */
    #codes(place: number): number {
        return place * this.#wordSize + HEAD_BYTES / 4 + 2 * this.depth
    }

    #firstPlace(a: number, b: number, c: number, d: number, view: number): number {
        const v4 = a === 0 && b === 0 && c === 0xffff
        const [s0, s1] = this.#seed
        let h = mix(mix(s0 ^ view, v4 ? d : a) ^ s1, v4 ? 0 : b)
        if (!v4) h = (h & ~1) | (mix(mix(s1, c) ^ s0, d) & 1)
        return ((h >>> 0) % this.#sets) * WAYS
    }
}
