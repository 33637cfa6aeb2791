/** A file of one-time sequences, as the model of knockd has it: lines with sequences, used ones, and bad ones. */

/** What the only kind of bad line that tests write has in it. */
export const BAD_PORT = "99999"

/** See the head of the file. Lines count from 0 here, but for those told to people. */
export class OneTimeText {
    readonly #lines: string[]

    constructor(text: string) {
        this.#lines = text.split("\n")
    }

    get text(): string {
        return this.#lines.join("\n")
    }

    /** The sequence that is to be knocked next, and the line that knockd marks for it: the first bad one right before it. */
    next(): { readonly hits: readonly string[]; readonly first: number } | null {
        const active = this.#lines.findIndex((line) => isUnused(line) && !isBad(line))
        if (active < 0) return null
        // What is empty, a comment or used is passed for good; a bad line is not.
        const passed = this.#lines.slice(0, active).findLastIndex((line) => !isUnused(line))
        return { hits: hitsOf(this.#lines[active]!), first: passed + 1 }
    }

    /** The first unused line of this sequence. */
    lineOf(hits: readonly string[]): number | null {
        const line = this.#lines.findIndex((one) => isUnused(one) && !isBad(one) && hitsOf(one).join() === hits.join())
        return line < 0 ? null : line
    }

    isMarked(line: number): boolean {
        return !isUnused(this.#lines[line] ?? "")
    }

    mark(line: number): void {
        this.#lines[line] = `#${this.#lines[line]!.slice(1)}`
    }

    /** The numbers of bad lines, from 1. */
    bad(): readonly number[] {
        return this.#lines.flatMap((line, i) => (isUnused(line) && isBad(line) ? [i + 1] : []))
    }
}

function isUnused(line: string): boolean {
    return line.trim() !== "" && !line.trim().startsWith("#")
}

const isBad = (line: string) => line.includes(BAD_PORT)
const hitsOf = (line: string) =>
    line
        .trim()
        .split(",")
        .map((hit) => hit.trim())
