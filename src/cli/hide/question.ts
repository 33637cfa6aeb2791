/** The question whether a service shall stay hidden. */
import { createInterface } from "node:readline"
import type { Terminal } from "../../voice/terminal.ts"

/** Asks once whether it shall stay hidden, and hears yes or no. Standard input that ends says nothing. */
export class Question {
    readonly #terminal: Terminal
    #lines: ReturnType<typeof createInterface> | null = null
    answer: "yes" | "no" | null = null

    constructor(terminal: Terminal) {
        this.#terminal = terminal
    }

    ask(name: string, arrived: readonly string[] | null): void {
        if (this.#lines !== null) return
        const who =
            arrived === null
                ? "who comes in cannot be seen here. Come in by a new connection, from another host, and answer only then"
                : `${arrived.join(", ")} came in by a new connection`
        this.#terminal.say(`postern: ${who}: shall ${name} stay hidden? yes or no:`)
        this.#lines = createInterface({ input: process.stdin })
        this.#lines.on("line", (line) => {
            const word = line.trim().toLowerCase()
            if (word === "yes" || word === "no") this.answer ??= word
            else this.#terminal.say("postern: yes or no:")
        })
        process.stdin.on("error", () => {})
    }

    close(): void {
        this.#lines?.close()
        process.stdin.destroy()
    }
}
