/**
 * The sequences of one view, arranged for one question: which sequences do these last hits complete, and which do they
 * begin? Every prefix of every sequence is in one map under a hash of its codes, so the answer takes one look-up per
 * length, whatever the number of doors.
 */
import { ICMP, TCP, UDP } from "../net/packet.ts"
import type { HitCode } from "./hit.ts"

/** A sequence to recognise; `door` is the caller's number for what it opens. */
export type Wanted = { readonly door: number; readonly codes: readonly HitCode[]; readonly within: number }

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
    readonly all: readonly Prefix[]
    readonly byHash: ReadonlyMap<number, readonly Prefix[]>
    /** What each possible hit is to this view; see `roleOf`. */
    readonly roles: Uint8Array | ReadonlyMap<number, number>
}

/** The hit begins a sequence. */
export const FIRST = 1
/** The hit is in a sequence. */
export const NAMED = 2
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

/** What the hit at this slot (`slotOf`) is to a view: bits FIRST, NAMED, INSISTED. */
export function roleOf({ roles }: SequenceIndex, slot: number): number {
    return roles instanceof Uint8Array ? roles[slot]! : (roles.get(slot) ?? 0)
}

/** Arranges sequences. An empty sequence throws: the configuration refuses it before. */
export function indexSequences(sequences: readonly Wanted[], rule = OURS): SequenceIndex {
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
    return {
        ...rule,
        depth: Math.max(0, ...sequences.map((s) => s.codes.length)),
        all,
        byHash,
        // Views of doors for themselves are many.
        roles: rule.apart ? roles : spread(roles),
    }
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
