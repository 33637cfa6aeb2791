/**
 * The sequences of one view, arranged for one question: which sequences do these last hits complete, and which do they
 * begin? Every prefix of every sequence is in one map under a hash of its codes, so the answer takes one look-up per
 * length, whatever the number of doors.
 */
import { ICMP, TCP, UDP } from "../net/packet.ts"
import type { OneTimeBook } from "../one-time/book.ts"
import type { HitCode } from "./hit.ts"

/** A sequence to recognise; `door` is the caller's number for what it opens. */
export type Wanted = {
    readonly door: number
    /** Its hits; of the one-time sequences of a door, whose hits are in the book, as many UNKNOWN. */
    readonly codes: readonly HitCode[]
    readonly within: number
    readonly oneTime?: true
}

/** The code of no hit. */
const UNKNOWN: HitCode = 0

/** A beginning of one or more sequences. */
export type Prefix = {
    /** Its number: where it stands in `SequenceIndex.all`. */
    readonly id: number
    readonly codes: readonly HitCode[]
    /** Sequences that end here. */
    readonly complete: readonly Wanted[]
    /** Sequences that go on, the longest window first. */
    readonly longer: readonly Wanted[]
    /** The shortest window (ms) of all of them. */
    readonly shortest: number
}

/** One-time sequences of a view: the book, and for each of its doors the number of its first prefix, or -1. */
export type OneTimeIndex = { readonly book: OneTimeBook; readonly begins: Int32Array }

/** By which rule a view recognises its sequences. */
export type Rule = {
    /** Every hit counts, whatever it is. If not, what no sequence of the view names is not seen. */
    readonly strict: boolean
    /** As with knockd: nobody is paused, and the hits of a knock that was recognised are used up. */
    readonly apart: boolean
    /** Where `apart`: the last hit of an attempt again is no wrong one, however late. */
    readonly duplicates: boolean
}

/** Ours. */
const OURS: Rule = { strict: true, apart: false, duplicates: false }

/** All sequences of a view. Build it with `indexSequences`. */
export type SequenceIndex = Rule & {
    /** Hits in the longest sequence. */
    readonly depth: number
    /** Those of fixed sequences, then those of each door with one-time sequences, the shortest first. */
    readonly all: readonly Prefix[]
    readonly byHash: ReadonlyMap<number, readonly Prefix[]>
    /** Null: there are none here. */
    readonly oneTime: OneTimeIndex | null
    /** What each possible hit is to this view; see `roleOf`. */
    readonly roles: Uint8Array | ReadonlyMap<number, number>
}

/** The hit begins a sequence. */
export const FIRST = 1
/** The hit is in a sequence. */
export const NAMED = 2
/** The hit is in an upcoming one-time sequence, and counts as long as nothing listens there. */
export const DRAWN = 8
/** A sequence wants this hit twice running, so a quick repeat of it is not forgiven. */
export const INSISTED = 4

/** Room for every code in a flat table: three protocols of 65 536 values. */
export const CODES = 3 << 16

/** Where a code stands in a flat table of CODES. */
export function slotOf(code: HitCode): number {
    const protocol = code >>> 16
    const rank = protocol === TCP ? 0 : protocol === UDP ? 1 : protocol === ICMP ? 2 : -1
    if (rank < 0) throw new RangeError(`no such hit code: ${code}`)
    return (rank << 16) | (code & 0xffff)
}

/** One more code, counted from the end backwards, folded into a hash. */
export function fold(hash: number, code: HitCode): number {
    const mixed = Math.imul(hash ^ code, 0x9e3779b1)
    return mixed ^ (mixed >>> 15)
}

/** What the hit at this slot (`slotOf`) is to a view: bits FIRST, NAMED, INSISTED, DRAWN. */
export function roleOf({ roles, oneTime }: SequenceIndex, slot: number): number {
    const fixed = roles instanceof Uint8Array ? roles[slot]! : (roles.get(slot) ?? 0)
    return oneTime === null ? fixed : fixed | oneTime.book.roles[slot]!
}

/** Doors with one-time sequences, and the book that has these. */
export type Drawn = {
    readonly book: OneTimeBook
    readonly doors: readonly {
        readonly door: number
        readonly name: string
        readonly length: number
        readonly within: number
    }[]
}

/** Arranges sequences. An empty sequence throws: the configuration refuses it before. */
export function indexSequences(sequences: readonly Wanted[], rule = OURS, drawn: Drawn | null = null): SequenceIndex {
    type Growing = Prefix & { readonly complete: Wanted[]; readonly longer: Wanted[]; shortest: number }
    const all: Growing[] = []
    const byHash = new Map<number, Growing[]>()
    const roles = new Map<number, number>()
    for (const wanted of sequences) {
        const { codes } = wanted
        if (codes.length === 0) throw new RangeError("a sequence without hits")
        codes.forEach((code, i) => {
            const role = NAMED | (i === 0 ? FIRST : 0) | (code === codes[i - 1] ? INSISTED : 0)
            roles.set(slotOf(code), (roles.get(slotOf(code)) ?? 0) | role)
        })
        for (let length = 1; length <= codes.length; length++) {
            const begin = codes.slice(0, length)
            const bucket = byHash.get(hashOf(begin)) ?? []
            byHash.set(hashOf(begin), bucket)
            let prefix = bucket.find((p) => sameCodes(p.codes, begin))
            if (!prefix) {
                prefix = { id: all.length, codes: begin, complete: [], longer: [], shortest: wanted.within }
                all.push(prefix)
                bucket.push(prefix)
            }
            prefix.shortest = Math.min(prefix.shortest, wanted.within)
            ;(length === codes.length ? prefix.complete : prefix.longer).push(wanted)
        }
    }
    for (const prefix of all) prefix.longer.sort((a, b) => b.within - a.within)
    const oneTime = drawn === null ? null : indexOneTime(drawn, all.length)
    const lengths = [...sequences.map(({ codes }) => codes.length), ...(drawn?.doors ?? []).map(({ length }) => length)]
    return {
        ...rule,
        depth: Math.max(0, ...lengths),
        all: [...all, ...(oneTime?.prefixes ?? [])],
        byHash,
        oneTime,
        // Views of doors for themselves are many.
        roles: rule.apart ? roles : spread(roles),
    }
}

/** Prefixes of one-time sequences differ by door and length alone: so there is one for each, and none for each packet. */
function indexOneTime({ book, doors }: Drawn, from: number): OneTimeIndex & { readonly prefixes: readonly Prefix[] } {
    const numbers = doors.map(({ name }) => book.doorNumber(name))
    const begins = new Int32Array(Math.max(0, ...numbers) + 1).fill(-1)
    const prefixes: Prefix[] = []
    for (const [i, { door, length, within }] of doors.entries()) {
        const wanted: Wanted = { door, codes: Array.from({ length }, () => UNKNOWN), within, oneTime: true }
        begins[numbers[i]!] = from + prefixes.length
        for (let stage = 1; stage <= length; stage++) {
            const [complete, longer] = stage === length ? [[wanted], []] : [[], [wanted]]
            const codes = wanted.codes.slice(0, stage)
            prefixes.push({ id: from + prefixes.length, codes, complete, longer, shortest: within })
        }
    }
    return { book, begins, prefixes }
}

/** What the first `length` hits of a one-time sequence of this door (by the book's number) are; null: it has none here. */
export function prefixOfDoor(index: SequenceIndex, door: number, length: number): Prefix | null {
    const begin = index.oneTime!.begins[door] ?? -1
    return begin < 0 ? null : index.all[begin + length - 1]!
}

/** The same as a flat table. */
function spread(roles: ReadonlyMap<number, number>): Uint8Array {
    const table = new Uint8Array(CODES)
    for (const [slot, role] of roles) table[slot] = role
    return table
}

function hashOf(codes: readonly HitCode[]): number {
    return codes.reduceRight(fold, 0)
}

function sameCodes(a: readonly HitCode[], b: readonly HitCode[]): boolean {
    return a.length === b.length && a.every((code, i) => code === b[i])
}
