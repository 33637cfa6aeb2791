/**
 * Netlink (RFC 3549, man 7 netlink): messages to the kernel and answers from it. All numbers are in the host's byte
 * order unless a family says otherwise; messages and attributes are aligned to 4 bytes.
 */
import { EAGAIN, ENOBUFS, lastErrno, SystemError } from "./errno.ts"
import { libcFunction } from "./ffi.ts"
import {
    AF_NETLINK,
    bindSocket,
    closeSocket,
    LITTLE,
    openSocket,
    receive,
    SOCK_RAW,
    sendBytes,
    setNumber,
} from "./socket.ts"

/** Protocols of the netlink family. */
export const NETLINK_ROUTE = 0
export const NETLINK_SOCK_DIAG = 4
export const NETLINK_NETFILTER = 12

/** Message flags. */
export const NLM_F_REQUEST = 1
export const NLM_F_ACK = 4
const NLM_F_DUMP_INTERRUPTED = 0x10
export const NLM_F_DUMP = 0x300

/** Message types below 16 are the protocol's own. */
const NLMSG_ERROR = 2
const NLMSG_DONE = 3

export const MESSAGE_HEADER = 16
const SOL_NETLINK = 270
const NETLINK_ADD_MEMBERSHIP = 1
const NETLINK_GET_STRICT_CHECK = 12

/** Ours: the kernel fills up to 32 KiB per read of a dump. */
const READ_SIZE = 65_536

/** An attribute to send: 16 bits of type, then the value. */
export type Attribute = { readonly type: number; readonly value: Uint8Array }

/** A received message: `body` is what follows the header. */
export type Message = { readonly type: number; readonly flags: number; readonly body: Uint8Array }

/** Opens a netlink socket with a port id of the kernel's choice, and joins groups. Throws SystemError. */
export function openNetlink(protocol: number, groups: readonly number[] = []): number {
    const fd = openSocket(AF_NETLINK, SOCK_RAW, protocol)
    try {
        const address = new Uint8Array(12)
        new DataView(address.buffer).setUint16(0, AF_NETLINK, LITTLE)
        bindSocket(fd, address)
        for (const group of groups) setNumber(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group, "NETLINK_ADD_MEMBERSHIP")
        // Old kernels (before 4.20) filter no dump; we look at every answer anyway.
        try {
            setNumber(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHECK, 1, "NETLINK_GET_STRICT_CHK")
        } catch {}
        return fd
    } catch (error) {
        closeSocket(fd)
        throw error
    }
}

/** The port id of a netlink socket: the sender's mark in what the kernel tells of a change. Throws SystemError. */
export function portOf(fd: number): number {
    const getsockname = libcFunction("int getsockname(int fd, void *address, void *length)")
    const address = new Uint8Array(12)
    const length = new Uint8Array(Uint32Array.of(address.length).buffer)
    if (getsockname(fd, address, length) !== 0) throw new SystemError("getsockname", lastErrno())
    return new DataView(address.buffer).getUint32(4, LITTLE)
}

/** Puts a message together. */
export function encodeMessage(
    type: number,
    flags: number,
    sequence: number,
    fixed: Uint8Array,
    attributes: readonly Attribute[] = [],
): Uint8Array {
    const size = attributes.reduce(
        (sum, { value }) => sum + align(4 + value.length),
        MESSAGE_HEADER + align(fixed.length),
    )
    const message = new Uint8Array(size)
    const view = new DataView(message.buffer)
    view.setUint32(0, size, LITTLE)
    view.setUint16(4, type, LITTLE)
    view.setUint16(6, flags, LITTLE)
    view.setUint32(8, sequence, LITTLE)
    message.set(fixed, MESSAGE_HEADER)
    let at = MESSAGE_HEADER + align(fixed.length)
    for (const { type: kind, value } of attributes) {
        view.setUint16(at, 4 + value.length, LITTLE)
        view.setUint16(at + 2, kind, LITTLE)
        message.set(value, at + 4)
        at += align(4 + value.length)
    }
    return message
}

/** The messages in what one read returned. Stops at the first that does not fit. */
export function* messages(bytes: Uint8Array): Generator<Message> {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let at = 0
    while (bytes.length - at >= MESSAGE_HEADER) {
        const length = view.getUint32(at, LITTLE)
        if (length < MESSAGE_HEADER || length > bytes.length - at) return
        const body = bytes.subarray(at + MESSAGE_HEADER, at + length)
        yield { type: view.getUint16(at + 4, LITTLE), flags: view.getUint16(at + 6, LITTLE), body }
        at += align(length)
    }
}

/** The error number in an acknowledgement or a dump's end, 0 for success; null for every other message. */
export function errorOf({ type, body }: Message): number | null {
    if (type !== NLMSG_DONE && type !== NLMSG_ERROR) return null
    // A dump's end on old kernels carries nothing.
    return body.length < 4 ? 0 : -new DataView(body.buffer, body.byteOffset).getInt32(0, LITTLE)
}

/** The attributes from `from` on, by type; of those that repeat, the last. Stops at the first that does not fit. */
export function attributes(body: Uint8Array, from: number): Map<number, Uint8Array> {
    const found = new Map<number, Uint8Array>()
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
    let at = from
    while (body.length - at >= 4) {
        const length = view.getUint16(at, LITTLE)
        if (length < 4 || length > body.length - at) break
        // The two upper bits of the type are flags (nested, byte order).
        found.set(view.getUint16(at + 2, LITTLE) & 0x3fff, body.subarray(at + 4, at + length))
        at += align(length)
    }
    return found
}

/** Asks for a whole table on a socket of its own. Throws SystemError with the kernel's refusal. */
export function dump(protocol: number, type: number, fixed: Uint8Array, extra: readonly Attribute[] = []): Message[] {
    // The table may change under the dump, and the kernel says so: then it is asked again, a few times.
    for (let tries = 1; ; tries++) {
        const answer = exchange(protocol, encodeMessage(type, NLM_F_REQUEST | NLM_F_DUMP, 1, fixed, extra), "dump")
        if (tries === 8 || !answer.some(({ flags }) => (flags & NLM_F_DUMP_INTERRUPTED) !== 0)) return answer
    }
}

function exchange(protocol: number, request: Uint8Array, what: string): Message[] {
    const fd = openNetlink(protocol)
    try {
        sendBytes(fd, request)
        return readAnswer(fd, what)
    } finally {
        closeSocket(fd)
    }
}

/** Sends a request that wants an acknowledgement, and waits for it. Returns 0 or the error number of the refusal. */
export function acknowledged(fd: number, request: Uint8Array): number {
    sendBytes(fd, request)
    try {
        readAnswer(fd, "netlink")
        return 0
    } catch (error) {
        if (error instanceof SystemError) return error.errno
        throw error
    }
}

/**
 * Reads until the end of the answer: a dump's end, or an acknowledgement. Messages that come unasked are returned too.
 * The kernel writes the answer while we ask and while we read, so there is nothing to wait for.
 */
function readAnswer(fd: number, what: string): Message[] {
    const answer: Message[] = []
    const bytes = new Uint8Array(READ_SIZE)
    for (;;) {
        const length = receive(fd, bytes)
        if (length === -ENOBUFS) continue
        if (length <= 0) throw new SystemError(what, length === 0 ? EAGAIN : -length)
        for (const message of messages(bytes.slice(0, length))) {
            const code = errorOf(message)
            if (code === null) answer.push(message)
            else if (code > 0) throw new SystemError(what, code)
            else return answer
        }
    }
}

/** Rounds up to the alignment of messages and attributes. */
function align(length: number): number {
    return (length + 3) & ~3
}
