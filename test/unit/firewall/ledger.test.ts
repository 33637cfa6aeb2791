import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Ledger } from "../../../src/adapters/firewall/ledger.ts"
import { formatSource } from "../../../src/core/net/address.ts"
import { elementKey } from "../../../src/core/ruleset.ts"
import { element, network } from "../../lab/rulesets.ts"

const SOURCE = network("192.0.2.7")
const [SSH, WEB] = [element("192.0.2.7", "tcp/22"), element("192.0.2.7", "tcp/80")]

describe("Ledger", () => {
    it("keeps a source for its longest grant", () => {
        const ledger = new Ledger()
        ledger.note([SSH], 60_000, 0)
        expect(ledger.sources([WEB], 10_000, 20_000)).toEqual([{ source: SOURCE, ms: 40_000 }])
        expect(ledger.sources([WEB], 50_000, 20_000)).toEqual([{ source: SOURCE, ms: 50_000 }])
    })

    it("lets a renewal shorten the only grant", () => {
        const ledger = new Ledger()
        ledger.note([SSH], 60_000, 0)
        expect(ledger.sources([SSH], 1000, 1)).toEqual([{ source: SOURCE, ms: 1000 }])
    })

    it("gives a source up with its last grant", () => {
        const ledger = new Ledger()
        ledger.note([SSH, WEB], 60_000, 0)
        expect(ledger.sources([SSH], 0, 1000)).toEqual([{ source: SOURCE, ms: 59_000 }])
        ledger.note([SSH], 0, 1000)
        expect(ledger.sources([WEB], 0, 1000)).toEqual([{ source: SOURCE, ms: 0 }])
    })

    it("knows what load() found, and nothing from before", () => {
        const ledger = new Ledger()
        ledger.note([WEB], 1_000_000, 0)
        ledger.load([{ element: SSH, left: 5000, used: false }], 100)
        expect(ledger.sources([WEB], 1, 100)).toEqual([{ source: SOURCE, ms: 5000 }])
    })

    it("agrees with a slow twin, over sweeps", () => {
        const which = fc.constantFrom(...ELEMENTS)
        const act = fc.record({
            elements: fc.array(which, { minLength: 1, maxLength: 3 }),
            ms: fc.constantFrom(0, 10, 1000, 50_000),
            gap: fc.constantFrom(0, 9, 10, 11, 2000),
        })
        let kept = 0
        fc.assert(
            fc.property(fc.array(act, { maxLength: 200, size: "max" }), (acts) => {
                const ledger = new Ledger()
                const twin = new Map<string, { source: string; deadline: number }>()
                let now = 0
                for (const { elements, ms, gap } of acts) {
                    now += gap
                    const after = new Map(twin)
                    for (const one of elements)
                        after.set(elementKey(one), { source: formatSource(one.source), deadline: now + ms })
                    for (const { source, ms: time } of ledger.sources(elements, ms, now)) {
                        const name = formatSource(source)
                        const those = [...after.values()].filter((entry) => entry.source === name)
                        const longest = Math.max(...those.map(({ deadline }) => deadline - now))
                        expect(time).toBe(Math.max(0, longest))
                        if (time > ms) kept++
                    }
                    ledger.note(elements, ms, now)
                    for (const [key, entry] of after) twin.set(key, entry)
                }
            }),
        )
        expect(kept).toBeGreaterThan(50)
    })
})

const ELEMENTS = Array.from({ length: 120 }, (_, host) =>
    [22, 80, 443].map((port) => element(`192.0.2.${host}`, `tcp/${port}`)),
).flat()
