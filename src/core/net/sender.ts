/**
 * Who can have sent a packet. A capture sees packets before the kernel drops those with impossible sources, and a
 * knock from such a source must open nothing: a program that is told `0.0.0.0` may take it for "everyone", and what
 * claims to be loopback on the wire must not pass for this host itself.
 */

/**
 * Can this address (four words, IPv4 mapped) be a source: one host's, on a network? Not "this network", loopback,
 * multicast and the limited broadcast (RFC 1122, section 3.2.1.3; RFC 4291, section 2.5 and 2.7).
 */
export function canSend(a: number, b: number, c: number, d: number): boolean {
    if (a === 0 && b === 0 && c === 0xffff) {
        const first = d >>> 24
        return first !== 0 && first !== 127 && (first < 224 || first >= 240) && d !== 0xffffffff
    }
    return a >>> 24 !== 0xff && (a !== 0 || b !== 0 || c !== 0 || d > 1)
}
