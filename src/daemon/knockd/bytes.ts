/** knockd knows bytes, no characters: in its place a text has one character for each byte (ISO 8859-1). */

/** The bytes of such a text; of one that is none, UTF-8. */
export function bytesOf(text: string): Buffer {
    return Buffer.from(text, /[^\0-\xff]/.test(text) ? "utf8" : "latin1")
}

/** What the system has told us as a text, such as a word of the command line, in this form. */
export function textOf(word: string): string {
    return Buffer.from(word).toString("latin1")
}
