/** What the daemon keeps, for people. */
import type { Status } from "../../core/status.ts"
import { formatStamp } from "../../voice/reports.ts"

type State = Status["state"]

const WHY = {
    new: "when the journal was made",
    damage: "when the journal was found damaged",
    operator: "as an operator has decided",
} as const

/** All of it. */
export function stateLines({ directory, journal, audit }: State): string[] {
    const lines = [`state    ${directory}`]
    if (journal === null) lines.push("journal  none: no door needs one")
    else if (journal.why !== "away") {
        const { since, why, claims, counters, stops } = journal
        lines.push(`journal  ${claims} claims, ${counters} counters, ${stops} stop programs to come`)
        lines.push(`known    from ${formatStamp(since)} on, ${WHY[why]}: what may have been used before is refused`)
    }
    if (audit === null) lines.push("audit    none is kept")
    else lines.push(`audit    entries up to ${audit.serial}, ${formatBytes(audit.bytes)}`)
    return [...lines, ...troubleRows({ directory, journal, audit }).map(([what, text]) => `${what.padEnd(8)} ${text}`)]
}

/** What is wrong with it: a word and a sentence each. */
export function troubleRows({ journal, audit }: State): [string, string][] {
    const rows: [string, string][] = []
    if (journal !== null && journal.trouble !== null) {
        const text = `cannot be ${journal.why === "away" ? "used" : "written"}: ${journal.trouble}`
        rows.push(["journal", text])
    }
    if (journal !== null && journal.why === "damage") {
        const since = formatStamp(journal.since)
        rows.push(["journal", `was damaged: what may have been used before ${since} is refused (postern-state(1))`])
    }
    if (audit !== null && audit.trouble !== null) {
        rows.push(["audit", `cannot be written: ${audit.trouble}: ${audit.waiting} entries wait`])
    }
    if (audit !== null && audit.lost > 0) rows.push(["audit", `${audit.lost} entries were lost since the start`])
    return rows
}

/** `812 B`, `4.2 KiB`, `1.5 MiB`. */
function formatBytes(bytes: number): string {
    if (bytes < 1024) return `${bytes} B`
    const kib = bytes / 1024
    return kib < 1024 ? `${Number(kib.toFixed(1))} KiB` : `${Number((kib / 1024).toFixed(1))} MiB`
}
