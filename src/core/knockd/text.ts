/**
 * Texts as knockd sees them: bytes, one character each (ISO 8859-1), in the C locale. So nothing here knows more of
 * blanks and letters than ASCII does.
 */

/** Without the blanks of isspace(3) at both ends. */
export function trimmed(text: string): string {
    return text.replace(/^[\t-\r ]+/, "").replace(/[\t-\r ]+$/, "")
}

export function upper(text: string): string {
    return text.replace(/[a-z]/g, (letter) => letter.toUpperCase())
}

export function lower(text: string): string {
    return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

/** knockd's: the size of its buffer for a line, with the line's end and a NUL. */
const LINE_SIZE = 4096

/** What knockd takes for a line. */
export type Piece = {
    /** Its first byte, from the beginning of the file. */
    readonly at: number
    /** The line that it is (a part of), from 1. */
    readonly line: number
    /** Up to the first NUL: what is behind it a C program does not see. The line's end is there, if that is in sight. */
    readonly text: string
    /** There is something behind a NUL. */
    readonly hidden: boolean
    /** The line is too long for the buffer and goes on in another piece. */
    readonly cut: boolean
    /** It is not the beginning of its line. */
    readonly goesOn: boolean
}

/** The lines of fgets(3): longer ones come in pieces. */
export function* pieces(text: string): Generator<Piece> {
    let line = 1
    let goesOn = false
    for (let at = 0; at < text.length; ) {
        const newline = text.indexOf("\n", at)
        const whole = newline < 0 ? text.length : newline + 1
        const end = Math.min(whole, at + LINE_SIZE - 1)
        const all = text.slice(at, end)
        const nul = all.indexOf("\0")
        const seen = nul < 0 ? all : all.slice(0, nul)
        const hidden = nul >= 0 && /[^\0\t-\r ]/.test(all.slice(nul))
        yield { at, line, text: seen, hidden, cut: end < whole, goesOn }
        goesOn = end < whole
        if (newline >= 0 && end === whole) line++
        at = end
    }
}

/** A text for people: UTF-8 where the bytes are that, else each byte as it is in ISO 8859-1. */
export function readable(text: string): string {
    const bytes = text.replace(/[\s\S]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, "0")}`)
    try {
        return decodeURIComponent(bytes)
    } catch {
        return text
    }
}
