import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { COOLDOWNS_MOST, Cooldowns } from "../../../src/core/cooldowns.ts"
import type { Address } from "../../../src/core/net/address.ts"
import { config } from "./world.ts"

const doorsOf = (...lengths: readonly number[]) =>
    config(lengths.map((cooldown, i) => ({ name: `d${i}`, hits: ["1"], knockd: { cooldown } }))).doors
const source = (n: number): Address => [0, 0, 0xffff, n]

describe("Cooldowns", () => {
    it("last as long as their door says, to the millisecond, and are told once", () => {
        const doors = doorsOf(100, 0)
        const cooldowns = new Cooldowns(doors)
        cooldowns.begin(doors[0]!, source(1), 1000)
        cooldowns.begin(doors[1]!, source(1), 1000)
        const ask = (door: number, n: number, now: number) => cooldowns.ask(doors[door]!, source(n), now)
        expect([ask(0, 1, 1000), ask(0, 1, 1099), ask(0, 2, 1000), ask(1, 1, 1000)]).toEqual([
            "first",
            "again",
            "over",
            "over",
        ])
        expect([ask(0, 1, 1100), ask(0, 1, 1050)]).toEqual(["over", "over"])
        expect(cooldowns.size).toBe(0)
    })

    it("forget the oldest when there are too many, and those that are over", () => {
        const doors = doorsOf(1_000_000)
        const cooldowns = new Cooldowns(doors)
        for (let n = 0; n < COOLDOWNS_MOST + 10; n++) cooldowns.begin(doors[0]!, source(n), n)
        expect(cooldowns.size).toBe(COOLDOWNS_MOST)
        const answers = [9, 10, COOLDOWNS_MOST + 9].map((n) => cooldowns.ask(doors[0]!, source(n), COOLDOWNS_MOST + 10))
        expect(answers).toEqual(["over", "first", "first"])
        cooldowns.begin(doors[0]!, source(0), 3_000_000)
        expect(cooldowns.size).toBe(1)
    })

    it("answer as a plain list of all openings does, whatever the doors and times", () => {
        const doors = doorsOf(50, 200, 0)
        let held = 0
        const step = fc.record({ door: fc.nat(2), n: fc.nat(1), wait: fc.nat(40) })
        fc.assert(
            fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
                const cooldowns = new Cooldowns(doors)
                const opened: { key: string; at: number }[] = []
                let now = 0
                for (const { door, n, wait } of steps) {
                    now += wait
                    const length = [50, 200, 0][door]!
                    const key = `${door} ${n}`
                    const over = opened.every((one) => one.key !== key || now - one.at >= length)
                    const answer = cooldowns.ask(doors[door]!, source(n), now)
                    expect(answer === "over").toBe(over)
                    if (!over) held++
                    if (!over) continue
                    cooldowns.begin(doors[door]!, source(n), now)
                    opened.push({ key, at: now })
                }
            }),
        )
        expect(held).toBeGreaterThan(300)
    })
})
