/**
 * What is told of a run and where: knockd's lines in its log file, in syslog and on standard output, and those of what
 * failed on standard error.
 */
import type { KnockdConf, KnockdOptions } from "../../core/knockd/conf.ts"
import type { MadeDoor } from "../../core/knockd/doors.ts"
import { knockdLines } from "../../core/knockd/lines.ts"
import { formatAddress, isIPv4 } from "../../core/net/address.ts"
import type { Report } from "../../core/report.ts"
import type { Clock } from "../../ports/clock.ts"
import type { Log } from "../log.ts"
import type { Listener } from "../told.ts"
import { dryLine } from "./dry-run.ts"
import { Names } from "./names.ts"
import { Output } from "./output.ts"
import type { Places } from "./places.ts"
import type { KnockdWords } from "./words.ts"

/** See the head of the file. */
export class Telling {
    readonly output: Output
    readonly #words: KnockdWords
    readonly #places: Places
    /** Null: sources are called by their addresses alone. */
    readonly #names: Names | null
    /** What the configuration calls doors; also those of before, whose stops may still run. */
    readonly #titles = new Map<string, string>()
    #options: KnockdOptions

    /** `options`: of the configuration that is about to be in force. */
    constructor(words: KnockdWords, places: Places, options: KnockdOptions, clock: Clock) {
        this.#words = words
        this.#places = places
        this.#options = options
        this.#names = words.lookup ? new Names() : null
        this.output = new Output(clock, words)
    }

    /** This is in force, with these doors. */
    turn({ options }: KnockdConf, made: readonly MadeDoor[]): void {
        this.#options = options
        for (const { door, from } of made) this.#titles.set(door.name, from.name)
    }

    /** What happens. Empty lines are of the log alone. */
    tell(...lines: readonly string[]): void {
        for (const one of lines) {
            const line = this.#words.dryRun ? dryLine(one) : one
            this.output.log(line)
            if (line !== "") this.output.say(line)
        }
    }

    /** What knockd says on standard error, and not on standard output. */
    fail(...lines: readonly string[]): void {
        for (const line of lines) {
            this.output.log(line)
            if (line !== "") this.output.complain(line)
        }
    }

    /** What our own parts say: knockd's users are told of trouble, and of the rest with `-D`. */
    readonly log: Log = (level, text) => {
        if (level === "error" || level === "warning") this.tell(text)
        else this.output.detail(text)
    }

    /** What the engine reports, in knockd's words. */
    readonly listener: Listener = (report, aloud) => {
        if (!aloud || (this.#words.onlyIpv4 && "source" in report && !isIPv4(report.source))) return
        const names = this.#names
        const lines = knockdLines(report, this.#titles, names === null ? formatAddress : (one) => names.of(one))
        if (isFailure(report)) this.fail(...lines)
        else this.tell(...lines)
    }

    /** The log file that is in force, as it was written; null: none. */
    get logFile(): string | null {
        return this.#options.logFile ?? this.#words.logFile
    }

    /** Opens log file and syslog as the configuration in force has them. */
    open(): void {
        if (this.#words.dryRun) return
        const path = this.logFile
        const logFile = path === null ? null : this.#places.of(path)
        const trouble = this.output.open({ logFile, syslog: this.#options.useSyslog })
        if (trouble !== null) this.output.complain(`warning: cannot open logfile: ${trouble}`)
    }

    /** The same after a reload, and says so. `before`: the log file until then. */
    reopen(before: string | null): void {
        if (before !== null) this.output.say(`closing log file: ${before}`)
        const after = this.logFile
        if (after !== null) {
            this.output.say(`re-opening log file: ${after}`)
            this.output.toSyslog(`re-opening log file: ${after}`)
        }
        this.open()
    }

    /** Writes what waits, for a moment at most. */
    async close(): Promise<void> {
        this.#names?.close()
        await this.output.close()
    }
}

/** knockd says this on standard error, too. */
function isFailure(report: Report): boolean {
    if (report.type !== "program" || report.how.step !== "ended") return false
    return report.how.outcome.ended === "exit" && report.how.outcome.code !== 0
}
