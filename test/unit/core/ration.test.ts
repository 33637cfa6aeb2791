import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Ration } from "../../../src/core/ration.ts"

const v4 = (i: number) => [0, 0, 0xffff, i] as const

describe("Ration.afford()", () => {
    it("gives so many at once, then so many per second", () => {
        const ration = new Ration([1, 2])
        const some = (from: number, now: number) =>
            Array.from({ length: 400 }, (_, i) => ration.afford("first", "stage", ...v4(from + i), now)).filter(Boolean)
        expect(some(0, 0)).toHaveLength(100)
        expect(some(1000, 0)).toHaveLength(0)
        expect(some(2000, 2000)).toHaveLength(40)
    })

    it("gives one source its share, and the rest to the others", () => {
        const ration = new Ration([1, 2])
        const noisy = Array.from({ length: 1000 }, () => ration.afford("first", "stage", ...v4(7), 0)).filter(Boolean)
        expect(noisy).toHaveLength(10)
        expect(ration.afford("first", "stage", ...v4(8), 0)).toBe(true)
        expect(ration.afford("first", "stage", ...v4(7), 1000)).toBe(true)
        expect(ration.afford("first", "stage", ...v4(7), 1000)).toBe(false)
    })

    it("gives one IPv6 network one share, whatever addresses it takes", () => {
        const ration = new Ration([1, 2])
        const one = (i: number) => ration.afford("first", "stage", 0x20010db8, 1, i, i * 3, 0)
        expect(Array.from({ length: 100 }, (_, i) => one(i)).filter(Boolean)).toHaveLength(10)
        expect(ration.afford("first", "stage", 0x20010db8, 2, 0, 0, 0)).toBe(true)
    })

    it.each([
        [0, 1],
        [1, 0],
        [0, 0],
    ])("takes no IPv6 network for an IPv4 address, were it %i:%i", (a, b) => {
        const ration = new Ration([1, 2])
        const c = a === 0 && b === 0 ? 1 : 0xffff
        const spent = Array.from({ length: 100 }, (_, i) => ration.afford("first", "stage", a, b, c, i, 0))
        expect(spent.filter(Boolean)).toHaveLength(10)
    })

    it("gives a source that never rests its lines per second all the same", () => {
        const ration = new Ration([1, 2])
        let made = 0
        for (let now = 0; now < 60_000; now += 100) if (ration.afford("first", "stage", ...v4(7), now)) made++
        expect(made).toBe(10 + 59)
    })

    it("keeps a ration of its own for those who know more", () => {
        const ration = new Ration([1, 2])
        for (let i = 0; i < 5000; i++) ration.afford("first", "stage", ...v4(i), 0)
        expect(ration.afford("further", "stage", ...v4(1), 0)).toBe(true)
        for (let i = 0; i < 5000; i++) ration.afford("further", "stage", ...v4(i), 0)
        expect(ration.afford("whole", "stage", ...v4(1), 0)).toBe(true)
        for (let i = 0; i < 5000; i++) ration.afford("whole", "stage", ...v4(i), 0)
        expect(ration.afford("refused", "refused", ...v4(1), 0)).toBe(true)
        for (let i = 0; i < 5000; i++) ration.afford("refused", "refused", ...v4(i), 0)
        expect(ration.afford("grant", "opened", ...v4(1), 0)).toBe(true)
    })
})

describe("Ration.takeOmitted()", () => {
    it("says it after a second, then every ten as long as it goes on", () => {
        const ration = new Ration([1, 2])
        const flood = (now: number) => {
            for (let i = 0; i < 200; i++) ration.afford("first", "stage", ...v4(i), now)
        }
        expect(ration.due).toBeNull()
        flood(0)
        expect(ration.due).toBe(1000)
        expect(ration.takeOmitted(999)).toBeNull()
        expect(ration.takeOmitted(1000)).toMatchObject({ count: 100, ms: 1000, kinds: [{ kind: "stage", count: 100 }] })
        expect(ration.due).toBeNull()
        flood(1000)
        expect(ration.due).toBe(11_000)
        expect(ration.takeOmitted(11_000)).toMatchObject({ count: 180, ms: 10_000 })
        flood(60_000)
        expect(ration.due).toBe(61_000)
        expect(ration.takeOmitted(60_000, true)).toMatchObject({ count: 100, ms: 0 })
        expect(ration.takeOmitted(60_000, true)).toBeNull()
    })

    it("says first what was left out most", () => {
        const ration = new Ration([1, 2])
        const counts = { stage: 20, late: 40, spoiled: 30 } as const
        for (const kind of ["stage", "late", "spoiled"] as const)
            for (let i = 0; i < 10 + counts[kind]; i++)
                ration.afford("first", kind, ...v4(kind === "stage" ? 1 : kind === "late" ? 2 : 3), 0)
        expect(ration.takeOmitted(1000)?.kinds).toEqual([
            { kind: "late", count: 40 },
            { kind: "spoiled", count: 30 },
            { kind: "stage", count: 20 },
        ])
    })

    it("loses no line: each is made, or in one sum", () => {
        let omitted = 0
        const act = fc.record({
            name: fc.constantFrom("first" as const, "further" as const, "refused" as const, "grant" as const),
            kind: fc.constantFrom("stage" as const, "spoiled" as const, "opened" as const),
            source: fc.nat(40),
            times: fc.nat(300),
            gap: fc.constantFrom(0, 1, 500, 20_000),
        })
        fc.assert(
            fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
                const ration = new Ration([1, 2])
                let now = 0
                let sum = 0
                let wanted = 0
                const take = () => {
                    const taken = ration.takeOmitted(now)
                    if (taken === null) return
                    expect(taken.sources).toBeGreaterThan(0)
                    expect(taken.kinds.reduce((all, { count }) => all + count, 0)).toBe(taken.count)
                    sum += taken.count
                }
                for (const { name, kind, source, times, gap } of acts) {
                    now += gap
                    take()
                    for (let i = 0; i < times; i++) if (!ration.afford(name, kind, ...v4(source), now)) wanted++
                }
                now += 60_000
                take()
                expect(sum).toBe(wanted)
                expect(ration.due).toBeNull()
                omitted += sum
            }),
            { numRuns: 200 },
        )
        expect(omitted).toBeGreaterThan(10_000)
    })
})
