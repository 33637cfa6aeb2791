import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { codeOf } from "../../../src/core/knock/hit.ts"
import { Matcher } from "../../../src/core/knock/matcher.ts"
import { indexSequences, type Wanted } from "../../../src/core/knock/sequence.ts"
import { parseAddress } from "../../../src/core/net/address.ts"
import { UDP } from "../../../src/core/net/packet.ts"
import { Twin, type TwinPacket } from "./twin.ts"

const tcp = (port: number) => codeOf({ protocol: "tcp", port })
const udp = (port: number) => codeOf({ protocol: "udp", port })

type Heard = { what: string; place: number }

/** A matcher over one view that writes down what it hears. */
function listen(sequences: readonly Wanted[], capacity = 1024) {
    const heard: Heard[] = []
    const opened: number[] = []
    const wrong: string[] = []
    const matcher = new Matcher([indexSequences(sequences)], capacity, [1, 2], {
        recognised: (wanted) => opened.push(wanted.door),
        advanced: (prefix, place) => heard.push({ what: `stage ${prefix.codes.length}`, place }),
        timedOut: (prefix, place) => heard.push({ what: `timeout ${prefix.codes.length}`, place }),
        spoiled: (prefix, place, code, after) => {
            heard.push({ what: `spoiled ${prefix.codes.length}`, place })
            wrong.push(`${code & 0xffff} after ${after}`)
        },
        late: (prefix, place, age) => heard.push({ what: `late ${prefix.codes.length} ${age}`, place }),
        paused: (place, ms) => heard.push({ what: `paused ${ms}`, place }),
    })
    let marks = 0
    const hit = (code: number, time: number, source = "192.0.2.7", same?: number) => {
        const [a, b, c, d] = parseAddress(source)!
        const before = opened.length
        const mark = same ?? ++marks
        matcher.hit(0, a, b, c, d, code, code >>> 16 === UDP ? 0 : (mark << 1) | 1, time)
        return opened.slice(before)
    }
    const words = () => heard.splice(0).map(({ what }) => what)
    return { matcher, hit, words, wrong }
}

const inTen = (i: number) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`
const ssh: Wanted = { door: 0, codes: [tcp(7000), udp(8000), tcp(9000)], within: 10_000 }

describe("Matcher.hit()", () => {
    it("recognises a sequence and tells its stages", () => {
        const { hit, words } = listen([ssh])
        expect(hit(tcp(7000), 0)).toEqual([])
        expect(hit(udp(8000), 100)).toEqual([])
        expect(hit(tcp(9000), 200)).toEqual([0])
        expect(words()).toEqual(["stage 1", "stage 2"])
    })

    it("opens at the last millisecond of the window and not one later", () => {
        for (const [last, opens] of [
            [10_000, [0]],
            [10_001, []],
        ] as const) {
            const { hit } = listen([ssh])
            hit(tcp(7000), 0)
            hit(udp(8000), 100)
            expect(hit(tcp(9000), last)).toEqual(opens)
        }
    })

    it("forgets after ten minutes, not before", () => {
        const slow: Wanted = { door: 0, codes: [tcp(7000), tcp(9000)], within: 600_000 }
        for (const [last, opens] of [
            [600_000, [0]],
            [600_001, []],
        ] as const) {
            const { matcher, hit } = listen([slow])
            hit(tcp(7000), 0)
            expect(hit(tcp(9000), last)).toEqual(opens)
            expect(matcher.attempts.used).toBe(opens.length)
        }
    })

    it.each([
        ["a port of no sequence", tcp(1)],
        ["a port of the sequence, out of order", tcp(9000)],
        ["the right port by the other protocol", tcp(8000)],
    ])("is spoiled by %s in between, and the next right knock succeeds at once", (_, wrong) => {
        const { hit, words } = listen([ssh])
        hit(tcp(7000), 0)
        hit(wrong, 50)
        hit(udp(8000), 100)
        expect(hit(tcp(9000), 150)).toEqual([])
        expect(words()).toEqual(["stage 1", "spoiled 1"])
        hit(tcp(7000), 200)
        hit(udp(8000), 250)
        expect(hit(tcp(9000), 300)).toEqual([0])
    })

    it("tells which hit spoiled an attempt, and how long after the one before", () => {
        const { hit, wrong } = listen([ssh])
        hit(tcp(7000), 0)
        hit(udp(8000), 100)
        hit(tcp(1), 350) // of no sequence
        hit(tcp(7000), 3000)
        hit(tcp(9000), 3400) // of this one, in the wrong place
        hit(tcp(7000), 6000)
        hit(tcp(7000), 7700) // the first again: begun anew
        expect(wrong).toEqual(["1 after 250", "9000 after 400", "7000 after 1700"])
    })

    it("tells of a right hit that comes after the window, how late it is, and of the whole knock that was too slow", () => {
        const { matcher, hit, words } = listen([ssh])
        hit(tcp(7000), 0)
        hit(udp(8000), 9000)
        matcher.expire(10_100)
        expect(words()).toEqual(["stage 1", "stage 2", "timeout 2"])
        expect(hit(tcp(9000), 10_400)).toEqual([])
        expect(words()).toEqual(["late 3 10400"])
        hit(tcp(7000), 20_000)
        words()
        // Before anybody has looked at the clock: it is over, and this hit was late.
        hit(udp(8000), 30_001)
        expect(words()).toEqual(["timeout 1", "late 2 10001"])
    })

    it("tells of lateness by the shortest window, and not when the knock has opened another door", () => {
        const quick: Wanted = { door: 1, codes: [tcp(7000), udp(8000)], within: 1000 }
        const { hit, words } = listen([ssh, quick])
        hit(tcp(7000), 0)
        hit(udp(8000), 2000)
        expect(words()).toEqual(["stage 1", "stage 2", "late 2 2000"])
        const twin = listen([quick, { ...quick, door: 2, within: 9000 }])
        twin.hit(tcp(7000), 0)
        expect(twin.hit(udp(8000), 2000)).toEqual([2])
        expect(twin.words()).toEqual(["stage 1"])
    })

    it("counts a near-miss at a shorter beginning whose window is open, also before the deadline of a longer is looked at", () => {
        const long: Wanted = { door: 1, codes: [tcp(1), tcp(7000), udp(8000), tcp(2)], within: 500 }
        for (const punctual of [true, false]) {
            const { matcher, hit, words } = listen([ssh, long])
            for (let i = 0; i < 5; i++) {
                const from = i * 3000
                hit(tcp(1), from)
                hit(tcp(7000), from)
                hit(udp(8000), from)
                words()
                if (punctual) matcher.expire(from + 600)
                hit(tcp(3), from + 600)
            }
            expect(words()).toEqual(["timeout 3", "spoiled 2", "paused 1000"])
        }
    })

    it("takes the hit that spoils one attempt as the first of the next", () => {
        const { hit } = listen([ssh])
        hit(tcp(7000), 0)
        hit(udp(8000), 2000)
        hit(tcp(7000), 3000)
        hit(udp(8000), 3100)
        expect(hit(tcp(9000), 3200)).toEqual([0])
    })

    it("forgives retransmissions at any stage and quick repeats of the last hit", () => {
        const { hit } = listen([ssh])
        hit(tcp(7000), 0, "192.0.2.7", 40)
        hit(tcp(7000), 300) // a second socket of the same browser
        hit(udp(8000), 1000)
        hit(udp(8000), 1200)
        hit(tcp(7000), 1300, "192.0.2.7", 40) // the first packet again, late
        expect(hit(tcp(9000), 1400)).toEqual([0])
    })

    it("counts the same port again after the repeat time as a new, wrong hit", () => {
        const { hit } = listen([ssh])
        hit(tcp(7000), 0)
        hit(udp(8000), 100)
        hit(udp(8000), 1601)
        expect(hit(tcp(9000), 1700)).toEqual([])
    })

    it("wants the same port twice where a sequence insists on it", () => {
        const twice: Wanted = { door: 3, codes: [tcp(7000), tcp(7000), tcp(9000)], within: 10_000 }
        const { hit } = listen([twice])
        hit(tcp(7000), 0)
        expect(hit(tcp(9000), 100)).toEqual([])
        hit(tcp(7000), 200)
        hit(tcp(7000), 300)
        expect(hit(tcp(9000), 400)).toEqual([3])
    })

    it("keeps doors with common beginnings and ends apart", () => {
        const doors: Wanted[] = [
            { door: 1, codes: [tcp(1), tcp(2)], within: 1000 },
            { door: 2, codes: [tcp(1), tcp(2), tcp(3)], within: 1000 },
            { door: 3, codes: [tcp(2), tcp(3)], within: 1000 },
        ]
        const { hit } = listen(doors)
        expect([hit(tcp(1), 0), hit(tcp(2), 1), hit(tcp(3), 2)]).toEqual([[], [1], [3, 2]])
    })

    it("keeps sources apart, also those that interleave", () => {
        const { hit } = listen([ssh])
        hit(tcp(7000), 0, "192.0.2.1")
        hit(tcp(7000), 1, "192.0.2.2")
        hit(tcp(9000), 2, "192.0.2.1")
        hit(udp(8000), 3, "192.0.2.2")
        expect(hit(tcp(9000), 4, "192.0.2.2")).toEqual([0])
    })

    it("pauses a source after repeated near-misses, for longer each time, and a success forgives", () => {
        const { hit, words } = listen([ssh])
        let time = 0
        const miss = () => {
            time += 3000
            hit(tcp(7000), time)
            hit(udp(8000), time + 1)
            hit(tcp(1), time + 2)
        }
        for (let i = 0; i < 4; i++) miss()
        expect(words().some((w) => w.startsWith("paused"))).toBe(false)
        miss()
        expect(words()).toContain("paused 1000")
        hit(tcp(7000), time + 500)
        hit(udp(8000), time + 501)
        expect(hit(tcp(9000), time + 502)).toEqual([])
        miss()
        expect(words()).toContain("paused 2000")
        time += 3000
        hit(tcp(7000), time)
        hit(udp(8000), time + 1)
        expect(hit(tcp(9000), time + 2)).toEqual([0])
        miss()
        expect(words().some((w) => w.startsWith("paused"))).toBe(false)
    })
})

describe("Matcher.expire()", () => {
    it("falls back to the longest shorter attempt that is still in time", () => {
        const long: Wanted = { door: 1, codes: [tcp(1), tcp(2), tcp(1), tcp(2), tcp(9)], within: 1000 }
        const brief: Wanted = { door: 2, codes: [tcp(1), tcp(2), tcp(8)], within: 5000 }
        const { matcher, hit, words } = listen([long, brief])
        for (const [time, port] of [1, 2, 1, 2].entries()) hit(tcp(port), time * 10)
        words()
        matcher.expire(1100)
        expect(words()).toEqual(["timeout 4"])
        expect(matcher.next()).toBeGreaterThan(5020)
        // Not the end of it: from here on only the shorter one counts.
        expect(hit(tcp(8), 2000)).toEqual([2])
    })

    it("leaves nothing to do for a source whose place another has taken", () => {
        const { matcher, hit, words } = listen([ssh], 1024)
        for (let i = 0; i < 20_000; i++) hit(tcp(7000), i, inTen(i))
        words()
        const { used } = matcher.attempts
        matcher.expire(1e6)
        expect(words()).toHaveLength(used)
        expect(matcher.next()).toBeNull()
    })

    it("reports a timeout when it happens, once", () => {
        const { matcher, hit, words } = listen([ssh])
        hit(tcp(7000), 0)
        hit(udp(8000), 100)
        words()
        const next = matcher.next()!
        expect(next).toBeGreaterThan(10_000)
        expect(next).toBeLessThan(10_100)
        matcher.expire(next - 1)
        expect(words()).toEqual([])
        matcher.expire(next)
        expect(words()).toEqual(["timeout 2"])
        expect(matcher.next()).toBeNull()
    })

    it("leaves no deadline behind after a success, a wrong hit or an eviction", () => {
        const { matcher, hit } = listen([ssh])
        hit(tcp(7000), 0)
        hit(udp(8000), 1)
        hit(tcp(9000), 2)
        expect(matcher.next()).toBeNull()
        hit(tcp(7000), 3)
        hit(tcp(4), 4)
        expect(matcher.next()).toBeNull()
    })
})

describe("Matcher.counts", () => {
    it("tells hits, repeats, what a pause ignored, who was turned away, and packets of nobody", () => {
        const { matcher, hit } = listen([ssh])
        hit(tcp(7000), 0, undefined, 40)
        hit(tcp(7000), 1, undefined, 40)
        hit(tcp(1), 2)
        // Nobody began with it, so nobody is asked.
        hit(tcp(1), 3)
        expect(matcher.counts).toEqual({ hits: 2, repeats: 1, paused: 0, noRoom: 0, strays: 1 })
        for (let i = 0, time = 0; i < 5; i++) {
            time += 3000
            hit(tcp(7000), time)
            hit(udp(8000), time)
            hit(tcp(1), time)
        }
        hit(tcp(7000), 15_999)
        expect(matcher.counts).toEqual({ hits: 17, repeats: 1, paused: 1, noRoom: 0, strays: 1 })
        hit(tcp(7000), 16_000)
        expect(matcher.counts).toEqual({ hits: 18, repeats: 1, paused: 1, noRoom: 0, strays: 1 })
    })

    it("counts a newcomer that finds everyone further on, and forgets nobody for it", () => {
        const { matcher, hit } = listen([ssh])
        let held = 0
        for (let i = 0; i < 20_000 && held < 1024; i++) {
            const before = matcher.counts.noRoom
            hit(tcp(7000), 0, inTen(i))
            if (matcher.counts.noRoom > before) continue
            hit(udp(8000), 0, inTen(i))
            held++
        }
        expect(matcher.attempts.used).toBe(1024)
        const before = matcher.counts
        const { hits, noRoom } = before
        hit(tcp(7000), 1, "192.0.2.7")
        expect(matcher.counts).toMatchObject({ hits, noRoom: noRoom + 1 })
        expect(hit(tcp(9000), 2, inTen(0))).toEqual([0])
    })
})

describe("the table", () => {
    it("never holds more than its capacity, and keeps a source that is further on, whatever floods it", () => {
        const { matcher, hit } = listen([ssh], 1024)
        hit(tcp(7000), 0, "203.0.113.9")
        hit(udp(8000), 1, "203.0.113.9")
        for (let i = 0; i < 100_000; i++) hit(tcp(7000), 2, inTen(i))
        expect(matcher.attempts.used).toBeLessThanOrEqual(1024)
        expect(hit(tcp(9000), 3, "203.0.113.9")).toEqual([0])
    })

    it("gives one IPv6 /64 sixteen places at most", () => {
        const { matcher, hit } = listen([ssh], 4096)
        for (let i = 0; i < 5000; i++)
            hit(tcp(7000), 0, `2001:db8:1:2:${((i * 77) & 0xffff).toString(16)}::${i.toString(16)}`)
        expect(matcher.attempts.used).toBeLessThanOrEqual(16)
    })
})

// --- the twin -------------------------------------------------------------------------------------------------------

const ports = fc.integer({ min: 1, max: 6 })
const code = fc.tuple(fc.constantFrom(tcp, udp), ports).map(([make, port]) => make(port))
const wanted = fc
    .array(
        fc.record({
            codes: fc.array(code, { minLength: 1, maxLength: 4 }),
            within: fc.constantFrom(1, 500, 1500, 5000, 10_000),
        }),
        { minLength: 1, maxLength: 5 },
    )
    .map((list) => list.map((s, door): Wanted => ({ door, ...s })))
/** Gaps sit on the boundaries that the rules name. */
const gap = fc.constantFrom(
    0,
    1,
    1,
    2,
    100,
    499,
    500,
    501,
    1499,
    1500,
    1501,
    4999,
    9999,
    10_000,
    10_001,
    90_000,
    90_001,
    600_001,
)
const source = fc.constantFrom("192.0.2.1", "192.0.2.2", "2001:db8::1")
/** Whole knocks, cut knocks, repeats and noise, in one trace. */
const trace = (sequences: readonly Wanted[]) =>
    fc
        .array(
            fc.oneof(
                { weight: 4, arbitrary: fc.constantFrom(...sequences).map((s) => [...s.codes]) },
                { weight: 2, arbitrary: fc.constantFrom(...sequences).map((s) => s.codes.slice(0, -1)) },
                { weight: 2, arbitrary: fc.array(code, { maxLength: 3 }) },
                // Someone who knows all but the last hit, and guesses on.
                {
                    weight: 1,
                    arbitrary: fc
                        .tuple(fc.constantFrom(...sequences), code)
                        .map(([s, guess]) => Array.from({ length: 7 }, () => [...s.codes.slice(0, -1), guess]).flat()),
                },
            ),
            { minLength: 1, maxLength: 14 },
        )
        .chain((parts) =>
            fc.tuple(
                fc.constant(parts.flat()),
                fc.array(fc.tuple(gap, source, fc.integer({ min: 0, max: 9 })), { minLength: 60, maxLength: 60 }),
                source,
            ),
        )
        .map(([codes, noise, main]) => {
            let time = 1
            return codes.map((code, i): TwinPacket => {
                const [gap, other, dice] = noise[i % 60]!
                // Most gaps are short, most packets come from one source, some carry an earlier mark.
                time += dice < 6 ? gap % 3 : gap
                const mark = code >>> 16 === 17 ? 0 : dice === 9 ? 1 : i + 2
                return { source: dice < 8 ? main : other, code, mark, time }
            })
        })

describe("the matcher and its slow twin", () => {
    it("open the same doors at the same packets, for any sequences and traces", () => {
        let opened = 0
        let paused = 0
        fc.assert(
            fc.property(
                wanted.chain((sequences) => fc.tuple(fc.constant(sequences), trace(sequences))),
                fc.boolean(),
                ([sequences, packets], punctual) => {
                    const twin = new Twin(sequences)
                    const got: number[] = []
                    const fast = new Matcher([indexSequences(sequences)], 1024, [3, 4], {
                        recognised: (w) => got.push(w.door),
                        advanced: () => {},
                        timedOut: () => {},
                        spoiled: () => {},
                        late: () => {},
                        paused: () => paused++,
                    })
                    for (const packet of packets) {
                        // Whether deadlines are looked at in time or late must not change what opens.
                        if (punctual) fast.expire(packet.time)
                        const [a, b, c, d] = parseAddress(packet.source)!
                        fast.hit(0, a, b, c, d, packet.code, packet.mark, packet.time)
                        const want = twin.packet(packet)
                        const opens = got.splice(0)
                        // Compared at once, told with all packets only where they differ: there are very many of them.
                        if (opens.join() !== want.join()) expect(opens, JSON.stringify(packets)).toEqual(want)
                        opened += want.length
                    }
                },
            ),
            { numRuns: 4000 },
        )
        // The generator is worth nothing if it opens nothing.
        expect(opened).toBeGreaterThan(2000)
        expect(paused).toBeGreaterThan(20)
    })
})
