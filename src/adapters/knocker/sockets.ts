/** The knocker that really sends. Each kind of packet goes by the least privileged way that can carry it. */
import type { Socket } from "node:net"
import type { Target } from "../../core/knock/plan.ts"
import { SYN } from "../../core/net/packet.ts"
import type { Knocker, SendResult } from "../../ports/knocker.ts"
import type { KnockerOptions } from "./options.ts"
import { denied, hasPing, pingProgram } from "./ping.ts"
import { probeTcp, sendSyn } from "./tcp.ts"
import { lookForWay, sendDatagram } from "./udp.ts"

const native = () => import("./native.ts")

/**
 * A knocker of this host. TCP and UDP need no privilege; by a chosen interface and for echo requests it takes sockets
 * of its own making (loaded then), for echo requests the installed ping where those are not allowed.
 * Throws only if an interface is chosen and the FFI library cannot load.
 */
export function socketKnocker(options: KnockerOptions): Knocker {
    const open = new Set<Socket>()
    return {
        async allowed(hits, target) {
            const echo = hits.some(({ protocol }) => protocol === "icmp")
            const segments = options.flags !== SYN && hits.some(({ protocol }) => protocol === "tcp")
            if (segments && !(await native()).maySegment(target.family))
                return { ok: false, code: "raw-denied", detail: "EPERM" }
            // By a chosen interface another table of routes may count: then sending tells.
            const way = options.interface === null ? await lookForWay(target, options) : null
            if (way?.ok === false) return way
            if (!echo || (await mayEcho(target)) || hasPing(process.env["PATH"] ?? "")) return { ok: true }
            return denied("EPERM, and no ping is installed")
        },
        async send(hit, target) {
            if (hit.protocol === "icmp") {
                const sent = await echo(hit.port, target, options)
                return sent.ok || sent.code !== "denied" ? sent : pingProgram(hit.port, target, options)
            }
            if (hit.protocol === "tcp" && options.flags !== SYN)
                return (await native()).sendSegment(hit.port, target, options)
            if (options.interface !== null) {
                const { sendDatagram, sendSyn } = await native()
                return (hit.protocol === "tcp" ? sendSyn : sendDatagram)(hit.port, target, options)
            }
            if (hit.protocol === "udp") return sendDatagram(hit.port, target, options)
            return sendSyn(hit.port, target, options, open)
        },
        async probe(service, target, ms, cancel) {
            const probe = options.interface === null ? probeTcp : (await native()).probeTcp
            return probe(service.port, target, options, ms, cancel)
        },
        close() {
            for (const socket of open) socket.destroy()
        },
    }
}

/** May echo requests be sent by a socket? Never where the FFI library has no build for this machine. */
async function mayEcho(target: Target): Promise<boolean> {
    try {
        return (await native()).mayEcho(target.family)
    } catch {
        return false
    }
}

/** An echo request by a socket; `denied` also where the FFI library has no build for this machine. */
async function echo(size: number, target: Target, options: KnockerOptions): Promise<SendResult> {
    try {
        return (await native()).sendEcho(size, target, options)
    } catch (error) {
        return { ok: false, code: "denied", detail: String(error) }
    }
}
