import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Agenda } from "../../../src/core/agenda.ts"

type Item = { readonly name: number; due: number }

const never = Number.POSITIVE_INFINITY

describe("Agenda", () => {
    it("gives what is due, soonest first, and nothing before its time", () => {
        const agenda = new Agenda<Item>()
        const items = [30, 10, 20].map((due, name) => ({ name, due: never, wanted: due }))
        for (const item of items) agenda.set(item, item.wanted)
        expect(agenda.next()).toBe(10)
        expect(agenda.take(9)).toBeNull()
        expect(agenda.take(20)?.name).toBe(1)
        expect(agenda.take(20)?.name).toBe(2)
        expect(agenda.take(20)).toBeNull()
        expect(agenda.next()).toBe(30)
    })

    it("does not know an item that was taken any more", () => {
        const agenda = new Agenda<Item>()
        const item = { name: 0, due: never }
        agenda.set(item, 5)
        expect(agenda.take(5)).toBe(item)
        expect(item.due).toBe(never)
        expect([agenda.take(1e9), agenda.next()]).toEqual([null, null])
    })

    it("agrees with a sorted list, whatever is put on, moved and taken off", () => {
        const act = fc.oneof(
            { weight: 5, arbitrary: fc.record({ name: fc.nat(12), due: fc.nat(30) }) },
            { weight: 2, arbitrary: fc.record({ name: fc.nat(12), due: fc.constant(never) }) },
            { weight: 2, arbitrary: fc.record({ take: fc.nat(30) }) },
        )
        const seen = { moved: 0, off: 0, taken: 0, ties: 0 }
        fc.assert(
            fc.property(fc.array(act, { maxLength: 80, size: "max" }), (acts) => {
                const agenda = new Agenda<Item>()
                const items = Array.from({ length: 13 }, (_, name): Item => ({ name, due: never }))
                const twin = new Map<number, number>()
                const soonest = () => (twin.size === 0 ? null : Math.min(...twin.values()))
                for (const a of acts) {
                    if ("take" in a) {
                        const want = soonest()
                        const got = agenda.take(a.take)
                        if (want === null || want > a.take) {
                            expect(got).toBeNull()
                        } else {
                            // Which of several that are due at once comes first is nobody's promise.
                            if ([...twin.values()].filter((due) => due === want).length > 1) seen.ties++
                            expect(twin.get(got!.name)).toBe(want)
                            twin.delete(got!.name)
                            seen.taken++
                        }
                    } else {
                        if (twin.has(a.name)) seen[a.due === never ? "off" : "moved"]++
                        agenda.set(items[a.name]!, a.due)
                        if (a.due === never) twin.delete(a.name)
                        else twin.set(a.name, a.due)
                    }
                    expect(agenda.next()).toBe(soonest())
                    expect(items.every(({ name, due }) => due === (twin.get(name) ?? never))).toBe(true)
                }
                const rest: number[] = []
                for (let item = agenda.take(1000); item; item = agenda.take(1000)) rest.push(twin.get(item.name)!)
                expect(rest).toEqual([...twin.values()].sort((a, b) => a - b))
            }),
            { numRuns: 400 },
        )
        for (const count of Object.values(seen)) expect(count).toBeGreaterThan(100)
    })
})
