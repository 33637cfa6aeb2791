/** The lines of a program, made fit for a log: bounded in length and number, without control characters. */

/** Ours: characters of one line, and lines of one run. */
export const LONGEST_LINE = 1000
export const MOST_LINES = 200

/** Cuts streams into lines. One for all streams of a run, so that they share the bound. */
export class OutputLines {
    readonly #emit: (line: string) => void
    readonly #rests = new Map<string, string>()
    #count = 0
    #cut = 0

    constructor(emit: (line: string) => void) {
        this.#emit = emit
    }

    /** Some text of the stream of this name. Of a line that does not end, only the beginning is kept. */
    text(stream: string, text: string): void {
        const lines = ((this.#rests.get(stream) ?? "") + text).split(/\r?\n/)
        const rest = lines.pop() ?? ""
        for (const line of lines) this.#line(line)
        this.#rests.set(stream, rest.slice(0, LONGEST_LINE + 1))
    }

    /** No more will come: lines without an end, and how many were cut. */
    end(): void {
        for (const rest of this.#rests.values()) if (rest !== "") this.#line(rest)
        this.#rests.clear()
        if (this.#cut > 0) this.#emit(`… ${this.#cut} more ${this.#cut === 1 ? "line" : "lines"} not shown`)
        this.#cut = 0
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

/** C0, DEL, C1 and the two line separators of Unicode: what a program prints must not write our log. */
const CONTROL = /[\p{Cc}\u2028\u2029]/gu
