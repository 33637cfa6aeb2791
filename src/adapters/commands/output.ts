/** The lines of a program, made fit for a log: bounded in length and number, without control characters. */
import { StringDecoder } from "node:string_decoder"

/** Ours: characters of one line, and lines of one run. */
export const LONGEST_LINE = 1000
export const MOST_LINES = 200

const LF = 10

/** What is known of one stream: its characters so far, and the line that has not ended yet. */
type Stream = { readonly decoder: StringDecoder; rest: string }

/** Cuts streams into lines. One for all streams of a run, so that they share the bound. */
export class OutputLines {
    readonly #emit: (line: string) => void
    readonly #streams = new Map<string, Stream>()
    #count = 0
    #cut = 0

    constructor(emit: (line: string) => void) {
        this.#emit = emit
    }

    /** Some bytes (UTF-8) of the stream of this name. Of a line that does not end, only the beginning is kept. */
    bytes(name: string, bytes: Uint8Array): void {
        const stream = this.#stream(name)
        // What nobody will see is not made a text of: there can be gigabytes of it.
        const from = stream.rest.length > LONGEST_LINE ? bytes.indexOf(LF) : 0
        if (from < 0) return
        if (this.#count < MOST_LINES) {
            this.#text(stream, stream.decoder.write(bytes.subarray(from)))
            return
        }
        const end = bytes.lastIndexOf(LF)
        if (end < 0) {
            // Whatever it begins with, it is a line.
            if (bytes.length > 0) stream.rest = "…"
            return
        }
        this.#cut += countLines(bytes)
        stream.rest = end < bytes.length - 1 ? "…" : ""
    }

    /** No more will come: lines without an end, and how many were cut. */
    end(): void {
        for (const { rest } of this.#streams.values()) if (rest !== "") this.#line(rest)
        this.#streams.clear()
        if (this.#cut > 0) this.#emit(`… ${this.#cut} more ${this.#cut === 1 ? "line" : "lines"} not shown`)
        this.#cut = 0
    }

    #stream(name: string): Stream {
        const known = this.#streams.get(name)
        if (known !== undefined) return known
        const made = { decoder: new StringDecoder("utf8"), rest: "" }
        this.#streams.set(name, made)
        return made
    }

    #text(stream: Stream, text: string): void {
        const lines = (stream.rest + text).split(/\r?\n/)
        const rest = lines.pop() ?? ""
        for (const line of lines) this.#line(line)
        stream.rest = rest.slice(0, LONGEST_LINE + 1)
    }

    #line(line: string): void {
        if (this.#count >= MOST_LINES) {
            this.#cut++
            return
        }
        this.#count++
        const printable = line.replaceAll("\t", " ").replaceAll(CONTROL, "\ufffd")
        this.#emit(printable.length > LONGEST_LINE ? `${printable.slice(0, LONGEST_LINE)}…` : printable)
    }
}

function countLines(bytes: Uint8Array): number {
    let count = 0
    for (const byte of bytes) if (byte === LF) count++
    return count
}

/** C0, DEL, C1 and the two line separators of Unicode: what a program prints must not write our log. */
const CONTROL = /[\p{Cc}\u2028\u2029]/gu
