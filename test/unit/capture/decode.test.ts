import * as fc from "fast-check"
import { describe, expect, it, vi } from "vitest"
import { decodePacket } from "../../../src/core/net/decode.ts"
import { networkOffset } from "../../../src/core/net/frame.ts"
import { Packet } from "../../../src/core/net/packet.ts"
import * as make from "../../../tools/vectors/bytes.ts"
import { describePacket, readFrames, readPackets } from "./vectors.ts"

function decode(bytes: Uint8Array, start = 0, end = bytes.length) {
    const packet = new Packet()
    return decodePacket(bytes, start, end, packet) ? describePacket(packet) : null
}

const vectors = [...readPackets("ipv4"), ...readPackets("ipv6")]

const offset = (linkType: number, bytes: Uint8Array) => networkOffset(linkType, bytes, 0, bytes.length)

describe("decodePacket()", () => {
    for (const { name, input, expect: wanted } of vectors) {
        it(name, () => expect(decode(make.unhex(input))).toEqual(wanted))
    }

    it("reads in the middle of a buffer what it reads at its beginning", () => {
        for (const { input, expect: wanted } of vectors) {
            const bytes = make.unhex(input)
            const buffer = make.join(make.zeros(33).fill(0xff), bytes, make.zeros(70).fill(0x45))
            expect(decode(buffer, 33, 33 + bytes.length)).toEqual(wanted)
        }
    })

    it("finds in a packet cut at any length either the same or nothing", () => {
        let [same, nothing] = [0, 0]
        for (const { input, expect: wanted } of vectors) {
            const bytes = make.unhex(input)
            for (let end = 0; end < bytes.length; end++) {
                const found = decode(bytes, 0, end)
                if (found === null) nothing++
                else {
                    same++
                    expect(found).toEqual(wanted)
                }
            }
        }
        expect(same).toBeGreaterThan(500)
        expect(nothing).toBeGreaterThan(500)
    })

    it("refuses ranges outside of the buffer", () => {
        const bytes = make.ipv4(make.tcp(7000))
        expect(decode(bytes, -1)).toBeNull()
        expect(decode(bytes, 0, bytes.length + 1)).toBeNull()
        expect(decode(bytes, 30, 20)).toBeNull()
    })

    it("throws for no bytes, and mutated packets reach every outcome", () => {
        let [hits, refused, other] = [0, 0, 0]
        const change = fc.tuple(fc.nat(200), fc.nat(255))
        fc.assert(
            fc.property(
                fc.constantFrom(...vectors),
                fc.array(change, { minLength: 1, maxLength: 6 }),
                (vector, changes) => {
                    const bytes = make.unhex(vector.input)
                    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
                    const found = decode(bytes)
                    if (found === null) {
                        refused++
                        return
                    }
                    hits++
                    if (vector.expect === null) other++
                    expect(found.port).toBeLessThanOrEqual(65_535)
                    expect(found.sequence).toBeGreaterThanOrEqual(0)
                },
            ),
            { numRuns: 5000 },
        )
        expect(Math.min(hits, refused)).toBeGreaterThan(300)
        expect(other).toBeGreaterThan(5)
    })

    it("throws for no random bytes that begin like a packet", () => {
        fc.assert(
            fc.property(
                fc.constantFrom(0x45, 0x46, 0x4f, 0x60, 0x6f),
                fc.uint8Array({ maxLength: 120 }),
                (first, rest) => {
                    decode(make.join(make.bytes(first), rest))
                },
            ),
            { numRuns: 3000 },
        )
    })

    it("returns what a packet was made of", () => {
        const port = fc.integer({ min: 0, max: 65_535 })
        const word = fc.integer({ min: 0, max: 0xffffffff })
        const extensions = fc.array(
            fc.constantFrom(
                make.options6(60),
                make.options6(60, 3),
                make.routing6(0),
                make.fragment6(0, false),
                make.authentication6(),
            ),
            { maxLength: 8 },
        )
        fc.assert(
            fc.property(
                port,
                port,
                word,
                fc.nat(255),
                extensions,
                fc.nat(10),
                (to, from, sequence, flags, headers, options) => {
                    const transport = make.tcp(to, { from, sequence, flags })
                    const wanted = { protocol: "tcp", port: to, sourcePort: from, sequence, flags }
                    expect(decode(make.ipv6(transport, { extensions: headers }))).toMatchObject(wanted)
                    expect(decode(make.ipv4(transport, { options: make.zeros(options * 4) }))).toMatchObject(wanted)
                    const size = to % 1400
                    expect(decode(make.ipv6(make.icmp6(size), { extensions: headers }))).toMatchObject({ port: size })
                    expect(decode(make.ipv4(make.icmp(size)))).toMatchObject({ protocol: "icmp", port: size })
                },
            ),
        )
    })

    it("allocates nothing per packet", async () => {
        // Read anew: what other tests have shown to the compiler would count as well.
        vi.resetModules()
        const { decodePacket } = await import("../../../src/core/net/decode.ts")
        const { Packet } = await import("../../../src/core/net/packet.ts")
        const bytes = make.ipv6(make.tcp(7000, { sequence: 0xfffffff0 }), { extensions: [make.options6(60)] })
        const packet = new Packet()
        const round = (count: number) => {
            for (let i = 0; i < count; i++) decodePacket(bytes, 0, bytes.length, packet)
        }
        round(200_000)
        const before = process.memoryUsage().heapUsed
        round(500_000)
        // Less than two bytes per packet is none: the smallest object has twelve.
        expect(process.memoryUsage().heapUsed - before).toBeLessThan(1_000_000)
    })
})

describe("networkOffset()", () => {
    const frames = readFrames()

    for (const { name, linkType, input, expect: wanted } of frames) {
        it(name, () => {
            const bytes = make.unhex(input)
            const at = offset(linkType, bytes)
            expect(at < 0 ? null : decode(bytes, at)).toEqual(wanted)
        })
    }

    it("finds in a frame cut at any length the same offset or none", () => {
        for (const { linkType, input } of frames) {
            const bytes = make.unhex(input)
            const whole = offset(linkType, bytes)
            for (let end = 0; end < bytes.length; end++) {
                expect([-1, whole]).toContain(networkOffset(linkType, bytes, 0, end))
            }
        }
    })

    it("throws for no bytes and points into them", () => {
        const linkType = fc.constantFrom(...new Set(frames.map((frame) => frame.linkType)))
        let inside = 0
        fc.assert(
            fc.property(linkType, fc.uint8Array({ maxLength: 40 }), (type, bytes) => {
                const at = offset(type, bytes)
                expect(at).toBeLessThan(bytes.length || 1)
                if (at >= 0) inside++
            }),
            { numRuns: 3000 },
        )
        expect(inside).toBeGreaterThan(100)
    })
})
