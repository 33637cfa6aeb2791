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

/** Places per set, and the bits of a place's number that say which of them it is. */
const WAYS = 8
const WAY_BITS = 3
/**
 * A set in memory: first what is asked of all its places at once, side by side, then each place's own piece. A source
 * that nobody has seen is in no cache, and in a flood that is every source, so what a packet costs is how many pieces of
 * memory it touches: two cache lines tell whether a source is here and who has to give way, two more are its own.
 *
 * For all places: when each was last used, as doubles; the last word of its source; and four bytes.
 */
const KEYS = (WAYS * 8) / 4
const MARKS = WAYS * 8 + WAYS * 4
const SHARED_BYTES = MARKS + WAYS * 4
/**
 * The four bytes. View + 1, in two: 0 is a free place, so that untouched memory stays untouched. The stage; its highest
 * bit, PAUSES, says that the source has been paused. The near-misses.
 */
const MARK_BYTES = 4
const [VIEW, STAGE, MISSES] = [0, 2, 3]
const PAUSES = 0x80
/** A place's own piece: the rest of the source and the prefix as words, a double, then bytes. */
const PREFIX = 3
const PAUSED = 2
/** Hits in the ring, and where the next one goes. */
const COUNT = 24
const HEAD = 25
const QUIET = 26
const HEAD_BYTES = 32
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
    /** Views of one buffer. */
    readonly #bytes: Uint8Array
    readonly #halves: Uint16Array
    readonly #words: Int32Array
    readonly #doubles: Float64Array
    /** Bytes of a set, and of a place's own piece in it. */
    readonly #setSize: number
    readonly #placeSize: number
    #used = 0

    /** `capacity` is a power of two of at least 1024, `depth` the length of the longest sequence (1–32). */
    constructor(capacity: number, depth: number, seed: readonly [number, number]) {
        this.capacity = capacity
        this.depth = depth
        this.#sets = capacity / WAYS
        this.#seed = seed
        this.#placeSize = HEAD_BYTES + HIT_BYTES * depth
        this.#setSize = SHARED_BYTES + WAYS * this.#placeSize
        const buffer = new ArrayBuffer(this.#sets * this.#setSize)
        this.#bytes = new Uint8Array(buffer)
        this.#halves = new Uint16Array(buffer)
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
        const words = this.#words
        const keys = this.#key(first)
        for (let way = 0; way < WAYS; way++) {
            // Signed words: so they are compared.
            if (words[keys + way] !== (d | 0)) continue
            const place = first + way
            const at = this.#own(place) / 4
            if (words[at + 2] !== (c | 0) || words[at + 1] !== (b | 0) || words[at] !== (a | 0)) continue
            if (this.view(place) === view) return place
        }
        return -1
    }

    /**
     * A place for a source that has none: a free one, one that has been forgotten, or that of the source least far on.
     * -1 when all others are further on than a newcomer can be. Whoever had the place is forgotten.
     */
    claim(a: number, b: number, c: number, d: number, view: number, now: number): number {
        const place = this.#leastFar(this.#firstPlace(a, b, c, d, view), now)
        if (place < 0) return -1
        const mark = this.#mark(place)
        if (this.#halves[mark / 2 + VIEW] === 0) this.#used++
        this.#halves[mark / 2 + VIEW] = view + 1
        this.#bytes[mark + STAGE] = 0
        this.#bytes[mark + MISSES] = 0
        this.#doubles[this.#touch(place)] = now
        this.#words[this.#key(place)] = d
        const own = this.#own(place)
        this.#words[own / 4] = a
        this.#words[own / 4 + 1] = b
        this.#words[own / 4 + 2] = c
        this.#words[own / 4 + PREFIX] = 0
        this.#bytes[own + COUNT] = 0
        this.#bytes[own + HEAD] = 0
        return place
    }

    /** Of the set that begins with `first`, the place that a newcomer may have; -1: none. */
    #leastFar(first: number, now: number): number {
        const [bytes, halves, doubles] = [this.#bytes, this.#halves, this.#doubles]
        const [marks, times] = [this.#mark(first), this.#touch(first)]
        let best = -1
        let longest = now
        for (let way = 0; way < WAYS; way++) {
            const mark = marks + way * MARK_BYTES
            const touched = doubles[times + way]!
            // Free or forgotten.
            if (halves[mark / 2 + VIEW] === 0 || now - touched > FORGET_MS) return first + way
            if (touched > longest || (touched === longest && best >= 0)) continue
            const stage = bytes[mark + STAGE]!
            if ((stage & ~PAUSES) > 1 || (stage >= PAUSES && this.paused(first + way) > now)) continue
            best = first + way
            longest = touched
        }
        return best
    }

    /** Word `i` (0–3) of the source at this place. */
    source(place: number, i: number): number {
        return this.#words[i === 3 ? this.#key(place) : this.#own(place) / 4 + i]! >>> 0
    }

    /** The source at this place. */
    address(place: number): Address {
        return [this.source(place, 0), this.source(place, 1), this.source(place, 2), this.source(place, 3)]
    }

    /** The view of this place. */
    view(place: number): number {
        return this.#halves[this.#mark(place) / 2 + VIEW]! - 1
    }

    /** When the place was last used (ms). */
    touched(place: number): number {
        return this.#doubles[this.#touch(place)]!
    }

    setTouched(place: number, value: number): void {
        this.#doubles[this.#touch(place)] = value
    }

    /** Until when (ms) the source's hits do not count. */
    paused(place: number): number {
        return this.#bytes[this.#mark(place) + STAGE]! < PAUSES ? 0 : this.#doubles[this.#own(place) / 8 + PAUSED]!
    }

    setPaused(place: number, value: number): void {
        const at = this.#mark(place) + STAGE
        this.#bytes[at] = (this.#bytes[at]! & ~PAUSES) | (value === 0 ? 0 : PAUSES)
        if (value !== 0) this.#doubles[this.#own(place) / 8 + PAUSED] = value
    }

    /** Near-misses since the last success, up to 255. */
    misses(place: number): number {
        return this.#bytes[this.#mark(place) + MISSES]!
    }

    setMisses(place: number, value: number): void {
        this.#bytes[this.#mark(place) + MISSES] = value
    }

    /** How far the longest live attempt is. */
    stage(place: number): number {
        return this.#bytes[this.#mark(place) + STAGE]! & ~PAUSES
    }

    setStage(place: number, value: number): void {
        const at = this.#mark(place) + STAGE
        this.#bytes[at] = (this.#bytes[at]! & PAUSES) | value
    }

    /** Which prefix that is: the matcher's number for it. */
    prefix(place: number): number {
        return this.#words[this.#own(place) / 4 + PREFIX]!
    }

    setPrefix(place: number, value: number): void {
        this.#words[this.#own(place) / 4 + PREFIX] = value
    }

    /** 1: the attempt began with the very hit that completed another. Nobody meant it, so nobody is told of it. */
    quiet(place: number): number {
        return this.#bytes[this.#own(place) + QUIET]!
    }

    setQuiet(place: number, value: number): void {
        this.#bytes[this.#own(place) + QUIET] = value
    }

    /** Hits in the ring of this place. */
    count(place: number): number {
        return this.#bytes[this.#own(place) + COUNT]!
    }

    /** The code of the `back`-th last hit (1 is the last), and its time (ms) and mark below. */
    code(place: number, back: number): number {
        return this.#words[this.#codes(place) + this.#slot(place, back)]!
    }

    time(place: number, back: number): number {
        return this.#doubles[this.#own(place) / 8 + TIMES + this.#slot(place, back)]!
    }

    setTime(place: number, back: number, value: number): void {
        this.#doubles[this.#own(place) / 8 + TIMES + this.#slot(place, back)] = value
    }

    mark(place: number, back: number): number {
        return this.#words[this.#codes(place) + this.depth + this.#slot(place, back)]!
    }

    /** Adds a hit; the oldest gives way in a full ring. `mark` is what a retransmission repeats. */
    push(place: number, code: number, time: number, mark: number): void {
        const bytes = this.#own(place)
        const slot = this.#bytes[bytes + HEAD]!
        this.#words[this.#codes(place) + slot] = code
        this.#words[this.#codes(place) + this.depth + slot] = mark
        this.#doubles[bytes / 8 + TIMES + slot] = time
        this.#bytes[bytes + HEAD] = slot + 1 === this.depth ? 0 : slot + 1
        if (this.#bytes[bytes + COUNT]! < this.depth) this.#bytes[bytes + COUNT]!++
    }

    /** Gives the place back. */
    release(place: number): void {
        const at = this.#mark(place) / 2 + VIEW
        if (this.#halves[at] !== 0) this.#used--
        this.#halves[at] = 0
        this.empty(place)
    }

    /** Forgets the hits of this place, not its near-misses. */
    empty(place: number): void {
        const bytes = this.#own(place)
        this.#bytes[bytes + COUNT] = 0
        this.#bytes[bytes + HEAD] = 0
        this.setStage(place, 0)
        this.setPrefix(place, 0)
    }

    /** Calls for each place in use, up to the last of them: memory that nobody has used yet stays untouched. */
    each(act: (place: number) => void): void {
        for (let place = 0, left = this.#used; left > 0; place++) {
            if (this.view(place) < 0) continue
            left--
            act(place)
        }
    }

    /** Places with a live attempt, the furthest first, at most so many; `total` counts all. Looks at all in use. */
    furthest(most: number): { readonly total: number; readonly places: readonly number[] } {
        const live = (place: number) => this.stage(place) > 0 && this.quiet(place) === 0
        const byStage = new Uint32Array(this.depth + 1)
        let total = 0
        this.each((place) => {
            if (!live(place)) return
            byStage[this.stage(place)]!++
            total++
        })
        // The stage of which there is only room for some, and for how many.
        let least = this.depth
        let room = most
        while (least > 0 && byStage[least]! <= room) room -= byStage[least--]!
        const places: number[] = []
        if (most > 0) {
            this.each((place) => {
                if (!live(place) || this.stage(place) < least) return
                if (this.stage(place) > least || room-- > 0) places.push(place)
            })
        }
        return { total, places: places.sort((a, b) => this.stage(b) - this.stage(a)) }
    }

    /** Where in the ring. */
    #slot(place: number, back: number): number {
        const at = this.#bytes[this.#own(place) + HEAD]! - back
        return at < 0 ? at + this.depth : at
    }

    /** Where the codes of this place begin, in words. */
    #codes(place: number): number {
        return (this.#own(place) + HEAD_BYTES) / 4 + 2 * this.depth
    }

    /** Where the place's own piece begins, in bytes. */
    #own(place: number): number {
        return (place >>> WAY_BITS) * this.#setSize + SHARED_BYTES + (place & (WAYS - 1)) * this.#placeSize
    }

    /** Where its time is, in doubles. */
    #touch(place: number): number {
        return ((place >>> WAY_BITS) * this.#setSize) / 8 + (place & (WAYS - 1))
    }

    /** Where the last word of its source is, in words. */
    #key(place: number): number {
        return ((place >>> WAY_BITS) * this.#setSize) / 4 + KEYS + (place & (WAYS - 1))
    }

    /** Where its four bytes begin. */
    #mark(place: number): number {
        return (place >>> WAY_BITS) * this.#setSize + MARKS + (place & (WAYS - 1)) * MARK_BYTES
    }

    #firstPlace(a: number, b: number, c: number, d: number, view: number): number {
        const v4 = a === 0 && b === 0 && c === 0xffff
        const [s0, s1] = this.#seed
        let h = mix(mix(s0 ^ view, v4 ? d : a) ^ s1, v4 ? 0 : b)
        if (!v4) h = (h & ~1) | (mix(mix(s1, c) ^ s0, d) & 1)
        return ((h >>> 0) % this.#sets) * WAYS
    }
}
