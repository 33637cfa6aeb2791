import type { Command } from "commander"
import type { Terminal } from "./terminal.ts"

/** One verb of the command line, in a file of its own under `commands/`. */
export type CliCommand = {
    /** Adds the verb with its options, examples first in its help; `act` runs it and returns the exit code. */
    readonly define: (program: Command, run: Run) => void
}

/**
 * Hands an action to `main`, which gives it the terminal and turns its result into the exit code: one of EXIT, but for
 * programs whose place we take, which have codes of their own.
 */
export type Run = (act: (terminal: Terminal) => Promise<number> | number) => Promise<void>
