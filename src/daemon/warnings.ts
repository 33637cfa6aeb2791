/** The latest warnings and errors about the host, for `status`: what a knocker did is not among them. */
import { type Status, WARNINGS_MOST } from "../core/status.ts"
import type { Level } from "../voice/reports.ts"
import type { Facts, Log } from "./log.ts"

/** A line of the log, when it was last said, and how often. */
export type Warning = Status["warnings"][number]

/** A log that remembers them, and what it remembers, the latest last. */
export function rememberWarnings(
    log: Log,
    wall: () => number,
): { readonly log: Log; readonly latest: () => Warning[] } {
    const lines = new Map<string, Warning>()
    return {
        log(level, text, facts) {
            log(level, text, facts)
            if (!isTrouble(level, facts)) return
            const times = (lines.get(text)?.times ?? 0) + 1
            lines.delete(text)
            lines.set(text, { time: wall(), level, text, times })
            const [oldest] = lines.keys()
            if (lines.size > WARNINGS_MOST && oldest !== undefined) lines.delete(oldest)
        },
        latest: () => [...lines.values()],
    }
}

/** Is this line a warning or an error, and not about what somebody did who knocks? */
export function isTrouble(level: Level, facts: Facts | undefined): level is Warning["level"] {
    const type = facts !== undefined && "report" in facts ? facts.report.type : null
    return (level === "warning" || level === "error") && type !== "refused" && type !== "paused"
}
