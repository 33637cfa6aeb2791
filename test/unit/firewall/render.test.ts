import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { hideSets } from "../../../src/adapters/firewall/hide.ts"
import { renderHold } from "../../../src/adapters/firewall/hold.ts"
import { carried, renderApply, renderRebuild } from "../../../src/adapters/firewall/render.ts"
import { contains, formatNetwork, type Network, parseNetwork } from "../../../src/core/net/address.ts"
import { always, element, ruleset, SCENARIOS, view, watch } from "../../lab/rulesets.ts"

const VECTORS = join(import.meta.dirname, "..", "..", "..", "vectors", "ruleset")

describe("renderApply()", () => {
    for (const [name, wanted] of Object.entries(SCENARIOS)) {
        it(`renders vectors/ruleset/${name}.nft`, () => {
            expect(renderApply(wanted)).toBe(readFileSync(join(VECTORS, `${name}.nft`), "utf8"))
        })
    }

    it("never flushes anything but its own table's parts", () => {
        for (const wanted of Object.values(SCENARIOS)) {
            for (const line of renderApply(wanted).trimEnd().split("\n")) {
                expect(line).toMatch(/^(add|delete|flush) (table|set|chain|rule|element) inet postern/)
                expect(line).not.toMatch(/(flush|delete) set inet postern (any|open)[46]/)
            }
        }
    })

    it("leaves out interface names that nftables cannot write, instead of writing something else", () => {
        const interfaces = ["eth0", 'x" } ; flush', "a*", "a\nb", "", "{", "sixteen-is-a-lot"]
        const text = renderApply(ruleset({ kernel: watch([view(["7000"], [])], { interfaces }) }))
        expect(text).toContain('interfaces { "eth0" }\n')
    })

    it("tracks connections only where a UDP service is hidden", () => {
        expect(renderApply(ruleset({ hidden: ["tcp/22"] }))).not.toMatch(/ ct /)
        expect(renderApply(ruleset({ hidden: ["udp/53"] }))).toMatch(/ ct state established,related accept/)
    })

    it("leads nobody and looks for no sockets where the kernel cannot", () => {
        for (const wanted of Object.values(SCENARIOS)) {
            expect(renderApply(wanted, "plain")).not.toMatch(/tproxy|socket|add rule inet postern (lead|listener) /)
        }
        expect(renderApply(SCENARIOS["hide-tcp"]!, "plain")).toContain(
            "add rule inet postern hide meta l4proto . th dport @hidden goto refuse\n",
        )
    })

    it("lets no fragment pass that does not show its port, where the kernel puts none together before", () => {
        for (const wanted of Object.values(SCENARIOS)) {
            const [led, plain] = [renderApply(wanted), renderApply(wanted, "plain")]
            if (/ hide (tcp|.*goto)/.test(led)) expect(led).toMatch(/ (tproxy|ct state) /)
            for (const text of plain.matchAll(/^add chain inet postern (hide|pass) \{/gm)) {
                const [first] = plain.split(`add rule inet postern ${text[1]} `).slice(text[1] === "hide" ? 2 : 1)
                expect(first).toMatch(/^meta nfproto ipv6 frag more-fragments 1 frag frag-off 0 jump pieces$/m)
            }
            expect(led).not.toMatch(/ jump pieces$/m)
        }
    })

    it("looks at the port of a stranger's packet only where a socket would take it", () => {
        // What is spared is open to everyone: there is nothing to keep.
        for (const wanted of Object.values(SCENARIOS).filter(({ spared }) => spared.length === 0)) {
            for (const rule of renderApply(wanted).matchAll(/^add rule inet postern (?:hide|lead|use) (.*)$/gm)) {
                const port = rule[1]!.indexOf("dport")
                const sooner = rule[1]!.search(/@(any|needless)[46](_\d+)? |socket transparent/)
                // What is spared is open to everyone anyway, and what was led elsewhere is no stranger's.
                if (/@spared|^ct status dnat /.test(rule[1]!)) continue
                if (port !== -1) expect(sooner, rule[1]).toBeLessThan(port)
                if (port !== -1) expect(sooner, rule[1]).not.toBe(-1)
            }
        }
    })

    it("keeps the fewest networks that hold the same addresses", () => {
        const some = fc.array(fc.constantFrom(...NETWORKS), { maxLength: 8 })
        let dropped = 0
        fc.assert(
            fc.property(some, fc.constantFrom(...NETWORKS), (networks, probe) => {
                const wanted = ruleset({ hidden: ["tcp/22"], needless: networks.map((text) => `${text} tcp/22`) })
                const first = parse(probe).address
                const held = (all: readonly Network[]) => all.filter((one) => contains(one, first)).length
                // By service, and alone.
                for (const prefix of ["always", "needless"]) {
                    const kept = hideSets(wanted)
                        .filter(({ name }) => name.startsWith(prefix))
                        .flatMap(({ elements }) => elements!)
                        .flatMap((text) => parseNetwork(text.split(" ")[0]!) ?? [])
                    expect(held(kept)).toBe(Math.min(1, held(networks.map(parse))))
                    dropped += networks.length - kept.length
                }
            }),
        )
        expect(dropped).toBeGreaterThan(20)
    })
})

describe("renderRebuild()", () => {
    it("has every new packet looked at for as long as a source would have been remembered", () => {
        const text = renderRebuild(ruleset({ kernel: watch([view(["7000"], [])]) }), [])
        const timeout = /update @watched4 \{ ip saddr (timeout \w+) \}/.exec(text)![1]!
        expect(text.split("\n").at(-2)).toBe(`add element inet postern forgot { ipv4 ${timeout}, ipv6 ${timeout} }`)
    })

    it("begins with nothing and carries each grant over, its source for the longest", () => {
        const live = [
            { element: element("192.0.2.7", "tcp/22"), left: 1000, used: false },
            { element: element("192.0.2.7", "tcp/80"), left: 5000, used: false },
            { element: element("2001:db8::7", "tcp/22"), left: Number.POSITIVE_INFINITY, used: false },
        ]
        const text = renderRebuild(ruleset(), live)
        expect(text.startsWith("add table inet postern\ndelete table inet postern\nadd table inet postern\n")).toBe(
            true,
        )
        expect(text.split("\n").slice(-6)).toEqual([
            "add element inet postern open4 { 192.0.2.7 . tcp . 22 timeout 1s }",
            "add element inet postern open4 { 192.0.2.7 . tcp . 80 timeout 5s }",
            "add element inet postern open6 { 2001:db8::7 . tcp . 22 }",
            "add element inet postern any4 { 192.0.2.7 timeout 5s }",
            "add element inet postern any6 { 2001:db8::7 }",
            "",
        ])
    })

    it("carries no grant over that a connection has used, or that the new table has no set for", () => {
        const live = ["192.0.2.7", "2001:db8::/64"].flatMap((source) =>
            [true, false].map((used) => ({ element: element(source, "tcp/22", true), left: 1000, used })),
        )
        const kept = (wanted: Parameters<typeof carried>[1]) => carried(live, wanted).map((one) => live.indexOf(one))
        expect(kept({ ...ruleset(), once: 130_000 })).toEqual([1])
        expect(kept({ ...ruleset(), once: 130_000, networks: { v4: [], v6: [64] } })).toEqual([1, 3])
        expect(kept(ruleset())).toEqual([])
    })
})

const grant = (once: boolean, used: boolean) => ({ element: element("192.0.2.7", "tcp/22", once), left: 1000, used })

describe("renderHold()", () => {
    it("holds back what would use up a grant that can be, and nothing where none can be", () => {
        expect(renderHold([grant(true, true), grant(false, false)])).toBeNull()
        expect(renderHold([grant(true, false)])).toContain("ip saddr @any4 meta l4proto . th dport { tcp . 22 } drop\n")
    })
})

const NETWORKS = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "192.0.2.0/24"].concat([
    "192.0.2.7/32",
    "::/0",
    "::/64",
    "2001:db8::/32",
    "2001:db8:1::/48",
    "2001:db8::7/128",
])

function parse(text: string): Network {
    const { network } = always(`${text} tcp/22`)
    expect(formatNetwork(network)).toBe(text)
    return network
}
