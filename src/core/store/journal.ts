/**
 * The journal as a whole (spec/journal.md): a snapshot, then what happened since, then blank blocks up to the size that
 * its first line names. So a file that was cut short, grown or changed anywhere is told from one whose last write was
 * cut off by a crash: of that write some blocks are blank, and nobody was told that it was done.
 */
import { decodeText } from "./ascii.ts"
import { BLOCK, type Block, blankBlocks, decodeBlock, eachLine, encodeBlocks, encodePieces } from "./block.ts"
import { decodeRecord, formatRecord, type StoreRecord } from "./record.ts"

/** The spec's: the version written here. */
const VERSION = 1

/** Ours: the least blocks of a journal, half a mebibyte. */
const LEAST = 1024

/** Ours: the most blocks that are filled at once, some milliseconds' work: packets wait meanwhile. */
const PIECE = 256

/** How a journal was found. */
export type Reading =
    /** Written by a later version: hands off. */
    | { readonly condition: "newer"; readonly version: number }
    | {
          /** `torn`: its last write is not whole. `damaged`: something is gone that may have been durable. */
          readonly condition: "whole" | "torn" | "damaged"
          /** The block to write next, and how many there are. */
          readonly next: number
          readonly blocks: number
          /** Why it is not whole, for people. */
          readonly detail: string
      }

/** Bytes of a file that is made anew, and where they belong. */
export type Piece = { readonly at: number; readonly bytes: Uint8Array }

/** The block to write next in a journal, and how many there are. */
export type Extent = { readonly next: number; readonly blocks: number }

/**
 * A new journal that holds these records, with as much room again, and at least so many blocks; piece by piece, each made
 * when it is asked for. The first is at 0, each of the others where the one before ended, but the last of several is block 0,
 * which stays blank until then: it says how many blocks there are.
 */
export function* encodeJournal(records: Iterable<StoreRecord>, least = LEAST): Generator<Piece, Extent> {
    const pieces = encodePieces(linesOf(records), 0, PIECE)
    const start = pieces.next().value ?? blankBlocks(1)
    let next = start.length / BLOCK
    let blocks = Math.max(least, next * 2)
    if (next < PIECE) {
        const bytes = blankBlocks(blocks)
        bytes.set(start)
        bytes.set(withHead(start, blocks, next))
        yield { at: 0, bytes }
        return { next, blocks }
    }
    const bytes = start.slice()
    bytes.set(blankBlocks(1))
    yield { at: 0, bytes }
    for (const more of pieces) {
        yield { at: next * BLOCK, bytes: more }
        next += more.length / BLOCK
    }
    blocks = Math.max(least, next * 2)
    for (let at = next; at < blocks; at += PIECE) {
        yield { at: at * BLOCK, bytes: blankBlocks(Math.min(PIECE, blocks - at)) }
    }
    yield { at: 0, bytes: withHead(start, blocks, next) }
    return { next, blocks }
}

function* linesOf(records: Iterable<StoreRecord>): Generator<string> {
    // As long as with the right numbers.
    yield headLine(0, 0)
    for (const record of records) yield formatRecord(record)
}

function headLine(blocks: number, snapshot: number): string {
    return `postern-journal ${VERSION} ${String(blocks).padStart(12, "0")} ${String(snapshot).padStart(12, "0")}`
}

/** Block 0, as it is there, with these numbers. */
function withHead(start: Uint8Array, blocks: number, snapshot: number): Uint8Array {
    const block = decodeBlock(start)
    if (typeof block === "string") throw new Error("block 0 is not as it was made")
    const [, ...lines] = decodeText(start, block.from, block.to).split("\n")
    return encodeBlocks([headLine(blocks, snapshot), ...lines], 0)
}

/** The blocks that say these records, to be written at block `next`. */
export function encodeBatch(records: readonly StoreRecord[], next: number): Uint8Array {
    return encodeBlocks(records.map(formatRecord), next)
}

/**
 * Reads a journal, however damaged. Never throws. `take` hears the records, in order; after damage, all that can still be
 * read.
 */
export function decodeJournal(bytes: Uint8Array, take: (record: StoreRecord) => void): Reading {
    const count = Math.floor(bytes.length / BLOCK)
    const all = Array.from({ length: count }, (_, i) => decodeBlock(bytes, i * BLOCK))
    const head = readHead(bytes, all[0])
    if (head !== null && head.version > VERSION) return { condition: "newer", version: head.version }
    const end = endOf(all)
    let strange = 0
    for (const block of all) {
        if (typeof block === "string") continue
        eachLine(bytes, block, (from, to) => {
            if (head !== null && block === all[0] && from === block.from) return
            const record = decodeRecord(bytes, from, to)
            if (record === null) strange++
            // What stands behind a gap comes from a write that nobody was told of, or is all that damage has left.
            else take(record)
        })
    }
    const flaw = flawOf(all, end, head, bytes.length) ?? (strange > 0 ? `${strange} of its lines mean nothing` : null)
    if (flaw !== null) return { condition: "damaged", next: end, blocks: count, detail: flaw }
    const torn = all.slice(end).some((block) => block !== "blank")
    const detail = torn ? "its last write was cut off" : ""
    return { condition: torn ? "torn" : "whole", next: end, blocks: count, detail }
}

type Head = { readonly version: number; readonly blocks: number; readonly snapshot: number }
type Decoded = ReturnType<typeof decodeBlock>

function readHead(bytes: Uint8Array, block: Decoded | undefined): Head | null {
    if (block === undefined || typeof block === "string") return null
    const parts = /^postern-journal (\d{1,9})(?: (\d{12}) (\d{12}))?/.exec(decodeText(bytes, block.from, block.to))
    if (parts === null) return null
    return { version: Number(parts[1]), blocks: Number(parts[2] ?? 0), snapshot: Number(parts[3] ?? 0) }
}

/** Where the blocks end that follow one another without a gap. */
function endOf(all: readonly Decoded[]): number {
    let before: Block | null = null
    for (const [i, block] of all.entries()) {
        if (typeof block === "string" || block.number !== i) return i
        if (block.first !== i && block.first !== before?.first) return i
        before = block
    }
    return all.length
}

/** What no crash can have done; null: nothing. */
function flawOf(all: readonly Decoded[], end: number, head: Head | null, length: number): string | null {
    if (head === null || head.version !== VERSION) return "its first block cannot be read"
    if (length !== head.blocks * BLOCK) return `it has ${length} bytes instead of ${head.blocks * BLOCK}`
    if (end < head.snapshot) return `block ${end} cannot be read`
    const last = all[end - 1]
    for (const [i, block] of all.entries()) {
        if (i < end || block === "blank") continue
        if (block === "bad" || block.number !== i) return `block ${i} cannot be read`
        // Behind the gap there can be blocks of the write that made the gap, and no others.
        const foreign = block.first !== end && (typeof last !== "object" || block.first !== last.first)
        if (foreign) return `block ${end} is gone`
    }
    return null
}
