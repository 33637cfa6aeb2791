/**
 * Lines on their way out. Each is written at once, in the turn that says it; what finds no room waits here, up to a
 * bound, and the daemon goes on. Lines beyond the bound are lost and counted, and the first line after the gap tells
 * how many there were.
 */
import type { Outlet } from "./outlet.ts"

/** Ours: bytes that wait for a reader, some two thousand lines. */
const ROOM = 256 << 10
/** Ours: how soon a full outlet is tried again, the first time and at most (ms). Nothing wakes us while none waits. */
const RETRY_FIRST = 10
const RETRY_MOST = 1000

const END = Uint8Array.of(0x0a)
const asLine = (text: string) => Buffer.from(`${text}\n`)

/** A line that waits; `lost` lines went before it and are told by it. */
type Waiting = { readonly bytes: Uint8Array; readonly lost: number }

export type WriterOptions = {
    /** The line that tells of lines that were lost, and why. */
    readonly missed: (count: number, why: string) => string
    /** The bytes of a line, with their end; UTF-8 and a newline, if nothing is said. */
    readonly encode?: (line: string) => Uint8Array
    /** Goes before a line after one that broke off: the end of that, if nothing is said. */
    readonly mend?: Uint8Array
    /** Other than ROOM: for tests. */
    readonly room?: number
}

/** See the head of the file. */
export class LogWriter {
    readonly #outlet: Outlet
    readonly #missed: WriterOptions["missed"]
    readonly #room: number
    readonly #encode: (line: string) => Uint8Array
    readonly #mend: Uint8Array
    #waiting: Waiting[] = []
    #bytes = 0
    /** How much of the first line has been written. */
    #written = 0
    #lost = 0
    #why = ""
    /** A line broke off in the middle: the next one begins on a line of its own. */
    #torn = false
    #retry: NodeJS.Timeout | undefined
    #closed = false

    constructor(outlet: Outlet, { missed, room = ROOM, encode = asLine, mend = END }: WriterOptions) {
        this.#outlet = outlet
        this.#missed = missed
        this.#room = room
        this.#encode = encode
        this.#mend = mend
    }

    /** Writes a line (without its end), now or later. Never waits and never throws. */
    line(text: string): void {
        if (this.#closed) return
        const line = this.#entry(text, 0)
        const gap = this.#gap()
        if (this.#bytes + line.bytes.length + (gap?.bytes.length ?? 0) > this.#room) {
            this.#lose(1, "nobody read the log")
            return
        }
        if (gap !== null) this.#push(gap)
        this.#push(line)
        if (this.#retry === undefined) this.#drain(RETRY_FIRST)
    }

    /** Writes what waits, for at most `ms`, and lets go of the outlet. Can be called twice. */
    async close(ms: number): Promise<void> {
        if (this.#closed) return
        this.#closed = true
        const end = performance.now() + ms
        this.#drain(RETRY_FIRST)
        while (this.#waiting.length > 0 && performance.now() < end) {
            await new Promise((resolve) => setTimeout(resolve, RETRY_FIRST))
            this.#drain(RETRY_FIRST)
        }
        clearTimeout(this.#retry)
        this.#outlet.close()
    }

    #entry(text: string, lost: number): Waiting {
        return { bytes: this.#encode(text), lost }
    }

    #gap(): Waiting | null {
        return this.#lost === 0 ? null : this.#entry(this.#missed(this.#lost, this.#why), this.#lost)
    }

    #push(entry: Waiting): void {
        this.#lost -= entry.lost
        this.#waiting.push(entry)
        this.#bytes += entry.bytes.length
    }

    #lose(lines: number, why: string): void {
        this.#lost += lines
        this.#why = why
    }

    /** Writes until all is written or there is no room: then again after `pause`, and ever more rarely. */
    #drain(pause: number): void {
        clearTimeout(this.#retry)
        this.#retry = undefined
        for (;;) {
            const [first] = this.#waiting
            if (first === undefined) {
                const gap = this.#gap()
                if (gap === null) return
                this.#push(gap)
                continue
            }
            const start = this.#torn ? Buffer.concat([this.#mend, first.bytes]) : first.bytes
            const result = this.#outlet.write(start.subarray(this.#written))
            if (typeof result === "string") {
                this.#giveUp(result, this.#written === start.length - 1)
                return
            }
            if (result > 0) pause = RETRY_FIRST
            this.#written += result
            if (this.#written < start.length) {
                if (result > 0) continue
                this.#retry = setTimeout(() => this.#drain(Math.min(pause * 2, RETRY_MOST)), pause)
                return
            }
            this.#torn = false
            this.#written = 0
            this.#bytes -= first.bytes.length
            this.#waiting.shift()
        }
    }

    /** Waiting would not help: what waits is lost, and the next line tries anew. `told`: the first lacks its end alone. */
    #giveUp(why: string, told: boolean): void {
        for (const { lost } of this.#waiting.slice(told ? 1 : 0)) this.#lose(lost === 0 ? 1 : lost, why)
        this.#torn = this.#torn || this.#written > 0
        this.#waiting = []
        this.#bytes = 0
        this.#written = 0
    }
}
