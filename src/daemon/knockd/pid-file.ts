/** The file with our process number, for scripts that signal us. */
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { systemText } from "../../adapters/config/knockd.ts"

/** One for each time that a number is written: a configuration that names another file since does not move it. */
export class PidFile {
    readonly #at: Buffer

    constructor(at: Buffer) {
        this.#at = at
    }

    /** The process number that is in it, if that is a knockd that runs: the real one, or one of us. Null: there is none. */
    other(): number | null {
        try {
            const number = Number.parseInt(readFileSync(this.#at, "latin1"), 10)
            if (number === process.pid) return null
            return readFileSync(`/proc/${number}/comm`, "latin1") === "knockd\n" ? number : null
        } catch {
            return null
        }
    }

    /** Writes it. Null, or why it cannot be written. */
    write(): string | null {
        try {
            writeFileSync(this.#at, ours())
            return null
        } catch (error) {
            return systemText(error)
        }
    }

    /** Takes it away, unless it is another's by now. */
    remove(): void {
        try {
            if (readFileSync(this.#at, "latin1") === ours()) rmSync(this.#at)
        } catch {
            // Nobody finds us by it.
        }
    }
}

function ours(): string {
    return `${process.pid}\n`
}
