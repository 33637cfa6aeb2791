/** Who hears what engine and daemon report, and when: the log here; whoever else listens has a file of his own. */
import { formatAddress } from "../core/net/address.ts"
import type { Report } from "../core/report.ts"
import { type Level, reportText } from "../voice/reports.ts"
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

/** Tells what is done once it is done: a line of the log must not keep a door waiting. */
export class Teller {
    readonly #log: Log
    readonly #listeners: readonly Listener[]
    /** What is to be told when everything is done, and how many calls of `afterwards` are under way. */
    readonly #lines: (() => void)[] = []
    #depth = 0

    constructor(log: Log, listeners: readonly Listener[]) {
        this.#log = log
        this.#listeners = listeners
    }

    /** Acts, and only then tells what the act has to tell, in its order. An act within an act is part of that. */
    afterwards(act: () => void): void {
        this.#depth++
        try {
            act()
        } finally {
            this.#depth--
            if (this.#depth === 0) for (const line of this.#lines.splice(0)) line()
        }
    }

    /** What everybody hears, in its turn with what is done. */
    report(report: Report, aloud = true): void {
        for (const listener of this.#listeners) this.#inTurn(() => listener(report, aloud))
    }

    /** A line of the log, in its turn with what is done. */
    tell(level: Level, text: string): void {
        this.#inTurn(() => this.#log(level, text))
    }

    #inTurn(line: () => void): void {
        if (this.#depth > 0) this.#lines.push(line)
        else line()
    }
}
