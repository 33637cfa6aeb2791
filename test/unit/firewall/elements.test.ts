import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { formatTime, parseElements, parseTime } from "../../../src/adapters/firewall/elements.ts"
import { element } from "../../lab/rulesets.ts"

describe("formatTime()", () => {
    it.each([
        [1, "20ms"],
        [20, "20ms"],
        [1500, "1s500ms"],
        [1500.2, "1s501ms"],
        [30_000, "30s"],
        [3_600_000, "1h"],
        [90_061_001, "1d1h1m1s1ms"],
        [3650 * 86_400_000, "3650d"],
    ])("writes %d ms as %s", (ms, text) => {
        expect(formatTime(ms)).toBe(text)
    })

    it.each([0, -5, Number.NaN, Number.POSITIVE_INFINITY])("refuses %d", (ms) => {
        expect(() => formatTime(ms)).toThrow(RangeError)
    })

    it("is read back by parseTime()", () => {
        fc.assert(
            fc.property(fc.integer({ min: 20, max: 2 ** 40 }), (ms) => {
                expect(parseTime(formatTime(ms))).toBe(ms)
            }),
        )
    })
})

describe("parseTime()", () => {
    it.each(["", "5", "s", "5x", "1s ", "-1s", "999999999s"])("refuses %j", (text) => {
        expect(parseTime(text)).toBeNull()
    })
})

describe("parseElements()", () => {
    it("reads what nftables prints, numbers or names, with and without an end", () => {
        const output = `table inet postern {
	set open4 {
		type ipv4_addr . inet_proto . inet_service
		size 4096
		flags timeout
		elements = { 10.0.0.1 . 6 . 22 timeout 30s expires 29s992ms,
			     10.0.0.2 . udp . 53 timeout 1m expires 50s comment "for 10.0.0.9 . tcp . 9 expires 1s",
			     10.0.0.3 . tcp . 443 }
	}
}`
        expect(parseElements(output)).toEqual([
            { element: element("10.0.0.1", "tcp/22"), left: 29_992, used: false },
            { element: element("10.0.0.2", "udp/53"), left: 50_000, used: false },
            { element: element("10.0.0.3", "tcp/443"), left: Number.POSITIVE_INFINITY, used: false },
        ])
        expect(parseElements("elements = { 2001:db8::7 . 17 . 53 timeout 5s expires 4s }")).toEqual([
            { element: element("2001:db8::7", "udp/53"), left: 4000, used: false },
        ])
    })

    it.each([
        ["10.0.0.1 . 132 . 22", "another protocol"],
        ["10.0.0.1 . 6 . 70000", "no port"],
        ["10.0.0.256 . 6 . 22", "no address"],
        ["10.0.0.1 . 6 . 22 expires soon", "no time"],
    ])("leaves out %j: %s", (text) => {
        expect(parseElements(text)).toEqual([])
    })

    it("never throws", () => {
        const pieces = fc.constantFrom(
            "10.0.0.1",
            "::1",
            " . ",
            "6",
            "tcp",
            "22",
            " expires ",
            "1s",
            '"',
            ",",
            "\n",
            "x",
        )
        const junk = fc.oneof(
            fc.string(),
            fc.array(pieces).map((parts) => parts.join("")),
        )
        fc.assert(fc.property(junk, (text) => Array.isArray(parseElements(text))))
    })
})
