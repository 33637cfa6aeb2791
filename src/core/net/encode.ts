/**
 * The few packets that a knocker makes by himself: echo requests and TCP segments without data. IP headers are the
 * kernel's business.
 */
import { type Address, isIPv4 } from "./address.ts"
import { ICMP, TCP } from "./packet.ts"

/** ICMP echo request, RFC 792; ICMPv6 echo request, RFC 4443 section 4.1. */
const ECHO_REQUEST = { 4: 8, 6: 128 } as const
const ECHO_HEADER = 8
const TCP_HEADER = 20
/** As a small system would offer it. Nobody will send us that much. */
const TCP_WINDOW = 64_240

/**
 * An echo request with `size` bytes of payload. The IPv4 checksum is filled in; that of ICMPv6 covers addresses which
 * only the kernel knows, so the kernel fills it in (RFC 3542, section 3.1). The payload is zero: nothing to tell.
 */
export function encodeEchoRequest(family: 4 | 6, identifier: number, sequence: number, size: number): Uint8Array {
    const bytes = new Uint8Array(ECHO_HEADER + size)
    const view = new DataView(bytes.buffer)
    view.setUint8(0, ECHO_REQUEST[family])
    view.setUint16(4, identifier)
    view.setUint16(6, sequence)
    if (family === 4) view.setUint16(2, checksum(bytes, 0))
    return bytes
}

/** What a TCP segment without data and options says (RFC 9293, section 3.1). */
export type Segment = {
    readonly source: Address
    readonly sourcePort: number
    readonly destination: Address
    readonly port: number
    readonly sequence: number
    /** The flag byte. */
    readonly flags: number
}

/** A TCP segment with its checksum. Both addresses must be of the same family. */
export function encodeSegment(segment: Segment): Uint8Array {
    const bytes = new Uint8Array(TCP_HEADER)
    const view = new DataView(bytes.buffer)
    view.setUint16(0, segment.sourcePort)
    view.setUint16(2, segment.port)
    view.setUint32(4, segment.sequence)
    view.setUint8(12, (TCP_HEADER / 4) << 4)
    view.setUint8(13, segment.flags)
    view.setUint16(14, TCP_WINDOW)
    const family = isIPv4(segment.destination) ? 4 : 6
    view.setUint16(16, checksum(bytes, pseudoHeader(family, segment.source, segment.destination, TCP, TCP_HEADER)))
    return bytes
}

/** The sum of the pseudo header, which both families form alike but for their length (RFC 9293 3.1, RFC 8200 8.1). */
export function pseudoHeader(
    family: 4 | 6,
    source: Address,
    destination: Address,
    protocol: number,
    length: number,
): number {
    const words = family === 4 ? [source[3], destination[3]] : [...source, ...destination]
    return words.reduce((sum, word) => sum + (word >>> 16) + (word & 0xffff), protocol + length)
}

/** The Internet checksum (RFC 1071) over `bytes`, beginning from a sum of 16-bit words. */
export function checksum(bytes: Uint8Array, from: number): number {
    let sum = from
    for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0)
    while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
    return ~sum & 0xffff
}

/** The IP protocol number of echo requests, for `socket(2)`. */
export const ECHO_PROTOCOL = { 4: ICMP, 6: 58 } as const
