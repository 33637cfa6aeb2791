/** Who hears what engine and daemon report: the log here; whoever else listens has a file of his own. */
import { formatAddress } from "../core/net/address.ts"
import type { Report } from "../core/report.ts"
import { reportText } from "../voice/reports.ts"
import type { Log } from "./log.ts"

/**
 * Hears each report, in the order of the acts, after they are done. Must not wait, and must not throw. Not `aloud`: a
 * flood makes more of these than people should read; what keeps books hears them all.
 */
export type Listener = (report: Report, aloud: boolean) => void

/** Writes each report as a line, with the report itself as its facts. `wall`: milliseconds since 1970. */
export function logReports(log: Log, wall: () => number): Listener {
    return (report, aloud) => {
        if (!aloud) return
        const { level, text } = reportText(report, wall())
        const source = "source" in report ? { source: formatAddress(report.source) } : {}
        log(level, text, { report: { ...report, ...source } })
    }
}
