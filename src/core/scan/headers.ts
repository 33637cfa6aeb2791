/** The IP header of a packet that came back, in the words of `normalise.ts`. */
import { hexOf } from "../hex.ts"
import { ICMP } from "../net/packet.ts"
import type { Family } from "./probe.ts"
import { sumIsRight } from "./sums.ts"

/** A part of a reply, and what stands there. */
export type Field = readonly [name: string, value: string]

/** A packet, as far as both families are alike. All its bytes are those it was read from, not copies. */
export type Inner = {
    readonly bytes: Uint8Array
    readonly source: Uint8Array
    readonly destination: Uint8Array
    readonly protocol: number
    /** Where what it carries begins. */
    readonly at: number
    /** It is whole, or the first of several fragments. */
    readonly whole: boolean
    readonly fields: readonly Field[]
}

export const IPV4_HEADER = 20
const IPV6_HEADER = 40
const FRAGMENT = 44
const AUTHENTICATION = 51
const EXTENSIONS = [0, 43, FRAGMENT, AUTHENTICATION, 60]
const TIME_STAMPS = 68

/** Reads the header; null for what is none. `flowLabel`: that of what was sent. */
export function readHeader(family: Family, bytes: Uint8Array, flowLabel: number): Inner | null {
    return family === 4 ? readIPv4(bytes) : readIPv6(bytes, flowLabel)
}

function readIPv4(bytes: Uint8Array): Inner | null {
    const length = (bytes[0]! & 15) * 4
    if (bytes.length < IPV4_HEADER || bytes[0]! >>> 4 !== 4 || length < IPV4_HEADER || length > bytes.length)
        return null
    const total = Math.min(bytes.length, Math.max(length, word16(bytes, 2)))
    const protocol = bytes[9]!
    const fragment = word16(bytes, 6)
    const error = protocol === ICMP && bytes[length] !== 0
    const identification = word16(bytes, 4)
    return {
        bytes: bytes.subarray(0, total),
        source: bytes.subarray(12, 16),
        destination: bytes.subarray(16, 20),
        protocol,
        at: length,
        whole: (fragment & 0x1fff) === 0,
        fields: [
            ["tos", hexOf(bytes.subarray(1, 2))],
            ["identification", error ? (identification === 0 ? "0" : "not 0") : hexOf(bytes.subarray(4, 6))],
            ["fragment", hexOf(bytes.subarray(6, 8))],
            ["ttl", String(bytes[8])],
            ["protocol", String(protocol)],
            ["header checksum", sumIsRight(bytes.subarray(0, length), 10, 0) ? "ok" : "BAD"],
            ["ip options", hexOf(clearTimes(bytes.slice(IPV4_HEADER, length)))],
        ],
    }
}

/** Takes the times out of the IPv4 option "time stamps" (RFC 791, section 3.1), wherever it stands in these bytes. */
export function clearTimes(options: Uint8Array): Uint8Array {
    for (let at = 0; at < options.length && options[at] !== 0; ) {
        const length = options[at] === 1 ? 1 : (options[at + 1] ?? 0)
        if (length === 0) break
        if (options[at] === TIME_STAMPS) options.fill(0, at + 4, at + length)
        at += length
    }
    return options
}

function readIPv6(bytes: Uint8Array, flowLabel: number): Inner | null {
    if (bytes.length < IPV6_HEADER || bytes[0]! >>> 4 !== 6) return null
    const label = ((bytes[1]! & 15) << 16) | word16(bytes, 2)
    const total = Math.min(bytes.length, IPV6_HEADER + word16(bytes, 4))
    let [protocol, at, whole] = [bytes[6]!, IPV6_HEADER, true]
    while (EXTENSIONS.includes(protocol) && at + 8 <= total) {
        if (protocol === FRAGMENT && word16(bytes, at + 2) >>> 3 !== 0) whole = false
        const length =
            protocol === FRAGMENT
                ? 8
                : protocol === AUTHENTICATION
                  ? (bytes[at + 1]! + 2) * 4
                  : (bytes[at + 1]! + 1) * 8
        protocol = bytes[at]!
        at += length
    }
    return {
        bytes: bytes.subarray(0, total),
        source: bytes.subarray(8, 24),
        destination: bytes.subarray(24, 40),
        protocol,
        at: Math.min(at, total),
        whole,
        fields: [
            ["traffic class", (((bytes[0]! & 15) << 4) | (bytes[1]! >>> 4)).toString(16).padStart(2, "0")],
            ["flow label", label === 0 ? "0" : label === flowLabel ? "reflected" : "random"],
            ["hop limit", String(bytes[7])],
            ["protocol", String(protocol)],
            ["extension headers", hexOf(bytes.subarray(IPV6_HEADER, Math.min(at, total)))],
        ],
    }
}

/** Are these the same bytes, as far as `length`? Those that are not there are like none. */
export function same(a: Uint8Array, b: Uint8Array, length = Math.max(a.length, b.length)): boolean {
    for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false
    return true
}

/** 16 bits at `at`; what is not there is 0. */
export function word16(bytes: Uint8Array, at: number): number {
    return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}
