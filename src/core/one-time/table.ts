/**
 * Upcoming one-time sequences of one length, in flat arrays: what do these last hits complete, and what do they begin? The
 * answer costs one look-up, however many sequences there are, and nothing is allocated for it.
 *
 * Each sequence has a row. For every length from 2 up to its own, the row hangs in a chain under the hash of that beginning; a
 * link says both row and length. (What single hits begin is known without: `OneTimeBook.roles`.) Rows are unpredictable to
 * everybody without their keys, so nobody can make chains long.
 */
import type { Attempts } from "../knock/attempts.ts"
import type { HitCode } from "../knock/hit.ts"
import { fold } from "../knock/sequence.ts"

/** No row, no link. */
export const NONE = -1
/** Ours: heads for each link at least: a look-up that finds nothing, as most do, touches little memory then. */
const HEADS = 2

/** See the head of the file. Rows are numbers that the caller has from `take`. */
export class SequenceTable {
    readonly length: number
    /** Whose each row is: a number of the caller's. */
    owners: Int32Array
    /** The hits of each row; the first is 0 where no sequence is. */
    #codes: Uint32Array
    #heads: Int32Array
    /** A bit for each head: is there a link? All of them fit where memory is near, and most look-ups end here. */
    #filled: Uint32Array
    /** By link, which is row * (length - 1) + (length of the beginning - 2). */
    #next: Int32Array
    /** Rows that were never taken begin here; those given back, by how many were taken at once. */
    #end = 0
    readonly #free = new Map<number, number[]>()

    constructor(length: number, rows = 64) {
        this.length = length
        this.owners = new Int32Array(rows)
        this.#codes = new Uint32Array(rows * length)
        this.#next = new Int32Array(rows * (length - 1))
        this.#heads = heads(rows * (length - 1))
        this.#filled = new Uint32Array((this.#heads.length >>> 5) + 1)
    }

    /** So many rows that follow one another, for this owner, without sequences: the first of them. */
    take(count: number, owner: number): number {
        const free = this.#free.get(count)?.pop()
        const first = free ?? this.#end
        if (free === undefined) {
            this.reserve(this.#end + count)
            this.#end += count
        }
        this.owners.fill(owner, first, first + count)
        return first
    }

    /** Gives such rows back. */
    give(first: number, count: number): void {
        for (let row = first; row < first + count; row++) this.clear(row)
        const free = this.#free.get(count)
        if (free === undefined) this.#free.set(count, [first])
        else free.push(first)
    }

    /** Makes room for so many rows in all. */
    reserve(rows: number): void {
        const { length } = this
        if (rows <= this.owners.length) return
        const room = Math.max(rows, this.owners.length * 2)
        const codes = this.#codes
        this.owners = grown(this.owners, new Int32Array(room))
        this.#codes = grown(codes, new Uint32Array(room * length))
        this.#next = new Int32Array(room * (length - 1))
        this.#heads = heads(room * (length - 1))
        this.#filled = new Uint32Array((this.#heads.length >>> 5) + 1)
        for (let row = 0; row < this.#end; row++) if (this.has(row)) this.#hang(row)
    }

    /** Is there a sequence in this row? */
    has(row: number): boolean {
        return this.#codes[row * this.length] !== 0
    }

    /** Hit `i` of the row's sequence. */
    code(row: number, i: number): HitCode {
        return this.#codes[row * this.length + i]!
    }

    /** Puts a sequence into a row that has none. */
    put(row: number, codes: readonly HitCode[]): void {
        this.#codes.set(codes, row * this.length)
        this.#hang(row)
    }

    /** Takes the row's sequence out, if there is one. */
    clear(row: number): void {
        if (!this.has(row)) return
        for (let length = 2; length <= this.length; length++) {
            const link = this.#link(row, length)
            const bucket = this.#bucket(this.#hash(row, length))
            if (this.#heads[bucket] === link) {
                this.#heads[bucket] = this.#next[link]!
                if (this.#next[link] === NONE) this.#filled[bucket >>> 5]! &= ~(1 << (bucket & 31))
            } else {
                let before = this.#heads[bucket]!
                while (this.#next[before] !== link) before = this.#next[before]!
                this.#next[before] = this.#next[link]!
            }
        }
        this.#codes.fill(0, row * this.length, (row + 1) * this.length)
    }

    /** A row that begins with the last `length` (2 or more) hits of this place; NONE: there is none. `hash`: these hits, folded. */
    find(hash: number, attempts: Attempts, place: number, length: number): number {
        const bucket = this.#bucket(hash)
        if ((this.#filled[bucket >>> 5]! & (1 << (bucket & 31))) === 0) return NONE
        return this.#from(this.#heads[bucket]!, attempts, place, length)
    }

    /** Another such row, after this one. */
    findNext(row: number, attempts: Attempts, place: number, length: number): number {
        return this.#from(this.#next[this.#link(row, length)]!, attempts, place, length)
    }

    #from(first: number, attempts: Attempts, place: number, length: number): number {
        for (let link = first; link !== NONE; link = this.#next[link]!) {
            if (link % (this.length - 1) !== length - 2) continue
            const row = (link - length + 2) / (this.length - 1)
            const last = row * this.length + length
            let back = 1
            while (back <= length && this.#codes[last - back] === attempts.code(place, back)) back++
            if (back > length) return row
        }
        return NONE
    }

    #hang(row: number): void {
        for (let length = 2; length <= this.length; length++) {
            const link = this.#link(row, length)
            const bucket = this.#bucket(this.#hash(row, length))
            this.#next[link] = this.#heads[bucket]!
            this.#heads[bucket] = link
            this.#filled[bucket >>> 5]! |= 1 << (bucket & 31)
        }
    }

    #link(row: number, length: number): number {
        return row * (this.length - 1) + length - 2
    }

    /** As the matcher folds the last hits: from the last of them backwards. */
    #hash(row: number, length: number): number {
        let hash = 0
        for (let i = length - 1; i >= 0; i--) hash = fold(hash, this.#codes[row * this.length + i]!)
        return hash
    }

    #bucket(hash: number): number {
        return (hash & 0x7fff_ffff) % this.#heads.length
    }
}

function heads(links: number): Int32Array {
    return new Int32Array((links * HEADS) | 1).fill(NONE)
}

function grown<T extends Int32Array | Uint32Array>(old: T, wider: T): T {
    wider.set(old)
    return wider
}
