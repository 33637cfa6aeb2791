/** The file of the master that all one-time sequences are derived from (spec/one-time.md, section 4). */
import { crc32 } from "../store/crc32.ts"

/** The master, and when it was made (milliseconds since 1970): nothing derived from it can have been used before. */
export type Master = { readonly key: Uint8Array; readonly made: number }

const FIRST = "postern-master 1"
const FORM = /^(postern-master 1\nmade (0|[1-9]\d{0,15})\nkey ([0-9a-f]{64})\n)check ([0-9a-f]{8})\n$/

/** The text of the file. */
export function formatMaster({ key, made }: Master): string {
    const text = `${FIRST}\nmade ${made}\nkey ${Array.from(key, (byte) => byte.toString(16).padStart(2, "0")).join("")}\n`
    return `${text}check ${checkOf(text)}\n`
}

/** Reads it; null: it is not as it was written, to the last bit. */
export function parseMaster(text: string): Master | null {
    const [, body = "", made, key = "", check] = FORM.exec(text) ?? []
    if (checkOf(body) !== check || !Number.isSafeInteger(Number(made))) return null
    return { key: Uint8Array.from(key.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)), made: Number(made) }
}

function checkOf(text: string): string {
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0))
    return crc32(bytes).toString(16).padStart(8, "0")
}
