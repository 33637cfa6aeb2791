/**
 * Where the IP packet begins in a captured frame, for the link types a capture file can have (LINKTYPE numbers of
 * https://www.tcpdump.org/linktypes.html).
 *
 * The kernel adapters need none of this: the log group and the cooked packet socket hand over layer 3 whatever the
 * link is. The same goes for tunnels: the inner packets of GRE, IPIP, SIT, VXLAN, GENEVE, WireGuard and IPsec
 * interfaces pass through the kernel's receive path a second time, as packets of the tunnel's own interface, and that
 * is where the adapters see them. So nothing here looks into a tunnel: what the outer packet carries is not for
 * this host until the kernel has unpacked it.
 */

/** Link types that are understood. */
const LINK_NULL = 0
const LINK_ETHERNET = 1
const LINK_PPP = 9
/** DLT_RAW as Linux programs write it. */
const LINK_RAW_LINUX = 12
const LINK_PPP_HDLC = 50
const LINK_PPP_ETHER = 51
export const LINK_RAW = 101
const LINK_LOOP = 108
export const LINK_SLL = 113
const LINK_IPV4 = 228
const LINK_IPV6 = 229
const LINK_SLL2 = 276

const ETHERTYPE_IPV4 = 0x0800
const ETHERTYPE_IPV6 = 0x86dd
const ETHERTYPE_VLAN = 0x8100
const ETHERTYPE_QINQ = 0x88a8
const ETHERTYPE_QINQ_OLD = 0x9100
const ETHERTYPE_PPPOE = 0x8864
const PPP_IPV4 = 0x0021
const PPP_IPV6 = 0x0057

/** Ours: two tags are usual, more than four are an attempt. */
const MAX_TAGS = 4

/** The index of the first byte of the IP header in `bytes[start, end)`, or -1 if this is not IP. Allocates nothing. */
export function networkOffset(linkType: number, bytes: Uint8Array, start: number, end: number): number {
    if (start < 0 || end > bytes.length || start >= end) return -1
    switch (linkType) {
        case LINK_ETHERNET:
            return afterEtherType(bytes, start + 12, start + 14, end)
        case LINK_SLL:
            return afterEtherType(bytes, start + 14, start + 16, end)
        case LINK_SLL2:
            return afterEtherType(bytes, start, start + 20, end)
        case LINK_RAW:
        case LINK_RAW_LINUX:
        case LINK_IPV4:
        case LINK_IPV6:
            return start
        case LINK_NULL:
        case LINK_LOOP:
            return afterFamily(bytes, start, end)
        case LINK_PPP:
        case LINK_PPP_HDLC:
            return afterPpp(bytes, start, end)
        case LINK_PPP_ETHER:
            return afterPppoe(bytes, start, end)
        default:
            return -1
    }
}

/** `type`: where the EtherType stands; `next`: where what it announces begins. */
function afterEtherType(bytes: Uint8Array, type: number, next: number, end: number): number {
    for (let tags = 0; tags <= MAX_TAGS; tags++) {
        if (next >= end) return -1
        switch ((bytes[type]! << 8) | bytes[type + 1]!) {
            case ETHERTYPE_IPV4:
            case ETHERTYPE_IPV6:
                return next
            case ETHERTYPE_VLAN:
            case ETHERTYPE_QINQ:
            case ETHERTYPE_QINQ_OLD:
                // A tag (IEEE 802.1Q): two bytes of identifier, then the EtherType of what follows.
                type = next + 2
                next += 4
                break
            case ETHERTYPE_PPPOE:
                return afterPppoe(bytes, next, end)
            default:
                return -1
        }
    }
    return -1
}

/** PPPoE session data (RFC 2516, section 4): version and type 1, code 0, session, length, then PPP. */
function afterPppoe(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 8 || bytes[at] !== 0x11 || bytes[at + 1] !== 0) return -1
    return afterPpp(bytes, at + 6, end)
}

/** PPP (RFC 1661, RFC 1662): address and control may be left out, and the protocol's first byte if it is 0. */
function afterPpp(bytes: Uint8Array, at: number, end: number): number {
    const framed = end - at >= 2 && bytes[at] === 0xff && bytes[at + 1] === 0x03
    const from = framed ? at + 2 : at
    if (end - from < 2) return -1
    const short = (bytes[from]! & 1) === 1
    const protocol = short ? bytes[from]! : (bytes[from]! << 8) | bytes[from + 1]!
    const next = short ? from + 1 : from + 2
    return (protocol === PPP_IPV4 || protocol === PPP_IPV6) && next < end ? next : -1
}

/** The BSD loopback header: an address family in either byte order; IPv6 has three numbers, one per system. */
function afterFamily(bytes: Uint8Array, start: number, end: number): number {
    if (end - start <= 4) return -1
    const big = bytes[start] === 0 && bytes[start + 1] === 0
    const family = big ? (bytes[start + 2]! << 8) | bytes[start + 3]! : bytes[start]! | (bytes[start + 1]! << 8)
    if (!big && (bytes[start + 2] !== 0 || bytes[start + 3] !== 0)) return -1
    return family === 2 || family === 10 || family === 24 || family === 28 || family === 30 ? start + 4 : -1
}
