/** When reloads are made, over acts that are none. */
import { setImmediate } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import type { Timing } from "../../../src/adapters/system/timing.ts"
import { type Asker, oneByOne } from "../../../src/daemon/turns.ts"

/** Nothing takes any time. */
const TIMELESS: Timing = { now: () => 0, rest: () => Promise.reject(new Error("a rest from nothing")) }
const user = (uid: number | null): Asker => ({ uid, gone: () => false })
const GONE: Asker = { uid: 7, gone: () => true }

/** A clock that stands still unless somebody acts or rests. */
const pacing = () => {
    let now = 0
    const rests: number[] = []
    const pace: Timing = {
        now: () => now,
        rest: async (ms) => {
            rests.push(ms)
            now += ms
        },
    }
    const pass = (ms: number) => {
        now += ms
    }
    return { pace, rests, pass }
}

describe("oneByOne()", () => {
    it("runs one at a time, and once more for all who ask meanwhile", async () => {
        const seen = { running: 0, most: 0, runs: 0 }
        const ask = oneByOne(async (askers) => {
            seen.most = Math.max(seen.most, ++seen.running)
            const mine = ++seen.runs
            await setImmediate()
            seen.running--
            return `${mine} by ${askers.map(({ uid }) => uid).join()}`
        }, TIMELESS)
        // They come before it begins.
        const early = [0, 100, 200].map((uid) => ask(user(uid)))
        expect(new Set(await Promise.all(early))).toEqual(new Set(["1 by 0,100,200"]))
        const first = ask(user(0))
        for (let i = 0; i < 100 && seen.running === 0; i++) await setImmediate()
        const storm = Array.from({ length: 1000 }, (_, i) => ask(user(i < 3 ? i : null)))
        expect(await first).toBe("2 by 0")
        expect(new Set(await Promise.all(storm))).toEqual(new Set(["3 by 0,1,2,"]))
        expect(await ask(user(7))).toBe("4 by 7")
        expect([seen.most, seen.runs]).toEqual([1, 4])
    })

    it("makes none for those who have gone when their turn comes", async () => {
        const made: (number | null)[][] = []
        const act = async (askers: readonly Asker[]) => made.push(askers.map(({ uid }) => uid))
        const ask = oneByOne(act, TIMELESS)
        expect(await Promise.all([ask(GONE), ask(GONE)])).toEqual([null, null])
        let here = true
        const leaves = ask({ uid: 1, gone: () => !here })
        const stays = ask(user(2))
        here = false
        expect(await Promise.all([leaves, stays])).toEqual([1, 1])
        expect(made).toEqual([[2]])
    })

    it("takes a breath after each, leaves half of the time to others if it is asked on and on, and never rests long", async () => {
        const { pace, rests, pass } = pacing()
        const ask = oneByOne(async ([asker]) => pass(asker!.uid!), pace)
        for (let i = 0; i < 3; i++) await ask(user(80))
        expect(rests.splice(0)).toEqual([5, 5])
        for (let i = 0; i < 100; i++) await ask(user(80))
        expect(new Set(rests)).toEqual(new Set([5, 80]))
        expect(rests.splice(0).filter((ms) => ms === 80).length).toBeGreaterThan(70)
        pass(10_000)
        await ask(user(5000))
        // Who has gone costs nothing, and shortens nobody's rest.
        await ask(GONE)
        await ask(user(80))
        expect(rests).toEqual([2000])
    })

    it("goes on after one that failed, whenever the next is asked for", async () => {
        let runs = 0
        const ask = oneByOne(async () => {
            await setImmediate()
            if (++runs === 1) throw new Error("no")
            return runs
        }, TIMELESS)
        await expect(ask(user(null))).rejects.toThrow("no")
        const failing = ask(user(null))
        expect([await ask(user(0)), await failing]).toEqual([2, 2])
    })
})
