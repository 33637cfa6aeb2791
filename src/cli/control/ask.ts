/** A question to the running daemon: what went wrong is told here, so that a command sees an answer or an exit code. */
import { type ControlClient, type ControlFailure, controlClient } from "../../adapters/control/client.ts"
import { GATEWAY } from "../../core/config/defaults.ts"
import type { Answer } from "../../core/control/answer.ts"
import type { Request } from "../../core/control/request.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { failureText, refusalText } from "../texts/control.ts"

type Done = Extract<Answer, { ok: true }>

/** A daemon to ask, for as long as the command takes. */
export type Daemon = {
    /** The answer, or the exit code after an error that has been told. */
    readonly ask: <A extends Request["ask"]>(
        request: Extract<Request, { ask: A }>,
    ) => Promise<Extract<Done, { answer: A }> | ExitCode>
    readonly close: () => void
}

/**
 * `socket`: what the command line says; else `$POSTERN_SOCKET`, or the usual place. `absent` is called instead of an
 * error if nobody listens there, `hangs.tell` if who listens does not answer
 * within `hangs.ms`.
 */
export function daemonAt(
    socket: string | undefined,
    terminal: Terminal,
    absent?: () => void,
    hangs?: { readonly ms: number; readonly tell: () => void },
): Daemon {
    const path = socket ?? (terminal.env["POSTERN_SOCKET"] || GATEWAY.socket)
    const client: ControlClient = controlClient(path, hangs?.ms)
    return {
        async ask(request) {
            const answer: Answer | ControlFailure = await client.ask(request)
            if (isAnswerTo(request.ask, answer)) return answer
            if (answer.ok) {
                terminal.error("the daemon answers something else than was asked")
                return EXIT.failed
            }
            const instead = answer.code === "absent" ? absent : answer.code === "silent" ? hangs?.tell : undefined
            if (instead !== undefined) {
                instead()
                return EXIT.failed
            }
            // One line for each problem, as `postern check` prints them.
            if (answer.code === "configuration") for (const line of answer.detail.split("\n")) terminal.say(line)
            const { what, hints, code } = isFailure(answer) ? failureText(answer, path) : refusalText(answer)
            terminal.error(what, ...hints)
            return code
        },
        close: () => client.close(),
    }
}

/** One question, and no other: its answer, or the exit code after an error that has been told. */
export async function askOnce<A extends Request["ask"]>(
    request: Extract<Request, { ask: A }>,
    socket: string | undefined,
    terminal: Terminal,
): Promise<Extract<Done, { answer: A }> | ExitCode> {
    const daemon = daemonAt(socket, terminal)
    try {
        return await daemon.ask<A>(request)
    } finally {
        daemon.close()
    }
}

function isAnswerTo<A extends Request["ask"]>(
    ask: A,
    answer: Answer | ControlFailure,
): answer is Extract<Done, { answer: A }> {
    return answer.ok && answer.answer === ask
}

function isFailure(answer: Exclude<Answer | ControlFailure, { ok: true }>): answer is ControlFailure {
    return ["absent", "forbidden", "silent", "broken"].includes(answer.code)
}
