/** Whose answer is made when, over work that is none. */
import { setImmediate } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import { queue } from "../../../src/adapters/control/queue.ts"

describe("queue()", () => {
    it("begins the first at once and each other in a turn of its own, in order; who comes later finds it idle", async () => {
        const begun: number[] = []
        const inTurn = queue({ now: () => 0, rest: () => Promise.reject(new Error("a rest from nothing")) })
        for (let i = 0; i < 3; i++) inTurn(() => begun.push(i))
        expect(begun).toEqual([0])
        await setImmediate()
        expect(begun).toEqual([0, 1])
        for (let i = 0; i < 5; i++) await setImmediate()
        inTurn(() => begun.push(3))
        expect(begun).toEqual([0, 1, 2, 3])
    })

    it("rests as long as the last one took, but never long", async () => {
        let now = 0
        const rests: number[] = []
        const inTurn = queue({ now: () => now, rest: async (ms) => void rests.push(ms) })
        const pass = (ms: number) => {
            now += ms
        }
        for (const ms of [30, 0.1, 5000]) inTurn(() => pass(ms))
        // Also what is made after a first wait, in the same turn.
        inTurn(() => void Promise.resolve().then(() => pass(7)))
        for (let i = 0; i < 20; i++) await setImmediate()
        expect(rests).toEqual([30, 100, 7])
    })
})
