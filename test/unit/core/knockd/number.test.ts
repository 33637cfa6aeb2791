import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { readNumber } from "../../../../src/core/knockd/number.ts"

describe("readNumber()", () => {
    it.each<[string, number, boolean]>([
        ["7", 7, false],
        ["0", 0, false],
        ["-1", -1, false],
        [" 25\t", 25, false],
        ["+5", 5, true],
        ["007", 7, true],
        ["-0", 0, true],
        ["1m", 1, true],
        ["1.5", 1, true],
        ["0x10", 0, true],
        ["", 0, true],
        ["abc", 0, true],
        ["- 1", 0, true],
        ["--1", 0, true],
        ["\v\f\r\n 8", 8, false],
        ["\xa08", 0, true],
        ["2147483647", 2_147_483_647, false],
        ["2147483648", -2_147_483_648, true],
        ["4294967297", 1, true],
        ["9223372036854775807", -1, true],
        ["9223372036854775808", -1, true],
        ["-9223372036854775809", 0, true],
    ])("%j is %i", (text, value, odd) => {
        expect(readNumber(text)).toEqual({ value, odd })
    })

    it("takes every number of 32 bits for what it is", () => {
        const number = fc.integer({ min: -2_147_483_648, max: 2_147_483_647 })
        fc.assert(
            fc.property(number, (value) => {
                expect(readNumber(String(value))).toEqual({ value, odd: false })
            }),
        )
    })
})
