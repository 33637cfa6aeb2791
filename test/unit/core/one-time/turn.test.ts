import { createHash } from "node:crypto"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { sequenceId, type Turn, turnsOf } from "../../../../src/core/one-time/turn.ts"

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest()
const turn = (counter: number, tries = 0): Turn => ({ counter, hits: [], id: `id${counter}`, tries })

describe("turnsOf()", () => {
    it("gives those never sent in their order, then those sent, the least often sent first", () => {
        const turns = turnsOf([turn(3, 2), turn(4, 1), turn(5), turn(8, 1), turn(9)], () => false)
        expect(turns.map(({ counter }) => counter)).toEqual([5, 9, 4, 8, 3])
    })

    it("gives nothing that was used up: what opened, and all before it", () => {
        const all = [turn(3), turn(4, 1), turn(5), turn(6)]
        expect(turnsOf(all, (id) => id === "id4").map(({ counter }) => counter)).toEqual([5, 6])
        expect(turnsOf(all, (id) => id === "id6")).toEqual([])
    })

    it("comes round to every sequence as often as to any other, whatever the number of tries", () => {
        fc.assert(
            fc.property(fc.integer({ min: 1, max: 9 }), fc.nat(40), (length, rounds) => {
                const tries = Array.from({ length }, () => 0)
                for (let n = 0; n < rounds; n++) {
                    const [first] = turnsOf(
                        tries.map((count, counter) => turn(counter, count)),
                        () => false,
                    )
                    tries[first!.counter]!++
                }
                expect(Math.max(...tries) - Math.min(...tries)).toBeLessThanOrEqual(1)
                expect(tries).toEqual(tries.toSorted((a, b) => b - a))
            }),
        )
    })
})

describe("sequenceId()", () => {
    it("is another one for another door, counter or hit", () => {
        const sequence = { counter: 17, hits: [{ protocol: "tcp", port: 23_144 }] } as const
        const ids = [
            sequenceId(sha256, "ssh", sequence),
            sequenceId(sha256, "web", sequence),
            sequenceId(sha256, "ssh", { ...sequence, counter: 18 }),
            sequenceId(sha256, "ssh", { ...sequence, hits: [{ protocol: "udp", port: 23_144 }] }),
        ]
        expect(new Set(ids).size).toBe(4)
        expect(ids[0]).toBe(createHash("sha256").update("hits ssh 17 23144").digest("hex"))
    })
})
