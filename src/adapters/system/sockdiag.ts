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
/** struct inet_diag_req_v2, struct inet_diag_msg. */
const REQUEST = 56
const ANSWER = 72
const INODE = 68
/** struct inet_diag_sockopt: a bit of its first byte. */
const INET_DIAG_SOCKOPT = 22
const TRANSPARENT = LITTLE ? 1 << 5 : 1 << 2

/** TCP listeners and unconnected UDP sockets of both families. Throws SystemError (ENOENT: the kernel has no such diag). */
export function listeningSockets(): ListeningSocket[] {
    const found: ListeningSocket[] = []
    for (const [number, protocol, states] of [
        [IPPROTO_TCP, "tcp", LISTEN],
        [IPPROTO_UDP, "udp", CLOSE],
    ] as const) {
        for (const family of [AF_INET, AF_INET6]) {
            const request = new Uint8Array(REQUEST)
            request[0] = family
            request[1] = number
            new Uint32Array(request.buffer)[1] = states
            for (const { type, body } of dump(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, request)) {
                if (type !== SOCK_DIAG_BY_FAMILY || body.length < ANSWER || body[0] !== family) continue
                const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
                const word = (i: number) => view.getUint32(8 + i * 4)
                const address: Address =
                    family === AF_INET ? [0, 0, 0xffff, word(0)] : [word(0), word(1), word(2), word(3)]
                const port = view.getUint16(4)
                // A socket without a port has sent nothing yet and gets nothing.
                if (port === 0) continue
                const options = attributes(body, ANSWER).get(INET_DIAG_SOCKOPT)
                const transparent = options === undefined ? null : (options[0]! & TRANSPARENT) !== 0
                found.push({ protocol, address, port, inode: view.getUint32(INODE, LITTLE), transparent })
            }
        }
    }
    return found
}
