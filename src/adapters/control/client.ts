/** The command line's end of the control socket: one connection, one question at a time. */
import { connect, type Socket } from "node:net"
import { ANSWER_MOST, type Answer, decodeAnswer } from "../../core/control/answer.ts"
import { encodeRequest, type Request } from "../../core/control/request.ts"
import { pathProblem } from "./place.ts"

/** A daemon that has not answered after so long never will (ms). */
const ANSWER_MS = 10_000

/** Why there is no answer: nobody listens, we may not, it takes too long, or the connection broke. */
export type ControlFailure = {
    readonly ok: false
    readonly code: "absent" | "forbidden" | "silent" | "broken"
    readonly detail: string
}

/** A daemon to talk to. */
export type ControlClient = {
    /** Asks, and waits for the answer: not before the answer to the former question. Never rejects. */
    readonly ask: (request: Request) => Promise<Answer | ControlFailure>
    readonly close: () => void
}

/** Nobody waits for an answer. */
function nobody(): void {}

/** Connects on the first question. `patience`: other than ANSWER_MS. */
export function controlClient(path: string, patience = ANSWER_MS): ControlClient {
    let socket: Socket | null = null
    let text = ""
    let settle: (result: Answer | ControlFailure) => void = nobody
    const fail = (code: ControlFailure["code"], detail: string) => settle({ ok: false, code, detail })

    const open = (): Socket => {
        const made = connect(path)
        made.setEncoding("utf8")
        made.on("timeout", () => {
            fail("silent", "")
            made.destroy()
        })
        made.on("data", (more: string) => {
            text += more
            const end = text.indexOf("\n")
            if (end >= 0) {
                const line = text.slice(0, end)
                text = text.slice(end + 1)
                settle(decodeAnswer(line))
            } else if (text.length > ANSWER_MOST) {
                fail("broken", "the answer has no end")
                made.destroy()
            }
        })
        // What an old connection still has to say is not about the question of a new one.
        made.on("error", (error: NodeJS.ErrnoException) => {
            if (socket === made) fail(failureOf(error.code), error.message)
        })
        made.on("close", () => {
            if (socket !== made) return
            fail("broken", "the daemon has ended the connection")
            socket = null
        })
        return made
    }

    return {
        ask(request) {
            const problem = pathProblem(path)
            if (problem !== null) return Promise.resolve({ ok: false, code: "absent", detail: problem })
            return new Promise((resolve) => {
                settle = (result) => {
                    settle = nobody
                    socket?.setTimeout(0)
                    resolve(result)
                }
                if (socket === null || socket.destroyed) {
                    text = ""
                    socket = open()
                }
                socket.setTimeout(patience)
                socket.write(`${encodeRequest(request)}\n`)
            })
        },
        close() {
            socket?.destroy()
        },
    }
}

function failureOf(code: string | undefined): ControlFailure["code"] {
    if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTDIR") return "absent"
    return code === "EACCES" || code === "EPERM" ? "forbidden" : "broken"
}
