/** The file of the master that all one-time sequences are derived from (spec/one-time.md, section 4). */
import { hexOf } from "../hex.ts"
import { crc32 } from "../store/crc32.ts"

/** The master of a gateway. */
export type Master = {
    /** 32 bytes. */
    readonly key: Uint8Array
    /** When it was made (milliseconds since 1970): nothing derived from it can have been used before. */
    readonly made: number
    /** How far the journal's mark for it was at least: one that says less is an older one, which was put back. */
    readonly mark: number
}

const FIRST = "postern-master 1"
const FORM =
    /^(postern-master 1\nmade (0|[1-9]\d{0,15})\nmark (0|[1-9]\d{0,15})\nkey ([0-9a-f]{64})\n)check ([0-9a-f]{8})\n$/

/** The text of the file. */
export function formatMaster({ key, made, mark }: Master): string {
    const digits = hexOf(key)
    const text = `${FIRST}\nmade ${made}\nmark ${mark}\nkey ${digits}\n`
    return `${text}check ${checkOf(text)}\n`
}

/** Reads it; null: it is not as it was written, to the last bit. */
export function parseMaster(text: string): Master | null {
    const [, body = "", madeText, markText, digits = "", check] = FORM.exec(text) ?? []
    const [made, mark] = [Number(madeText), Number(markText)]
    if (checkOf(body) !== check || !Number.isSafeInteger(made) || !Number.isSafeInteger(mark)) return null
    return { key: Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)), made, mark }
}

function checkOf(text: string): string {
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0))
    return crc32(bytes).toString(16).padStart(8, "0")
}
