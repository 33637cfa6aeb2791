import { describe, expect, it } from "vitest"
import { tableOf } from "../../../src/adapters/firewall/render.ts"
import type { ChainSpec } from "../../../src/adapters/firewall/table.ts"
import { ruleset } from "../../lab/rulesets.ts"

function chain(chains: readonly ChainSpec[], name: string): ChainSpec | undefined {
    return chains.find((one) => one.name === name)
}

describe("tableOf() for places", () => {
    it("makes nothing track connections that does not need it", () => {
        const wanted = ruleset({ hidden: ["tcp/22"], behind: ["10.0.0.5 tcp/80"], mark: 1 })
        const text = JSON.stringify(tableOf(wanted).chains)
        expect(text).not.toMatch(/\bct \b|type nat/)
        expect(chain(tableOf({ ...wanted, published: [] }).chains, "translate")).toBeDefined()
    })

    it("has no rule for strangers at a service that is led elsewhere, but where it is led to", () => {
        const wanted = ruleset({ hidden: ["tcp/22"], leads: ["tcp/22 10.0.0.5 2222"] })
        const { rules } = chain(tableOf(wanted).chains, "translate")!
        expect(rules.filter((rule) => !/^(iif lo|ip6? saddr @)/.test(rule))).toEqual([])
        expect(chain(tableOf(wanted).chains, "hide")!.rules).toContain(
            "socket transparent { 0, 1 } ip daddr . meta l4proto . th dport @inner4 goto refuse",
        )
    })

    it("asks for a stranger's source alone, and then for nothing that depends on his port, before the last rule", () => {
        const wanted = ruleset({ hidden: ["tcp/22"], leads: ["tcp/22 10.0.0.5 22"], published: ["tcp/22"], mark: 1 })
        for (const name of ["granted", "translate"]) {
            const rules = chain(tableOf(wanted).chains, name)!.rules.filter((rule) => rule.includes("dport"))
            const [last] = name === "translate" ? rules.slice(-1) : [""]
            for (const rule of rules.filter((one) => one !== last))
                expect(rule).toMatch(/^ip6? saddr @any[46] ip6? saddr \./)
        }
    })

    it("leads everyone to what is spared, and keeps it from nobody", () => {
        const wanted = ruleset({ hidden: [], spared: [["tcp/22", null]], leads: ["tcp/22 10.0.0.5 22"], mark: 1 })
        for (const name of ["granted", "translate"])
            expect(chain(tableOf(wanted).chains, name)!.rules.at(-1)).toMatch(/^meta l4proto \. th dport @spared goto/)
        expect(chain(tableOf(wanted).chains, "refuse")!.rules[0]).toBe("meta l4proto . th dport @spared accept")
    })

    it("lets go elsewhere by itself only what is hidden and published, and on trial as long as that", () => {
        const words = { hidden: ["tcp/22", "tcp/80"], trials: [["udp/53", 120_000]] } as const
        const published = (of: readonly string[]) => tableOf(ruleset({ ...words, published: of }))
        expect(published(["tcp/443"]).sets.some(({ name }) => name === "published")).toBe(false)
        expect(chain(published(["tcp/443"]).chains, "stay")).toBeUndefined()
        const { sets, chains } = published(["udp/53", "tcp/80", "tcp/443"])
        expect(sets.find(({ name }) => name === "published")!.elements).toEqual(["tcp . 80", "udp . 53 timeout 2m"])
        expect(chain(chains, "translate")!.rules.at(-1)).toBe("meta l4proto . th dport @published goto stay")
    })

    it("refuses what was rewritten behind its back, but what it has let go", () => {
        const { chains } = tableOf(ruleset({ hidden: ["tcp/22", "udp/53"], published: [] }))
        const { rules } = chain(chains, "translate")!
        const label = "ct label set 115 accept"
        expect(rules.filter((rule) => rule !== "iif lo accept" && !rule.endsWith(label))).toEqual([])
        expect(rules.at(-1)).toBe(`fib daddr type != local fib daddr . iif type != local ${label}`)
        for (const name of ["hide", "pass"]) {
            const { rules } = chain(chains, name)!
            // Behind what goes on, and before whatever looks at ports that are no longer the first.
            expect(rules.indexOf("ct status dnat jump rewritten")).toBe(name === "hide" ? 4 : 1)
        }
        expect(chain(chains, "rewritten")!.rules).toEqual([
            "ct label 115 return",
            "meta l4proto tcp ct original proto-dst 22 reject with tcp reset",
            "meta l4proto udp ct original proto-dst 53 ct state new reject",
        ])
    })

    it("takes back by itself what is hidden on trial behind this host", () => {
        const { inner } = ruleset({ behind: ["10.0.0.5 tcp/80"] })
        const trial = { ...ruleset(), inner: inner.map((one) => ({ ...one, ms: 120_000 })) }
        const set = tableOf(trial).sets.find(({ name }) => name === "inner4")!
        expect(set.spec).toContain("flags timeout")
        expect(set.elements).toEqual(["10.0.0.5 . tcp . 80 timeout 2m"])
    })
})
