/** What is loaded when the host starts: hiding alone, and nothing that would take away what a daemon has made. */
import { describe, expect, it } from "vitest"
import { renderBoot } from "../../../src/adapters/firewall/boot.ts"
import { hides } from "../../../src/adapters/firewall/hide.ts"
import { ruleset, SCENARIOS } from "../../lab/rulesets.ts"

describe("renderBoot()", () => {
    it("has what hides, and neither what watches nor grants nor trials, and takes no chain and no set away", () => {
        let files = 0
        for (const wanted of Object.values(SCENARIOS)) {
            const rules = renderBoot(wanted, "all")
            const spared = wanted.spared.filter(({ ms }) => ms === null)
            const inner = wanted.inner.filter(({ ms }) => ms === null)
            expect(rules !== null).toBe(hides({ ...wanted, trials: [], spared, inner }))
            if (rules === null) continue
            files++
            expect(rules.hide).toMatch(/^add chain inet postern hide /m)
            expect(rules.hide).not.toMatch(
                /delete|watch|log group|add element .* timeout|element inet postern (any|open)/,
            )
            expect(rules.grace).toBeNull()
        }
        expect(files).toBeGreaterThan(5)
    })

    it("spares what is hidden in a file of its own, for which the first one has the rules", () => {
        const rules = renderBoot(ruleset({ hidden: ["tcp/22", "udp/53"], grace: 300_000 }), "all")
        expect(rules!.grace).toMatch(
            /^add element inet postern spared \{ tcp \. 22 timeout 5m, udp \. 53 timeout 5m \}$/m,
        )
        expect(rules!.hide).toContain("@spared accept")
        expect(rules!.hide).not.toContain("add element inet postern spared")
    })

    it("says for good what is for good", () => {
        const rules = renderBoot(ruleset({ spared: [["tcp/22", null]] }), "plain")
        expect(rules).toMatchObject({ hide: expect.stringContaining("spared { tcp . 22 }"), grace: null })
    })
})
