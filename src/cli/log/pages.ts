/** Where entries come from: the running daemon or, where there is none, the files that it has left. */
import { readTrail } from "../../adapters/audit/trail.ts"
import { isDenied, isMissing, shelfOf } from "../../adapters/system/disk.ts"
import { GATEWAY } from "../../core/config/defaults.ts"
import { messageOf } from "../../core/thrown.ts"
import type { AuditPage, AuditQuery } from "../../ports/audit.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { type Daemon, daemonAt } from "../control/ask.ts"
import type { Trouble } from "../texts/control.ts"

/** Pages to read, one at a time. */
export type PageSource = {
    /** A page, or the exit code after an error that has been told. */
    readonly read: (query: AuditQuery) => Promise<AuditPage | ExitCode>
    readonly close: () => void
}

/** `state`: read these files, whoever may run. Without it, the daemon; if none runs, the files in the usual place. */
export function sourceOf(
    { state, socket }: { readonly state?: string; readonly socket?: string },
    terminal: Terminal,
): PageSource {
    if (state !== undefined) return filesIn(state, terminal)
    // Who names a place wants that daemon.
    if (socket !== undefined || (terminal.env["POSTERN_SOCKET"] ?? "") !== "")
        return daemonPages(daemonAt(socket, terminal))
    let files: PageSource | null = null
    const daemon = daemonAt(undefined, terminal, () => {
        terminal.say(`postern: no daemon runs: reading the files in ${GATEWAY.state}`)
        files = filesIn(GATEWAY.state, terminal)
    })
    const asking = daemonPages(daemon)
    return {
        async read(query) {
            const page = files === null ? await asking.read(query) : await files.read(query)
            // Only the first question can find nobody there: later ones find a connection that has ended.
            return files !== null && typeof page === "number" ? files.read(query) : page
        },
        close: asking.close,
    }
}

function daemonPages(daemon: Daemon): PageSource {
    return { read: (query) => daemon.ask({ ask: "log", ...query }), close: daemon.close }
}

function filesIn(directory: string, terminal: Terminal): PageSource {
    const shelf = shelfOf(directory)
    return {
        async read(query) {
            try {
                // Without this a directory that is not there would look like an empty trail.
                await shelf.names()
                return await readTrail(shelf, query)
            } catch (error) {
                const { what, hints, code } = unreadable(directory, error)
                terminal.error(what, ...hints)
                return code
            }
        },
        close: () => {},
    }
}

function unreadable(directory: string, error: unknown): Trouble {
    const what = `cannot read the audit trail in ${directory}`
    if (isDenied(error)) {
        return {
            what: `${what}: permission denied`,
            hints: ["run this as root, or as the user whom the daemon runs as"],
            code: EXIT.permission,
        }
    }
    if (isMissing(error)) {
        return {
            what: `${what}: there is no such directory`,
            hints: ["no daemon has run with it; `state` in [gateway] says where it is"],
            code: EXIT.failed,
        }
    }
    return { what: `${what}: ${messageOf(error)}`, hints: [], code: EXIT.failed }
}
