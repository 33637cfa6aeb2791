/**
 * The daemon's log: lines on stderr, for a person, for journald or as JSON. Under journald (JOURNAL_STREAM is set) a
 * line begins with its priority, as sd-daemon(3) describes, and journald adds the time.
 */
import { formatStamp, type Level } from "../voice/reports.ts"

const PRIORITY: Readonly<Record<Level, number>> = { error: 3, warning: 4, notice: 5, info: 6, debug: 7 }

/** How lines look. */
export type LogForm = "plain" | "journal" | "json"

/** What a line is about, for programs. */
export type Facts = { readonly report: { readonly type: string } }

/** Writes one line. `facts` are only in the JSON form. */
export type Log = (level: Level, text: string, facts?: Facts) => void

/** A log that hands finished lines to `write` and leaves out what matters less than `least`. */
export function lineLog(form: LogForm, least: Level, wall: () => number, write: (line: string) => void): Log {
    return (level, text, facts) => {
        if (PRIORITY[level] > PRIORITY[least]) return
        // A line is a line and reads from left to right, whatever a program or a peer put into it.
        const clean = text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, " ")
        if (form === "json") {
            write(JSON.stringify({ time: formatStamp(wall()), level, text: clean, ...facts }))
        } else if (form === "journal") {
            write(`<${PRIORITY[level]}>${clean}`)
        } else {
            const mark = PRIORITY[level] <= 4 ? `${level}: ` : ""
            write(`${formatStamp(wall())} ${mark}${clean}`)
        }
    }
}
