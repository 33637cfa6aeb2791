/**
 * Blocks: what the journal is written in (spec/journal.md). A disk writes 512 bytes whole or not at all, so every write
 * takes blocks of its own that were blank before: what is durable is never written again, and a block that is neither
 * blank nor right is damage, never a crash.
 */
import { crc32 } from "./crc32.ts"

/** The spec's: bytes of a block. */
export const BLOCK = 512

const NEWLINE = 10
/** `01234567 NUMBER FIRST`, with an end of line: never longer than this. */
const HEAD = 48
/** The longest line that any block has room for. */
export const LONGEST = BLOCK - HEAD - 1

/** A block's place in the file, the place of the first block that was written together with it, and its lines. */
export type Block = { readonly number: number; readonly first: number; readonly lines: readonly string[] }

/** Puts lines (ASCII, at most `LONGEST` long) into as few blocks as their order allows; the first stands at `first`. */
export function encodeBlocks(lines: readonly string[], first: number): Uint8Array {
    const pages: string[][] = []
    let room = 0
    for (const line of lines) {
        if (line.length > LONGEST) throw new RangeError(`a line of ${line.length} characters does not fit a block`)
        if (line.length + 1 > room) {
            pages.push([])
            room = BLOCK - HEAD
        }
        pages.at(-1)!.push(line)
        room -= line.length + 1
    }
    const bytes = blankBlocks(pages.length)
    pages.forEach((page, i) => {
        const block = bytes.subarray(i * BLOCK, (i + 1) * BLOCK)
        putText(block, 8, ` ${first + i} ${first}\n${page.join("\n")}`)
        putText(block, 0, crc32(block.subarray(8)).toString(16).padStart(8, "0"))
    })
    return bytes
}

/** So many blank blocks: ends of lines and nothing else. */
export function blankBlocks(count: number): Uint8Array {
    return new Uint8Array(count * BLOCK).fill(NEWLINE)
}

/** Reads one block; `bad` for what is neither blank nor as it was written. Never throws. */
export function decodeBlock(bytes: Uint8Array): Block | "blank" | "bad" {
    if (bytes.length !== BLOCK) return "bad"
    if (bytes.every((byte) => byte === NEWLINE)) return "blank"
    const text = String.fromCharCode(...bytes)
    if (!/^[0-9a-f]{8} /.test(text) || Number.parseInt(text.slice(0, 8), 16) !== crc32(bytes.subarray(8))) return "bad"
    const [head = "", ...lines] = text.slice(9).replace(/\n+$/, "").split("\n")
    const numbers = /^(0|[1-9]\d{0,15}) (0|[1-9]\d{0,15})$/.exec(head)
    if (numbers === null) return "bad"
    return { number: Number(numbers[1]), first: Number(numbers[2]), lines }
}

function putText(bytes: Uint8Array, at: number, text: string): void {
    for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i)
}
