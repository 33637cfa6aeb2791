import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Budget } from "../../../src/core/budget.ts"

describe("Budget.spend()", () => {
    it("allows the burst, then so many per second", () => {
        const budget = new Budget(3, 2)
        const now = (ms: number) => Array.from({ length: 4 }, () => budget.spend(ms))
        expect(now(0)).toEqual([true, true, true, false])
        expect(budget.spend(499)).toBe(false)
        expect(now(500)).toEqual([true, false, false, false])
        expect(now(1500)).toEqual([true, true, false, false])
    })

    it("never saves more than the burst", () => {
        const budget = new Budget(2, 10)
        expect(Array.from({ length: 3 }, () => budget.spend(1e9))).toEqual([true, true, false])
    })

    it("never allows more than the burst and the rate together over any time", () => {
        let refused = 0
        const gaps = fc.array(fc.constantFrom(0, 0, 1, 3, 50, 100, 1000), { minLength: 1, maxLength: 100, size: "max" })
        fc.assert(
            fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 50 }), gaps, (burst, rate, list) => {
                const budget = new Budget(burst, rate)
                const spent: number[] = []
                let now = 0
                for (const gap of list) {
                    now += gap
                    if (budget.spend(now)) spent.push(now)
                    else refused++
                }
                spent.forEach((from, i) => {
                    const most = spent.slice(i).map((at) => burst + ((at - from) * rate) / 1000 + 1e-6)
                    expect(most.every((allowed, j) => j + 1 <= allowed)).toBe(true)
                })
            }),
            { numRuns: 300 },
        )
        expect(refused).toBeGreaterThan(1000)
    })
})
