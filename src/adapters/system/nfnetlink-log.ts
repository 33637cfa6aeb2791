/**
 * Log groups of netfilter (linux/netfilter/nfnetlink_log.h): rules with `log group N` send packets here. The settings
 * are ordinary netlink requests; the packets are read in place, without allocating.
 */
import { EPERM, SystemError } from "./errno.ts"
import {
    type Attribute,
    acknowledged,
    encodeMessage,
    MESSAGE_HEADER,
    NETLINK_NETFILTER,
    NLM_F_ACK,
    NLM_F_REQUEST,
    openNetlink,
} from "./netlink.ts"
import { closeSocket, LITTLE, sendBytes, setReceiveBuffer } from "./socket.ts"

const NFNL_SUBSYS_ULOG = 4
const MSG_PACKET = (NFNL_SUBSYS_ULOG << 8) | 0
const MSG_CONFIG = (NFNL_SUBSYS_ULOG << 8) | 1
const NFGENMSG = 4

/** Settings. */
const CFG_CMD = 1
const CFG_MODE = 2
const CFG_NLBUFSIZ = 3
const CFG_TIMEOUT = 4
const CFG_QTHRESH = 5
const CFG_FLAGS = 6
const CMD_BIND = 1
const COPY_PACKET = 2
const FLAG_SEQUENCE = 1

/** Attributes of a packet. */
const TIMESTAMP = 3
const PAYLOAD = 9
const PREFIX = 10
const SEQUENCE = 12

/** A log group that we own as long as the socket is open. */
export type LogGroup = {
    readonly fd: number
    /** How many packets the kernel may hold back to send them together: 1 is none; and for how long at most. */
    batch(packets: number, milliseconds: number): void
    close(): void
}

/**
 * Takes a log group. `snaplen`: bytes of each packet; `buffer`: bytes the kernel may queue for us; `message`: the size
 * of the largest message it makes. Throws SystemError; EPERM also if another program has the group.
 */
export function openLogGroup(group: number, snaplen: number, buffer: number, message: number): LogGroup {
    const fd = openNetlink(NETLINK_NETFILTER)
    let sequence = 0
    const config = (flags: number, attributes: readonly Attribute[]) => {
        // The family is "unspecified": a group takes packets of every family, and binding a family (PF_BIND of old)
        // would only take over the host's own logging.
        const fixed = Uint8Array.of(0, 0, group >> 8, group & 255)
        return encodeMessage(MSG_CONFIG, NLM_F_REQUEST | flags, ++sequence, fixed, attributes)
    }
    const must = (what: string, attributes: readonly Attribute[]) => {
        const errno = acknowledged(fd, config(NLM_F_ACK, attributes))
        if (errno !== 0) throw new SystemError(`log group ${group}: ${what}`, errno, hint(errno))
    }
    try {
        setReceiveBuffer(fd, buffer)
        must("bind", [{ type: CFG_CMD, value: Uint8Array.of(CMD_BIND) }])
        must("settings", [
            { type: CFG_MODE, value: Uint8Array.of(...big32(snaplen), COPY_PACKET, 0) },
            { type: CFG_NLBUFSIZ, value: big32(message) },
            { type: CFG_FLAGS, value: Uint8Array.of(0, FLAG_SEQUENCE) },
            { type: CFG_QTHRESH, value: big32(1) },
        ])
    } catch (error) {
        closeSocket(fd)
        throw error
    }
    return {
        fd,
        batch(packets, milliseconds) {
            // No acknowledgement is asked for: waiting for it would mean reading past packets. A refusal leaves the
            // settings as they are, which work: only slower.
            const threshold = { type: CFG_QTHRESH, value: big32(packets) }
            const timeout = { type: CFG_TIMEOUT, value: big32(Math.max(1, Math.round(milliseconds / 10))) }
            sendBytes(fd, config(0, [threshold, timeout]))
        },
        close: () => closeSocket(fd),
    }
}

/** The kernel answers both with EPERM: that we may not, and that a group has an owner. */
function hint(errno: number): string {
    if (errno !== EPERM) return ""
    return "needs CAP_NET_ADMIN; if it has that, another program has this group: choose another (gateway.log_group)"
}

function big32(value: number): Uint8Array {
    return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}

/** Walks through received messages, one packet at a time, into its own fields. */
export class LogReader {
    /** The current packet: `bytes[start, end)`, from the IP header on. Empty if there was none. */
    start = 0
    end = 0
    /** The number of the packet within the group: a gap is what was dropped. -1 if not given. */
    sequence = -1
    /** The kernel's time stamp; seconds 0 if it made none. */
    seconds = 0
    microseconds = 0
    /** The rule that logged it has a prefix. */
    prefixed = false
    #at = 0
    #limit = 0
    #bytes: Uint8Array = new Uint8Array(0)

    /** Begins with what one read returned: `bytes[from, to)`. */
    begin(bytes: Uint8Array, from: number, to: number): void {
        this.#bytes = bytes
        this.#at = from
        this.#limit = Math.min(to, bytes.length)
    }

    /** Moves to the next packet. False: no more. Messages of other kinds are passed over; malformed ones end it. */
    next(): boolean {
        while (this.#limit - this.#at >= MESSAGE_HEADER) {
            const at = this.#at
            const length = this.#word(at)
            if (length < MESSAGE_HEADER || length > this.#limit - at) break
            this.#at = at + ((length + 3) & ~3)
            if (this.#half(at + 4) !== MSG_PACKET) continue
            this.#read(at + MESSAGE_HEADER + NFGENMSG, at + length)
            return true
        }
        return false
    }

    #read(from: number, to: number): void {
        this.start = 0
        this.end = 0
        this.sequence = -1
        this.seconds = 0
        this.microseconds = 0
        this.prefixed = false
        for (let at = from; to - at >= 4; ) {
            const length = this.#half(at)
            if (length < 4 || length > to - at) return
            const type = this.#half(at + 2) & 0x3fff
            if (type === PAYLOAD) {
                this.start = at + 4
                this.end = at + length
            } else if (type === PREFIX) {
                // A text that ends with a zero byte.
                this.prefixed = length > 5
            } else if (type === SEQUENCE && length >= 8) {
                this.sequence = this.#big(at + 4)
            } else if (type === TIMESTAMP && length >= 20) {
                // Two 64-bit numbers, big-endian; the upper words are 0 until 2106.
                this.seconds = this.#big(at + 8)
                this.microseconds = this.#big(at + 16)
            }
            at += (length + 3) & ~3
        }
    }

    #half(at: number): number {
        const bytes = this.#bytes
        return LITTLE ? bytes[at]! | (bytes[at + 1]! << 8) : (bytes[at]! << 8) | bytes[at + 1]!
    }

    #word(at: number): number {
        return LITTLE
            ? (this.#half(at) | (this.#half(at + 2) << 16)) >>> 0
            : ((this.#half(at) << 16) | this.#half(at + 2)) >>> 0
    }

    #big(at: number): number {
        const bytes = this.#bytes
        return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
    }
}
