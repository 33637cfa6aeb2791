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

/** The lines of fgets(3) with a buffer of `size`: longer ones come in pieces. Line ends stay. */
export function* pieces(text: string, size: number): Generator<string> {
    for (let at = 0; at < text.length; ) {
        const newline = text.indexOf("\n", at)
        const end = Math.min(newline < 0 ? text.length : newline + 1, at + size - 1)
        yield text.slice(at, end)
        at = end
    }
}
