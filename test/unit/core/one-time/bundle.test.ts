import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Bundle, formatBundle, formatSigned, parseSigned } from "../../../../src/core/one-time/bundle.ts"

const KEY = `${"A".repeat(43)}=`
const SIGNATURE = `${"B".repeat(86)}==`
const TEXT = [
    "postern-bundle 1",
    "gateway gate.example.org",
    "knocker alice",
    "serial 41",
    "made 2026-11-23T05:50:00Z",
    "until 2026-12-23T05:50:00Z",
    `key ${KEY}`,
    "door ssh opens tcp/22,udp/60001 within 15s",
    "hits ssh 17 23144 21312:udp icmp:321 17650",
    "hits ssh 18 10333 18003 30100 25555",
    "door wake opens - within 1m30s",
    `signature ${SIGNATURE}`,
    "",
].join("\n")

const name = fc.stringMatching(/^[A-Za-z0-9._:-]{1,64}$/)
const base64 = (bytes: number) =>
    fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((some) => Buffer.from(some).toString("base64"))
const second = fc.integer({ min: 0, max: 253_402_300_799 }).map((seconds) => seconds * 1000)
const port = fc.integer({ min: 1, max: 65_535 })
const hit = fc.oneof(
    fc.record({ protocol: fc.constantFrom("tcp" as const, "udp" as const), port }),
    fc.record({ protocol: fc.constant("icmp" as const), port: fc.integer({ min: 0, max: 65_507 }) }),
)
const sequences = fc
    .uniqueArray(fc.maxSafeNat(), { maxLength: 12 })
    .map((counters) => counters.sort((a, b) => a - b))
    .chain((counters) =>
        fc.tuple(...counters.map((counter) => fc.record({ counter: fc.constant(counter), hits: hits() }))),
    )
const door = fc.record({
    name,
    opens: fc.array(fc.record({ protocol: fc.constantFrom("tcp" as const, "udp" as const), port }), { maxLength: 3 }),
    within: fc.integer({ min: 1, max: 86_400_000 }),
    sequences,
})
const bundles: fc.Arbitrary<Bundle> = fc.record({
    gateway: name,
    knocker: name,
    serial: fc.maxSafeNat(),
    made: second,
    until: second,
    keys: fc.array(base64(32), { minLength: 1, maxLength: 3 }),
    doors: fc.uniqueArray(door, { maxLength: 3, selector: (one) => one.name }),
})

function hits() {
    return fc.array(hit, { minLength: 1, maxLength: 8 })
}

const refusal = (text: string) => {
    const read = parseSigned(text)
    return read.ok ? "ok" : `${read.code} ${read.line}`
}

describe("parseSigned()", () => {
    it("reads what is written in the spec's form", () => {
        const read = parseSigned(TEXT)
        if (!read.ok) throw new Error(read.code)
        expect(read.value.bundle).toMatchObject({ gateway: "gate.example.org", knocker: "alice", serial: 41 })
        expect(read.value.bundle.doors.map((one) => [one.name, one.within, one.sequences.length])).toEqual([
            ["ssh", 15_000, 2],
            ["wake", 90_000, 0],
        ])
        expect(read.value.signatures).toEqual([SIGNATURE])
        expect(TEXT).toBe(`${read.value.signed}signature ${SIGNATURE}\n`)
    })

    it("reads back whatever was written, with any padding", () => {
        fc.assert(
            fc.property(bundles, fc.nat(300), (bundle, padding) => {
                const signatures = bundle.keys.map(() => SIGNATURE)
                const text = formatSigned({ signed: formatBundle(bundle), signatures }, padding)
                expect(text).toHaveLength(formatSigned({ signed: formatBundle(bundle), signatures }).length + padding)
                expect(parseSigned(text)).toEqual({
                    ok: true,
                    value: { bundle, signatures, signed: formatBundle(bundle) },
                })
            }),
        )
    })

    it("says what is wrong, and in which line", () => {
        expect(refusal("")).toBe("not-a-bundle 1")
        expect(refusal("hello\n")).toBe("not-a-bundle 1")
        expect(refusal(` ${TEXT}`)).toBe("not-a-bundle 1")
        expect(refusal(TEXT.replace("bundle 1", "bundle 2"))).toBe("version 1")
        expect(refusal(`\n \n${TEXT.replace("tcp/22", "tcp/0")}`)).toBe("line 10")
        expect(refusal(TEXT.replace("23144", "70000"))).toBe("line 9")
        expect(refusal(TEXT.replace("hits ssh 18", "hits ssh 17"))).toBe("line 10")
        expect(refusal(TEXT.replace("hits ssh 17", "hits web 17"))).toBe("line 9")
        expect(refusal(TEXT.replace("serial 41", "cereal 41"))).toBe("line 4")
        expect(refusal(TEXT.replace("serial 41", "serial 9999999999999999"))).toBe("shape 13")
        expect(refusal(TEXT.replace("serial 41", "serial 041"))).toBe("shape 13")
        expect(refusal(TEXT.replace(`key ${KEY}\n`, ""))).toBe("shape 12")
        expect(refusal(TEXT.slice(0, -1))).toBe("shape 12")
        expect(refusal(`${TEXT}\n`)).toBe("shape 14")
        expect(refusal(TEXT.replace("2026-11-23", "2026-02-30"))).toBe("shape 13")
    })

    it("takes no text that differs in a byte from one that was written, but in its padding", () => {
        let refused = 0
        fc.assert(
            fc.property(fc.nat(TEXT.length - 1), fc.integer({ min: 0, max: 127 }), (at, byte) => {
                const other = `${TEXT.slice(0, at)}${String.fromCharCode(byte)}${TEXT.slice(at + 1)}`
                const read = parseSigned(other)
                if (!read.ok) refused++
                // What is taken says exactly what stands there.
                else expect(formatSigned(read.value)).toBe(other)
            }),
            { numRuns: 2000 },
        )
        expect(refused).toBeGreaterThan(1000)
    })
})
