/** The latest warnings and errors about the host, for `status`: what a knocker did is not among them. */
import { type Status, WARNINGS_MOST } from "../core/status.ts"
import type { Log } from "./log.ts"

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
            // What comes with facts is about one source.
            if (facts !== undefined || (level !== "warning" && level !== "error")) return
            const times = (lines.get(text)?.times ?? 0) + 1
            lines.delete(text)
            lines.set(text, { time: wall(), level, text, times })
            const [oldest] = lines.keys()
            if (lines.size > WARNINGS_MOST && oldest !== undefined) lines.delete(oldest)
        },
        latest: () => [...lines.values()],
    }
}
