/**
 * Where knockd's lines go: its log file, syslog, standard output and standard error, each in knockd's form. Nothing here
 * waits for a reader, and nothing stops because there is none.
 */
import { closeSync, constants, openSync, statSync } from "node:fs"
import { systemText } from "../../adapters/config/knockd.ts"
import { openOutlet } from "../../adapters/log/outlet.ts"
import { LogWriter } from "../../adapters/log/writer.ts"
import { SyslogSocket } from "../../adapters/system/syslog.ts"
import type { Clock } from "../../ports/clock.ts"
import { bytesOf } from "./bytes.ts"
import { logStamp, syslogText } from "./stamps.ts"

/** knockd's: so many bytes of a line are written. */
const LINE_MOST = 1023
/** Lines that nobody has read yet are offered so long at the end (ms). */
const LAST_WORDS_MS = 1000
/** fopen(3)'s. */
const LOG_MODE = 0o666

/** What is asked for. `logFile`: where it is. */
export type OutputWish = { readonly logFile: Buffer | null; readonly syslog: boolean }

/** What standard output has: what happens, and how the configuration is read. */
export type Voices = { readonly verbose: boolean; readonly debug: boolean; readonly background: boolean }

type LogFile = { readonly path: Buffer; readonly fd: number; readonly writer: LogWriter }

/** See the head of the file. */
export class Output {
    readonly #clock: Clock
    readonly #voices: Voices
    readonly #stdout: LogWriter | null
    readonly #stderr: LogWriter | null
    #file: LogFile | null = null
    #syslog: LogWriter | null = null
    /** Log files that are given up, until what waits there is written. */
    readonly #closing = new Set<Promise<void>>()

    /** In the background nobody reads, once we are there. */
    constructor(clock: Clock, voices: Voices) {
        this.#clock = clock
        this.#voices = voices
        const own = { missed, encode: asLine }
        const { verbose, debug, background } = voices
        this.#stdout = (verbose || debug) && !background ? new LogWriter(openOutlet(1), own) : null
        this.#stderr = background ? null : new LogWriter(openOutlet(2), own)
    }

    /**
     * Opens the log file anew and syslog if it is wanted; once wanted it stays. Null, or why the file cannot be opened:
     * the one that is open stays, if it is of the same name.
     */
    open({ logFile, syslog }: OutputWish): string | null {
        if (syslog) this.#syslog ??= this.#openSyslog()
        const path = logFile !== null && logFile.length > 0 ? logFile : null
        try {
            const file = path === null ? null : this.#openFile(path)
            this.#letGo()
            this.#file = file
            return null
        } catch (error) {
            if (path === null || this.#file === null || !this.#file.path.equals(path)) this.#letGo()
            return systemText(error)
        }
    }

    /** A line of the log, "" for an empty one. */
    log(text: string): void {
        this.#file?.writer.line(text === "" ? "" : this.#stamped(text.slice(0, LINE_MOST)))
        if (text !== "") this.toSyslog(text)
    }

    /** A line that is not for the log file. */
    toSyslog(line: string): void {
        this.#syslog?.line(syslogText(this.#clock.wall(), line.slice(0, LINE_MOST)))
    }

    /** What happens, on standard output. */
    say(text: string): void {
        if (this.#voices.verbose) this.#stdout?.line(text)
    }

    /** More than that. */
    detail(text: string): void {
        if (this.#voices.debug) this.#stdout?.line(text)
    }

    /** On standard error. */
    complain(text: string): void {
        // In the background that is, from when on we are there, no one.
        if (this.#stderr === null) process.stderr.write(asLine(text))
        else this.#stderr.line(text)
    }

    /** Writes what waits, for a moment at most. */
    async close(): Promise<void> {
        this.#letGo()
        const writers = [this.#syslog, this.#stdout, this.#stderr]
        await Promise.all([...writers.map((writer) => writer?.close(LAST_WORDS_MS)), ...this.#closing])
    }

    #stamped(line: string): string {
        return `[${logStamp(this.#clock.wall())}] ${line}`
    }

    #openFile(path: Buffer): LogFile {
        const { O_RDWR, O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants
        // Both ends of a FIFO: it opens without a reader, and what nobody reads stays in it for the next one.
        const isFifo = statSync(path, { throwIfNoEntry: false })?.isFIFO() === true
        const flags = (isFifo ? O_RDWR : O_WRONLY | O_CREAT) | O_APPEND | O_NONBLOCK | O_NOCTTY
        const fd = openSync(path, flags, LOG_MODE)
        const told = (count: number, why: string) => this.#stamped(missed(count, why))
        return { path, fd, writer: new LogWriter(openOutlet(fd), { missed: told, encode: asLine }) }
    }

    #openSyslog(): LogWriter {
        // Messages are told apart by a NUL, so what has broken off needs no other end.
        const socket = new SyslogSocket(() => this.#clock.monotonic())
        return new LogWriter(socket, {
            missed: (count, why) => syslogText(this.#clock.wall(), missed(count, why)),
            encode: (text) => bytesOf(`${text}\0`),
            mend: Uint8Array.of(0),
        })
    }

    #letGo(): void {
        if (this.#file === null) return
        const { fd, writer } = this.#file
        this.#file = null
        const closing = writer.close(LAST_WORDS_MS).finally(() => {
            closeSync(fd)
            this.#closing.delete(closing)
        })
        this.#closing.add(closing)
    }
}

function asLine(text: string): Buffer {
    return bytesOf(`${text}\n`)
}

function missed(count: number, why: string): string {
    return `${count} lines were not written: ${why}`
}
