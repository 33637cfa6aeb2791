/**
 * Addresses and networks. One form everywhere: 128 bits as four unsigned 32-bit words, IPv4 mapped into
 * ::ffff:0:0/96 (RFC 4291, section 2.5.5.2). So a packet's source, a table's key and a network's prefix compare as
 * numbers and nothing is allocated on the packet path. Text goes through ipaddr.js only, at the edges.
 */
import ipaddr from "ipaddr.js"

/** Four unsigned 32-bit words, most significant first. */
export type Address = readonly [number, number, number, number]

/** An address range: the first `bits` of `address` count (0–128, IPv4 prefixes are shifted by 96). */
export type Network = { readonly address: Address; readonly bits: number }

const MAPPED = 0xffff

/** Is this one of the IPv4 addresses (mapped)? */
export function isIPv4(address: Address): boolean {
    return address[0] === 0 && address[1] === 0 && address[2] === MAPPED
}

/** Is this a network of IPv4 addresses? */
export function isIPv4Network(network: Network): boolean {
    return isIPv4(network.address) && network.bits >= 96
}

/**
 * Reads an IPv4 or IPv6 address in its usual text form; no zone, no port, no octal or shortened IPv4.
 * Returns null for anything else. `::ffff:192.0.2.1` and `192.0.2.1` are the same address.
 */
export function parseAddress(text: string): Address | null {
    if (text.includes("%")) return null
    if (!text.includes(":")) return ipaddr.IPv4.isValidFourPartDecimal(text) ? toWords(ipaddr.IPv4.parse(text)) : null
    return ipaddr.IPv6.isValid(text) ? toWords(ipaddr.IPv6.parse(text)) : null
}

/** The canonical text: dotted quad for IPv4, RFC 5952 for IPv6. */
export function formatAddress(address: Address): string {
    if (isIPv4(address)) {
        const w = address[3]
        return `${w >>> 24}.${(w >>> 16) & 255}.${(w >>> 8) & 255}.${w & 255}`
    }
    return new ipaddr.IPv6(address.flatMap((word) => [word >>> 16, word & 0xffff])).toRFC5952String()
}

/**
 * Reads `192.0.2.0/24`, `2001:db8::/32` or a bare address (that address alone). Host bits must be zero, so that a
 * slip of the pen is found instead of widened. Returns null for anything else.
 */
export function parseNetwork(text: string): Network | null {
    const slash = text.indexOf("/")
    const address = parseAddress(slash < 0 ? text : text.slice(0, slash))
    if (address === null) return null
    const width = isIPv4(address) && !text.includes(":") ? 32 : 128
    if (slash < 0) return { address, bits: 128 }
    const prefix = text.slice(slash + 1)
    if (!/^(0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > width) return null
    const network = { address, bits: Number(prefix) + 128 - width }
    return address.every((word, i) => (word & ~wordMask(network.bits, i)) >>> 0 === 0) ? network : null
}

/** Is this a network of one address? */
export function isAlone({ bits }: Network): boolean {
    return bits === 128
}

/** A source as people write it: the address, or the network with its prefix length. */
export function formatSource(source: Network): string {
    return isAlone(source) ? formatAddress(source.address) : formatNetwork(source)
}

/** The text of a network, always with its prefix length. */
export function formatNetwork(network: Network): string {
    return `${formatAddress(network.address)}/${isIPv4Network(network) ? network.bits - 96 : network.bits}`
}

/** Does the network hold this address? `::/0` holds IPv6 alone, `0.0.0.0/0` IPv4 alone: the families never mix. */
export function contains(network: Network, address: Address): boolean {
    if (isIPv4Network(network) !== isIPv4(address)) return false
    return address.every((word, i) => ((word ^ network.address[i]!) & wordMask(network.bits, i)) === 0)
}

/** Is each address of the second network one of the first? Of two families: never. */
function containsNetwork(network: Network, inner: Network): boolean {
    return inner.bits >= network.bits && contains(network, inner.address)
}

/** Do the two hold an address in common? */
export function overlap(a: Network, b: Network): boolean {
    return containsNetwork(a, b) || containsNetwork(b, a)
}

/** The network of this prefix length (0–128, as in `Network`) that holds this address. */
export function networkAround(address: Address, bits: number): Network {
    const [a, b, c, d] = address
    const masked = (word: number, i: number) => (word & wordMask(bits, i)) >>> 0
    return { address: [masked(a, 0), masked(b, 1), masked(c, 2), masked(d, 3)], bits }
}

/** Are these the same address? */
export function sameAddress(a: Address, b: Address): boolean {
    return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3]
}

function wordMask(bits: number, word: number): number {
    const left = bits - word * 32
    if (left <= 0) return 0
    return left >= 32 ? 0xffffffff : (0xffffffff << (32 - left)) >>> 0
}

function toWords(parsed: ipaddr.IPv4 | ipaddr.IPv6): Address {
    const parts = (parsed instanceof ipaddr.IPv4 ? parsed.toIPv4MappedAddress() : parsed).parts
    const word = (i: number) => ((parts[i * 2]! << 16) | parts[i * 2 + 1]!) >>> 0
    return [word(0), word(1), word(2), word(3)]
}

/** The network whose owner has this address to himself, as a text: an IPv4 address, an IPv6 /64. */
export function networkOf([a, b, c, d]: Address): string {
    return a === 0 && b === 0 && c === 0xffff ? `${d}` : `${a} ${b}`
}
