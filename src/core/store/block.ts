/**
 * Blocks: what the journal is written in (spec/journal.md). A disk writes 512 bytes whole or not at all, so every write
 * takes blocks of its own that were blank before: what is durable is never written again, and a block that is neither
 * blank nor right is damage, never a crash.
 */
import { decodeNumber, decodeText, findByte, putText } from "./ascii.ts"
import { crc32 } from "./crc32.ts"

/** The spec's: bytes of a block. */
export const BLOCK = 512

const [NEWLINE, SPACE] = [10, 32]
/** `01234567 NUMBER FIRST`, with an end of line: never longer than this. */
const HEAD = 48
/** The longest line that any block has room for. */
export const LONGEST = BLOCK - HEAD - 1

/** A block's place in the file, the place of the first block that was written together with it, and where its lines are. */
export type Block = {
    readonly number: number
    readonly first: number
    /** The bytes that hold its lines: from here, to before there. */
    readonly from: number
    readonly to: number
}

/** Puts lines (ASCII, at most `LONGEST` long) into as few blocks as their order allows; the first stands at `first`. */
export function encodeBlocks(lines: Iterable<string>, first: number): Uint8Array {
    const pieces = [...encodePieces(lines, first, 8)]
    const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
    let at = 0
    for (const piece of pieces) {
        bytes.set(piece, at)
        at += piece.length
    }
    return bytes
}

/** The same in pieces of at most so many blocks, each made when it is asked for. */
export function* encodePieces(lines: Iterable<string>, first: number, most: number): Generator<Uint8Array, void> {
    let bytes = blankBlocks(most)
    let number = first
    /** Of the block that is being filled: where it begins, where the next line goes, and how much room there is. */
    let [begin, at, room] = [-BLOCK, 0, 0]
    for (const line of lines) {
        if (line.length > LONGEST) throw new RangeError(`a line of ${line.length} characters does not fit a block`)
        if (line.length + 1 > room) {
            if (begin >= 0) finish(bytes, begin)
            begin += BLOCK
            if (begin === bytes.length) {
                yield bytes
                bytes = blankBlocks(most)
                begin = 0
            }
            at = putText(bytes, begin + 8, ` ${number} ${first}`) + 1
            room = BLOCK - HEAD
            number++
        }
        at = putText(bytes, at, line) + 1
        room -= line.length + 1
    }
    if (begin < 0) return
    finish(bytes, begin)
    yield bytes.subarray(0, begin + BLOCK)
}

function finish(bytes: Uint8Array, begin: number): void {
    putText(
        bytes,
        begin,
        crc32(bytes, begin + 8, begin + BLOCK)
            .toString(16)
            .padStart(8, "0"),
    )
}

/** So many blank blocks: ends of lines and nothing else. */
export function blankBlocks(count: number): Uint8Array {
    return new Uint8Array(count * BLOCK).fill(NEWLINE)
}

/** Reads the block that begins there; `bad` for what is neither blank nor as it was written. Never throws. */
export function decodeBlock(bytes: Uint8Array, begin = 0): Block | "blank" | "bad" {
    const end = begin + BLOCK
    if (end > bytes.length) return "bad"
    if (bytes[begin] === NEWLINE) return isBlank(bytes, begin, end) ? "blank" : "bad"
    if (bytes[begin + 8] !== SPACE || checksumAt(bytes, begin) !== crc32(bytes, begin + 8, end)) return "bad"
    const newline = findByte(bytes, NEWLINE, begin + 9, end)
    const space = findByte(bytes, SPACE, begin + 9, newline)
    const number = decodeNumber(bytes, begin + 9, space)
    const first = decodeNumber(bytes, space + 1, newline)
    if (newline === end || number === null || first === null) return "bad"
    let to = end
    while (bytes[to - 1] === NEWLINE) to--
    return { number, first, from: newline + 1, to: Math.max(to, newline + 1) }
}

/** Hears where each line of a block begins and ends. */
export function eachLine(bytes: Uint8Array, { from, to }: Block, hear: (from: number, to: number) => void): void {
    for (let at = from; at < to; ) {
        const end = findByte(bytes, NEWLINE, at, to)
        hear(at, end)
        at = end + 1
    }
}

function isBlank(bytes: Uint8Array, from: number, to: number): boolean {
    for (let at = from; at < to; at++) if (bytes[at] !== NEWLINE) return false
    return true
}

/** What its first 8 bytes say; -1: nothing. */
function checksumAt(bytes: Uint8Array, begin: number): number {
    const text = decodeText(bytes, begin, begin + 8)
    return /^[0-9a-f]{8}$/.test(text) ? Number.parseInt(text, 16) : -1
}
