/**
 * Elements of nftables sets, changed by netlink directly (linux/netfilter/nf_tables.h): 0.05 ms where libnftables,
 * which reads the whole ruleset's shape before each command, takes 0.2 ms and now and then several. The table, its sets
 * and its rules are libnftables' business; this only puts elements in and out.
 */
import { EAGAIN, ENOBUFS, ENOENT, EPERM, SystemError } from "./errno.ts"
import {
    encodeMessage,
    errorOf,
    MESSAGE_HEADER,
    messages,
    NETLINK_NETFILTER,
    NLM_F_ACK,
    NLM_F_REQUEST,
    openNetlink,
    portOf,
} from "./netlink.ts"
import { closeSocket, LITTLE, receive, sendBytes, setSendBuffer } from "./socket.ts"

/** Batches (linux/netfilter/nfnetlink.h): everything between begin and end is one transaction. */
const BATCH_BEGIN = 16
const BATCH_END = 17
const NFNL_SUBSYS_NFTABLES = 10
const NEWSETELEM = (NFNL_SUBSYS_NFTABLES << 8) | 12
const GETSETELEM = (NFNL_SUBSYS_NFTABLES << 8) | 13
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

/** Ours: what every kernel lets a socket send in one go. More must be asked for. */
const ROOM = 65_536

/** Ours: so many are asked for in one go: their answers wait in the socket, some 4 KiB each. */
const ASKED_MOST = 32

/** One change: put an element in with a timeout in milliseconds, without one (null), or take it out (0). */
export type ElementChange = { readonly set: string; readonly key: Uint8Array; readonly ms: number | null }

/** An element of a set. */
export type ElementKey = Pick<ElementChange, "set" | "key">

/** A way to change the elements of one `inet` table. */
export type ElementSocket = {
    /** The netlink port that these changes come from. */
    readonly port: number
    /** Makes all changes in one transaction. Returns 0, or the error number of the first refusal. */
    change(changes: readonly ElementChange[]): number
    /** Those that are there now; none of a set that is not. Or the error number of the first refusal. */
    there<Key extends ElementKey>(keys: readonly Key[]): readonly Key[] | number
    close(): void
}

/** Opens the way to a table of this network namespace; whether it is there shows when something is changed. */
export function openElements(table: string): ElementSocket {
    const fd = openNetlink(NETLINK_NETFILTER)
    const answers = new Uint8Array(READ_SIZE)
    let room = ROOM
    const ask = <Key extends ElementKey>(keys: readonly Key[]): readonly Key[] | number => {
        sendBytes(fd, encodeQuestions(table, keys))
        const codes = readCodes(fd, answers, keys.length)
        return codes.find((code) => code !== 0 && code !== ENOENT) ?? keys.filter((_, i) => codes[i] === 0)
    }
    return {
        port: portOf(fd),
        change(changes) {
            if (changes.length === 0) return 0
            const batch = encodeBatch(table, changes)
            if (batch.length > room) {
                room = 2 * batch.length
                setSendBuffer(fd, room)
            }
            sendBytes(fd, batch)
            return readVerdict(fd, answers)
        },
        there<Key extends ElementKey>(keys: readonly Key[]) {
            const found: Key[] = []
            for (let from = 0; from < keys.length; from += ASKED_MOST) {
                const some = ask(keys.slice(from, from + ASKED_MOST))
                if (typeof some === "number") return some
                found.push(...some)
            }
            return found
        },
        close: () => closeSocket(fd),
    }
}

/**
 * The bytes of a transaction: begin, one message per change, end. Written in one go, field by field: a flood of whole
 * knocks is a flood of these, and putting them together attribute by attribute took longer than the kernel does.
 */
export function encodeBatch(table: string, changes: readonly ElementChange[]): Uint8Array {
    const names = changes.map(({ set }) => listName(table, set))
    const size = changes.reduce((sum, change, i) => sum + elementSize(change, names[i]!), 2 * BOUNDARY)
    const batch = new Uint8Array(size)
    const view = new DataView(batch.buffer)
    let at = writeBoundary(view, 0, BATCH_BEGIN, 0)
    changes.forEach((change, i) => {
        // Refusals come unasked; the last change alone says that all went well.
        const ask = i === changes.length - 1 ? NLM_F_ACK : 0
        const [type, create] = change.ms === 0 ? [DELSETELEM, 0] : [NEWSETELEM, NLM_F_CREATE]
        at = writeElement(batch, at, change, names[i]!, { type, flags: NLM_F_REQUEST | create | ask, sequence: i + 1 })
    })
    writeBoundary(view, at, BATCH_END, changes.length + 1)
    return batch
}

/** Questions for elements, each a message of its own: each is answered by the element, or by why not. */
function encodeQuestions(table: string, keys: readonly ElementKey[]): Uint8Array {
    const asked = keys.map(({ set, key }) => ({ set, key, ms: null }))
    const names = asked.map(({ set }) => listName(table, set))
    const bytes = new Uint8Array(asked.reduce((sum, one, i) => sum + elementSize(one, names[i]!), 0))
    let at = 0
    asked.forEach((one, i) => {
        at = writeElement(bytes, at, one, names[i]!, { type: GETSETELEM, flags: NLM_F_REQUEST, sequence: i + 1 })
    })
    return bytes
}

const BOUNDARY = MESSAGE_HEADER + 4
const ATTRIBUTE = 4

function writeHeader(view: DataView, at: number, size: number, type: number, flags: number, sequence: number): void {
    view.setUint32(at, size, LITTLE)
    view.setUint16(at + 4, type, LITTLE)
    view.setUint16(at + 6, flags, LITTLE)
    view.setUint32(at + 8, sequence, LITTLE)
}

function writeBoundary(view: DataView, at: number, type: number, sequence: number): number {
    writeHeader(view, at, BOUNDARY, type, NLM_F_REQUEST, sequence)
    // struct nfgenmsg: family, version, and the subsystem, most significant byte first.
    view.setUint16(at + MESSAGE_HEADER + 2, NFNL_SUBSYS_NFTABLES)
    return at + BOUNDARY
}

/** Keys are whole registers, so that nothing here needs padding. */
function elementSize({ key, ms }: ElementChange, names: Uint8Array): number {
    return BOUNDARY + names.length + 4 * ATTRIBUTE + key.length + (ms ? ATTRIBUTE + 8 : 0)
}

type Head = { readonly type: number; readonly flags: number; readonly sequence: number }

function writeElement(
    batch: Uint8Array,
    from: number,
    change: ElementChange,
    names: Uint8Array,
    { type, flags, sequence }: Head,
): number {
    const { key, ms } = change
    const view = new DataView(batch.buffer)
    const end = from + elementSize(change, names)
    writeHeader(view, from, end - from, type, flags, sequence)
    batch[from + MESSAGE_HEADER] = NFPROTO_INET
    batch.set(names, from + BOUNDARY)
    let at = from + BOUNDARY + names.length
    const attribute = (length: number, kind: number) => {
        view.setUint16(at, length, LITTLE)
        view.setUint16(at + 2, kind, LITTLE)
        at += ATTRIBUTE
    }
    attribute(end - at, LIST_ELEMENTS)
    attribute(end - at, LIST_ELEM)
    attribute(2 * ATTRIBUTE + key.length, ELEM_KEY)
    attribute(ATTRIBUTE + key.length, DATA_VALUE)
    batch.set(key, at)
    at += key.length
    if (ms) {
        attribute(ATTRIBUTE + 8, ELEM_TIMEOUT)
        view.setBigUint64(at, BigInt(ms))
    }
    return end
}

const listNames = new Map<string, Uint8Array>()

/** The attributes that name a table and a set: there are four sets, so they are kept. */
function listName(table: string, set: string): Uint8Array {
    const id = `${table} ${set}`
    const known = listNames.get(id)
    if (known !== undefined) return known
    const attributes = [
        { type: LIST_TABLE, value: name(table) },
        { type: LIST_SET, value: name(set) },
    ]
    const made = encodeMessage(0, 0, 0, new Uint8Array(0), attributes).subarray(MESSAGE_HEADER)
    listNames.set(id, made)
    return made
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

/**
 * The answers to so many questions, in their order: 0 for what is there, or an error number. Whoever may not ask gets
 * one EPERM for all of them: the kernel looks at the right before it looks at the questions.
 */
function readCodes(fd: number, bytes: Uint8Array, count: number): number[] {
    const codes: number[] = []
    while (codes.length < count && codes[0] !== EPERM) {
        const length = receive(fd, bytes)
        if (length === -ENOBUFS) continue
        if (length <= 0) throw new SystemError("nftables: asking for elements", length === 0 ? EAGAIN : -length)
        for (const message of messages(bytes.subarray(0, length))) codes.push(errorOf(message) ?? 0)
    }
    return codes
}

function name(text: string): Uint8Array {
    return new TextEncoder().encode(`${text}\0`)
}
