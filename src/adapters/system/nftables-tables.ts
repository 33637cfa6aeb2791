/** Tables of nftables, as the kernel names them (NFT_MSG_GETTABLE of linux/netfilter/nf_tables.h). */
import { SystemError } from "./errno.ts"
import { attributes, dump, NETLINK_NETFILTER } from "./netlink.ts"

const GET_TABLE = (10 << 8) | 1
const NFGENMSG = 4
const [TABLE_NAME, TABLE_FLAGS] = [1, 2]
/** NFPROTO_… as the language of nft(8) has them. */
const FAMILIES: ReadonlyMap<number, string> = new Map([
    [1, "inet"],
    [2, "ip"],
    [3, "arp"],
    [5, "netdev"],
    [7, "bridge"],
    [10, "ip6"],
])

/**
 * Tables with flags, such as `inet filter`: those that a process owns, or that are dormant. None where the kernel does
 * not say.
 */
export function flaggedTables(): string[] {
    try {
        return dump(NETLINK_NETFILTER, GET_TABLE, new Uint8Array(NFGENMSG)).flatMap(({ body }) => {
            const found = attributes(body, NFGENMSG)
            const name = new TextDecoder().decode(found.get(TABLE_NAME)).replace(/\0$/, "")
            const flagged = found.get(TABLE_FLAGS)?.some((byte) => byte !== 0) === true
            return flagged ? [`${FAMILIES.get(body[0] ?? 0) ?? ""} ${name}`] : []
        })
    } catch (error) {
        if (error instanceof SystemError) return []
        throw error
    }
}
