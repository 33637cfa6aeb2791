/** The directory of knockers while a command changes it. */
import { HeldKnockers } from "../../adapters/knockers/held.ts"
import { messageOf } from "../../core/thrown.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { type Folder, type KnockerRead, pathOf, understood, whyUnreadable } from "./folder.ts"

/** Ours: another command is waited for so long (ms); each of them has it for a moment alone. */
const PATIENCE_MS = 10_000

/** What `act` returns, which has the directory for itself; or the exit code after an error that has been told. */
export async function holding(
    { directory, group }: Folder,
    terminal: Terminal,
    act: (held: HeldKnockers) => Promise<ExitCode>,
): Promise<ExitCode> {
    try {
        const held = await HeldKnockers.take(directory, { group, patience: PATIENCE_MS })
        if (held === null) {
            terminal.error(
                `${directory}: another postern user is at work there, and does not end`,
                "fuser(1) tells which: nothing was changed",
            )
            return EXIT.failed
        }
        try {
            return await act(held)
        } finally {
            await held.release()
        }
    } catch (error) {
        const code = error instanceof Error && "code" in error ? String(error.code) : ""
        if (code === "") throw error
        terminal.error(`${directory}: cannot be written: ${messageOf(error)}`, ...(HINTS[code] ?? []))
        return code === "EACCES" || code === "EPERM" ? EXIT.permission : EXIT.failed
    }
}

/**
 * Writes the file of a knocker. `change` makes the text of what is there now, and is asked again where somebody saves it
 * meanwhile; an exit code from it, or nothing to write (EXIT.ok), ends it. What nobody could read is not written.
 */
export async function rewrite(
    folder: Folder,
    name: string,
    terminal: Terminal,
    change: (now: KnockerRead | null) => Promise<string | ExitCode>,
): Promise<ExitCode> {
    return holding(folder, terminal, async (held) => {
        let ended: ExitCode = EXIT.ok
        const written = await held.write(name, async (read) => {
            const now = read && (await understood(folder, name, read, terminal))
            const text = typeof now === "number" ? now : await change(now)
            const why = typeof text === "number" ? null : await whyUnreadable(folder, name, text)
            if (typeof text !== "number" && why === null) return text
            if (why !== null) terminal.error(`${name}: ${why}`, "nothing was changed")
            ended = typeof text === "number" ? text : EXIT.usage
            return null
        })
        if (written) return ended
        terminal.error(
            `${pathOf(folder, name)}: somebody saves it again and again`,
            "nothing was changed: try it again",
        )
        return EXIT.failed
    })
}

const HINTS: Readonly<Record<string, readonly string[]>> = {
    EACCES: ["run it as root"],
    EPERM: ["run it as root"],
    EROFS: ["it is read-only: mount it writable"],
    ENOSPC: ["the disk is full: make room; nothing was changed"],
    EDQUOT: ["the disk is full: make room; nothing was changed"],
    ENOENT: ["a link that leads nowhere: mend it, or make the directory"],
}
