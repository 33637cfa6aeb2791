/**
 * Everything a command may say. stdout is data, stderr is voice: `postern: error: …`, then `postern: hint: …`.
 * Colour is for terminals only and is off for NO_COLOR, TERM=dumb and `--no-color`.
 */
import pico from "picocolors"
import { EXIT } from "./exit.ts"
import { printable } from "./printable.ts"

/** What is said to a person, beside the data. */
export type Voice = {
    /** A line as it is. Here and below nothing of the text can command a terminal (see printable.ts). */
    readonly say: (line: string) => void
    /** `postern: error: WHAT`, then each hint. */
    readonly error: (what: string, ...hints: readonly string[]) => void
    readonly warn: (what: string, ...hints: readonly string[]) => void
}

/** What a command is given instead of `process`. */
export type Terminal = Voice & {
    /** A line of data, in a colour of ours. */
    readonly out: (line: string, paint?: (text: string) => string) => void
    /** Lines of data that take the place of those before on a terminal, as far as it has room; elsewhere they follow. */
    readonly redraw: (lines: readonly string[]) => void
    /** stderr is a terminal: progress is welcome. */
    readonly interactive: boolean
    readonly colour: ReturnType<typeof pico.createColors>
    readonly env: Readonly<Record<string, string | undefined>>
}

function say(line: string): void {
    process.stderr.write(`${printable(line)}\n`)
}

/** A voice whose lines, without their ends, go to `write`. */
export function voiceOf(colour: Terminal["colour"], write: (line: string) => void): Voice {
    const tell = (mark: string) => {
        return (what: string, ...hints: readonly string[]) => {
            write(`postern: ${mark}: ${printable(what)}`)
            for (const hint of hints) write(`postern: hint: ${printable(hint)}`)
        }
    }
    return {
        say: (line) => write(printable(line)),
        error: tell(colour.red("error")),
        warn: tell(colour.yellow("warning")),
    }
}

/**
 * From now on a reader that goes away (EPIPE) ends the process quietly, and anything else that keeps it from speaking,
 * such as a full disk, as a failure. Before anything is written.
 */
export function endWithReader(): void {
    for (const stream of [process.stdout, process.stderr]) {
        stream.on("error", (error: NodeJS.ErrnoException) => {
            if (error.code === "EPIPE") process.exit()
            if (stream === process.stdout) say(`postern: error: cannot write: ${error.message}`)
            process.exit(EXIT.failed)
        })
    }
}

/**
 * For a daemon, which must not end with whoever reads its log, nor for want of room on a disk: what cannot be written
 * is lost, and that is all.
 */
export function outliveReader(): void {
    for (const stream of [process.stdout, process.stderr]) {
        stream.removeAllListeners("error")
        stream.on("error", () => {})
    }
}

function redraw(lines: readonly string[]): void {
    const { isTTY, rows } = process.stdout
    if (!isTTY) {
        process.stdout.write(`${printable(lines.join("\n"))}\n\n`)
        return
    }
    // ECMA-48: to the top, the rest of each line away, and all below the last. A line too long for it may wrap.
    const shown = lines.slice(0, Math.max(1, rows - 1)).map((line) => `${printable(line)}\u001b[K\n`)
    process.stdout.write(`\u001b[H${shown.join("")}\u001b[J`)
}

const plainly = (text: string) => text

/** The terminal of this process. */
export function processTerminal(colourWanted: boolean): Terminal {
    const { env } = process
    const interactive = process.stderr.isTTY
    const plain = (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb" || !interactive || !colourWanted
    const colour = pico.createColors(!plain)
    return {
        ...voiceOf(colour, (line) => process.stderr.write(`${line}\n`)),
        out: (line, paint = plainly) => process.stdout.write(`${paint(printable(line))}\n`),
        redraw,
        interactive,
        colour,
        env,
    }
}
