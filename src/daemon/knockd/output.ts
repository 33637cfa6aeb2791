/** Where knockd's lines go: its log file, syslog, and standard output, each in knockd's form. */
import { closeSync, openSync } from "node:fs"
import { openOutlet } from "../../adapters/log/outlet.ts"
import { LogWriter } from "../../adapters/log/writer.ts"
import { openSyslog, type Syslog } from "../../adapters/system/syslog.ts"

/** knockd's: so many bytes of a line are written. */
const LINE_MOST = 1023

/** What is asked for. */
export type OutputWish = { readonly logFile: string | null; readonly syslog: boolean; readonly verbose: boolean }

/** Lines on their way. Nothing here waits for a reader. */
export class Output {
    readonly #wall: () => number
    readonly #stdout: LogWriter | null
    #file: { readonly fd: number; readonly writer: LogWriter } | null = null
    #syslog: Syslog | null = null

    /** `wall`: milliseconds since 1970. Standard output is written to only where `verbose` or `debug` are wanted. */
    constructor(wall: () => number, speaks: boolean) {
        this.#wall = wall
        this.#stdout = speaks ? new LogWriter(openOutlet(1), { missed }) : null
    }

    /** Opens the log file anew and syslog if it is wanted; once wanted it stays. Returns why a file cannot be opened. */
    open({ logFile, syslog }: OutputWish): string | null {
        if (syslog) this.#syslog ??= openSyslog("knockd")
        this.closeFile()
        if (logFile === null || logFile === "") return null
        try {
            const fd = openSync(logFile, "a", 0o640)
            this.#file = { fd, writer: new LogWriter(openOutlet(fd), { missed }) }
            return null
        } catch (error) {
            return error instanceof Error ? error.message : String(error)
        }
    }

    closeFile(): void {
        if (this.#file === null) return
        void this.#file.writer.close(0)
        closeSync(this.#file.fd)
        this.#file = null
    }

    /** A line of the log, "" for an empty one. */
    log(text: string): void {
        const line = text.slice(0, LINE_MOST)
        this.#file?.writer.line(line === "" ? "" : `[${stamp(this.#wall())}] ${line}`)
        if (line !== "") this.#syslog?.line(line)
    }

    /** A line on standard output. */
    say(text: string): void {
        this.#stdout?.line(text)
    }

    /** Writes what waits, for `ms` at most. */
    async close(ms: number): Promise<void> {
        await Promise.all([this.#file?.writer.close(ms), this.#stdout?.close(ms)])
        this.closeFile()
        this.#syslog?.close()
    }
}

function missed(count: number, why: string): string {
    return `${count} lines were not written: ${why}`
}

/** Local time, `YYYY-MM-DD HH:MM`. */
function stamp(wall: number): string {
    const local = new Date(wall - new Date(wall).getTimezoneOffset() * 60_000)
    return local.toISOString().slice(0, 16).replace("T", " ")
}
