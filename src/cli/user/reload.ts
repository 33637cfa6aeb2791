/** The running daemon takes over what has changed in files of knockers. */
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { daemonAt } from "../control/ask.ts"

/**
 * Asks it to. A daemon that does not run reads the files when it begins: that is said, and is well. `otherwise`: what is
 * still so where the daemon refuses.
 */
export async function takeOver(
    socket: string | undefined,
    terminal: Terminal,
    otherwise = "the file is written, but the daemon goes on without it",
): Promise<ExitCode> {
    let absent = false
    const daemon = daemonAt(socket, terminal, () => {
        absent = true
    })
    try {
        const answer = await daemon.ask({ ask: "reload" })
        if (absent) {
            terminal.say("postern: no daemon runs: it takes this over when it starts")
            return EXIT.ok
        }
        if (typeof answer === "number") {
            terminal.error(otherwise, "mend what it says, then postern reload")
            return answer
        }
        return EXIT.ok
    } finally {
        daemon.close()
    }
}
