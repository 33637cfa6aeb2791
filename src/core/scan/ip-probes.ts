/**
 * What is asked by the layers below: the IP header, its options and extension headers, fragments, frames, addresses.
 * They carry a packet of the port's own protocol.
 */
import { type Body, type Family, type Header, type Pieces, type Probe, probe, type Who } from "./probe.ts"

/** What they carry: an ordinary packet, one with data enough to be cut to pieces, and others for the DSCP. */
export type Carried = {
    readonly plain: Body
    readonly long: Body
    /** With another source port. */
    readonly from: (sourcePort: number | "same") => Body
    readonly more: readonly (readonly [string, Body])[]
    /** Answered by an ICMP error even where all is well. */
    readonly rationed: boolean
}

const TOS = [0x10, 0xb8, 0x03, 0x01, 0xff] as const

/** RFC 791; 148: RFC 2113; 94: RFC 4727. A route names one address, so that nothing is forwarded anywhere. */
const IPV4_OPTIONS: readonly (readonly [string, readonly number[]])[] = [
    ["record route", [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ["time stamps", [68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ["loose source route", [131, 7, 4, 127, 0, 0, 1, 0]],
    ["strict source route", [137, 7, 4, 127, 0, 0, 1, 0]],
    ["router alert", [148, 4, 0, 0]],
    ["four no-operations", [1, 1, 1, 1]],
    ["an option of no length", [7, 0, 0, 0]],
    ["an option longer than the header", [7, 39, 4, 0]],
    ["an unknown option", [94, 4, 0, 0]],
]

const UNSPECIFIED: readonly number[] = Array<number>(16).fill(0)

/** RFC 8200, RFC 5095 (routing header 0), RFC 4302, RFC 6946 (a fragment that is whole). */
const IPV6_EXTENSIONS: readonly (readonly [string, Header])[] = [
    ["a flow label", { flowLabel: 0xbeef5 }],
    ["hop-by-hop padding", { extensions: [[0, [0, 1, 4, 0, 0, 0, 0]]] }],
    ["an unknown hop-by-hop option to be skipped", { extensions: [[0, [0, 0x3e, 4, 0, 0, 0, 0]]] }],
    ["destination padding", { extensions: [[60, [0, 1, 4, 0, 0, 0, 0]]] }],
    ["an unknown destination option to be skipped", { extensions: [[60, [0, 0x3e, 4, 0, 0, 0, 0]]] }],
    ["an unknown destination option to be told of", { extensions: [[60, [0, 0x9e, 4, 0, 0, 0, 0]]] }],
    ["routing header 0", { extensions: [[43, [2, 0, 1, 0, 0, 0, 0, ...UNSPECIFIED]]] }],
    ["an unknown routing header", { extensions: [[43, [0, 200, 1, 0, 0, 0, 0]]] }],
    ["a fragment header and no fragments", { extensions: [[44, [0, 0, 0, 1, 2, 3, 4]]] }],
    ["an authentication header", { extensions: [[51, [4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, ...signature(12)]]] }],
]

function signature(length: number): number[] {
    return Array<number>(length).fill(0x5a)
}

const PIECES: readonly (readonly [string, Pieces])[] = [
    ["of 8 bytes", { size: 8 }],
    ["of 16 bytes", { size: 16 }],
    ["of 24 bytes", { size: 24 }],
    ["in reverse", { size: 24, order: "reversed" }],
    ["that overlap", { size: 24, order: "overlapping" }],
    ["without the last", { size: 24, order: "first only" }],
    ["without the first", { size: 24, order: "last only" }],
]

const DESTINATIONS = {
    4: ["broadcast", "255.255.255.255", "127.0.0.1", "unused", "203.0.113.1", "0.0.0.0", "224.0.0.1"],
    6: ["ff02::1", "::1", "unused", "2001:db8::1", "::", "::ffff:192.0.2.1"],
} as const

const SOURCES = {
    4: [
        "127.0.0.1",
        "host",
        "0.0.0.0",
        "224.0.0.5",
        "255.255.255.255",
        "broadcast",
        "240.0.0.1",
        "unused",
        "203.0.113.9",
        "198.51.100.9",
    ],
    6: ["::1", "host", "::", "ff02::5", "::ffff:192.0.2.9", "unused", "2001:db8::9", "fe80::db8:9", "2001:db8:9::9"],
} as const

/** Addresses by their text, but for those that are known when the probe is sent. */
function who(text: string): Who {
    return text === "host" || text === "unused" || text === "broadcast" ? text : { address: text }
}

const TEXTS: Readonly<Record<string, string>> = {
    host: "itself",
    unused: "an address of its link that nobody has",
    broadcast: "its link's broadcast address",
}

/** All of them, for one family. */
export function ipProbes(family: Family, carried: Carried): Probe[] {
    const { plain, long, from, more, rationed } = carried
    const hops = [0, 1, 2, 255].map((limit) =>
        probe("header", `hop limit ${limit}`, { body: plain, header: { hops: limit } }, limit === 255 ? {} : onLink),
    )
    const ports = ([0, 22, "same"] as const).map((port) =>
        probe("header", `source port ${port === "same" ? "as the asked one" : port}`, { body: from(port) }),
    )
    const odd: readonly (readonly [string, Header])[] =
        family === 6
            ? []
            : [
                  ["may be fragmented, identification 0", { identification: 0, flags: 0 }],
                  ["reserved bit", { flags: 4 }],
                  ["wrong header checksum", { checksum: "bad" }],
              ]
    const probes = [
        ...TOS.map((tos) => probe("dscp", `DSCP and ECN 0x${tos.toString(16)}`, { body: plain, header: { tos } })),
        ...more.map(([name, body]) => probe("dscp", `${name}, DSCP and ECN 0xb8`, { body, header: { tos: 0xb8 } })),
        ...hops,
        ...ports,
        ...odd.map(([name, header]) => probe("header", name, { body: plain, header })),
        ...(family === 4 ? IPV4_OPTIONS : []).map(([name, options]) =>
            probe("extensions", name, { body: plain, header: { options } }, { rationed: true }),
        ),
        ...(family === 6 ? IPV6_EXTENSIONS : []).map(([name, header]) =>
            probe("extensions", name, { body: plain, header }, { rationed: true }),
        ),
        ...(family === 6 ? [probe("extensions", "ESP", esp, { rationed: true })] : []),
        ...PIECES.map(([name, pieces]) => probe("fragments", `fragments ${name}`, { body: long, pieces })),
        ...linkProbes(family, plain),
        ...DESTINATIONS[family].map((text) =>
            probe(
                "addresses",
                `to ${TEXTS[text] ?? text}`,
                { body: plain, header: { destination: who(text) } },
                onLink,
            ),
        ),
        ...SOURCES[family].map((text) =>
            probe("addresses", `from ${TEXTS[text] ?? text}`, { body: plain, header: { source: who(text) } }, spoofed),
        ),
    ]
    return rationed ? probes.map((one) => ({ ...one, rationed: true })) : probes
}

const onLink = { needs: "link" } as const
const spoofed = { needs: "spoof" } as const
/** Security parameters and a number, and rubbish in the place of what would be encrypted. */
const esp = { body: { protocol: 50, afterPorts: signature(20) } } as const

function linkProbes(family: Family, body: Body): Probe[] {
    return [
        // As the shortest of packets are; those of IPv6 are longer than the shortest frame.
        ...[family === 4 ? 60 : 80, 200].map((padded) =>
            probe("link", `padded to ${padded} bytes`, { body, padded }, onLink),
        ),
        ...(["broadcast", "multicast", "foreign"] as const).map((link) =>
            probe("link", `in a ${link} frame`, { body, link }, onLink),
        ),
    ]
}
