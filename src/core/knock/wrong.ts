/** What a wrong hit was, seen from the sequence that it spoiled: enough to help whoever knocked, and no hit in it. */
import { type HitCode, hitOf, type Protocol } from "./hit.ts"

/** `nth`: which hit of the sequence it was, from 1. */
export type WrongHit =
    /** One that had come before: the first, where the knock was begun anew. */
    | { readonly what: "again"; readonly nth: number }
    /** One that was to come later: packets overtook one another, or one was lost. */
    | { readonly what: "early"; readonly nth: number }
    /** The wanted number by another protocol than the wanted one. */
    | { readonly what: "protocol"; readonly protocol: Protocol }
    /** Any other. */
    | { readonly what: "other"; readonly protocol: Protocol }

/** What `code` was, where hit `stage + 1` of `codes` was wanted. */
export function wrongHit(codes: readonly HitCode[], stage: number, code: HitCode): WrongHit {
    const wanted = hitOf(codes[stage]!)
    const { protocol, port } = hitOf(code)
    if (code === codes[0]) return { what: "again", nth: 1 }
    const later = codes.indexOf(code, stage + 1)
    if (later !== -1) return { what: "early", nth: later + 1 }
    const before = codes.indexOf(code)
    if (before !== -1) return { what: "again", nth: before + 1 }
    return { what: port === wanted.port ? "protocol" : "other", protocol }
}
