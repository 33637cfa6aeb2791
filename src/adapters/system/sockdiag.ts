/** The kernel's sockets (man 7 sock_diag): which listen, and where. */
import type { Address } from "../../core/net/address.ts"
import { attributes, dump, NETLINK_SOCK_DIAG } from "./netlink.ts"
import { LITTLE } from "./socket.ts"

/** A socket that takes what strangers send. */
export type ListeningSocket = {
    readonly protocol: "tcp" | "udp"
    /** What it is bound to; all zero for any address. */
    readonly address: Address
    readonly port: number
    /** What the links in `/proc/PID/fd` call it by: `socket:[INODE]`. */
    readonly inode: number
    /** It takes what was sent to any address (IP_TRANSPARENT); null: this kernel does not say (before 5.10). */
    readonly transparent: boolean | null
}

const SOCK_DIAG_BY_FAMILY = 20
const AF_INET = 2
const AF_INET6 = 10
const IPPROTO_TCP = 6
const IPPROTO_UDP = 17
/** States as bits: a listening TCP socket; a UDP socket that is not connected. */
const LISTEN = 1 << 10
const CLOSE = 1 << 7
/** ESTABLISHED, SYN_RECV and NEW_SYN_RECV (include/net/tcp_states.h). */
const ESTABLISHED = 1
const CONNECTED = (1 << ESTABLISHED) | (1 << 3) | (1 << 12)
/** struct inet_diag_req_v2, struct inet_diag_msg. */
const REQUEST = 56
const ANSWER = 72
const INODE = 68
const [LOCAL, REMOTE] = [8, 24]
/** struct inet_diag_sockopt: a bit of its first byte. */
const INET_DIAG_SOCKOPT = 22
const TRANSPARENT = LITTLE ? 1 << 5 : 1 << 2

/** A TCP connection to a port of this host. `port`: that of the other side; not `made`: it is just being made. */
export type ConnectedSocket = { readonly source: Address; readonly port: number; readonly made: boolean }

/** TCP connections whose port on this side is `local`, of both families; also those that are just being made. Throws SystemError. */
export function connectedSockets(local: number): ConnectedSocket[] {
    const found: ConnectedSocket[] = []
    for (const family of [AF_INET, AF_INET6]) {
        for (const { view, body, address } of sockets(family, IPPROTO_TCP, CONNECTED)) {
            if (view.getUint16(4) !== local) continue
            found.push({ source: address(REMOTE), port: view.getUint16(6), made: body[1] === ESTABLISHED })
        }
    }
    return found
}

/** TCP listeners and unconnected UDP sockets of both families. Throws SystemError (ENOENT: the kernel has no such diag). */
export function listeningSockets(): ListeningSocket[] {
    const found: ListeningSocket[] = []
    for (const [number, protocol, states] of [
        [IPPROTO_TCP, "tcp", LISTEN],
        [IPPROTO_UDP, "udp", CLOSE],
    ] as const) {
        for (const family of [AF_INET, AF_INET6]) {
            for (const { view, body, address } of sockets(family, number, states)) {
                const port = view.getUint16(4)
                // A socket without a port has sent nothing yet and gets nothing.
                if (port === 0) continue
                const options = attributes(body, ANSWER).get(INET_DIAG_SOCKOPT)
                const transparent = options === undefined ? null : (options[0]! & TRANSPARENT) !== 0
                const inode = view.getUint32(INODE, LITTLE)
                found.push({ protocol, address: address(LOCAL), port, inode, transparent })
            }
        }
    }
    return found
}

/** Every answer about sockets of this kind, and how to read an address in it. */
function* sockets(family: number, protocol: number, states: number) {
    const request = new Uint8Array(REQUEST)
    request[0] = family
    request[1] = protocol
    new Uint32Array(request.buffer)[1] = states
    for (const { type, body } of dump(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, request)) {
        if (type !== SOCK_DIAG_BY_FAMILY || body.length < ANSWER || body[0] !== family) continue
        const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
        const word = (at: number, i: number) => view.getUint32(at + i * 4)
        const address = (at: number): Address =>
            family === AF_INET ? [0, 0, 0xffff, word(at, 0)] : [word(at, 0), word(at, 1), word(at, 2), word(at, 3)]
        yield { view, body, address }
    }
}
