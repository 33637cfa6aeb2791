/** vectors/packet: what each packet is, or that it cannot be a hit. See `decodePacket` and `networkOffset`. */
import {
    authentication6,
    bytes,
    ethernet,
    fragment6,
    hex,
    icmp,
    icmp6,
    ipv4,
    ipv6,
    join,
    LOCAL4,
    LOCAL6,
    options6,
    pppoe,
    routing6,
    SOURCE4,
    SOURCE6,
    tcp,
    udp,
    zeros,
} from "./bytes.ts"

/** What must come out: all fields of the packet but its time. Null: it cannot be a hit. */
export type ExpectedPacket = {
    readonly source: string
    readonly destination: string
    readonly protocol: "tcp" | "udp" | "icmp"
    readonly port: number
    readonly flags: number
    readonly sourcePort: number
    readonly sequence: number
} | null

export type PacketVector = { readonly name: string; readonly input: string; readonly expect: ExpectedPacket }
export type FrameVector = PacketVector & { readonly linkType: number }

const at4 = { source: SOURCE4, destination: LOCAL4 }
const at6 = { source: SOURCE6, destination: LOCAL6 }
const aSyn = { protocol: "tcp", flags: 2, sourcePort: 40_000, sequence: 0x01020304 } as const
const aDatagram = { protocol: "udp", flags: 0, sourcePort: 40_000, sequence: 0 } as const
const anEcho = { protocol: "icmp", flags: 0, sourcePort: 0x0a0b, sequence: 7 } as const

const vector = (name: string, input: Uint8Array, expect: ExpectedPacket): PacketVector => ({
    name,
    input: hex(input),
    expect,
})

const nops = (count: number) => zeros(count).fill(1)

export const IPV4: readonly PacketVector[] = [
    vector("ipv4/tcp syn", ipv4(tcp(7000)), { ...at4, ...aSyn, port: 7000 }),
    vector("ipv4/tcp syn with options", ipv4(tcp(7000, { options: bytes(2, 4, 5, 0xb4) })), {
        ...at4,
        ...aSyn,
        port: 7000,
    }),
    vector("ipv4/tcp flags are the flag byte", ipv4(tcp(7000, { flags: 0xd2 })), {
        ...at4,
        ...aSyn,
        port: 7000,
        flags: 0xd2,
    }),
    vector("ipv4/tcp largest numbers", ipv4(tcp(65_535, { from: 65_535, sequence: 0xffffffff })), {
        ...at4,
        ...aSyn,
        port: 65_535,
        sourcePort: 65_535,
        sequence: 0xffffffff,
    }),
    vector("ipv4/highest addresses", ipv4(tcp(1), { source: "255.255.255.254", destination: "224.0.0.1" }), {
        ...aSyn,
        source: "255.255.255.254",
        destination: "224.0.0.1",
        port: 1,
    }),
    vector("ipv4/udp empty", ipv4(udp(8000)), { ...at4, ...aDatagram, port: 8000 }),
    vector("ipv4/udp with payload", ipv4(udp(8000, zeros(32))), { ...at4, ...aDatagram, port: 8000 }),
    vector("ipv4/echo request of 321 bytes", ipv4(icmp(321)), { ...at4, ...anEcho, port: 321 }),
    vector("ipv4/echo request of 0 bytes", ipv4(icmp(0)), { ...at4, ...anEcho, port: 0 }),
    vector("ipv4/echo size does not count padding of the link", join(ipv4(icmp(3)), zeros(15)), {
        ...at4,
        ...anEcho,
        port: 3,
    }),
    vector("ipv4/echo size is what was sent, not what was captured", ipv4(icmp(900)).subarray(0, 128), {
        ...at4,
        ...anEcho,
        port: 900,
    }),
    vector("ipv4/header options", ipv4(tcp(7000), { options: nops(4) }), { ...at4, ...aSyn, port: 7000 }),
    vector("ipv4/longest header", ipv4(udp(8000), { options: nops(40) }), { ...at4, ...aDatagram, port: 8000 }),
    vector("ipv4/echo size does not count header options", ipv4(icmp(10), { options: nops(8) }), {
        ...at4,
        ...anEcho,
        port: 10,
    }),
    vector("ipv4/first fragment with the tcp flags", ipv4(tcp(7000, { options: nops(12) }), { more: true, keep: 16 }), {
        ...at4,
        ...aSyn,
        port: 7000,
    }),
    vector("ipv4/first fragment without the tcp flags", ipv4(tcp(7000), { more: true, keep: 8 }), null),
    vector("ipv4/first fragment of udp", ipv4(udp(8000, zeros(600)), { more: true, keep: 256 }), {
        ...at4,
        ...aDatagram,
        port: 8000,
    }),
    vector("ipv4/later fragment", ipv4(udp(8000, zeros(64)), { more: true, offset: 1 }), null),
    vector("ipv4/last fragment", ipv4(udp(8000, zeros(64)), { offset: 185 }), null),
    vector("ipv4/echo in a fragment has no known size", ipv4(icmp(600), { more: true, keep: 256 }), null),
    vector("ipv4/echo reply", ipv4(icmp(10, 0)), null),
    vector("ipv4/echo request with a code", ipv4(icmp(10, 8, 1)), null),
    vector("ipv4/icmpv6 in ipv4", ipv4(icmp6(10)), null),
    vector("ipv4/another protocol", ipv4(tcp(7000), { protocol: 132 }), null),
    vector("ipv4/header length too small", ipv4(tcp(7000), { words: 4 }), null),
    vector("ipv4/header longer than the packet", ipv4(udp(8000), { words: 15 }), null),
    vector("ipv4/total length smaller than the header", ipv4(tcp(7000), { total: 19 }), null),
    vector("ipv4/total length ends in the tcp header", ipv4(tcp(7000), { total: 33 }), null),
    vector("ipv4/total length ends before the tcp header does", ipv4(tcp(7000), { total: 39 }), null),
    vector("ipv4/total length ends in the udp header", ipv4(udp(8000), { total: 27 }), null),
    vector("ipv4/total length ends in the echo header", ipv4(icmp(9), { total: 27 }), null),
    vector("ipv4/tcp header length too small", ipv4(tcp(7000, { words: 4 })), null),
    vector("ipv4/tcp header longer than the packet", ipv4(tcp(7000, { words: 6 })), null),
    vector("ipv4/udp length smaller than its header", ipv4(udp(8000, zeros(0), { size: 7 })), null),
    vector("ipv4/udp length larger than the packet", ipv4(udp(8000, zeros(4), { size: 13 })), null),
    vector("another version of ip", join(bytes(0x55), ipv4(tcp(7000)).subarray(1)), null),
    vector("nothing", zeros(0), null),
]

export const IPV6: readonly PacketVector[] = [
    vector("ipv6/tcp syn", ipv6(tcp(7000)), { ...at6, ...aSyn, port: 7000 }),
    vector("ipv6/mapped source", ipv6(tcp(7000), { source: "::ffff:192.0.2.7" }), null),
    vector("ipv6/mapped destination", ipv6(tcp(7000), { destination: "::ffff:192.0.2.1" }), null),
    vector("ipv6/udp", ipv6(udp(8000, zeros(5))), { ...at6, ...aDatagram, port: 8000 }),
    vector("ipv6/echo request of 321 bytes", ipv6(icmp6(321)), { ...at6, ...anEcho, port: 321 }),
    vector("ipv6/echo size is what was sent, not what was captured", ipv6(icmp6(900)).subarray(0, 128), {
        ...at6,
        ...anEcho,
        port: 900,
    }),
    vector("ipv6/hop-by-hop options", ipv6(tcp(7000), { extensions: [options6(0)] }), { ...at6, ...aSyn, port: 7000 }),
    vector("ipv6/destination options of 64 bytes", ipv6(tcp(7000), { extensions: [options6(60, 8)] }), {
        ...at6,
        ...aSyn,
        port: 7000,
    }),
    vector("ipv6/routing header at its end", ipv6(tcp(7000), { extensions: [routing6(0)] }), {
        ...at6,
        ...aSyn,
        port: 7000,
    }),
    vector("ipv6/routing header with stops left", ipv6(tcp(7000), { extensions: [routing6(1)] }), null),
    vector("ipv6/authentication header", ipv6(tcp(7000), { extensions: [authentication6()] }), {
        ...at6,
        ...aSyn,
        port: 7000,
    }),
    vector(
        "ipv6/all of them, and the echo size counts none",
        ipv6(icmp6(33), { extensions: [options6(0), options6(60), routing6(0), fragment6(0, false), options6(60, 2)] }),
        { ...at6, ...anEcho, port: 33 },
    ),
    vector(
        "ipv6/eight headers are enough",
        ipv6(tcp(7000), { extensions: Array.from({ length: 8 }, () => options6(60)) }),
        {
            ...at6,
            ...aSyn,
            port: 7000,
        },
    ),
    vector(
        "ipv6/nine headers are too many",
        ipv6(tcp(7000), { extensions: Array.from({ length: 9 }, () => options6(60)) }),
        null,
    ),
    vector(
        "ipv6/hop-by-hop options in second place",
        ipv6(tcp(7000), { extensions: [options6(60), options6(0)] }),
        null,
    ),
    vector("ipv6/atomic fragment is whole", ipv6(icmp6(21), { extensions: [fragment6(0, false)] }), {
        ...at6,
        ...anEcho,
        port: 21,
    }),
    vector(
        "ipv6/first fragment with the tcp flags",
        ipv6(tcp(7000, { options: nops(12) }), { extensions: [fragment6(0, true)], keep: 16 }),
        {
            ...at6,
            ...aSyn,
            port: 7000,
        },
    ),
    vector(
        "ipv6/first fragment without the tcp flags",
        ipv6(tcp(7000), { extensions: [fragment6(0, true)], keep: 8 }),
        null,
    ),
    vector("ipv6/first fragment of udp", ipv6(udp(8000, zeros(600)), { extensions: [fragment6(0, true)], keep: 256 }), {
        ...at6,
        ...aDatagram,
        port: 8000,
    }),
    vector("ipv6/later fragment", ipv6(udp(8000, zeros(64)), { extensions: [fragment6(1, true)] }), null),
    vector("ipv6/last fragment", ipv6(udp(8000, zeros(64)), { extensions: [fragment6(100, false)] }), null),
    vector(
        "ipv6/echo in a fragment has no known size",
        ipv6(icmp6(600), { extensions: [fragment6(0, true)], keep: 256 }),
        null,
    ),
    vector("ipv6/echo reply", ipv6(icmp6(10, 129)), null),
    vector("ipv6/neighbour solicitation", ipv6(icmp6(16, 135)), null),
    vector("ipv6/icmp in ipv6", ipv6(icmp(10)), null),
    vector("ipv6/encrypted payload", ipv6(tcp(7000), { next: 50 }), null),
    vector("ipv6/no next header", ipv6(tcp(7000), { next: 59 }), null),
    vector("ipv6/unknown next header", ipv6(tcp(7000), { next: 253 }), null),
    vector(
        "ipv6/extension longer than the packet",
        ipv6(tcp(7000), { extensions: [{ number: 60, make: (next) => bytes(next, 9, 1, 4, 0, 0, 0, 0) }] }),
        null,
    ),
    vector("ipv6/payload length 0", ipv6(tcp(7000), { total: 0 }), null),
    vector(
        "ipv6/payload length ends in the extension",
        ipv6(tcp(7000), { extensions: [options6(60)], total: 7 }),
        null,
    ),
    vector("ipv6/payload length ends in the tcp header", ipv6(tcp(7000), { total: 19 }), null),
]

const framed = (name: string, linkType: number, input: Uint8Array, expect: ExpectedPacket): FrameVector => ({
    name: `frame/${name}`,
    linkType,
    input: hex(input),
    expect,
})

const v4 = ipv4(tcp(7000))
const v6 = ipv6(tcp(7000))
const hit4: ExpectedPacket = { ...at4, ...aSyn, port: 7000 }
const hit6: ExpectedPacket = { ...at6, ...aSyn, port: 7000 }
const tag: readonly [number, number] = [0x8100, 5]
const service: readonly [number, number] = [0x88a8, 100]

export const FRAMES: readonly FrameVector[] = [
    framed("ethernet ipv4", 1, ethernet(0x0800, v4), hit4),
    framed("ethernet ipv6", 1, ethernet(0x86dd, v6), hit6),
    framed("ethernet with padding", 1, ethernet(0x0800, join(ipv4(icmp(2)), zeros(16))), {
        ...at4,
        ...anEcho,
        port: 2,
    }),
    framed("ethernet arp", 1, ethernet(0x0806, zeros(28)), null),
    framed("802.1q", 1, ethernet(0x0800, v4, [tag]), hit4),
    framed("802.1ad", 1, ethernet(0x86dd, v6, [service, tag]), hit6),
    framed("old q-in-q", 1, ethernet(0x0800, v4, [[0x9100, 7], tag]), hit4),
    framed("four tags", 1, ethernet(0x0800, v4, [tag, tag, tag, tag]), hit4),
    framed("five tags", 1, ethernet(0x0800, v4, [tag, tag, tag, tag, tag]), null),
    framed("pppoe session ipv4", 1, ethernet(0x8864, pppoe(0x21, v4)), hit4),
    framed("pppoe session ipv6 in a vlan", 1, ethernet(0x8864, pppoe(0x57, v6), [tag]), hit6),
    framed("pppoe discovery", 1, ethernet(0x8863, pppoe(0x21, v4)), null),
    framed("pppoe with a code", 1, ethernet(0x8864, pppoe(0x21, v4, 9)), null),
    framed("pppoe link control", 1, ethernet(0x8864, pppoe(0xc021, v4)), null),
    framed("pppoe alone", 51, pppoe(0x21, v4), hit4),
    framed("linux cooked", 113, join(zeros(14), bytes(0x08, 0x00), v4), hit4),
    framed("linux cooked with a vlan tag", 113, join(zeros(14), bytes(0x81, 0x00, 0, 5, 0x86, 0xdd), v6), hit6),
    framed("linux cooked 2", 276, join(bytes(0x86, 0xdd), zeros(18), v6), hit6),
    framed("raw ipv4", 101, v4, hit4),
    framed("raw ipv6", 101, v6, hit6),
    framed("raw as linux writes it", 12, v4, hit4),
    framed("ipv4 only", 228, v4, hit4),
    framed("ipv6 only", 229, v6, hit6),
    framed("null little-endian ipv4", 0, join(bytes(2, 0, 0, 0), v4), hit4),
    framed("null big-endian ipv6", 0, join(bytes(0, 0, 0, 30), v6), hit6),
    framed("loop ipv6", 108, join(bytes(0, 0, 0, 24), v6), hit6),
    framed("null of another family", 0, join(bytes(7, 0, 0, 0), v4), null),
    framed("ppp", 9, join(bytes(0x00, 0x21), v4), hit4),
    framed("ppp with address and control", 9, join(bytes(0xff, 0x03, 0x00, 0x57), v6), hit6),
    framed("ppp compressed", 9, join(bytes(0x21), v4), hit4),
    framed("ppp in hdlc", 50, join(bytes(0xff, 0x03, 0x00, 0x21), v4), hit4),
    framed("unknown link", 147, v4, null),
]

/** The files of vectors/packet. */
export const packetVectors: Readonly<Record<string, readonly PacketVector[]>> = {
    "packet/ipv4.json": IPV4,
    "packet/ipv6.json": IPV6,
    "packet/frames.json": FRAMES,
}
