/** The latest warnings and errors about the host, for `status`: what a knocker did is not among them. */
import { type Status, WARNINGS_MOST } from "../core/status.ts"
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
            if (isKnockers(facts) || (level !== "warning" && level !== "error")) return
            const times = (lines.get(text)?.times ?? 0) + 1
            lines.delete(text)
            lines.set(text, { time: wall(), level, text, times })
            const [oldest] = lines.keys()
            if (lines.size > WARNINGS_MOST && oldest !== undefined) lines.delete(oldest)
        },
        latest: () => [...lines.values()],
    }
}

/** Is this about what somebody did who knocks? */
function isKnockers(facts: Facts | undefined): boolean {
    const type = facts !== undefined && "report" in facts ? facts.report.type : null
    return type === "refused" || type === "paused"
}
