/**
 * The daemon's log: lines on stderr, for a person, for journald or as JSON. Under journald a line begins with its
 * priority, as sd-daemon(3) describes, and journald adds the time.
 */
import type { Issue } from "../core/config/issues.ts"
import { formatStamp, type Level } from "../voice/reports.ts"

const PRIORITY: Readonly<Record<Level, number>> = { error: 3, warning: 4, notice: 5, info: 6, debug: 7 }

/** How lines look. */
export type LogForm = "plain" | "journal" | "json"

/** What a line is about, for programs. */
export type Facts =
    | { readonly report: { readonly type: string } }
    /** A problem of the configuration. */
    | { readonly issue: Issue }
    /** What to do about it. */
    | { readonly hints: readonly string[] }

/** Writes one line. `facts` are only in the JSON form. */
export type Log = (level: Level, text: string, facts?: Facts) => void

/** One line, without its end. `wall`: milliseconds since 1970. */
export function formatLine(form: LogForm, wall: number, level: Level, text: string, facts?: Facts): string {
    // A line is a line and reads from left to right, whatever a program or a peer put into it.
    const clean = text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, " ")
    if (form === "json") return JSON.stringify({ time: formatStamp(wall), level, text: clean, ...facts })
    if (form === "journal") return `<${PRIORITY[level]}>${clean}`
    const mark = PRIORITY[level] <= 4 ? `${level}: ` : ""
    return `${formatStamp(wall)} ${mark}${clean}`
}

/** A log that hands finished lines to `write` and leaves out what matters less than `least`. */
export function lineLog(form: LogForm, least: Level, wall: () => number, write: (line: string) => void): Log {
    return (level, text, facts) => {
        if (PRIORITY[level] <= PRIORITY[least]) write(formatLine(form, wall(), level, text, facts))
    }
}
