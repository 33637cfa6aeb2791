import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type Address, isIPv4, parseAddress } from "../../../../src/core/net/address.ts"
import { checksum, encodeEchoRequest, encodeSegment } from "../../../../src/core/net/encode.ts"
import { FIN, PSH, SYN } from "../../../../src/core/net/packet.ts"

const address = (text: string): Address => parseAddress(text)!
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

describe("encodeEchoRequest()", () => {
    test("writes the header of RFC 792 with a checksum that adds up, for every size", () => {
        for (const size of [0, 1, 2, 321, 1400, 65_507]) {
            const bytes = encodeEchoRequest(4, 0xbeef, 7, size)
            expect(bytes).toHaveLength(8 + size)
            expect(hex(bytes.subarray(0, 2))).toBe("0800")
            expect(hex(bytes.subarray(4, 8))).toBe("beef0007")
            expect(checksum(bytes, 0)).toBe(0)
        }
    })

    test("leaves the checksum of ICMPv6 to the kernel", () => {
        expect(hex(encodeEchoRequest(6, 0xbeef, 7, 1))).toBe("80000000beef000700")
    })
})

describe("checksum()", () => {
    test("gives the example of RFC 1071", () => {
        expect(checksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7), 0)).toBe(0xffff & ~0xddf2)
    })
})

describe("encodeSegment()", () => {
    test("writes the header of RFC 9293", () => {
        const bytes = encodeSegment({
            source: address("10.91.0.2"),
            sourcePort: 40_321,
            destination: address("10.91.0.1"),
            port: 7004,
            sequence: 0x01020304,
            flags: FIN | PSH,
        })
        expect(hex(bytes)).toMatch(/^9d811b5c01020304000000005009faf0....0000$/)
    })

    test("its checksum adds up with the pseudo header, for both families", () => {
        const pair = fc.oneof(
            fc.tuple(fc.ipV4(), fc.ipV4()),
            fc.constantFrom(["2001:db8::1", "fd00::2"] as const, ["fe80::1", "ff02::1"] as const),
        )
        const seen = { v4: 0, v6: 0 }
        fc.assert(
            fc.property(
                pair,
                fc.nat(65_535),
                fc.nat(65_535),
                fc.nat(2 ** 31),
                ([from, to], sourcePort, port, sequence) => {
                    const [source, destination] = [address(from), address(to)]
                    const bytes = encodeSegment({ source, sourcePort, destination, port, sequence, flags: SYN })
                    const v4 = isIPv4(destination)
                    seen[v4 ? "v4" : "v6"]++
                    // Written out byte by byte, as the RFCs draw it.
                    const words = v4 ? [source[3], destination[3]] : [...source, ...destination]
                    const header = words.flatMap((word) => [
                        word >>> 24,
                        (word >>> 16) & 255,
                        (word >>> 8) & 255,
                        word & 255,
                    ])
                    const tail = v4 ? [0, 6, 0, 20] : [0, 0, 0, 20, 0, 0, 0, 6]
                    expect(checksum(Uint8Array.of(...header, ...tail, ...bytes), 0)).toBe(0)
                },
            ),
        )
        expect(Math.min(seen.v4, seen.v6)).toBeGreaterThan(10)
    })
})
