import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { DIGESTS } from "../../../../src/adapters/system/digests.ts"
import type { Hit } from "../../../../src/core/knock/hit.ts"
import { doorKey, knockerKey, sequenceAt } from "../../../../src/core/one-time/derive.ts"
import { bitsOf, guessBits, poolOf, poolSize } from "../../../../src/core/one-time/pool.ts"

const alice = { name: "alice", recipients: [{ line: "age1x" }], generation: 0 }
const key = doorKey(DIGESTS, knockerKey(DIGESTS, new Uint8Array(32), alice), "ssh")
const options = { protocols: ["tcp", "udp", "icmp"], from: 10_100, to: 32_000, services: [] } as const
const pool = poolOf(options)

/** A row of the table of section 5. */
const row = (size: number, length: number, upcoming: number) => [
    bitsOf(size, length).toFixed(1),
    (2 ** guessBits(size, length, upcoming)).toExponential(1),
]

describe("sequenceAt()", () => {
    it("draws hits of the pool, none twice, for any pool, length and counter", () => {
        fc.assert(
            fc.property(
                fc.integer({ min: 8, max: pool.length }),
                fc.integer({ min: 1, max: 8 }),
                fc.maxSafeNat(),
                (size, length, n) => {
                    const hits = sequenceAt(DIGESTS, key, pool.slice(0, size), length, n)
                    expect(new Set(hits).size).toBe(length)
                    expect(hits.every((hit) => pool.indexOf(hit) < size)).toBe(true)
                },
            ),
        )
    })

    it("takes every hit of a small pool, however often it has to draw", () => {
        const few = pool.slice(0, 8)
        expect(new Set(sequenceAt(DIGESTS, key, few, 8, 0))).toEqual(new Set(few))
        expect(() => sequenceAt(DIGESTS, key, few.slice(1), 8, 0)).toThrow(RangeError)
    })

    // The chi-squared statistic of 99 degrees of freedom is above 180 once in a million times. The draws are fixed.
    it("draws every hit as often as any other, at every place", () => {
        const hundred = pool.slice(0, 100)
        const seen = Array.from({ length: 4 }, () => new Map<Hit, number>())
        const rounds = 20_000
        for (let n = 0; n < rounds; n++) {
            for (const [place, hit] of sequenceAt(DIGESTS, key, hundred, 4, n).entries())
                seen[place]!.set(hit, (seen[place]!.get(hit) ?? 0) + 1)
        }
        for (const counts of seen) {
            const wanted = rounds / hundred.length
            const chi = hundred.reduce((sum, hit) => sum + ((counts.get(hit) ?? 0) - wanted) ** 2 / wanted, 0)
            expect(chi).toBeLessThan(180)
        }
    })
})

describe("poolOf()", () => {
    it("holds no service, and nothing below 1024, whatever the range", () => {
        const all = poolOf({ ...options, from: 1, to: 65_535, services: [{ protocol: "tcp", port: 2200 }] })
        expect(all.filter(({ protocol, port }) => protocol !== "icmp" && port < 1024)).toEqual([])
        expect(all.filter(({ port }) => port === 2200)).toEqual([{ protocol: "udp", port: 2200 }])
        expect(all.filter(({ port }) => port === 10_080 || port === 8080)).toEqual([])
    })
})

describe("poolSize()", () => {
    it("is how many hits poolOf() gives", () => {
        const port = fc.integer({ min: 1, max: 65_535 })
        const service = fc.record({
            protocol: fc.constantFrom("tcp", "udp"),
            port: fc.integer({ min: 900, max: 12_000 }),
        })
        fc.assert(
            fc.property(
                fc.uniqueArray(fc.constantFrom("tcp", "udp", "icmp")),
                port,
                port,
                fc.array(service, { maxLength: 20 }),
                (protocols, one, other, services) => {
                    const some = { protocols, from: Math.min(one, other), to: Math.max(one, other), services }
                    expect(poolSize(some)).toBe(poolOf(some).length)
                },
            ),
            { numRuns: 50 },
        )
    })
})

describe("the odds of spec/one-time.md", () => {
    const tcp = poolOf({ ...options, protocols: ["tcp"] }).length

    it("are those of its table", () => {
        expect([tcp, pool.length]).toEqual([21_898, 44_997])
        expect(row(tcp, 4, 10)).toEqual(["57.7", "1.6e+16"])
        expect(row(tcp, 4, 10_000)).toEqual(["57.7", "1.6e+13"])
        expect(row(tcp, 5, 1_000_000)).toEqual(["72.1", "3.5e+15"])
        expect(row(pool.length, 4, 10_000)).toEqual(["61.8", "2.8e+14"])
    })

    it("are what happens to somebody who guesses, in a pool small enough to see it", () => {
        const small = pool.slice(0, 12)
        const upcoming = Array.from({ length: 3 }, (_, n) => sequenceAt(DIGESTS, key, small, 3, n).map((h) => h.port))
        // A generator of its own (xorshift), so that the run is the same each time.
        let state = 88_172_645
        const next = () => {
            state ^= state << 13
            state ^= state >>> 17
            state ^= state << 5
            return (state >>> 0) % small.length
        }
        let opened = 0
        const last = [0, 0, 0]
        const hits = 400_000
        for (let i = 0; i < hits; i++) {
            last.push(small[next()]!.port)
            last.shift()
            if (upcoming.some((one) => one.every((port, at) => port === last[at]))) opened++
        }
        // A guesser who never sends a hit twice has 12 * 11 * 10 to try; this one has 12 ** 3.
        expect(opened / hits / (3 / 12 ** 3)).toBeCloseTo(1, 1)
        expect(2 ** guessBits(12, 3, 3)).toBeCloseTo((12 * 11 * 10 * Math.LN2) / 3, 6)
    })
})
