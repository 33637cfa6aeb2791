/**
 * Word of what happens to a table of nftables (NFNLGRP_NFTABLES of linux/netfilter/nfnetlink.h): whoever restarts the
 * host's own firewall flushes everything, ours too. Elements are left out: they come and go with every grant, and who
 * takes one back by hand means it.
 */
import { ENOBUFS } from "./errno.ts"
import { attributes, messages, NETLINK_NETFILTER, openNetlink } from "./netlink.ts"
import { readable } from "./poll.ts"
import { attachFilter, closeSocket, LITTLE, receive, setReceiveBuffer } from "./socket.ts"

const NFNLGRP_NFTABLES = 7
const NFNL_SUBSYS_NFTABLES = 10
const NFGENMSG = 4
const NFPROTO_INET = 1
/** Every object names its table in the first attribute; of a table that is its own name. */
const TABLE_NAME = 1
/** NFT_MSG_NEWCHAIN, and in it NFTA_CHAIN_TYPE, which only a chain at a hook has. */
const NEW_CHAIN = (NFNL_SUBSYS_NFTABLES << 8) | 3
const CHAIN_TYPE = 7
/** NFT_MSG_NEWTABLE, and in it NFTA_TABLE_FLAGS: without any it is as we make it, and one that is dormant does nothing. */
const NEW_TABLE = NFNL_SUBSYS_NFTABLES << 8
const TABLE_FLAGS = 2
/** NFT_MSG_DELTABLE, DELCHAIN, DELRULE, DELSET. */
const LOSSES = new Set([2, 5, 8, 11].map((message) => (NFNL_SUBSYS_NFTABLES << 8) | message))

/** Classic BPF (linux/filter.h), and where a message says who asked for it. */
const [LOAD_WORD, JUMP_EQUAL, RETURN] = [0x20, 0x15, 0x06]
const NLMSG_PID = 12
/** Ours: whoever loads a large ruleset makes many events at once. */
const BUFFER = 1 << 20

/** A watch on one `inet` table. */
export type TableWatch = {
    /** Forgets what has happened so far: it was our own doing. */
    readonly forget: () => void
    /** The end. Can be called twice. */
    readonly close: () => void
}

/**
 * Calls back when the table, or a chain, rule or set of it, was removed or put to sleep, or may have been. What comes from the netlink
 * port `own` is not even told: a flood of grants would be a flood of events, and an overrun for each. `translates`: in
 * another table a chain was made that changes addresses (of type nat). Throws SystemError.
 */
export function watchTable(
    table: string,
    own: number,
    lost: () => void,
    translates: () => void = () => {},
): TableWatch {
    const fd = openNetlink(NETLINK_NETFILTER, [NFNLGRP_NFTABLES])
    setReceiveBuffer(fd, BUFFER)
    attachFilter(fd, notFrom(own))
    const bytes = new Uint8Array(65_536)
    const read = (): Seen => {
        const seen = { loss: false, nat: false }
        for (;;) {
            const length = receive(fd, bytes)
            // An overrun: anything may have happened.
            if (length === -ENOBUFS) seen.loss = true
            else if (length <= 0) return seen
            else look(bytes.subarray(0, length), table, seen)
        }
    }
    const watch = readable(fd, (error) => {
        const { loss, nat } = read()
        if (loss || error === ENOBUFS) lost()
        if (nat || error === ENOBUFS) translates()
    })
    let open = true
    return {
        forget: () => {
            if (open && read().nat) setImmediate(translates)
        },
        close() {
            if (!open) return
            open = false
            watch.close()
            closeSocket(fd)
        },
    }
}

/** Drops messages whose header names this port (`nlmsg_pid`, in the host's byte order; BPF loads big-endian). */
function notFrom(port: number): Uint8Array {
    const view = new DataView(new ArrayBuffer(4))
    view.setUint32(0, port, LITTLE)
    return assembleBpf([
        [LOAD_WORD, 0, 0, NLMSG_PID],
        [JUMP_EQUAL, 0, 1, view.getUint32(0)],
        [RETURN, 0, 0, 0],
        [RETURN, 0, 0, 0xffffffff],
    ])
}

function assembleBpf(program: readonly (readonly [code: number, yes: number, no: number, k: number])[]): Uint8Array {
    const view = new DataView(new ArrayBuffer(program.length * 8))
    program.forEach(([code, yes, no, k], index) => {
        view.setUint16(index * 8, code, LITTLE)
        view.setUint8(index * 8 + 2, yes)
        view.setUint8(index * 8 + 3, no)
        view.setUint32(index * 8 + 4, k, LITTLE)
    })
    return new Uint8Array(view.buffer)
}

/** What was told: a loss of ours, another's new chain that changes addresses. */
type Seen = { loss: boolean; nat: boolean }

function look(bytes: Uint8Array, table: string, seen: Seen): void {
    for (const { type, body } of messages(bytes)) {
        if (!LOSSES.has(type) && type !== NEW_CHAIN && type !== NEW_TABLE) continue
        const found = attributes(body, NFGENMSG)
        const ours = body[0] === NFPROTO_INET && textOf(found.get(TABLE_NAME)) === table
        if (type === NEW_CHAIN) seen.nat ||= !ours && textOf(found.get(CHAIN_TYPE)) === "nat"
        else if (type === NEW_TABLE) seen.loss ||= ours && found.get(TABLE_FLAGS)?.some((byte) => byte !== 0) === true
        else seen.loss ||= ours
    }
}

function textOf(bytes: Uint8Array | undefined): string {
    return bytes === undefined ? "" : new TextDecoder().decode(bytes).replace(/\0$/, "")
}
