import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Histogram } from "../../../../src/core/metrics/histogram.ts"

describe("Histogram", () => {
    it("counts a value in the bucket whose bound it does not exceed, the bound included", () => {
        const histogram = new Histogram([0.1, 1])
        for (const seconds of [0, 0.1, 0.100001, 1, 1.5, 1e9]) histogram.observe(seconds)
        expect(histogram.cumulative()).toEqual([2, 4, 6])
        expect(histogram.sum).toBeCloseTo(1e9 + 2.700001, 3)
    })

    it("leaves out what is no duration", () => {
        const histogram = new Histogram()
        for (const seconds of [-0.001, Number.NaN, Number.POSITIVE_INFINITY]) histogram.observe(seconds)
        expect(histogram.cumulative().at(-1)).toBe(0)
        expect(histogram.sum).toBe(0)
    })

    it("agrees with counting anew, whatever comes", () => {
        let above = 0
        const value = fc.oneof(
            fc.constantFrom(0.0001, 0.001, 1, 5),
            fc.nat(100_000).map((n) => n / 10_000),
        )
        fc.assert(
            fc.property(fc.array(value), (values) => {
                const histogram = new Histogram()
                for (const seconds of values) histogram.observe(seconds)
                const wanted = [...histogram.bounds].map((bound) => values.filter((v) => v <= bound).length)
                expect(histogram.cumulative()).toEqual([...wanted, values.length])
                expect(histogram.sum).toBeCloseTo(
                    values.reduce((a, b) => a + b, 0),
                    6,
                )
                above += values.filter((v) => v > 5).length
            }),
        )
        expect(above).toBeGreaterThan(50)
    })
})
