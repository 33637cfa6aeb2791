/**
 * Layer-3 bytes to a packet that can be a hit: IPv4 (RFC 791) and IPv6 (RFC 8200) with TCP, UDP or an echo request in
 * it. Everything here runs once per packet of a flood, so it reads bytes in place, allocates nothing, and never throws:
 * what is cut, malformed or of no use is `false`.
 *
 * Two lengths matter and must not be mixed up. `end` is where the captured bytes stop: a read beyond it is refused.
 * The length field of the IP header says how long the packet was on the wire: an echo request's size comes from it,
 * because a capture keeps only the beginning of a packet.
 */
import { ICMP, ICMPV6, type Packet, TCP, UDP } from "./packet.ts"

/** IPv6 extension headers (IANA protocol numbers). */
const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const AUTHENTICATION = 51
const DESTINATION = 60

const IPV4_HEADER = 20
const IPV6_HEADER = 40
const TCP_HEADER = 20
/** So much of a TCP header holds the flags: enough for a fragment or a capture that was cut. */
const TCP_NEEDED = 14
const UDP_HEADER = 8
const ECHO_HEADER = 8
const ECHO_REQUEST = 8
const ECHO_REQUEST_V6 = 128

/** Ours: real packets have one or two extension headers; whoever sends more wants us busy. */
const MAX_EXTENSIONS = 8

/**
 * Decodes the packet at `bytes[start, end)` into `out`. Returns false, with `out` in no particular state, for
 * everything that cannot be a hit. `out.time` is left alone.
 */
export function decodePacket(bytes: Uint8Array, start: number, end: number, out: Packet): boolean {
    if (start < 0 || end > bytes.length || end - start < IPV4_HEADER) return false
    const version = bytes[start]! >>> 4
    if (version === 4) return decodeIPv4(bytes, start, end, out)
    return version === 6 && decodeIPv6(bytes, start, end, out)
}

function decodeIPv4(bytes: Uint8Array, start: number, end: number, out: Packet): boolean {
    const header = (bytes[start]! & 15) * 4
    const total = word16(bytes, start + 2)
    if (header < IPV4_HEADER || total < header || header > end - start) return false
    const fragment = word16(bytes, start + 6)
    if ((fragment & 0x1fff) !== 0) return false
    out.source0 = 0
    out.source1 = 0
    out.source2 = 0xffff
    out.source3 = word32(bytes, start + 12)
    out.destination0 = 0
    out.destination1 = 0
    out.destination2 = 0xffff
    out.destination3 = word32(bytes, start + 16)
    const protocol = bytes[start + 9]!
    if (protocol === ICMPV6) return false
    return decodeTransport(bytes, start + header, end, total - header, protocol, (fragment & 0x2000) !== 0, out)
}

function decodeIPv6(bytes: Uint8Array, start: number, end: number, out: Packet): boolean {
    if (end - start < IPV6_HEADER) return false
    let left = word16(bytes, start + 4)
    let next = bytes[start + 6]!
    let at = start + IPV6_HEADER
    let partial = false
    for (let count = 0; isExtension(next); count++) {
        // Every extension header has at least 8 bytes; hop-by-hop options come first or not at all.
        if (count === MAX_EXTENSIONS || end - at < 8 || left < 8 || (next === HOP_BY_HOP && count > 0)) return false
        let length = (bytes[at + 1]! + 1) * 8
        if (next === FRAGMENT) {
            const offset = word16(bytes, at + 2)
            if (offset >>> 3 !== 0) return false
            // A fragment header on a packet that is whole ("atomic", RFC 6946) changes nothing.
            partial ||= (offset & 1) !== 0
            length = 8
        } else if (next === AUTHENTICATION) {
            length = (bytes[at + 1]! + 2) * 4
        } else if (next === ROUTING && bytes[at + 3] !== 0) {
            // Segments are left: this host is a stop on the way, not the end.
            return false
        }
        if (length > end - at || length > left) return false
        next = bytes[at]!
        at += length
        left -= length
    }
    // An IPv4 address in IPv6 clothes is on no wire (RFC 4038, section 4.2): it would pass for the IPv4 source.
    if (next === ICMP || isMapped(bytes, start + 8) || isMapped(bytes, start + 24)) return false
    out.source0 = word32(bytes, start + 8)
    out.source1 = word32(bytes, start + 12)
    out.source2 = word32(bytes, start + 16)
    out.source3 = word32(bytes, start + 20)
    out.destination0 = word32(bytes, start + 24)
    out.destination1 = word32(bytes, start + 28)
    out.destination2 = word32(bytes, start + 32)
    out.destination3 = word32(bytes, start + 36)
    return decodeTransport(bytes, at, end, left, next, partial, out)
}

function isExtension(next: number): boolean {
    return (
        next === HOP_BY_HOP || next === ROUTING || next === FRAGMENT || next === AUTHENTICATION || next === DESTINATION
    )
}

/** `length`: bytes of this header and its payload on the wire; `partial`: it is the first of several fragments. */
function decodeTransport(
    bytes: Uint8Array,
    at: number,
    end: number,
    length: number,
    protocol: number,
    partial: boolean,
    out: Packet,
): boolean {
    // Bytes after the packet's own end are padding of the link.
    const here = Math.min(end - at, length)
    if (protocol === TCP) {
        if (here < TCP_NEEDED) return false
        const header = (bytes[at + 12]! >>> 4) * 4
        if (header < TCP_HEADER || (!partial && header > length)) return false
        out.flags = bytes[at + 13]!
        out.sequence = word32(bytes, at + 4)
    } else if (protocol === UDP) {
        if (here < UDP_HEADER) return false
        const size = word16(bytes, at + 4)
        if (size < UDP_HEADER || (!partial && size > length)) return false
        out.flags = 0
        out.sequence = 0
    } else if (protocol === ICMP || protocol === ICMPV6) {
        const type = protocol === ICMP ? ECHO_REQUEST : ECHO_REQUEST_V6
        // The size of an echo request is what counts, and a fragment does not tell it.
        if (partial || here < ECHO_HEADER || bytes[at] !== type || bytes[at + 1] !== 0) return false
        out.protocol = ICMP
        out.port = length - ECHO_HEADER
        out.flags = 0
        out.sourcePort = word16(bytes, at + 4)
        out.sequence = word16(bytes, at + 6)
        return true
    } else {
        return false
    }
    out.protocol = protocol
    out.sourcePort = word16(bytes, at)
    out.port = word16(bytes, at + 2)
    return true
}

function isMapped(bytes: Uint8Array, at: number): boolean {
    return word32(bytes, at + 8) === 0xffff && word32(bytes, at + 4) === 0 && word32(bytes, at) === 0
}

function word16(bytes: Uint8Array, at: number): number {
    return (bytes[at]! << 8) | bytes[at + 1]!
}

function word32(bytes: Uint8Array, at: number): number {
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
