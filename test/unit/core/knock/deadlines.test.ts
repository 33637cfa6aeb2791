import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Deadlines } from "../../../../src/core/knock/deadlines.ts"

/** What the wheel promises: as exact as this (ms). */
const TICK = 32
/** One turn of the wheel (ms); deadlines further away than this wait for another turn. */
const TURN = TICK * 4096

describe("Deadlines", () => {
    it("has nothing to do while nothing is set", () => {
        const wheel = new Deadlines(4)
        expect(wheel.next()).toBeNull()
        wheel.expire(1e12, () => expect.unreachable())
        wheel.clear(3)
        expect(wheel.next()).toBeNull()
    })

    it("reports a deadline once, not before it and at most 31 ms late", () => {
        for (const at of [0, 1, 31, 32, 33, 1000, TURN - 1, TURN, TURN + 1, 10 * TURN + 7]) {
            const wheel = new Deadlines(1)
            wheel.set(0, at, 0)
            const due: number[] = []
            for (let turns = 0; turns < 20; turns++) {
                const now = wheel.next()
                if (now !== null) wheel.expire(now, () => due.push(now))
            }
            expect(due).toHaveLength(1)
            expect(due[0]! - at).toBeGreaterThanOrEqual(0)
            expect(due[0]! - at).toBeLessThan(TICK)
        }
    })

    it("wakes nobody early within a turn, however long it was idle, and once a turn for what is further away", () => {
        const wheel = new Deadlines(2)
        wheel.set(0, 64, 0)
        wheel.expire(64, () => {})
        let now = 0
        for (let i = 1; i < 4; i++) {
            now = i * 1e9
            wheel.set(0, now + 1000, now)
            expect(wheel.next()).toBeGreaterThanOrEqual(now + 1000)
            wheel.clear(0)
        }
        wheel.set(0, now + 10 * TURN, now)
        let wakes = 0
        for (let at = wheel.next(); at !== null && wakes < 100; at = wheel.next()) {
            wheel.expire(at, () => {})
            wakes++
        }
        expect(wakes).toBeLessThanOrEqual(12)
    })

    it("reports one that is past already at once or within a tick", () => {
        const wheel = new Deadlines(1)
        wheel.expire(10_000, () => expect.unreachable())
        wheel.set(0, 17, 10_000)
        expect(wheel.next()).toBeLessThanOrEqual(10_000 + TICK)
        const due: number[] = []
        wheel.expire(10_000 + TICK, (id) => due.push(id))
        expect(due).toEqual([0])
    })

    it("lets the one who is told set a new deadline, also onto the very same spoke", () => {
        const wheel = new Deadlines(3)
        for (const id of [0, 1, 2]) wheel.set(id, 64, 0)
        const due: string[] = []
        for (const now of [64, 64 + TURN - TICK, 64 + TURN, 64 + TURN + TICK]) {
            wheel.expire(now, (id) => {
                due.push(`${id} at ${now}`)
                if (now === 64) wheel.set(id, 64 + TURN, now)
            })
        }
        expect(due.sort()).toEqual([0, 1, 2].flatMap((id) => [`${id} at ${64 + TURN}`, `${id} at 64`]))
        expect(wheel.next()).toBeNull()
    })

    it("agrees with a plain list: nobody early, nobody twice, nobody more than a tick late, for any times and gaps", () => {
        const seen = { due: 0, far: 0, past: 0, moved: 0, cleared: 0, jumps: 0, idle: 0, again: 0 }
        const ahead = fc.oneof(
            fc.nat(200),
            fc.constantFrom(0, 31, 32, 33, 15_000, TURN - TICK, TURN - 1, TURN, TURN + 1, 3 * TURN, -5, -1000),
        )
        const id = fc.nat(7)
        const act = fc.oneof(
            { weight: 5, arbitrary: fc.record({ type: fc.constant("set" as const), id, ahead }) },
            { weight: 1, arbitrary: fc.record({ type: fc.constant("clear" as const), id }) },
            {
                weight: 4,
                arbitrary: fc.record({
                    type: fc.constant("pass" as const),
                    ms: fc.oneof(
                        { weight: 4, arbitrary: fc.nat(100) },
                        { weight: 1, arbitrary: fc.constantFrom(15_000, TURN - 1, TURN, TURN + TICK, 5 * TURN + 3) },
                    ),
                }),
            },
            // As the shell does it: sleep until the wheel wants to be asked.
            { weight: 3, arbitrary: fc.record({ type: fc.constant("wake" as const) }) },
        )
        fc.assert(
            fc.property(fc.array(act, { maxLength: 80, size: "max" }), fc.nat(1e7), (acts, begin) => {
                const wheel = new Deadlines(8)
                const twin = new Map<number, number>()
                let now = begin
                let idle = 0
                const expire = () => {
                    const told = new Set<number>()
                    wheel.expire(now, (one) => {
                        expect(told.has(one), "told twice").toBe(false)
                        told.add(one)
                        expect(twin.get(one) ?? Number.POSITIVE_INFINITY, "early").toBeLessThanOrEqual(now)
                        twin.delete(one)
                        seen.due++
                        // Some begin anew when they are told.
                        if (one % 3 !== 0) return
                        twin.set(one, now + 40)
                        wheel.set(one, now + 40, now)
                        seen.again++
                    })
                    for (const at of twin.values()) expect(at, "more than a tick late").toBeGreaterThan(now - TICK)
                }
                for (const a of acts) {
                    if (a.type === "set") {
                        if (twin.has(a.id)) seen.moved++
                        if (twin.size === 0 && idle > TURN) seen.idle++
                        if (a.ahead > TURN) seen.far++
                        if (a.ahead < 0) seen.past++
                        // What is past already counts from now on.
                        twin.set(a.id, Math.max(now + a.ahead, now))
                        wheel.set(a.id, now + a.ahead, now)
                        idle = 0
                    } else if (a.type === "clear") {
                        if (twin.delete(a.id)) seen.cleared++
                        wheel.clear(a.id)
                    } else {
                        const ms = a.type === "pass" ? a.ms : Math.max(0, (wheel.next() ?? now) - now)
                        if (twin.size === 0) idle += ms
                        else if (ms > TURN) seen.jumps++
                        now += ms
                        expire()
                    }
                    const next = wheel.next()
                    const soonest = twin.size === 0 ? null : Math.min(...twin.values())
                    if (soonest === null) expect(next).toBeNull()
                    // Asked then, it is not more than a tick late.
                    else expect(next!, "too late").toBeLessThan(Math.max(soonest, now) + TICK + 1)
                }
            }),
            { numRuns: 600 },
        )
        for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(30)
    })
})
