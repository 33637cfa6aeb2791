/**
 * Files of one-time sequences: one on a line, the first unused one counts, and `#` over the first byte of its line marks
 * it used (knockd(1), ONE TIME SEQUENCES). The first byte is where the line begins, not where the sequence does: who
 * begins lines with a blank keeps the sequence readable.
 */
import type { Hit } from "../knock/hit.ts"
import { readSequence, type SequenceFault } from "./sequence.ts"
import { pieces, trimmed } from "./text.ts"

/** A line that can be used. */
export type OneTimeLine = {
    /** Its first byte, from the beginning of the file. */
    readonly at: number
    /** From 1. */
    readonly line: number
    readonly hits: readonly Hit[]
}

/** A line that is no sequence, and why; see `OneTimeLine`. */
export type BadLine = { readonly at: number; readonly line: number } & SequenceFault

/** What is in such a file. */
export type OneTimeFile = { readonly unused: readonly OneTimeLine[]; readonly bad: readonly BadLine[] }

/** The byte that marks a line as used. */
export const USED = "#"

/** Reads a file, one character per byte. */
export function readOneTimeFile(text: string): OneTimeFile {
    const unused: OneTimeLine[] = []
    const bad: BadLine[] = []
    for (const piece of pieces(text)) {
        const sequence = trimmed(piece.text)
        if (sequence === "" || sequence.startsWith(USED)) continue
        const { at, line } = piece
        const reading = readSequence(sequence)
        if (reading.ok) unused.push({ at, line, hits: reading.hits })
        else bad.push({ at, line, fault: reading.fault, hit: reading.hit, message: reading.message })
    }
    return { unused, bad }
}

/** What knockd says when a file of one-time sequences is used up. */
export function noneLeftText(door: string): string {
    return `no more sequences left in the one time sequences file for door ${door} --> disabling the door`
}
