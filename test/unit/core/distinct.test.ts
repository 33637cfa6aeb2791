import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Distinct } from "../../../src/core/distinct.ts"

/** Counts `number` sources, each so many times, beginning at a place of its own. */
function count(number: number, times: number, seed: readonly [number, number], from: number): number {
    const distinct = new Distinct(seed)
    for (let turn = 0; turn < times; turn++)
        for (let i = 0; i < number; i++) distinct.add(0, 0, 0xffff, (from + i) >>> 0)
    return distinct.estimate()
}

const words = fc.tuple(fc.nat(0xffffffff), fc.nat(0xffffffff))

describe("Distinct.estimate()", () => {
    it("is right about none, one and a few, however often they come", () => {
        for (const number of [0, 1, 2, 7]) expect(count(number, 50, [3, 4], 10)).toBe(number)
    })

    it("is off by a few per cent at most, for neighbours, whatever the seed", () => {
        const sizes = new Set<number>()
        fc.assert(
            fc.property(
                fc.constantFrom(50, 500, 5000, 9000, 20_000, 60_000),
                words,
                fc.nat(0xffffffff),
                (n, seed, at) => {
                    sizes.add(n)
                    // Five standard deviations.
                    expect(Math.abs(count(n, 1, seed, at) - n)).toBeLessThanOrEqual(Math.max(3, n * 0.082))
                },
            ),
            { numRuns: 60 },
        )
        expect(sizes.size).toBe(6)
    })

    it("has an error of two per cent on average, where its two ways of counting meet, too", () => {
        for (const number of [1000, 10_240, 30_000]) {
            let squares = 0
            for (let i = 0; i < 30; i++)
                squares += (count(number, 1, [i * 7919, i * 104_729], i << 20) / number - 1) ** 2
            expect(Math.sqrt(squares / 20)).toBeLessThan(0.03)
        }
    })

    it("counts IPv6 sources of one network apart, and forgets", () => {
        const distinct = new Distinct([5, 6])
        for (let i = 0; i < 3000; i++) distinct.add(0x20010db8, 0, 0, i)
        expect(distinct.estimate()).toBeGreaterThan(2800)
        expect(distinct.estimate()).toBeLessThan(3200)
        distinct.clear()
        expect(distinct.estimate()).toBe(0)
    })
})
