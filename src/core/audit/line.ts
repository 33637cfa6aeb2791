/**
 * Entries as lines (spec/audit.md): a checksum and a JSON object, in ASCII. A line is right or it is damage; damage of
 * one line says nothing about another, and the serials tell what is gone.
 */
import { crc32 } from "../store/crc32.ts"
import { type AuditEntry, readEntry } from "./entry.ts"

/** The spec's: a longer line is damage (characters, without its end). */
export const LINE_MOST = 4096

const HEAD = /^[0-9a-f]{8} \{/

/** The line of an entry, with its end. */
export function formatLine(entry: AuditEntry): string {
    const json = JSON.stringify(entry).replace(/[\u007f-\uffff]/g, escapeCharacter)
    return `${checksum(json)} ${json}\n`
}

/**
 * Reads a line, without its end: an entry; `other` for a right line that this version does not understand; `bad` for
 * anything else. Never throws.
 */
export function parseLine(line: string): AuditEntry | "other" | "bad" {
    if (line.length > LINE_MOST || !HEAD.test(line)) return "bad"
    const json = line.slice(9)
    if (checksum(json) !== line.slice(0, 8)) return "bad"
    try {
        return readEntry(JSON.parse(json)) ?? "other"
    } catch {
        return "bad"
    }
}

function checksum(json: string): string {
    const bytes = new Uint8Array(json.length)
    for (let i = 0; i < json.length; i++) bytes[i] = json.charCodeAt(i)
    return crc32(bytes).toString(16).padStart(8, "0")
}

function escapeCharacter(character: string): string {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
}
