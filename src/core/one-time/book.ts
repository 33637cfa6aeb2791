/**
 * All upcoming one-time sequences: of each member, that is a knocker at a door, those of the next counters. What is recognised
 * and what is a hit at all follows from it. It outlives configurations, and changes in small steps: a counter that moves, a
 * member that comes or goes. Where the sequences come from is not its business.
 */
import type { Attempts } from "../knock/attempts.ts"
import type { HitCode } from "../knock/hit.ts"
import { CODES, DRAWN, FIRST, slotOf } from "../knock/sequence.ts"
import { NONE, SequenceTable } from "./table.ts"

/** A knocker at a door. */
export type Member = {
    readonly knocker: string
    readonly door: string
    /** Hits of a sequence, and how many upcoming ones are accepted. */
    readonly length: number
    readonly window: number
}

/** A sequence that was recognised: whose, and its counter. */
export type Holder = { readonly knocker: string; readonly door: string; readonly counter: number }

type Kept = Member & {
    /** Its row of the counter 0, 1, … modulo the window. */
    readonly rows: number
    /** The smallest counter that is accepted. */
    first: number
}

/** See the head of the file. */
export class OneTimeBook {
    /** What each hit is to sequences of the book, by slot: bits FIRST and DRAWN (`knock/sequence.ts`). */
    readonly roles = new Uint8Array(CODES)
    readonly #counts = new Uint32Array(CODES)
    readonly #firsts = new Uint32Array(CODES)
    /** A door, by number, of which a sequence begins with the hit: that of the latest. */
    readonly #begun = new Uint16Array(CODES)
    readonly #tables: SequenceTable[] = []
    /** Members by number; a number whose member has gone is taken again. */
    readonly #members: (Kept | null)[] = []
    readonly #vacant: number[] = []
    readonly #numbers = new Map<string, number>()
    /** Doors by number, and which of them each member is at. */
    readonly #doors = new Map<string, number>()
    readonly #doorOf: number[] = []
    #size = 0

    /** One for each length in use. */
    get tables(): readonly SequenceTable[] {
        return this.#tables
    }

    /** How many sequences it holds. */
    get size(): number {
        return this.#size
    }

    /** The number of a door, as `doorAt` tells it: the same as long as the book is there. */
    doorNumber(name: string): number {
        const known = this.#doors.get(name)
        if (known !== undefined) return known
        this.#doors.set(name, this.#doors.size)
        return this.#doors.size - 1
    }

    /** Which door the sequence of this row opens. */
    doorAt(table: SequenceTable, row: number): number {
        return this.#doorOf[table.owners[row]!]!
    }

    /** Takes a member in, without sequences, who has used up all counters below `first`. */
    join(member: Member, first: number): void {
        this.leave(member.knocker, member.door)
        const number = this.#vacant.pop() ?? this.#members.length
        const rows = this.#tableOf(member.length).take(member.window, number)
        this.#members[number] = { ...member, rows, first }
        this.#doorOf[number] = this.doorNumber(member.door)
        this.#numbers.set(keyOf(member.knocker, member.door), number)
    }

    /** Makes room for so many sequences in all of this length, at once instead of by and by. */
    reserve(length: number, sequences: number): void {
        this.#tableOf(length).reserve(sequences)
    }

    /** The sequence of this counter, which is among those accepted, and has none yet. */
    put(knocker: string, door: string, counter: number, codes: readonly HitCode[]): void {
        const member = this.#kept(knocker, door)
        if (member === null || counter < member.first || counter >= member.first + member.window)
            throw new RangeError(`not upcoming: ${counter} of ${knocker} at ${door}`)
        this.#tableOf(member.length).put(member.rows + (counter % member.window), codes)
        this.#size++
        for (const [i, code] of codes.entries()) this.#count(code, i === 0, 1)
        this.#begun[slotOf(codes[0]!)] = this.doorNumber(door)
    }

    /** A door of which a sequence begins with this hit; NONE: there is none. */
    doorBegunBy(code: HitCode): number {
        const slot = slotOf(code)
        return (this.roles[slot]! & FIRST) === 0 ? NONE : this.#begun[slot]!
    }

    /** All counters below `first` are used up. */
    advance(knocker: string, door: string, first: number): void {
        const member = this.#kept(knocker, door)
        if (member === null) return
        const end = Math.min(first, member.first + member.window)
        for (let counter = member.first; counter < end; counter++) this.#drop(member, counter)
        member.first = Math.max(first, member.first)
    }

    /** The smallest counter that is accepted; null: there is no such member. */
    first(knocker: string, door: string): number | null {
        return this.#kept(knocker, door)?.first ?? null
    }

    /** The member with these names. */
    member(knocker: string, door: string): Member | null {
        return this.#kept(knocker, door)
    }

    /** The hits of this counter's sequence; null: it is not here. */
    sequence(knocker: string, door: string, counter: number): readonly HitCode[] | null {
        const member = this.#kept(knocker, door)
        if (member === null || counter < member.first || counter >= member.first + member.window) return null
        const table = this.#tableOf(member.length)
        const row = member.rows + (counter % member.window)
        return table.has(row) ? Array.from({ length: member.length }, (_, i) => table.code(row, i)) : null
    }

    /** How many sequences of a member none of these hits is in. Allocates nothing: it is asked of many at once. */
    countWithout(knocker: string, door: string, hits: ReadonlySet<HitCode>): number {
        const member = this.#kept(knocker, door)
        if (member === null) return 0
        const { rows, window, length } = member
        const table = this.#tableOf(length)
        let count = 0
        for (let row = rows; row < rows + window; row++) {
            if (!table.has(row)) continue
            let place = 0
            while (place < length && !hits.has(table.code(row, place))) place++
            if (place === length) count++
        }
        return count
    }

    /** How many members there are. */
    get membership(): number {
        return this.#numbers.size
    }

    /** From now on nothing of this member opens anything. */
    leave(knocker: string, door: string): void {
        const key = keyOf(knocker, door)
        const number = this.#numbers.get(key)
        const member = number === undefined ? null : this.#members[number]
        if (number === undefined || !member) return
        for (let i = 0; i < member.window; i++) this.#drop(member, member.first + i)
        this.#tableOf(member.length).give(member.rows, member.window)
        this.#members[number] = null
        this.#vacant.push(number)
        this.#numbers.delete(key)
    }

    /** All members, in no order. They may leave meanwhile. */
    *members(): IterableIterator<Member> {
        for (const member of this.#members) if (member) yield member
    }

    /** Whose sequences the last hits of this place are, all of this length: mostly one. */
    holders(length: number, hash: number, attempts: Attempts, place: number): Holder[] {
        const table = this.#tableOf(length)
        const found: Holder[] = []
        let row = table.find(hash, attempts, place, length)
        for (; row !== NONE; row = table.findNext(row, attempts, place, length)) {
            const { knocker, door, first, rows, window } = this.#members[table.owners[row]!]!
            const counter = first + ((row - rows - (first % window) + window) % window)
            found.push({ knocker, door, counter })
        }
        return found
    }

    #kept(knocker: string, door: string): Kept | null {
        const number = this.#numbers.get(keyOf(knocker, door))
        return number === undefined ? null : (this.#members[number] ?? null)
    }

    #drop({ length, rows, window }: Kept, counter: number): void {
        const table = this.#tableOf(length)
        const row = rows + (counter % window)
        if (!table.has(row)) return
        for (let i = 0; i < length; i++) this.#count(table.code(row, i), i === 0, -1)
        table.clear(row)
        this.#size--
    }

    #count(code: HitCode, first: boolean, by: 1 | -1): void {
        const slot = slotOf(code)
        this.#counts[slot]! += by
        if (first) this.#firsts[slot]! += by
        this.roles[slot] = (this.#counts[slot]! > 0 ? DRAWN : 0) | (this.#firsts[slot]! > 0 ? FIRST : 0)
    }

    #tableOf(length: number): SequenceTable {
        const known = this.#tables.find((table) => table.length === length)
        if (known !== undefined) return known
        const made = new SequenceTable(length)
        this.#tables.push(made)
        return made
    }
}

/** Names have no blanks. */
function keyOf(knocker: string, door: string): string {
    return `${knocker} ${door}`
}
