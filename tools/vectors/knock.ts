/**
 * Scenarios for knocks (spec/knock-language.md, section 7): sequences, packets, and the doors that each packet opens.
 * `expect` was written by hand from the rules; the tests hold the matcher and its slow twin against it.
 */

/** `door: hits @ window`, such as `ssh: 7000 8000:udp @ 15s`. */
export type KnockVector = {
    readonly name: string
    readonly spec: string
    readonly sequences: readonly { readonly door: string; readonly hits: readonly string[]; readonly within: number }[]
    readonly packets: readonly {
        /** Milliseconds. */
        readonly time: number
        readonly source: string
        readonly hit: string
        /** Equal marks of one hit: a retransmission. UDP has none. */
        readonly mark?: number
        /** Doors that this packet opens. */
        readonly expect: readonly string[]
    }[]
}

const A = "192.0.2.7"
const B = "198.51.100.8"
const ssh = { door: "ssh", hits: ["7000", "8000:udp", "icmp:321"], within: 10_000 }
const web = { door: "web", hits: ["7000", "8000:udp"], within: 10_000 }
const tail = { door: "tail", hits: ["8000:udp", "icmp:321"], within: 10_000 }
const twice = { door: "twice", hits: ["7000", "7000", "9000"], within: 10_000 }
const close = { door: "close", hits: ["icmp:321", "8000:udp", "7000"], within: 10_000 }

let mark = 0

/** One packet, new unless a mark is given. */
function at(
    time: number,
    hit: string,
    expect: string[] = [],
    source = A,
    same?: number,
): KnockVector["packets"][number] {
    if (hit.endsWith(":udp")) return { time, source, hit, expect }
    return { time, source, hit, mark: same ?? ++mark, expect }
}

/** Someone guessing the last hit, `times` times, from `from` on. */
function guesses(from: number, times: number) {
    return Array.from({ length: times }, (_, i) => [
        at(from + i * 10, "7000"),
        at(from + i * 10 + 1, "8000:udp"),
        at(from + i * 10 + 2, "1"),
    ]).flat()
}

const SCENARIOS: readonly KnockVector[] = [
    {
        name: "whole",
        spec: "3.8",
        sequences: [ssh],
        packets: [at(0, "7000"), at(100, "8000:udp"), at(200, "icmp:321", ["ssh"])],
    },
    {
        name: "window-last-millisecond",
        spec: "3.8",
        sequences: [ssh],
        packets: [at(0, "7000"), at(1, "8000:udp"), at(10_000, "icmp:321", ["ssh"])],
    },
    {
        name: "window-one-too-late",
        spec: "3.8",
        sequences: [ssh],
        packets: [at(0, "7000"), at(1, "8000:udp"), at(10_001, "icmp:321")],
    },
    {
        name: "foreign-port-between",
        spec: "3.6",
        sequences: [ssh],
        packets: [at(0, "7000"), at(1, "5555"), at(2, "8000:udp"), at(3, "icmp:321")],
    },
    {
        name: "other-protocol-between",
        spec: "3.6",
        sequences: [ssh],
        packets: [at(0, "7000"), at(1, "8000"), at(2, "8000:udp"), at(3, "icmp:321")],
    },
    {
        name: "other-echo-size",
        spec: "3.6",
        sequences: [ssh],
        packets: [at(0, "7000"), at(1, "8000:udp"), at(2, "icmp:322")],
    },
    {
        name: "right-after-wrong",
        spec: "3.8",
        sequences: [ssh],
        packets: [at(0, "7000"), at(1, "5555"), at(2, "7000"), at(3, "8000:udp"), at(4, "icmp:321", ["ssh"])],
    },
    {
        name: "wrong-hit-is-a-first",
        spec: "3.7",
        sequences: [ssh],
        packets: [
            at(0, "7000"),
            at(2000, "8000:udp"),
            at(4000, "7000"),
            at(4001, "8000:udp"),
            at(4002, "icmp:321", ["ssh"]),
        ],
    },
    {
        name: "retransmission-late",
        spec: "3.4",
        sequences: [ssh],
        packets: [
            at(0, "7000", [], A, 1000),
            at(900, "8000:udp"),
            at(3000, "7000", [], A, 1000),
            at(3100, "icmp:321", ["ssh"]),
        ],
    },
    {
        name: "retransmission-90000",
        spec: "3.4",
        sequences: [ssh],
        packets: [
            at(0, "7000", [], A, 1000),
            at(1, "8000:udp"),
            at(2, "icmp:321", ["ssh"]),
            at(90_000, "7000", [], A, 1000),
            at(90_001, "8000:udp"),
            at(90_002, "icmp:321"),
        ],
    },
    {
        name: "retransmission-90001",
        spec: "3.4",
        sequences: [ssh],
        packets: [
            at(0, "7000", [], A, 1000),
            at(1, "8000:udp"),
            at(2, "icmp:321", ["ssh"]),
            at(90_001, "7000", [], A, 1000),
            at(90_002, "8000:udp"),
            at(90_003, "icmp:321", ["ssh"]),
        ],
    },
    {
        name: "repeat-1500",
        spec: "3.5",
        sequences: [ssh],
        packets: [at(0, "7000"), at(1, "8000:udp"), at(1501, "8000:udp"), at(1502, "icmp:321", ["ssh"])],
    },
    {
        name: "repeat-1501",
        spec: "3.5",
        sequences: [ssh],
        packets: [at(0, "7000"), at(1, "8000:udp"), at(1502, "8000:udp"), at(1503, "icmp:321")],
    },
    {
        name: "repeat-insisted",
        spec: "3.5",
        sequences: [twice],
        packets: [at(0, "7000"), at(1, "9000"), at(2, "7000"), at(3, "7000"), at(4, "9000", ["twice"])],
    },
    {
        name: "common-beginning",
        spec: "3.8",
        sequences: [ssh, web],
        packets: [at(0, "7000"), at(1, "8000:udp", ["web"]), at(2, "icmp:321", ["ssh"])],
    },
    {
        name: "common-end",
        spec: "3.8",
        sequences: [ssh, tail],
        packets: [at(0, "7000"), at(1, "8000:udp"), at(2, "icmp:321", ["tail", "ssh"])],
    },
    {
        name: "reversed-door",
        spec: "3.8",
        sequences: [ssh, close],
        packets: [
            at(0, "7000"),
            at(1, "8000:udp"),
            at(2, "icmp:321", ["ssh"]),
            at(3, "8000:udp"),
            at(4, "7000", ["close"]),
        ],
    },
    {
        name: "twice-in-a-row",
        spec: "3.8",
        sequences: [web],
        packets: [at(0, "7000"), at(1, "8000:udp", ["web"]), at(2, "7000"), at(3, "8000:udp", ["web"])],
    },
    {
        name: "two-sources",
        spec: "3.8",
        sequences: [ssh],
        packets: [
            at(0, "7000"),
            at(1, "7000", [], B),
            at(2, "5555"),
            at(3, "8000:udp", [], B),
            at(4, "icmp:321", ["ssh"], B),
        ],
    },
    {
        name: "split-over-sources",
        spec: "3.8",
        sequences: [ssh],
        packets: [at(0, "7000"), at(1, "8000:udp", [], B), at(2, "icmp:321")],
    },
    {
        name: "mapped-source",
        spec: "2",
        sequences: [ssh],
        packets: [at(0, "7000"), at(1, "8000:udp", [], "::ffff:192.0.2.7"), at(2, "icmp:321", ["ssh"])],
    },
    {
        name: "ascending-scan",
        spec: "3.6",
        sequences: [{ door: "abc", hits: ["10", "20", "30"], within: 10_000 }],
        packets: Array.from({ length: 40 }, (_, i) => at(i, String(i + 1))),
    },
    {
        name: "four-near-misses-are-free",
        spec: "4",
        sequences: [ssh],
        packets: [...guesses(0, 4), at(50, "7000"), at(51, "8000:udp"), at(52, "icmp:321", ["ssh"])],
    },
    {
        name: "the-fifth-pauses",
        spec: "4",
        sequences: [ssh],
        packets: [
            ...guesses(0, 5),
            at(50, "7000"),
            at(51, "8000:udp"),
            at(52, "icmp:321"),
            at(1042, "7000"),
            at(1043, "8000:udp"),
            at(1044, "icmp:321", ["ssh"]),
        ],
    },
    {
        name: "ten-minutes-forgive",
        spec: "3.1",
        sequences: [ssh],
        packets: [
            ...guesses(0, 4),
            ...guesses(600_043, 1),
            at(600_100, "7000"),
            at(600_101, "8000:udp"),
            at(600_102, "icmp:321", ["ssh"]),
        ],
    },
]

/** One file for each scenario. */
export const knockVectors: Readonly<Record<string, KnockVector>> = Object.fromEntries(
    SCENARIOS.map((vector) => [`knock/${vector.name}.json`, vector]),
)
