/**
 * Elements of nftables sets, changed by netlink directly (linux/netfilter/nf_tables.h): 0.05 ms where libnftables,
 * which reads the whole ruleset's shape before each command, takes 0.2 ms and now and then several. The table, its sets
 * and its rules are libnftables' business; this only puts elements in and out.
 */
import { EAGAIN, ENOBUFS, SystemError } from "./errno.ts"
import {
    type Attribute,
    encodeMessage,
    errorOf,
    messages,
    NETLINK_NETFILTER,
    NLM_F_ACK,
    NLM_F_REQUEST,
    openNetlink,
    portOf,
} from "./netlink.ts"
import { closeSocket, receive, sendBytes } from "./socket.ts"

/** Batches (linux/netfilter/nfnetlink.h): everything between begin and end is one transaction. */
const BATCH_BEGIN = 16
const BATCH_END = 17
const NFNL_SUBSYS_NFTABLES = 10
const NEWSETELEM = (NFNL_SUBSYS_NFTABLES << 8) | 12
const DELSETELEM = (NFNL_SUBSYS_NFTABLES << 8) | 14
const NLM_F_CREATE = 0x400
const NFPROTO_INET = 1

/** Attributes. */
const NESTED = 0x8000
const LIST_TABLE = 1
const LIST_SET = 2
const LIST_ELEMENTS = 3 | NESTED
const LIST_ELEM = 1 | NESTED
const ELEM_KEY = 1 | NESTED
const ELEM_TIMEOUT = 4
const DATA_VALUE = 1

/** Ours: answers are an error or an acknowledgement per message, with the message itself quoted in an error. */
const READ_SIZE = 65_536

/** One change: put an element in with a timeout in milliseconds, without one (null), or take it out (0). */
export type ElementChange = { readonly set: string; readonly key: Uint8Array; readonly ms: number | null }

/** A way to change the elements of one `inet` table. */
export type ElementSocket = {
    /** The netlink port that these changes come from. */
    readonly port: number
    /** Makes all changes in one transaction. Returns 0, or the error number of the first refusal. */
    change(changes: readonly ElementChange[]): number
    close(): void
}

/** Opens the way to a table of this network namespace; whether it is there shows when something is changed. */
export function openElements(table: string): ElementSocket {
    const fd = openNetlink(NETLINK_NETFILTER)
    const answers = new Uint8Array(READ_SIZE)
    return {
        port: portOf(fd),
        change(changes) {
            if (changes.length === 0) return 0
            sendBytes(fd, encodeBatch(table, changes))
            return readVerdict(fd, answers)
        },
        close: () => closeSocket(fd),
    }
}

/** The bytes of a transaction: begin, one message per change, end. */
export function encodeBatch(table: string, changes: readonly ElementChange[]): Uint8Array {
    const subsystem = Uint8Array.of(0, 0, 0, NFNL_SUBSYS_NFTABLES)
    const parts = [
        encodeMessage(BATCH_BEGIN, NLM_F_REQUEST, 0, subsystem),
        ...changes.map(({ set, key, ms }, index) => {
            const timeout = ms === null || ms === 0 ? [] : [{ type: ELEM_TIMEOUT, value: big64(ms) }]
            const element = nest([{ type: ELEM_KEY, value: nest([{ type: DATA_VALUE, value: key }]) }, ...timeout])
            // Refusals come unasked; the last change alone says that all went well.
            const ask = index === changes.length - 1 ? NLM_F_ACK : 0
            const flags = NLM_F_REQUEST | ask | (ms === 0 ? 0 : NLM_F_CREATE)
            return encodeMessage(
                ms === 0 ? DELSETELEM : NEWSETELEM,
                flags,
                index + 1,
                Uint8Array.of(NFPROTO_INET, 0, 0, 0),
                [
                    { type: LIST_TABLE, value: name(table) },
                    { type: LIST_SET, value: name(set) },
                    { type: LIST_ELEMENTS, value: nest([{ type: LIST_ELEM, value: element }]) },
                ],
            )
        }),
        encodeMessage(BATCH_END, NLM_F_REQUEST, changes.length + 1, subsystem),
    ]
    const batch = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
        batch.set(part, at)
        at += part.length
    }
    return batch
}

/** The kernel has judged the batch when sending it returns: the answers wait, the last change's after all refusals. */
function readVerdict(fd: number, bytes: Uint8Array): number {
    let done = false
    let refusal = 0
    for (;;) {
        const length = receive(fd, bytes)
        if (length === -ENOBUFS) continue
        if (length < 0) throw new SystemError("nftables: reading the answer", -length)
        if (length === 0) break
        for (const message of messages(bytes.subarray(0, length))) {
            const code = errorOf(message)
            if (code === 0) done = true
            else if (code !== null && refusal === 0) refusal = code
        }
        if (done && refusal === 0) return 0
    }
    if (refusal === 0) throw new SystemError("nftables: no answer to a change", EAGAIN)
    return refusal
}

function nest(attributes: readonly Attribute[]): Uint8Array {
    // A nested value is a list of attributes; the message encoder lays those out.
    return encodeMessage(0, 0, 0, new Uint8Array(0), attributes).subarray(16)
}

function name(text: string): Uint8Array {
    return new TextEncoder().encode(`${text}\0`)
}

function big64(value: number): Uint8Array {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
    return bytes
}
