import { describe, expect, it } from "vitest"
import { compare, settle, type Verdict } from "../../../../src/core/scan/compare.ts"
import type { Reply } from "../../../../src/core/scan/normalise.ts"
import { Ration } from "../../../../src/core/scan/ration.ts"
import { kolmogorovSmirnov, median } from "../../../../src/core/scan/statistic.ts"

const differs = (...differences: object[]) => ({ type: "differs", differences })
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)
const reset = (ttl: string): Reply => ({ summary: "tcp RA", fields: [["ttl", ttl]] })
const unreachable: Reply = { summary: "icmp 3/3", fields: [["icmp", "3/3"]] }

describe("compare()", () => {
    it("says nothing where the closed ports differ from each other", () => {
        expect(compare({ here: [], closed: [[], [reset("64")]] })).toEqual({ type: "void" })
    })

    it("tells silence that both share from an answer that both give", () => {
        expect(compare({ here: [], closed: [[], []] })).toEqual({ type: "same", answered: false })
        const one = [reset("64")]
        expect(compare({ here: one, closed: [one, one] })).toEqual({ type: "same", answered: true })
    })

    it("names the parts that differ, or the answers where they are of another kind or not as many", () => {
        const closed = [[reset("64")], [reset("64")]] as const
        expect(compare({ here: [reset("30")], closed })).toEqual(differs({ part: "ttl", here: "30", closed: "64" }))
        expect(compare({ here: [], closed })).toEqual(differs({ part: "answer", here: "none", closed: "tcp RA" }))
        expect(compare({ here: [unreachable], closed })).toEqual(
            differs({ part: "answer", here: "icmp 3/3", closed: "tcp RA" }),
        )
        expect(compare({ here: [reset("64"), reset("64")], closed })).toEqual(
            differs({ part: "answer", here: "tcp RA, tcp RA", closed: "tcp RA" }),
        )
    })
})

const other = (here: string): Verdict => ({ type: "differs", differences: [{ part: "ttl", here, closed: "64" }] })

describe("settle()", () => {
    const same: Verdict = { type: "same", answered: true }
    const nothing: Verdict = { type: "void" }

    it("believes a difference that is seen twice alike, in whatever order", () => {
        expect(settle([])).toBeNull()
        expect(settle([other("1")])).toBeNull()
        expect(settle([other("1"), other("1")])).toEqual(other("1"))
        expect(settle([other("1"), nothing, other("1")])).toEqual(other("1"))
        expect(settle([nothing, nothing])).toEqual(nothing)
    })

    it("takes what is alike once for a difference by chance", () => {
        expect(settle([same])).toEqual(same)
        expect(settle([other("1"), same])).toEqual(same)
    })

    it("believes what differs in another way each time, and nothing of what does so now and then", () => {
        expect(settle([other("1"), other("2")])).toBeNull()
        expect(settle([other("1"), other("2"), other("3")])).toEqual(other("3"))
        expect(settle([other("1"), nothing, other("2")])).toEqual(nothing)
    })
})

describe("kolmogorovSmirnov()", () => {
    it("gives 0 and 1 for equal samples, 1 and 0 for samples apart", () => {
        expect(kolmogorovSmirnov(range(0, 100), range(0, 100))).toEqual({ distance: 0, p: 1 })
        const apart = kolmogorovSmirnov(range(0, 100), range(100, 200))
        expect(apart.distance).toBe(1)
        expect(apart.p).toBeLessThan(1e-40)
    })

    it("gives the distances and chances that tables have", () => {
        // Critical values for two large samples of n: 1.358 * sqrt(2 / n) at 5 %, 1.628 at 1 %.
        for (const [critical, p] of [
            [1.358, 0.05],
            [1.628, 0.01],
        ] as const) {
            const size = 10_000
            const shift = Math.round(critical * Math.sqrt(2 / size) * size)
            const test = kolmogorovSmirnov(range(0, size), range(shift, size + shift))
            expect(test.distance).toBeCloseTo(shift / size, 10)
            expect(test.p).toBeCloseTo(p, 2)
        }
    })

    it("takes equal values together", () => {
        expect(kolmogorovSmirnov([1, 1, 1, 2], [1, 2, 2, 2]).distance).toBe(0.5)
    })
})

describe("median()", () => {
    it("is the middle value, and none of nothing", () => {
        expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2, Number.NaN])
    })
})

describe("Ration", () => {
    it("lets five through at once, and one a second from then on", () => {
        const ration = new Ration()
        for (let error = 0; error < 5; error++) {
            expect(ration.wait(5000)).toBe(0)
            ration.take(1, 5000)
        }
        expect(ration.wait(5000)).toBe(1000)
        expect(ration.wait(5400)).toBe(600)
        expect(ration.wait(6000)).toBe(0)
        ration.take(1, 6000)
        expect(ration.wait(6000)).toBe(1000)
        expect(ration.wait(60_000)).toBe(0)
    })
})
