import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
    type Address,
    contains,
    formatAddress,
    formatNetwork,
    isIPv4,
    type Network,
    parseAddress,
    parseNetwork,
    sameAddress,
} from "../../../../src/core/net/address.ts"
import { AddressSet } from "../../../../src/core/net/address-set.ts"

/** 128 characters 0 and 1: the slow, obvious form. */
const bitsOf = (address: Address) => address.map((word) => word.toString(2).padStart(32, "0")).join("")

const word = fc.oneof(fc.constantFrom(0, 1, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff), fc.nat(0xffffffff))
const v4 = word.map((d): Address => [0, 0, 0xffff, d])
const v6 = fc.tuple(word, word, word, word)
const address = fc.oneof(v4, v6)

/** An address, and one that has its first `bits` bits and anything after that. */
const near = fc.tuple(address, fc.nat(128), v6).map(([one, bits, other]): [Address, Address, number] => {
    const text = bitsOf(one).slice(0, bits) + bitsOf(other).slice(bits)
    const words = [0, 1, 2, 3].map((i) => Number.parseInt(text.slice(i * 32, i * 32 + 32), 2))
    return [one, [words[0]!, words[1]!, words[2]!, words[3]!], bits]
})

describe("parseAddress()", () => {
    it.each([
        ["192.0.2.1", [0, 0, 0xffff, 0xc0000201]],
        ["0.0.0.0", [0, 0, 0xffff, 0]],
        ["255.255.255.255", [0, 0, 0xffff, 0xffffffff]],
        ["::ffff:192.0.2.1", [0, 0, 0xffff, 0xc0000201]],
        ["::", [0, 0, 0, 0]],
        ["::1", [0, 0, 0, 1]],
        ["2001:DB8::A", [0x20010db8, 0, 0, 10]],
        ["2001:db8:0:0:0:0:192.0.2.1", [0x20010db8, 0, 0, 0xc0000201]],
        ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff]],
    ] as const)("reads %s", (text, words) => {
        expect(parseAddress(text)).toEqual(words)
    })

    it.each([
        "",
        " ",
        "192.0.2",
        "192.0.2.1.1",
        "192.0.2.256",
        "192.0.2.-1",
        "192.0.2.01",
        "0xc0.0.2.1",
        "3221225985",
        "192.0.2.1 ",
        " 192.0.2.1",
        "192.0.2.1\n",
        "192.0.2.1:22",
        "192.0.2.1/32",
        "١٩٢.0.2.1",
        ":",
        ":::",
        "1::2::3",
        "2001:db8",
        "2001:db8::/32",
        "[2001:db8::1]",
        "2001:db8::1%eth0",
        "fe80::1%1",
        "12345::",
        "g::",
        "::1 ",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "::ffff:192.0.2.256",
        "::ffff:192.0.2",
        "example.org",
        "localhost",
    ])("refuses %j", (text) => {
        expect(parseAddress(text)).toBeNull()
        expect(parseNetwork(text === "192.0.2.1/32" || text === "2001:db8::/32" ? `${text}/1` : text)).toBeNull()
    })

    it("reads what formatAddress() writes, for any address", () => {
        let mapped = 0
        fc.assert(
            fc.property(address, (one) => {
                if (isIPv4(one)) mapped++
                const text = formatAddress(one)
                expect(text.includes(".")).toBe(isIPv4(one))
                expect(parseAddress(text)).toEqual(one)
                expect(parseAddress(text.toUpperCase())).toEqual(one)
            }),
            { numRuns: 1000 },
        )
        expect(mapped).toBeGreaterThan(200)
    })

    it("never throws, and writes back what it reads, for any text", () => {
        let read = 0
        const piece = fc.constantFrom("0", "1", "255", "256", "ffff", ":", "::", ".", "%", "/", "-", " ", "10", "g")
        const some = fc.array(piece, { maxLength: 12, size: "max" }).map((parts) => parts.join(""))
        fc.assert(
            fc.property(fc.oneof(some, fc.string()), (text) => {
                const one = parseAddress(text)
                if (one === null) return
                read++
                expect(one).toHaveLength(4)
                for (const part of one) expect(part).toBe(part >>> 0)
                expect(parseAddress(formatAddress(one))).toEqual(one)
            }),
            { numRuns: 5000 },
        )
        expect(read).toBeGreaterThan(20)
    })
})

describe("parseNetwork()", () => {
    it.each([
        ["192.0.2.0/24", "192.0.2.0/24", 120],
        ["192.0.2.7", "192.0.2.7/32", 128],
        ["0.0.0.0/0", "0.0.0.0/0", 96],
        ["::/0", "::/0", 0],
        ["2001:db8::/32", "2001:db8::/32", 32],
        ["2001:db8::1", "2001:db8::1/128", 128],
        ["::ffff:192.0.2.0/120", "192.0.2.0/24", 120],
    ])("reads %s", (text, canonical, bits) => {
        const network = parseNetwork(text)!
        expect(network.bits).toBe(bits)
        expect(formatNetwork(network)).toBe(canonical)
    })

    it.each([
        "192.0.2.1/24",
        "192.0.2.0/33",
        "192.0.2.0/",
        "192.0.2.0/024",
        "192.0.2.0/-1",
        "192.0.2.0/+24",
        "192.0.2.0/2 4",
        "192.0.2.0/24/24",
        "192.0.2.0/255.255.255.0",
        "192.0.2/24",
        "0.0.0.1/0",
        "/24",
        "2001:db8::1/32",
        "2001:db8::/129",
        "2001:db8::/1000",
        "::1/0",
    ])("refuses %j", (text) => {
        expect(parseNetwork(text)).toBeNull()
    })

    it("reads what formatNetwork() writes, for any network without host bits", () => {
        const seen = { read: 0, refused: 0 }
        fc.assert(
            fc.property(near, ([one, , bits]) => {
                const isV4 = isIPv4(one)
                const length = isV4 ? bits % 33 : bits
                const whole = isV4 ? length + 96 : length
                const masked = bitsOf(one).slice(0, whole).padEnd(128, "0")
                const text = `${formatAddress(one)}/${length}`
                const network = parseNetwork(text)
                // A slip of the pen is found, not widened.
                if (masked !== bitsOf(one)) {
                    seen.refused++
                    expect(network).toBeNull()
                    return
                }
                seen.read++
                expect(network).toEqual({ address: one, bits: whole })
                expect(formatNetwork(network!)).toBe(text)
            }),
            { numRuns: 2000 },
        )
        for (const count of Object.values(seen)) expect(count).toBeGreaterThan(200)
    })
})

describe("contains()", () => {
    it.each([
        ["0.0.0.0/0", "203.0.113.9", true],
        ["0.0.0.0/0", "2001:db8::1", false],
        ["::/0", "2001:db8::1", true],
        ["::/0", "203.0.113.9", false],
        ["::/64", "192.0.2.1", false],
        ["192.0.2.0/24", "192.0.2.255", true],
        ["192.0.2.0/24", "192.0.3.0", false],
        ["128.0.0.0/1", "128.0.0.0", true],
        ["128.0.0.0/1", "127.255.255.255", false],
        ["8000::/1", "ffff::", true],
        ["2001:db8::/33", "2001:db8:8000::", false],
    ])("%s, %s: %s", (network, one, held) => {
        expect(contains(parseNetwork(network)!, parseAddress(one)!)).toBe(held)
    })

    it("is: of one family, and the first bits are equal", () => {
        const seen = { held: 0, other: 0, family: 0 }
        fc.assert(
            fc.property(near, fc.nat(128), ([one, other, shared], length) => {
                const network: Network = { address: one, bits: length }
                const v4Network = isIPv4(one) && length >= 96
                const family = v4Network === isIPv4(other)
                const prefix = bitsOf(one).slice(0, length) === bitsOf(other).slice(0, length)
                if (shared >= length) expect(prefix).toBe(true)
                seen[family ? (prefix ? "held" : "other") : "family"]++
                expect(contains(network, other)).toBe(family && prefix)
            }),
            { numRuns: 3000 },
        )
        for (const count of Object.values(seen)) expect(count).toBeGreaterThan(100)
    })
})

describe("sameAddress() and AddressSet.has()", () => {
    it("are equality of all 128 bits", () => {
        const seen = { same: 0, different: 0 }
        fc.assert(
            fc.property(near, fc.array(address, { maxLength: 20 }), ([one, other], more) => {
                const same = bitsOf(one) === bitsOf(other)
                seen[same ? "same" : "different"]++
                expect(sameAddress(one, other)).toBe(same)
                const set = new AddressSet([one, ...more])
                for (const held of [one, ...more]) expect(set.has(...held)).toBe(true)
                const twin = new Set([one, ...more].map(bitsOf))
                expect(set.has(...other)).toBe(twin.has(bitsOf(other)))
            }),
            { numRuns: 1000 },
        )
        for (const count of Object.values(seen)) expect(count).toBeGreaterThan(5)
        expect(new AddressSet([]).has(0, 0, 0, 0)).toBe(false)
    })
})
