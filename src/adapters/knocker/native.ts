/**
 * What needs sockets of our own making: everything by a chosen interface, echo requests, and TCP packets that are not
 * a plain SYN. This file, and the FFI library with it, is loaded only for those.
 */
import { randomInt } from "node:crypto"
import type { Family, Target } from "../../core/knock/plan.ts"
import { parseAddress } from "../../core/net/address.ts"
import { ECHO_PROTOCOL, encodeEchoRequest, encodeSegment } from "../../core/net/encode.ts"
import { TCP } from "../../core/net/packet.ts"
import type { Cancel, ProbeResult, SendResult } from "../../ports/knocker.ts"
import {
    beginConnect,
    bindSource,
    bindToInterface,
    connectState,
    localAddress,
    openSocket,
    resetSocket,
    SOCK_STREAM,
    sendTo,
} from "../system/outgoing.ts"
import { closeSocket, SOCK_DGRAM, SOCK_RAW } from "../system/socket.ts"
import { type KnockerOptions, refusal } from "./options.ts"
import { UDP_PAYLOAD } from "./udp.ts"

/** How often a probe looks whether it is connected, in milliseconds. */
const LOOK = 5

/** One SYN by a chosen interface. */
export function sendSyn(port: number, target: Target, options: KnockerOptions): SendResult {
    return withSocket(target, SOCK_STREAM, 0, options, resetSocket, (fd) => {
        const error = beginConnect(fd, { address: target.address, port })
        return error === "EINPROGRESS" || error === "ECONNREFUSED" ? null : error
    })
}

/** One datagram by a chosen interface. */
export function sendDatagram(port: number, target: Target, options: KnockerOptions): SendResult {
    return withSocket(target, SOCK_DGRAM, 0, options, closeSocket, (fd) =>
        sendTo(fd, UDP_PAYLOAD, { address: target.address, port }),
    )
}

/**
 * One echo request: by a ping socket (icmp(7)), which `net.ipv4.ping_group_range` allows to some or all users, or by a
 * raw socket, which needs CAP_NET_RAW. `denied` if neither is ours.
 */
export function sendEcho(size: number, target: Target, options: KnockerOptions): SendResult {
    const protocol = ECHO_PROTOCOL[target.family]
    const bytes = encodeEchoRequest(target.family, randomInt(0x10000), 1, size)
    const send = (fd: number) => sendTo(fd, bytes, { address: target.address, port: 0 })
    const portless = { ...options, sourcePort: null }
    const unprivileged = withSocket(target, SOCK_DGRAM, protocol, portless, closeSocket, send)
    if (unprivileged.ok || unprivileged.code !== "denied") return unprivileged
    return withSocket(target, SOCK_RAW, protocol, portless, closeSocket, send)
}

/** Is one of the two ways of `sendEcho` open to this user? */
export function mayEcho(family: Family): boolean {
    return mayOpen(family, SOCK_DGRAM, ECHO_PROTOCOL[family]) || mayOpen(family, SOCK_RAW, ECHO_PROTOCOL[family])
}

/** May this user do `sendSegment`? */
export function maySegment(family: Family): boolean {
    return mayOpen(family, SOCK_RAW, TCP)
}

function mayOpen(family: Family, type: number, protocol: number): boolean {
    const socket = openSocket(family, type, protocol)
    if (socket.ok) closeSocket(socket.fd)
    // Another trouble than permission is told by the sending itself.
    return socket.ok || (socket.error !== "EPERM" && socket.error !== "EACCES")
}

/** One TCP packet with any flags, which needs CAP_NET_RAW. */
export function sendSegment(port: number, target: Target, options: KnockerOptions): SendResult {
    // Which address the kernel would send from: a datagram socket tells after connecting, and sends nothing.
    let source: ReturnType<typeof localAddress> = null
    const asked = withSocket(target, SOCK_DGRAM, 0, { ...options, sourcePort: null }, closeSocket, (fd) => {
        const error = beginConnect(fd, { address: target.address, port })
        source = localAddress(fd)
        return error
    })
    if (!asked.ok) return asked
    const destination = parseAddress(target.address.split("%")[0]!)
    if (source === null || destination === null) return refusal("EADDRNOTAVAIL")
    const bytes = encodeSegment({
        source,
        sourcePort: options.sourcePort ?? randomInt(32_768, 61_000),
        destination,
        port,
        sequence: randomInt(2 ** 32),
        flags: options.flags,
    })
    const sent = withSocket(target, SOCK_RAW, TCP, { ...options, sourcePort: null }, closeSocket, (fd) =>
        sendTo(fd, bytes, { address: target.address, port: 0 }),
    )
    return !sent.ok && sent.code === "denied" ? { ...sent, code: "raw-denied" } : sent
}

/** Connects once by a chosen interface. */
export async function probeTcp(
    port: number,
    target: Target,
    options: KnockerOptions,
    ms: number,
    cancel: Cancel,
): Promise<ProbeResult> {
    const socket = openSocket(target.family, SOCK_STREAM, 0)
    if (!socket.ok) return "unreachable"
    const { fd } = socket
    try {
        const error =
            prepare(fd, target.family, { ...options, sourcePort: null }) ??
            beginConnect(fd, { address: target.address, port })
        if (error !== null && error !== "EINPROGRESS") return error === "ECONNREFUSED" ? "refused" : "unreachable"
        for (let waited = 0; !cancel.aborted; waited += LOOK) {
            const state = connectState(fd)
            if (state === null) return "open"
            if (state !== "EINPROGRESS") return state === "ECONNREFUSED" ? "refused" : "unreachable"
            if (waited >= ms) return "silent"
            await new Promise((resolve) => setTimeout(resolve, LOOK))
        }
        return "aborted"
    } finally {
        closeSocket(fd)
    }
}

/** Opens, prepares, uses and closes one socket. `use` gives what went wrong, or null. */
function withSocket(
    target: Target,
    type: number,
    protocol: number,
    options: KnockerOptions,
    close: (fd: number) => void,
    use: (fd: number) => string | null,
): SendResult {
    const socket = openSocket(target.family, type, protocol)
    if (!socket.ok) return refusal(socket.error)
    const error = prepare(socket.fd, target.family, options) ?? use(socket.fd)
    close(socket.fd)
    return error === null ? { ok: true } : refusal(error, options.sourcePort)
}

function prepare(fd: number, family: Family, options: KnockerOptions): string | null {
    const { source, sourcePort } = options
    const bound = options.interface === null ? null : bindToInterface(fd, options.interface)
    if (bound !== null || (source === null && sourcePort === null)) return bound
    return bindSource(fd, { address: source ?? (family === 4 ? "0.0.0.0" : "::"), port: sourcePort ?? 0 })
}
