/** What Node would print by itself, in the middle of the log: as lines of it, and the same end. */
import { EXIT } from "../voice/exit.ts"
import type { Log } from "./log.ts"

/**
 * A mistake of ours ends the daemon, as it would without this: the kernel holds what is hidden and what is open, and a
 * process that does not know how it stands must not go on. Warnings of Node are lines. `last`: the log's last moment.
 * Returns what undoes it.
 */
export function logSurprises(log: Log, last: () => void): () => void {
    const fatal = (error: unknown) => {
        log("error", `a mistake in postern, please report it: ${textOf(error)}`)
        last()
        process.exit(EXIT.failed)
    }
    const warning = (what: Error) => log("debug", `Node.js: ${what.name}: ${what.message}`)
    const printers = process.listeners("warning")
    process.removeAllListeners("warning")
    process.on("uncaughtException", fatal)
    process.on("warning", warning)
    return () => {
        process.removeListener("uncaughtException", fatal)
        process.removeListener("warning", warning)
        for (const printer of printers) process.on("warning", printer)
    }
}

/** All of it on one line: where it was thrown is what a report is worth something for. */
function textOf(error: unknown): string {
    return error instanceof Error ? (error.stack ?? error.message).replaceAll(/\s*\n\s*/g, " | ") : String(error)
}
