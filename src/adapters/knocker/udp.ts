/** UDP hits by node:dgram. */
import { createSocket } from "node:dgram"
import type { Target } from "../../core/knock/plan.ts"
import type { SendResult } from "../../ports/knocker.ts"
import { errorName, type KnockerOptions, refusal } from "./options.ts"

/** What a UDP hit carries: one NUL byte, as knock sends it. Gateways do not look at it. */
export const UDP_PAYLOAD: Uint8Array = Uint8Array.of(0)

/** Sends one datagram. */
export function sendDatagram(port: number, target: Target, options: KnockerOptions): Promise<SendResult> {
    return new Promise((resolve) => {
        const type = target.family === 4 ? "udp4" : "udp6"
        const socket = createSocket({ type, reuseAddr: options.sourcePort !== null })
        const finish = (result: SendResult) => {
            socket.close()
            resolve(result)
        }
        socket.once("error", (error) => finish(refusal(errorName(error), options.sourcePort)))
        socket.bind(
            { port: options.sourcePort ?? 0, ...(options.source === null ? {} : { address: options.source }) },
            () =>
                socket.send(UDP_PAYLOAD, port, target.address, (error) =>
                    finish(error === null ? { ok: true } : refusal(errorName(error), options.sourcePort)),
                ),
        )
    })
}

/** Is there a way to the target? Sends nothing. Other mistakes are for who sends. */
export async function lookForWay(target: Target, options: KnockerOptions): Promise<SendResult> {
    const error = await connectOnly(target, options)
    // Without any address of its own there is none to send from.
    const none = error === "EADDRNOTAVAIL" && options.source === null
    const refused = refusal(none ? "ENETUNREACH" : error)
    return !refused.ok && refused.code === "unreachable" ? refused : { ok: true }
}

/** Is there a way to the target, as far as this host knows? */
export async function hasWay(target: Target, options: KnockerOptions): Promise<boolean> {
    return (await connectOnly(target, options)) === ""
}

/** Connects a datagram socket, which sends nothing (udp(7)). The error, or nothing. */
function connectOnly(target: Target, { source }: KnockerOptions): Promise<string> {
    return new Promise((resolve) => {
        const socket = createSocket(target.family === 4 ? "udp4" : "udp6")
        const finish = (error?: Error) => {
            socket.close()
            resolve(error === undefined ? "" : errorName(error))
        }
        socket.once("error", finish)
        // Node.js has no types for what connect() gives its callback when there is no way.
        const connected: (error?: Error) => void = finish
        socket.bind({ port: 0, ...(source === null ? {} : { address: source }) }, () =>
            socket.connect(DISCARD, target.address, connected),
        )
    })
}

/** RFC 863. Nothing goes there. */
const DISCARD = 9
