/** What is asked of a TCP port by its own protocol: flags, options, malformed segments, and several segments in a row. */
import { ACK, FIN, PSH, RST, SYN, URG } from "../net/packet.ts"
import { type Body, type Family, type Probe, probe } from "./probe.ts"

type Segment = Extract<Body, { protocol: "tcp" }>
type Fields = Partial<Omit<Segment, "protocol">>

const ECE = 0x40
const CWR = 0x80
/** No packet of ours was ever numbered like this. */
const ACKNOWLEDGED = 0x1234abcd

/** A segment: a SYN unless it says otherwise. */
export function segment(fields: Fields = {}): Segment {
    return { protocol: "tcp", flags: SYN, ...fields }
}

const NAMES: readonly (readonly [number, string])[] = [
    [FIN, "FIN"],
    [SYN, "SYN"],
    [RST, "RST"],
    [PSH, "PSH"],
    [ACK, "ACK"],
    [URG, "URG"],
    [ECE, "ECE"],
    [CWR, "CWR"],
]

const FLAGS = [
    0,
    FIN,
    SYN,
    RST,
    PSH,
    ACK,
    URG,
    ECE,
    CWR,
    SYN | FIN,
    SYN | RST,
    SYN | ACK,
    SYN | URG,
    FIN | ACK,
    RST | ACK,
    PSH | ACK,
    FIN | PSH | URG,
    FIN | SYN | RST | PSH | ACK | URG,
    0xff,
]

function flagNames(flags: number): string {
    const names = NAMES.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name)
    return names.length === 0 ? "no flags" : names.join(" ")
}

/** RFC 9293, RFC 7323, RFC 2018; 19: RFC 2385, 29: RFC 5925, 30: RFC 8684, 34: RFC 7413, 253: RFC 4727. */
const MSS = [2, 4, 5, 0xb4]
const WINDOW_SCALE = [3, 3, 7]
const SACK_PERMITTED = [4, 2]
const TIMESTAMPS = [8, 10, 0, 1, 2, 3, 0, 0, 0, 0]
const MULTIPATH = [30, 12, 0x01, 0x81, 1, 2, 3, 4, 5, 6, 7, 8]
const FAST_OPEN = [34, 10, 1, 2, 3, 4, 5, 6, 7, 8]
const signed = (kind: number, length: number) => [kind, length, ...Array<number>(length - 2).fill(0x5a)]

const OPTIONS: readonly (readonly [string, Fields])[] = [
    ["with an MSS", { options: MSS }],
    ["as Linux sends it", { options: [...MSS, ...SACK_PERMITTED, ...TIMESTAMPS, 1, ...WINDOW_SCALE] }],
    ["with a window scale", { options: WINDOW_SCALE }],
    ["with time stamps", { options: TIMESTAMPS }],
    ["with SACK permitted", { options: SACK_PERMITTED }],
    ["with ECN", { flags: SYN | ECE | CWR }],
    ["with AccECN", { flags: SYN | ECE | CWR, reserved: 1 }],
    ["with data", { data: 4 }],
    ["asking for a Fast Open cookie", { options: [34, 2] }],
    ["with a Fast Open cookie and data", { options: FAST_OPEN, data: 16 }],
    ["signed by MD5", { options: signed(19, 18) }],
    ["signed by TCP-AO", { options: signed(29, 16) }],
    ["for Multipath TCP", { options: MULTIPATH }],
    ["with an option of no length", { options: [5, 0, 0, 0] }],
    ["with an option longer than the header", { options: [8, 40, 0, 0] }],
    ["with an unknown option", { options: [253, 4, 0xf9, 0x89] }],
]

const MALFORMED: readonly (readonly [string, Fields])[] = [
    ["wrong checksum", { checksum: "bad" }],
    ["checksum 0", { checksum: "zero" }],
    ["data offset 0", { offset: 0 }],
    ["data offset 4", { offset: 4 }],
    ["data offset 6, beyond its end", { offset: 6 }],
    ["data offset 15, beyond its end", { offset: 15 }],
    ["4 bytes of it", { cut: 4 }],
    ["8 bytes of it", { cut: 8 }],
    ["14 bytes of it", { cut: 14 }],
    ["19 bytes of it", { cut: 19 }],
    ["reserved bits set", { reserved: 15 }],
    ["urgent pointer without URG", { urgent: 0xffff }],
]

/** The same source port in all of them. */
const SEQUENCES: readonly (readonly [string, readonly Fields[]])[] = [
    ["SYN, SYN", [{}, {}]],
    ["SYN five times", [{}, {}, {}, {}, {}]],
    ["SYN, SYN of another number", [{}, { later: 70_000 }]],
    ["SYN, ACK", [{}, { flags: ACK, later: 1 }]],
    ["SYN, FIN", [{}, { flags: FIN, later: 1 }]],
    ["SYN, RST, SYN", [{}, { flags: RST, later: 1 }, {}]],
    ["SYN, RST, ACK", [{}, { flags: RST, later: 1 }, { flags: ACK, later: 1 }]],
    ["SYN, data", [{}, { flags: PSH | ACK, later: 1, data: 8 }]],
    [
        "a whole connection",
        [
            {},
            { flags: ACK, later: 1 },
            { flags: PSH | ACK, later: 1, data: 8 },
            { flags: FIN | ACK, later: 9 },
            { flags: ACK, later: 10 },
        ],
    ],
    ["ACK, FIN", [{ flags: ACK }, { flags: FIN }]],
    ["ACK, ACK", [{ flags: ACK }, { flags: ACK, acknowledged: 7 }]],
    ["ACK, SYN", [{ flags: ACK }, { later: 1 }]],
    ["FIN, FIN", [{ flags: FIN }, { flags: FIN }]],
    ["RST, SYN", [{ flags: RST }, {}]],
    ["SYN and ACK, ACK", [{ flags: SYN | ACK }, { flags: ACK, later: 1 }]],
    ["nothing, FIN PSH URG, SYN", [{ flags: 0 }, { flags: FIN | PSH | URG }, {}]],
]

/** All of them, for one family. */
export function tcpProbes(family: Family): Probe[] {
    const numbered = (fields: Fields): Segment => {
        const { flags = SYN, acknowledged = (flags & ACK) === 0 ? 0 : ACKNOWLEDGED } = fields
        return segment({ ...fields, acknowledged })
    }
    return [
        ...FLAGS.map((flags) => probe("flags", flagNames(flags), { body: numbered({ flags }) })),
        probe("flags", "ACK of 0", { body: segment({ flags: ACK }) }),
        probe("flags", "SYN ACK of 0", { body: segment({ flags: SYN | ACK }) }),
        probe("flags", "ACK with data", { body: numbered({ flags: ACK, data: 8 }) }),
        probe("flags", "FIN with data", { body: numbered({ flags: FIN, data: 8 }) }),
        ...OPTIONS.map(([name, fields]) => probe("options", `SYN ${name}`, { body: numbered(fields) })),
        ...(family === 6 ? [probe("options", "SYN with a window of 0", { body: segment({ window: 0 }) })] : []),
        ...MALFORMED.map(([name, fields]) => probe("malformed", `SYN, ${name}`, { body: numbered(fields) })),
        ...SEQUENCES.map(([name, all]) => ({
            ...probe("sequences", name, { body: segment() }),
            packets: all.map((fields) => ({ body: numbered(fields) })),
        })),
    ]
}
