import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { Hit, Service } from "../../../../src/core/knock/hit.ts"
import {
    formatDuration,
    formatFlags,
    formatHit,
    formatService,
    MAX_DURATION,
    MAX_ECHO_SIZE,
    parseDuration,
    parseFlags,
    parseHit,
    parseService,
    type Read,
} from "../../../../src/core/knock/language.ts"
import { refusalText } from "../../../../src/core/knock/texts.ts"
import { ACK, FIN, PSH, RST, SYN, URG } from "../../../../src/core/net/packet.ts"

/** `code` or `code → what was meant`. */
function refusal(read: Read<unknown>): string {
    if (read.ok) return `accepted: ${JSON.stringify(read.value)}`
    return read.instead === undefined ? read.code : `${read.code} → ${read.instead}`
}

const port = fc.integer({ min: 1, max: 65_535 })
const hit: fc.Arbitrary<Hit> = fc.oneof(
    fc.record({ protocol: fc.constantFrom("tcp", "udp"), port }),
    fc.record({ protocol: fc.constant("icmp"), port: fc.integer({ min: 0, max: MAX_ECHO_SIZE }) }),
)
const service: fc.Arbitrary<Service> = fc.record({ protocol: fc.constantFrom("tcp", "udp"), port })

describe("parseHit()", () => {
    test.each([
        ["1", "tcp", 1],
        ["65535", "tcp", 65_535],
        ["7000:tcp", "tcp", 7000],
        ["7000:TCP", "tcp", 7000],
        ["21312:udp", "udp", 21_312],
        ["9000:UDP", "udp", 9000],
        ["icmp:0", "icmp", 0],
        ["icmp:321", "icmp", 321],
        ["ICMP:65507", "icmp", 65_507],
    ])("reads %s", (text, protocol, port) => {
        expect(parseHit(text)).toEqual({ ok: true, value: { protocol, port } })
    })

    test.each([
        ["", "empty"],
        [":udp", "empty"],
        ["7000:", "empty"],
        ["icmp:", "empty"],
        [" 7000", "blank"],
        ["7000 :udp", "blank"],
        ["7000\n", "blank"],
        ["0", "port"],
        ["-1", "port"],
        ["65536", "port"],
        ["70000:udp", "port"],
        ["99999999999999999999999", "port"],
        ["007000", "leading-zero → 7000"],
        ["007:udp", "leading-zero → 7:udp"],
        ["00", "leading-zero"],
        ["7e3", "number"],
        ["0x1b58", "number"],
        ["+7000", "number"],
        ["7000.0", "number"],
        ["!22", "number"],
        ["٧٠٠٠", "number"],
        ["7000,8000", "number"],
        ["ssh", "name → 22"],
        ["SSH:tcp", "name → 22:tcp"],
        ["domain:udp", "name → 53:udp"],
        ["abc", "name"],
        ["7000:upd", "protocol → 7000:udp"],
        ["7000:sctp", "protocol"],
        ["7000:udp:1", "form"],
        ["tcp:7000", "form → 7000:tcp"],
        ["udp/53", "form → 53:udp"],
        ["tcp/22", "form → 22"],
        ["icmp", "form → icmp:321"],
        ["321:icmp", "form → icmp:321"],
        ["icmpv6:321", "protocol → icmp:321"],
        ["icmp:-1", "size"],
        ["icmp:65508", "size"],
        ["icmp:ten", "number"],
    ])("refuses %j: %s", (text, expected) => {
        expect(refusal(parseHit(text))).toBe(expected)
    })

    test("is the inverse of formatHit()", () => {
        fc.assert(
            fc.property(hit, (value) => {
                expect(parseHit(formatHit(value))).toEqual({ ok: true, value })
            }),
        )
    })
})

describe("parseService()", () => {
    test.each([
        ["tcp/22", "tcp", 22],
        ["UDP/51820", "udp", 51_820],
    ])("reads %s", (text, protocol, port) => {
        expect(parseService(text)).toEqual({ ok: true, value: { protocol, port } })
    })

    test.each([
        ["", "empty"],
        ["tcp/", "empty"],
        ["/22", "empty"],
        ["tcp/ 22", "blank"],
        ["22", "form → tcp/22"],
        ["53:udp", "form → udp/53"],
        ["22/tcp", "form → tcp/22"],
        ["tcp/22/1", "form"],
        ["ssh", "name → tcp/22"],
        ["tcp/ssh", "name → tcp/22"],
        ["udp/dns", "name → udp/53"],
        ["tcp/0", "port"],
        ["tcp/022", "leading-zero → tcp/22"],
        ["tcp/1-9", "number"],
        ["icmp/8", "protocol"],
        ["sctp/9", "protocol"],
        ["what", "form"],
    ])("refuses %j: %s", (text, expected) => {
        expect(refusal(parseService(text))).toBe(expected)
    })

    test("is the inverse of formatService()", () => {
        fc.assert(
            fc.property(service, (value) => {
                expect(parseService(formatService(value))).toEqual({ ok: true, value })
            }),
        )
    })
})

describe("parseFlags()", () => {
    test.each([
        ["syn", SYN, 0],
        ["syn,!ack", SYN, ACK],
        [" SYN , !Ack ", SYN, ACK],
        ["fin,psh,urg,!syn,!rst", FIN | PSH | URG, SYN | RST],
        ["any", 0, 0],
    ])("reads %j", (text, set, clear) => {
        expect(parseFlags(text)).toEqual({ ok: true, value: { set, clear } })
    })

    test.each([
        ["", "empty"],
        [" ", "empty"],
        ["syn,", "empty"],
        ["syn,,ack", "empty"],
        ["sny", "flag"],
        ["!", "flag"],
        ["!!syn", "flag"],
        ["any,syn", "flag"],
        ["syn ack", "flag"],
        ["syn,syn", "flag-twice"],
        ["syn,!syn", "flag-twice"],
    ])("refuses %j: %s", (text, expected) => {
        expect(refusal(parseFlags(text))).toBe(expected)
    })

    test("is the inverse of formatFlags()", () => {
        const flags = fc
            .tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: 0, max: 63 }))
            .map(([set, clear]) => ({ set, clear: clear & ~set }))
        fc.assert(
            fc.property(flags, (value) => {
                expect(parseFlags(formatFlags(value))).toEqual({ ok: true, value })
            }),
        )
    })
})

describe("parseDuration()", () => {
    test.each([
        ["0s", 0],
        ["500ms", 500],
        ["30s", 30_000],
        ["2m", 120_000],
        ["90m", 5_400_000],
        ["1h30m", 5_400_000],
        ["1d", 86_400_000],
        ["1d2h3m4s5ms", 93_784_005],
        ["3650d", MAX_DURATION],
    ])("reads %s", (text, value) => {
        expect(parseDuration(text)).toEqual({ ok: true, value })
    })

    test.each([
        ["", "empty"],
        ["30", "unit → 30s"],
        ["30 s", "blank → 30s"],
        ["30S", "duration → 30s"],
        ["1.5h", "duration"],
        ["-1s", "duration"],
        ["s", "duration"],
        ["30sec", "duration"],
        ["2w", "duration"],
        ["1h 30x", "blank"],
        ["30m1h", "unit-order"],
        ["1s1s", "unit-order"],
        ["030s", "leading-zero"],
        ["3650d1ms", "too-long"],
        ["999999999999d", "too-long"],
        ["9999999999999s", "duration"],
    ])("refuses %j: %s", (text, expected) => {
        expect(refusal(parseDuration(text))).toBe(expected)
    })

    test("is the inverse of formatDuration()", () => {
        const ms = fc.oneof(fc.integer({ min: 0, max: MAX_DURATION }), fc.integer({ min: 0, max: 100_000 }))
        fc.assert(
            fc.property(ms, (value) => {
                expect(parseDuration(formatDuration(value))).toEqual({ ok: true, value })
            }),
        )
    })
})

describe("no text makes a reader throw, and every refusal has a sentence and a suggestion that is accepted", () => {
    const readers = { hit: parseHit, service: parseService, flags: parseFlags, duration: parseDuration } as const
    // Good texts with a slip: plain random ones would all be refused for the same two reasons.
    const good = [
        "7000",
        "65535:udp",
        "icmp:321",
        "tcp/22",
        "udp/53",
        "ssh",
        "syn,!ack",
        "syn,!syn",
        "any",
        "fin",
        "30s",
        "1h30m",
        "5ms",
    ]
    const piece = fc.constantFrom(..."tcp udp icmp ssh syn ! ack 0 7 22 65536 : / , - . s ms h S".split(" "), " ", "")
    const slip = fc
        .tuple(fc.constantFrom(...good), fc.nat(9), fc.nat(4), piece)
        .map(([text, at, less, more]) => text.slice(0, at) + more + text.slice(at + less))
    const text = fc.oneof({ weight: 9, arbitrary: slip }, { weight: 1, arbitrary: fc.string() })

    test.each(["hit", "service", "flags", "duration"] as const)("%s", (word) => {
        const seen = new Set<string>()
        fc.assert(
            fc.property(text, (from) => {
                const read: Read<unknown> = readers[word](from)
                seen.add(read.ok ? "ok" : read.code)
                if (read.ok) return
                expect(refusalText(word, read)).toMatch(/^\S.{10,200}$/)
                expect(refusalText(word, read, true)).not.toContain("did you mean")
                if (read.instead !== undefined) expect(readers[word](read.instead).ok).toBe(true)
            }),
            { numRuns: 5000 },
        )
        expect(seen).toContain("ok")
        expect(seen.size).toBeGreaterThanOrEqual(word === "flags" ? 4 : 6)
    })
})
