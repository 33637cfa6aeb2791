/** Texts of a file of ours: Unicode, TOML strings and comments. */

/** What bytes, one character each, are as UTF-8; null: they are not. */
export function unicode(bytes: string): string | null {
    try {
        return decodeURIComponent(bytes.replaceAll(/[%\x80-\xff]/g, (c) => `%${c.charCodeAt(0).toString(16)}`))
    } catch {
        return null
    }
}

/** Controls, and Unicode's marks of direction: nothing to read, and they command terminals. */
const UNSEEN = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu

/** A TOML string (TOML 1.0, "String"), in single quotes where these save backslashes. Everything in it can be seen. */
export function tomlString(text: string): string {
    if (/["\\]/.test(text) && !text.includes("'") && text.search(UNSEEN) < 0) return `'${text}'`
    return JSON.stringify(text).replaceAll(UNSEEN, coded)
}

function coded(character: string): string {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
}

/** A TOML list of strings. */
export function tomlList(texts: readonly string[]): string {
    return `[${texts.map(tomlString).join(", ")}]`
}

/** Columns that a comment may take. */
const WIDTH = 116

/** What others wrote, on one line: it cannot end that, nor move the cursor of who reads it. */
export function seen(text: string): string {
    return text.replaceAll(UNSEEN, "\ufffd")
}

/** A comment on one line. */
export function commentLine(text: string): string {
    return `# ${seen(text)}`.trimEnd()
}

/** A comment on as many lines as it takes; those after the first begin with `indent`. */
export function commentLines(text: string, indent = ""): string[] {
    const [first = "", ...words] = text.split(" ")
    const lines: string[] = []
    let line = first
    for (const word of words) {
        if (line.length + word.length + 1 > WIDTH) {
            lines.push(line)
            line = `${indent}${word}`
        } else line += ` ${word}`
    }
    return [...lines, line].map(commentLine)
}
