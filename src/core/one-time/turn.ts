/** Whose turn it is: which of a door's sequences to knock next, and which only in need (spec/enrolment.md, section 4). */
import { hexOf } from "../hex.ts"
import { formatSequence, type Sequence } from "./bundle.ts"

/** What this device knows of a sequence. */
export type Past = {
    /** How often it was sent. */
    readonly tries: number
    /** A door opened by it, so it is used up, and so are those before it. */
    readonly opened: boolean
}

/** A sequence with its name among what was tried, and how often it was sent before. */
export type Turn = Sequence & { readonly id: string; readonly tries: number }

/** The name of a sequence: it says no hit, and another sequence of the same counter has another one. */
export function sequenceId(sha256: (bytes: Uint8Array) => Uint8Array, door: string, sequence: Sequence): string {
    const line = Uint8Array.from(formatSequence(door, sequence), (letter) => letter.charCodeAt(0))
    return hexOf(sha256(line))
}

/**
 * The sequences that may still open the door, those first that should be knocked first: in the order of their counters
 * those that were never sent, then those that were, the least often sent first. Whoever was on the way when one was
 * sent knows it, so it comes again only when there is no other.
 */
export function turnsOf(sequences: readonly Turn[], opened: (id: string) => boolean): readonly Turn[] {
    const last = sequences.findLastIndex(({ id }) => opened(id))
    return sequences.slice(last + 1).toSorted((a, b) => a.tries - b.tries || a.counter - b.counter)
}
