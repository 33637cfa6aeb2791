/**
 * TCP hits and probes by node:net. Connecting sends the SYN within the call, and the kernel repeats it after a second
 * at the earliest, so closing before that leaves exactly one SYN on the wire.
 */
import { connect, type Socket } from "node:net"
import type { Target } from "../../core/knock/plan.ts"
import type { Cancel, ProbeResult, SendResult } from "../../ports/knocker.ts"
import { errorName, type KnockerOptions, refusal } from "./options.ts"
import { hasWay } from "./udp.ts"

/**
 * How long a hit's socket stays, in milliseconds. Where something listens on the port after all, most answers come
 * within this time and get a reset, so that neither side keeps anything; later ones get it from the kernel.
 */
const STAY = 20

/** Sends one SYN. The socket is added to `open` and leaves it when it is closed. */
export function sendSyn(port: number, target: Target, options: KnockerOptions, open: Set<Socket>): Promise<SendResult> {
    return new Promise((resolve) => {
        const from = options.sourcePort === null ? {} : { localPort: options.sourcePort }
        const socket = connect({ ...way(port, target, options), ...from })
        open.add(socket)
        // Timers come before what the network has said. An answer that has waited for a busy process is read first:
        // closed unread, the connection would end in a handshake, and one side would keep it for a minute.
        const end = setTimeout(() => setImmediate(() => socket.destroy()), STAY)
        socket.once("connect", () => socket.resetAndDestroy())
        let failed = false
        socket.once("error", (error) => {
            failed = true
            void resultOf(error, target, options).then(resolve)
        })
        socket.once("close", () => {
            clearTimeout(end)
            open.delete(socket)
        })
        // node:net connects in the next tick and reports what the call itself refused in the tick after; an answer
        // from the network needs a turn of the event loop. So from the next turn on the SYN has left.
        setImmediate(() => setImmediate(() => failed || resolve({ ok: true })))
    })
}

/** Connects once. */
export function probeTcp(
    port: number,
    target: Target,
    options: KnockerOptions,
    ms: number,
    cancel: Cancel,
): Promise<ProbeResult> {
    return new Promise((resolve) => {
        const socket = connect(way(port, target, options))
        const finish = (result: ProbeResult) => {
            clearTimeout(timer)
            cancel.removeEventListener("abort", abort)
            socket.destroy()
            resolve(result)
        }
        const abort = () => finish("aborted")
        const timer = setTimeout(() => finish("silent"), ms)
        cancel.addEventListener("abort", abort, { once: true })
        if (cancel.aborted) abort()
        socket.once("connect", () => finish("open"))
        socket.once("error", (error) => finish(errorName(error) === "ECONNREFUSED" ? "refused" : "unreachable"))
    })
}

/** Where to, and from which address. */
function way(port: number, { address }: Target, { source }: KnockerOptions) {
    const to = { host: address, port, autoSelectFamily: false }
    return source === null ? to : { ...to, localAddress: source }
}

/**
 * A filter on the way that rejects by ICMP looks, by its error, like this host without a way to there (EHOSTUNREACH) or
 * without the right (EACCES, over IPv6). On a fast link even the call itself returns it. If there is a way, the SYN has left.
 */
async function resultOf(error: Error, target: Target, options: KnockerOptions): Promise<SendResult> {
    if (answered(error)) return { ok: true }
    const name = errorName(error)
    const refused = refusal(name, options.sourcePort)
    const denied = !refused.ok && refused.code === "denied" && target.family === 6
    const rejected = name === "EHOSTUNREACH" || (name === "EACCES" && denied)
    return rejected && (await hasWay(target, options)) ? { ok: true } : refused
}

/** Did the packet get out and something came back? */
function answered(error: Error): boolean {
    return ["ECONNREFUSED", "ECONNRESET", "ETIMEDOUT"].includes(errorName(error))
}
