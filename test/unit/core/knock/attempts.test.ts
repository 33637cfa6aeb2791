import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Attempts, FORGET_MS } from "../../../../src/core/knock/attempts.ts"
import { type Address, parseAddress } from "../../../../src/core/net/address.ts"

/** Places that one source can be in, and that one /64 can fill. */
const WAYS = 8
const SHARE = 16

const table = (capacity = 1024, depth = 3) => new Attempts(capacity, depth, [123, 456])
const v4 = (n: number): Address => [0, 0, 0xffff, (0x0a000000 + n) >>> 0]

/** `count` sources that all compete for the set of `rival`. */
function rivals(attempts: Attempts, rival: Address, count: number): Address[] {
    const home = Math.floor(attempts.claim(...rival, 0, 0) / WAYS)
    attempts.release(attempts.find(...rival, 0))
    const found: Address[] = []
    for (let n = 1; found.length < count; n++) {
        if (n > 1e6) throw new Error("no rivals")
        const place = attempts.claim(...v4(n), 0, 0)
        if (Math.floor(place / WAYS) === home) found.push(v4(n))
        attempts.release(place)
    }
    return found
}

describe("Attempts", () => {
    it("finds what was claimed, in its view alone, until it is released", () => {
        const attempts = table()
        const one = parseAddress("192.0.2.7")!
        expect(attempts.find(...one, 0)).toBe(-1)
        const place = attempts.claim(...one, 0, 5)
        expect(attempts.find(...one, 0)).toBe(place)
        expect(attempts.find(...one, 1)).toBe(-1)
        expect([0, 1, 2, 3].map((i) => attempts.source(place, i))).toEqual(one)
        const other = attempts.claim(...one, 63, 5)
        expect([attempts.view(place), attempts.view(other)]).toEqual([0, 63])
        expect(attempts.used).toBe(2)
        attempts.release(place)
        attempts.release(place)
        expect(attempts.used).toBe(1)
        expect(attempts.find(...one, 0)).toBe(-1)
        expect(attempts.find(...one, 63)).toBe(other)
    })

    it("remembers the last hits, newest first, as many as the longest sequence has", () => {
        fc.assert(
            fc.property(fc.integer({ min: 1, max: 32 }), fc.nat(80), fc.nat(80), (depth, count, emptied) => {
                const attempts = table(1024, depth)
                const place = attempts.claim(...v4(1), 0, 0)
                const beside = attempts.claim(...v4(2), 0, 0)
                let twin: [number, number, number][] = []
                for (let i = 0; i < count; i++) {
                    if (i === emptied) {
                        attempts.empty(place)
                        twin = []
                    }
                    twin = [[i, i * 10, i | 1] as [number, number, number], ...twin].slice(0, depth)
                    attempts.push(place, i, i * 10, i | 1)
                    attempts.push(beside, 9, 9, 9)
                }
                expect(attempts.count(place)).toBe(twin.length)
                const ring = twin.map((_, i) => [
                    attempts.code(place, i + 1),
                    attempts.time(place, i + 1),
                    attempts.mark(place, i + 1),
                ])
                expect(ring).toEqual(twin)
            }),
        )
    })

    it("gives a newcomer a clean place, whoever had it before", () => {
        const attempts = table()
        const [one, ...others] = rivals(attempts, v4(0), WAYS + 1)
        const place = attempts.claim(...one!, 0, 0)
        attempts.push(place, 1, 1, 1)
        attempts.setStage(place, 1)
        attempts.setPrefix(place, 7)
        attempts.setMisses(place, 3)
        // Over, but never mended.
        attempts.setPaused(place, 1)
        for (const [i, other] of others.entries()) attempts.claim(...other, 0, i + 1)
        expect(attempts.find(...one!, 0)).toBe(-1)
        const heir = attempts.find(...others.at(-1)!, 0)
        expect(heir).toBe(place)
        expect([attempts.count(heir), attempts.stage(heir), attempts.prefix(heir)]).toEqual([0, 0, 0])
        expect([attempts.misses(heir), attempts.paused(heir), attempts.touched(heir)]).toEqual([0, 0, WAYS])
    })
})

describe("Attempts.claim()", () => {
    it("turns a newcomer away when all rivals are further on, and lets it in when one falls back", () => {
        const attempts = table()
        const [late, ...first] = rivals(attempts, v4(0), WAYS + 1)
        const places = first.map((source) => attempts.claim(...source, 0, 0))
        for (const place of places) attempts.setStage(place, 2)
        expect(attempts.claim(...late!, 0, 1)).toBe(-1)
        expect(attempts.used).toBe(WAYS)
        attempts.setStage(places[3]!, 1)
        expect(attempts.claim(...late!, 0, 1)).toBe(places[3])
        expect(attempts.used).toBe(WAYS)
    })

    it("keeps a paused source, so that a flood lifts no pause, until the pause is over", () => {
        const attempts = table()
        const [late, ...first] = rivals(attempts, v4(0), WAYS + 1)
        for (const source of first) attempts.setPaused(attempts.claim(...source, 0, 0), 1000)
        expect(attempts.claim(...late!, 0, 999)).toBe(-1)
        expect(attempts.claim(...late!, 0, 1000)).toBeGreaterThanOrEqual(0)
    })

    it("takes the place of one that has been quiet for longer than FORGET_MS, however far on", () => {
        const attempts = table()
        const [late, ...first] = rivals(attempts, v4(0), WAYS + 1)
        for (const source of first) attempts.setStage(attempts.claim(...source, 0, 0), 3)
        expect(attempts.claim(...late!, 0, FORGET_MS)).toBe(-1)
        expect(attempts.claim(...late!, 0, FORGET_MS + 1)).toBeGreaterThanOrEqual(0)
    })

    it("takes the least far on, of those the longest quiet, and never one that is further on, for any crowd", () => {
        const seen = { free: 0, forgotten: 0, taken: 0, away: 0 }
        const attempts = table()
        const crowd = rivals(attempts, v4(0), WAYS + 1)
        const now = 2 * FORGET_MS
        const state = fc.record({
            there: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, fc.constant(false)),
            touched: fc.oneof(
                { weight: 12, arbitrary: fc.integer({ min: now - 50, max: now }) },
                fc.constantFrom(now - FORGET_MS, now - FORGET_MS - 1),
            ),
            stage: fc.constantFrom(0, 1, 2, 2, 3, 31),
            paused: fc.constantFrom(0, now, now + 1),
        })
        fc.assert(
            fc.property(fc.array(state, { minLength: WAYS, maxLength: WAYS }), (states) => {
                const [late, ...first] = crowd
                for (const source of crowd) attempts.release(Math.max(0, attempts.find(...source, 0)))
                const places = first.map((source) => attempts.claim(...source, 0, 0))
                states.forEach(({ there, touched, stage, paused }, i) => {
                    const place = places[i]!
                    attempts.setTouched(place, touched)
                    attempts.setStage(place, stage)
                    attempts.setPaused(place, paused)
                    if (!there) attempts.release(place)
                })
                const gone = states.map(({ there, touched }) => !there || now - touched > FORGET_MS)
                const weak = states.map(({ stage, paused }) => stage <= 1 && paused <= now)
                const got = attempts.claim(...late!, 0, now)
                const which = places.indexOf(got)
                if (gone.includes(true)) {
                    expect(gone[which]).toBe(true)
                    seen[states[which]!.there ? "forgotten" : "free"]++
                } else if (weak.includes(true)) {
                    const longest = Math.min(...states.flatMap(({ touched }, i) => (weak[i]! ? touched : [])))
                    expect(weak[which]).toBe(true)
                    expect(states[which]!.touched).toBe(longest)
                    seen.taken++
                } else {
                    expect(got).toBe(-1)
                    seen.away++
                }
                // Everyone else is where he was.
                first.forEach((source, i) => {
                    const stays = states[i]!.there && places[i] !== got
                    expect(attempts.find(...source, 0)).toBe(stays ? places[i] : -1)
                })
            }),
            { numRuns: 2000 },
        )
        for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(30)
    })

    it("never holds more than its capacity, and counts what it holds", () => {
        const attempts = table()
        for (let n = 0; n < 20_000; n++) attempts.claim(...v4(n * 7919), 0, n)
        let held = 0
        for (let n = 0; n < 20_000; n++) if (attempts.find(...v4(n * 7919), 0) >= 0) held++
        expect(attempts.used).toBe(held)
        // Sources spread over all sets.
        expect([attempts.capacity, held]).toEqual([1024, 1024])
    })

    it("gives one IPv6 /64 sixteen places in a view, whatever its addresses, and others do not notice", () => {
        const attempts = table(4096)
        const neighbours = Array.from({ length: 64 }, (_, n): Address => [0x20010db8, n << 16, 0, 1])
        for (const one of neighbours) attempts.claim(...one, 0, 0)
        const places = new Set<number>()
        for (let n = 0; n < 5000; n++)
            places.add(attempts.claim(0x20010db8, 0xffff_0000, Math.imul(n, 0x9e3779b1) >>> 0, n, 0, 1))
        expect(places.size).toBe(SHARE)
        const left = neighbours.filter((one) => attempts.find(...one, 0) >= 0)
        expect(left.length).toBeGreaterThanOrEqual(neighbours.length - SHARE)
    })

    it("visits each place in use once, and no other", () => {
        const attempts = table()
        const visited = () => {
            const places: number[] = []
            attempts.each((place) => places.push(place))
            return places
        }
        expect(visited()).toEqual([])
        const claimed = Array.from({ length: 300 }, (_, n) => attempts.claim(...v4(n * 7919), 0, 0))
        for (const place of claimed.slice(0, 100)) attempts.release(place)
        const left = claimed.slice(100).toSorted((a, b) => a - b)
        expect(new Set(left).size).toBe(200)
        expect(visited()).toEqual(left)
    })

    it("puts a source elsewhere with another seed", () => {
        const seeds = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => new Attempts(1024, 3, [n, 99 - n]))
        for (const one of [parseAddress("192.0.2.7")!, parseAddress("2001:db8::7")!]) {
            expect(new Set(seeds.map((attempts) => attempts.claim(...one, 0, 0))).size).toBeGreaterThan(4)
        }
    })
})
