/**
 * The journal as a whole (spec/journal.md): a snapshot, then what happened since, then blank blocks up to the size that
 * its first line names. So a file that was cut short, grown or changed anywhere is told from one whose last write was
 * cut off by a crash: of that write some blocks are blank, and nobody was told that it was done.
 */
import { BLOCK, type Block, blankBlocks, decodeBlock, encodeBlocks } from "./block.ts"
import { formatRecord, parseRecord, type StoreRecord } from "./record.ts"

/** The spec's: the version written here. */
const VERSION = 1

/** Ours: the least blocks of a journal, half a mebibyte. */
const LEAST = 1024

/** What a journal holds. */
export type Reading =
    /** Written by a later version: hands off. */
    | { readonly condition: "newer"; readonly version: number }
    | {
          /** `torn`: its last write is not whole. `damaged`: something is gone that may have been durable. */
          readonly condition: "whole" | "torn" | "damaged"
          readonly records: readonly StoreRecord[]
          /** The block to write next, and how many there are. */
          readonly next: number
          readonly blocks: number
          /** Why it is not whole, for people. */
          readonly detail: string
      }

/** A new journal that holds these records, with as much room again, and at least so many blocks. */
export function encodeJournal(
    records: readonly StoreRecord[],
    least = LEAST,
): { readonly bytes: Uint8Array; readonly next: number } {
    const lines = records.map(formatRecord)
    // The first line is as long with the right numbers as with the longest.
    const longest = `postern-journal ${VERSION} ${"9".repeat(12)} ${"9".repeat(12)}`
    const next = encodeBlocks([longest, ...lines], 0).length / BLOCK
    const blocks = Math.max(least, next * 2)
    const head = `postern-journal ${VERSION} ${String(blocks).padStart(12, "0")} ${String(next).padStart(12, "0")}`
    const bytes = blankBlocks(blocks)
    bytes.set(encodeBlocks([head, ...lines], 0))
    return { bytes, next }
}

/** The blocks that say these records, to be written at block `next`. */
export function encodeBatch(records: readonly StoreRecord[], next: number): Uint8Array {
    return encodeBlocks(records.map(formatRecord), next)
}

/** Reads a journal, however damaged. Never throws. After damage, all that can still be read is in the records. */
export function decodeJournal(bytes: Uint8Array): Reading {
    const count = Math.floor(bytes.length / BLOCK)
    const all = Array.from({ length: count }, (_, i) => decodeBlock(bytes.subarray(i * BLOCK, (i + 1) * BLOCK)))
    const head = readHead(all[0])
    if (head !== null && head.version > VERSION) return { condition: "newer", version: head.version }
    const end = endOf(all)
    const records: StoreRecord[] = []
    let strange = 0
    for (const [i, block] of all.entries()) {
        if (typeof block === "string") continue
        for (const line of i === 0 && head !== null ? block.lines.slice(1) : block.lines) {
            const record = parseRecord(line)
            if (record === null) strange++
            // What stands behind a gap comes from a write that nobody was told of, or is all that damage has left.
            else records.push(record)
        }
    }
    const flaw = flawOf(all, end, head, bytes.length) ?? (strange > 0 ? `${strange} of its lines mean nothing` : null)
    if (flaw !== null) return { condition: "damaged", records, next: end, blocks: count, detail: flaw }
    const torn = all.slice(end).some((block) => block !== "blank")
    const detail = torn ? "its last write was cut off" : ""
    return { condition: torn ? "torn" : "whole", records, next: end, blocks: count, detail }
}

type Head = { readonly version: number; readonly blocks: number; readonly snapshot: number }
type Decoded = ReturnType<typeof decodeBlock>

function readHead(block: Decoded | undefined): Head | null {
    if (block === undefined || typeof block === "string") return null
    const parts = /^postern-journal (\d{1,9})(?: (\d{12}) (\d{12}))?/.exec(block.lines[0] ?? "")
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
