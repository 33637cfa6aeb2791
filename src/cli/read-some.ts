/** Files of any kind, read as far as they can matter: also those that never end. */
import { readSync } from "node:fs"

/** Ours: so much is asked for at once, in bytes. */
const PIECE = 64 * 1024

/** What is in an open file, up to `most` bytes; null if there is more. Throws what the system refuses. */
export function readSome(fd: number, most: number): Uint8Array | null {
    const pieces: Uint8Array[] = []
    let size = 0
    while (size <= most) {
        const piece = Buffer.alloc(Math.min(PIECE, most + 1 - size))
        const read = readSync(fd, piece)
        if (read === 0) return Buffer.concat(pieces)
        pieces.push(piece.subarray(0, read))
        size += read
    }
    return null
}

/** The same as a text. What is longer is refused, as the system would. */
export function readText(fd: number, most: number): string {
    const bytes = readSome(fd, most)
    if (bytes === null) throw Object.assign(new Error("too large"), { code: "EFBIG" })
    return new TextDecoder().decode(bytes)
}
