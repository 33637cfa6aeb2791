/**
 * Word of what happens to a table of nftables (NFNLGRP_NFTABLES of linux/netfilter/nfnetlink.h): whoever restarts the
 * host's own firewall flushes everything, ours too. Elements are left out: they come and go with every grant, and who
 * takes one back by hand means it.
 */
import { ENOBUFS } from "./errno.ts"
import { attributes, messages, NETLINK_NETFILTER, openNetlink } from "./netlink.ts"
import { readable } from "./poll.ts"
import { closeSocket, receive } from "./socket.ts"

const NFNLGRP_NFTABLES = 7
const NFNL_SUBSYS_NFTABLES = 10
const NFGENMSG = 4
const NFPROTO_INET = 1
/** Every object names its table in the first attribute; of a table that is its own name. */
const TABLE_NAME = 1
/** NFT_MSG_DELTABLE, DELCHAIN, DELRULE, DELSET. */
const LOSSES = new Set([2, 5, 8, 11].map((message) => (NFNL_SUBSYS_NFTABLES << 8) | message))

/** A watch on one `inet` table. */
export type TableWatch = {
    /** Forgets what has happened so far: it was our own doing. */
    readonly forget: () => void
    /** The end. Can be called twice. */
    readonly close: () => void
}

/** Calls back when the table, or a chain, rule or set of it, was removed, or may have been. Throws SystemError. */
export function watchTable(table: string, lost: () => void): TableWatch {
    const fd = openNetlink(NETLINK_NETFILTER, [NFNLGRP_NFTABLES])
    const bytes = new Uint8Array(65_536)
    const read = (): boolean => {
        let loss = false
        for (;;) {
            const length = receive(fd, bytes)
            // An overrun: anything may have happened.
            if (length === -ENOBUFS) loss = true
            else if (length <= 0) return loss
            else loss = isLoss(bytes.subarray(0, length), table) || loss
        }
    }
    const watch = readable(fd, (error) => {
        if (read() || error === ENOBUFS) lost()
    })
    let open = true
    return {
        forget: () => {
            if (open) read()
        },
        close() {
            if (!open) return
            open = false
            watch.close()
            closeSocket(fd)
        },
    }
}

function isLoss(bytes: Uint8Array, table: string): boolean {
    for (const { type, body } of messages(bytes)) {
        if (!LOSSES.has(type) || body[0] !== NFPROTO_INET) continue
        const name = attributes(body, NFGENMSG).get(TABLE_NAME)
        if (name !== undefined && new TextDecoder().decode(name) === `${table}\0`) return true
    }
    return false
}
