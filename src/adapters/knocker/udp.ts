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
