import type { Command } from "commander"
import type { ExitCode } from "./exit.ts"
import type { Terminal } from "./terminal.ts"

/** One verb of the command line, in a file of its own under `commands/`. */
export type CliCommand = {
    /** Adds the verb with its options, examples first in its help; `act` runs it and returns the exit code. */
    readonly define: (program: Command, run: Run) => void
}

/** Hands an action to `main`, which gives it the terminal and turns its result into the exit code. */
export type Run = (act: (terminal: Terminal) => Promise<ExitCode> | ExitCode) => Promise<void>
