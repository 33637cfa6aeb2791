/** The daemon, for a command that must be able to take something back. */
import type { Request } from "../../core/control/request.ts"
import type { Status } from "../../core/status.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { type askOnce, type Daemon, daemonAt } from "../control/ask.ts"

/** A connection, and what is done with it now. */
type Line = { readonly now: { asking: boolean; quiet: boolean }; readonly daemon: Daemon }

/**
 * The daemon, over one connection for as long as it lives: there is only so much room for programs that ask, and whoever
 * wants to take something back must not be turned away. A daemon that was started anew is found again.
 */
export class Held {
    readonly #open: () => Line
    #line: Line

    constructor(socket: string | undefined, terminal: Terminal) {
        this.#open = () => {
            const now = { asking: false, quiet: false }
            const error: Terminal["error"] = (what, ...hints) => {
                if (!now.quiet) terminal.error(what, ...hints)
            }
            const say: Terminal["say"] = (line) => {
                if (!now.quiet) terminal.say(line)
            }
            return { now, daemon: daemonAt(socket, { ...terminal, error, say }) }
        }
        this.#line = this.#open()
    }

    /** As `Daemon.ask`. `quiet`: an error is not told. */
    async ask<A extends Request["ask"]>(
        request: Extract<Request, { ask: A }>,
        quiet = false,
    ): ReturnType<typeof askOnce<A>> {
        // A question that nobody waits for any more must not be in the way of this one.
        if (this.#line.now.asking) {
            this.#line.daemon.close()
            this.#line = this.#open()
        }
        const { now, daemon } = this.#line
        Object.assign(now, { asking: true, quiet })
        const answer = await daemon.ask<A>(request)
        now.asking = false
        return answer
    }

    /** How things stand; null where no daemon says so at this moment: it may be starting anew. */
    async status(): Promise<Status | null> {
        const answer = await this.ask({ ask: "status" }, true)
        return typeof answer === "number" ? null : answer.status
    }

    close(): void {
        this.#line.daemon.close()
    }
}
