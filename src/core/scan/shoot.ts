/**
 * A probe and its ends -> frames. IPv4 (RFC 791) and IPv6 (RFC 8200) with all that a probe wants to be odd in them;
 * checksums are right unless a probe wants them wrong.
 */
import { checksum, ECHO_PROTOCOL, pseudoHeader } from "../net/encode.ts"
import { TCP, UDP } from "../net/packet.ts"
import { addressBytes, addressOf, type Ends } from "./ends.ts"
import { encodeFrame } from "./link.ts"
import type { Body, Header, PacketSpec, Pieces, Probe } from "./probe.ts"

/** What was sent, and what is needed to know its answers. */
export type Shot = {
    readonly ends: Ends
    readonly frames: readonly Uint8Array[]
    /** The IP packets in them. */
    readonly packets: readonly Uint8Array[]
    /** Whom the answers go to, and whom the question was for. */
    readonly source: Uint8Array
    readonly destination: Uint8Array
    /** Is the one ours, and the other that of the host? */
    readonly fromUs: boolean
    readonly forHost: boolean
    readonly sourcePort: number
    readonly flowLabel: number
}

const FRAGMENT = 44
const MORE_FRAGMENTS = 0x2000
const DONT_FRAGMENT = 0x4000
const WINDOW = 64_240
const HOPS = 64

/** The frames of a probe between these ends. */
export function shoot(probe: Probe, ends: Ends): Shot {
    const sent = probe.packets.map((spec) => {
        const packets = packetsOf(spec, ends)
        return { packets, frames: packets.map((packet) => encodeFrame(packet, spec, ends)) }
    })
    // All packets of a probe have the same addresses and ports.
    const { body, header = {} } = probe.packets[0]!
    return {
        ends,
        frames: sent.flatMap(({ frames }) => frames),
        packets: sent.flatMap(({ packets }) => packets),
        source: addressBytes(ends.family, addressOf(header.source ?? "us", ends)),
        destination: addressBytes(ends.family, addressOf(header.destination ?? "host", ends)),
        fromUs: (header.source ?? "us") === "us",
        forHost: (header.destination ?? "host") === "host",
        sourcePort: sourcePortOf(body, ends),
        flowLabel: header.flowLabel ?? 0,
    }
}

function sourcePortOf(body: Body, ends: Ends): number {
    const wanted = "sourcePort" in body ? body.sourcePort : undefined
    return wanted === "same" ? ends.port : (wanted ?? ends.sourcePort)
}

function packetsOf({ body, header = {}, pieces }: PacketSpec, ends: Ends): Uint8Array[] {
    const { protocol, bytes } = encodeBody(body, header, ends)
    const family = ends.family
    if (pieces === undefined) {
        return [family === 4 ? ipv4(bytes, protocol, header, ends, null) : ipv6(bytes, protocol, header, ends)]
    }
    return cut(bytes, pieces).map(({ at, part, last }) => {
        if (family === 4) return ipv4(part, protocol, header, ends, (at >>> 3) | (last ? 0 : MORE_FRAGMENTS))
        const offset = at | (last ? 0 : 1)
        const fragment = [0, offset >>> 8, offset & 255, ...word(ends.sequence)]
        return ipv6(part, protocol, { ...header, extensions: [[FRAGMENT, fragment]] }, ends)
    })
}

type Piece = { readonly at: number; readonly part: Uint8Array; readonly last: boolean }

/** The pieces of a packet, in the order in which they are sent. */
function cut(bytes: Uint8Array, { size, order = "in order" }: Pieces): Piece[] {
    const all: Piece[] = []
    for (let at = 0; at < bytes.length; at += size)
        all.push({ at, part: bytes.subarray(at, at + size), last: at + size >= bytes.length })
    const [first, rest] = [all.slice(0, 1), all.slice(1)]
    switch (order) {
        case "reversed":
            return all.toReversed()
        case "first only":
            return first
        case "last only":
            return rest
        case "overlapping":
            // The second begins within the first.
            return [...first, ...rest.map((one) => ({ ...one, at: one.at - 8 }))]
        case "in order":
            return all
    }
}

function ipv4(body: Uint8Array, protocol: number, header: Header, ends: Ends, fragment: number | null): Uint8Array {
    const { options = [], tos = 0, hops = HOPS, identification = ends.sequence & 0xffff, flags } = header
    const length = 20 + Math.ceil(options.length / 4) * 4
    const bytes = new Uint8Array(length + body.length)
    const view = new DataView(bytes.buffer)
    bytes[0] = 0x40 | (length / 4)
    bytes[1] = tos
    view.setUint16(2, bytes.length)
    view.setUint16(4, identification)
    view.setUint16(6, fragment ?? (flags === undefined ? DONT_FRAGMENT : flags << 13))
    bytes[8] = hops
    bytes[9] = protocol
    bytes.set(addressBytes(4, addressOf(header.source ?? "us", ends)), 12)
    bytes.set(addressBytes(4, addressOf(header.destination ?? "host", ends)), 16)
    bytes.set(options, 20)
    const sum = checksum(bytes.subarray(0, length), 0)
    view.setUint16(10, header.checksum === "bad" ? sum ^ 0x5555 : sum)
    bytes.set(body, length)
    return bytes
}

function ipv6(body: Uint8Array, protocol: number, header: Header, ends: Ends): Uint8Array {
    const { extensions = [], tos = 0, hops = HOPS, flowLabel = 0 } = header
    const behind = extensions.reduce((sum, [, rest]) => sum + 1 + rest.length, 0)
    const bytes = new Uint8Array(40 + behind + body.length)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, ((6 << 28) | (tos << 20) | flowLabel) >>> 0)
    view.setUint16(4, behind + body.length)
    bytes[7] = hops
    bytes.set(addressBytes(6, addressOf(header.source ?? "us", ends)), 8)
    bytes.set(addressBytes(6, addressOf(header.destination ?? "host", ends)), 24)
    // Each header's number stands in the one before it.
    let [next, at] = [6, 40]
    for (const [number, rest] of extensions) {
        bytes[next] = number
        bytes.set(rest, at + 1)
        next = at
        at += 1 + rest.length
    }
    bytes[next] = protocol
    bytes.set(body, at)
    return bytes
}

function encodeBody(body: Body, header: Header, ends: Ends): { protocol: number; bytes: Uint8Array } {
    const ports = [sourcePortOf(body, ends), ends.port].flatMap((port) => [port >>> 8, port & 255])
    const summed = (bytes: Uint8Array, protocol: number, at: number, covered = bytes.length) => {
        const source = addressOf(header.source ?? "us", ends)
        const destination = addressOf(header.destination ?? "host", ends)
        const from = pseudoHeader(ends.family, source, destination, protocol, bytes.length)
        const sum = checksum(bytes.subarray(0, covered), from)
        // A sum of 0 says that there is none (RFC 768).
        return fill(bytes, at, sum === 0 && protocol === UDP ? 0xffff : sum)
    }
    if ("afterPorts" in body) {
        const bytes = Uint8Array.from([...ports, ...body.afterPorts])
        // RFC 3828: the header alone is covered.
        if (body.coverage === "udp-lite") summed(bytes, body.protocol, 6, 8)
        return { protocol: body.protocol, bytes }
    }
    if (body.protocol === "error") return errorAboutNothing(ends, summed)
    if (body.protocol === "udp") {
        const { data = 0, longer = 0, checksum: wrong, cut: until } = body
        const bytes = Uint8Array.from([...ports, 0, 0, 0, 0, ...Array<number>(data).fill(0)])
        fill(bytes, 4, bytes.length + longer)
        return { protocol: UDP, bytes: spoil(summed(bytes, UDP, 6), 6, wrong).subarray(0, until) }
    }
    const { flags, options = [], data = 0, later = 0, acknowledged = 0, window = WINDOW, urgent = 0 } = body
    const padded = [...options, ...Array<number>((4 - (options.length % 4)) % 4).fill(0)]
    const offset = body.offset ?? 5 + padded.length / 4
    const bytes = Uint8Array.from([
        ...ports,
        ...word((ends.sequence + later) >>> 0),
        ...word(acknowledged),
        (offset << 4) | (body.reserved ?? 0),
        flags,
        ...[window, 0, urgent].flatMap((value) => [value >>> 8, value & 255]),
        ...padded,
        ...Array<number>(data).fill(0),
    ])
    return { protocol: TCP, bytes: spoil(summed(bytes, TCP, 16), 16, body.checksum).subarray(0, body.cut) }
}

/** Port unreachable, for a packet from the asked port that there never was. */
function errorAboutNothing(ends: Ends, summed: (bytes: Uint8Array, protocol: number, at: number) => Uint8Array) {
    const backwards = { ...ends, us: ends.host, host: ends.us, port: ends.sourcePort, sourcePort: ends.port }
    const quoted = packetsOf({ body: { protocol: "tcp", flags: 0x12 } }, backwards)[0]!
    const type = ends.family === 4 ? [3, 3] : [1, 4]
    const bytes = Uint8Array.from([...type, 0, 0, 0, 0, 0, 0, ...quoted])
    const protocol = ECHO_PROTOCOL[ends.family]
    return { protocol, bytes: ends.family === 4 ? fill(bytes, 2, checksum(bytes, 0)) : summed(bytes, protocol, 2) }
}

function spoil(bytes: Uint8Array, at: number, wrong: "bad" | "zero" | undefined): Uint8Array {
    if (wrong === undefined) return bytes
    const sum = ((bytes[at]! << 8) | bytes[at + 1]!) ^ 0x5555
    return fill(bytes, at, wrong === "zero" ? 0 : sum)
}

function fill(bytes: Uint8Array, at: number, value: number): Uint8Array {
    bytes[at] = (value >>> 8) & 255
    bytes[at + 1] = value & 255
    return bytes
}

function word(value: number): number[] {
    return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
}
