/** What is counted, and said once an hour: how many asked for what. Neither who they are nor what they asked for. */

const KINDS = {
    files: "files",
    unchanged: "unchanged",
    pages: "pages",
    missing: "not there",
    failed: "not readable",
    refused: "refused",
    broken: "broken off",
    away: "turned away",
} as const

/** What became of a request or of a connection. */
export type Kind = keyof typeof KINDS

export class Tally {
    #counts = new Map<Kind, number>()

    count(kind: Kind): void {
        this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1)
    }

    /** What was counted since it was asked for last, in a line; null if there was nothing. */
    take(): string | null {
        const said = Object.entries(KINDS).flatMap(([kind, word]) => {
            const count = [...this.#counts].find(([one]) => one === kind)?.[1]
            return count === undefined ? [] : [`${word} ${count}`]
        })
        this.#counts = new Map()
        return said.length === 0 ? null : said.join(", ")
    }
}
