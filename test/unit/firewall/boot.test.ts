/** What is loaded when the host starts: hiding alone, and nothing that would take away what a daemon has made. */
import { describe, expect, it } from "vitest"
import { renderBoot } from "../../../src/adapters/firewall/boot.ts"
import { hides } from "../../../src/adapters/firewall/hide.ts"
import { ruleset, SCENARIOS } from "../../lab/rulesets.ts"

const NFT = { name: "nftables", leads: () => true } as const

describe("renderBoot()", () => {
    it("has what hides, and neither what watches nor grants nor trials, and takes no chain and no set away", () => {
        let files = 0
        for (const wanted of Object.values(SCENARIOS)) {
            const rules = renderBoot(wanted, NFT)
            const spared = wanted.spared.filter(({ ms }) => ms === null)
            const inner = wanted.inner.filter(({ ms }) => ms === null)
            expect(rules["hide.nft"] !== null).toBe(hides({ ...wanted, trials: [], spared, inner }))
            if (rules["hide.nft"] === null) continue
            files++
            expect(rules["hide.nft"]).toMatch(/^add chain inet postern hide /m)
            expect(rules["hide.nft"]).not.toMatch(
                /delete|watch|log group|add element .* timeout|element inet postern (any|open)/,
            )
            expect(rules["grace.nft"]).toBeNull()
        }
        expect(files).toBeGreaterThan(5)
    })

    it("spares what is hidden in a file of its own, for which the first one has the rules", () => {
        const rules = renderBoot(ruleset({ hidden: ["tcp/22", "udp/53"], grace: 300_000 }), NFT)
        expect(rules["grace.nft"]).toMatch(
            /^add element inet postern spared \{ tcp \. 22 timeout 5m, udp \. 53 timeout 5m \}$/m,
        )
        expect(rules["hide.nft"]).toContain("@spared accept")
        expect(rules["hide.nft"]).not.toContain("add element inet postern spared")
    })

    it("says for good what is for good", () => {
        const rules = renderBoot(ruleset({ spared: [["tcp/22", null]] }), { name: "nftables", leads: () => false })
        expect(rules).toMatchObject({ "hide.nft": expect.stringContaining("spared { tcp . 22 }"), "grace.nft": null })
    })

    it("is files of iptables where that hides, without what ends by itself, and then none of nftables", () => {
        const wanted = ruleset({
            hidden: ["tcp/22"],
            trials: [["tcp/80", 1000]],
            spared: [["tcp/22", 500]],
            grace: 500,
        })
        const rules = renderBoot(wanted, { name: "iptables", leads: () => true })
        expect(rules).toMatchObject({ "hide.nft": null, "grace.nft": null })
        expect(rules["hide.ipset"]).toMatch(/^create postern-open4 .* -exist$/m)
        expect(rules["hide.ipset"]).not.toMatch(/trial|spared/)
        for (const name of ["hide.rules4", "hide.rules6"] as const) {
            expect(rules[name]).toContain("--dport 22 -j POSTERN-REFUSE\n")
            expect(rules[name]).toContain("-I INPUT 1 -j POSTERN-HIDE\n")
            expect(rules[name]).not.toMatch(/trial|spared|-[DX] /)
        }
        const { inner } = ruleset({ behind: ["10.0.0.5 tcp/80"] })
        const tried = { ...ruleset(), inner: inner.map((one) => ({ ...one, ms: 1000 })) }
        for (const name of ["iptables", "nftables"] as const)
            expect(Object.values(renderBoot(tried, { name, leads: () => true })).every((text) => text === null)).toBe(
                true,
            )
        const nothing = renderBoot(ruleset(), { name: "iptables", leads: () => true })
        expect(Object.values(nothing).every((text) => text === null)).toBe(true)
    })
})
