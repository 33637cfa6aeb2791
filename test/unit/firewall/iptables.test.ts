import { describe, expect, it } from "vitest"
import { isWhole, NONE, parseOurs, renderChains, rewrites } from "../../../src/adapters/firewall/iptables/chains.ts"
import { rulesOf } from "../../../src/adapters/firewall/iptables/rules.ts"
import {
    alwaysSets,
    FAMILIES,
    parseSaved,
    renderGrant,
    renderKept,
    renderResize,
    renderRevoke,
} from "../../../src/adapters/firewall/iptables/sets.ts"
import { element, ruleset, SCENARIOS } from "../../lab/rulesets.ts"

const [SSH4, SSH6] = [element("192.0.2.7", "tcp/22"), element("2001:db8::7", "udp/53")]
const [ipv4, ipv6] = FAMILIES

/** As iptables-save prints it, by table. */
function save(tables: Readonly<Record<string, readonly string[]>>): string {
    const parts = Object.entries(tables).flatMap(([table, rules]) => {
        const ours = new Set(rules.flatMap((rule) => rule.match(/^-A (POSTERN-\w+)/)?.[1] ?? []))
        return [`*${table}`, ":INPUT ACCEPT [1:2]", ...[...ours].map((name) => `:${name} - [0:0]`), ...rules, "COMMIT"]
    })
    return ["# made by a program", ...parts, ""].join("\n")
}

describe("renderChains()", () => {
    it("touches nothing but chains of ours, and the one jump to each of their beginnings", () => {
        const there = parseOurs(save({ mangle: ["-A POSTERN-LEAD -j X", "-A PREROUTING -j POSTERN-LEAD"] }))
        for (const wanted of Object.values(SCENARIOS)) {
            for (const family of FAMILIES) {
                for (const text of [
                    renderChains(rulesOf(wanted, family, true, true), there),
                    renderChains({}, there),
                    renderChains(rulesOf(wanted, family, false, true), NONE),
                ]) {
                    for (const line of text.trimEnd().split("\n")) {
                        expect(line).toMatch(
                            /^(|\*(raw|mangle|nat|filter)|COMMIT|:POSTERN-\w+ - \[0:0\]|-[AX] POSTERN-\w+.*|-D PREROUTING -j POSTERN-LEAD|-I (PREROUTING|INPUT|FORWARD) 1 -j POSTERN-\w+)$/,
                        )
                    }
                }
            }
        }
    })

    it("names no table where nothing is wanted or there, for the kernel would make it and track connections", () => {
        const plain = renderChains(rulesOf(ruleset({ hidden: ["tcp/22"] }), ipv4, true, true), NONE)
        expect(plain).not.toMatch(/\*(raw|nat)/)
        expect(renderChains({}, NONE)).toBe("")
        const before = parseOurs(save({ nat: ["-A PREROUTING -j POSTERN-TURN", "-A POSTERN-TURN -i lo -j RETURN"] }))
        const gone = ["*nat", ":POSTERN-TURN - [0:0]", "-D PREROUTING -j POSTERN-TURN", "-X POSTERN-TURN", "COMMIT", ""]
        expect(renderChains({}, before)).toBe(gone.join("\n"))
    })
})

describe("rulesOf()", () => {
    it("asks for the socket before the port where the kernel can, and leads only where no socket is", () => {
        const able = rulesOf(ruleset({ hidden: ["tcp/22"] }), ipv4, true, true)
        expect(able["POSTERN-HIDE"]).toContain("-p tcp -m socket --nowildcard -m tcp --dport 22 -j POSTERN-REFUSE")
        expect(able["POSTERN-LISTENER"]![1]).toBe("-m socket --nowildcard -j RETURN")
        expect(able["POSTERN-LISTENER"]![2]).toContain("-j TPROXY")
        expect(JSON.stringify(rulesOf(ruleset({ hidden: ["tcp/22"] }), ipv4, false, true))).not.toMatch(/socket|TPROXY/)
    })

    it("keeps every hidden service where somebody rewrites, behind whoever may come in, and lets go what is in transit", () => {
        const wanted = ruleset({ hidden: ["tcp/22", "udp/53"], trials: [["tcp/80", 1000]], published: [] })
        const granted = "-m set --match-set postern-any4 src -m set --match-set postern-open4 src,dst"
        expect(rulesOf(wanted, ipv4, true, true)["POSTERN-TURN"]).toEqual([
            "-i lo -j RETURN",
            `${granted} -j RETURN`,
            "-m addrtype ! --dst-type LOCAL -j RETURN",
            "-p tcp -m tcp --dport 22 -j ACCEPT",
            "-p udp -m udp --dport 53 -j ACCEPT",
            "-p tcp -m set --match-set postern-trial-tcp dst -j ACCEPT",
            "-p udp -m set --match-set postern-trial-udp dst -j ACCEPT",
        ])
        expect(rulesOf(wanted, ipv4, true, true)["POSTERN-AGAIN"]).toEqual([
            "-i lo -j RETURN",
            `${granted} -j RETURN`,
            "-m addrtype ! --dst-type LOCAL -j RETURN",
            "-p tcp -m tcp --dport 22 -j DROP",
            "-p tcp -m set --match-set postern-trial-tcp dst -j DROP",
        ])
        expect(rulesOf(wanted, ipv4, true, true)["POSTERN-LEAD"]!.at(-1)).toMatch(/--ctstate DNAT -j POSTERN-AGAIN$/)
        // Some kernels have none for IPv6.
        expect(rulesOf(wanted, ipv6, true, parseOurs("*filter\nCOMMIT\n").nat)["POSTERN-TURN"]).toBeUndefined()
    })

    it("leads by each family elsewhere, and marks before it leads", () => {
        const words = { hidden: ["tcp/22"], leads: ["tcp/22 10.0.0.5 2222"], behind: ["2001:db8::7 udp/53"] }
        const wanted = ruleset({ ...words, mark: 0x1000_0000 })
        expect(rulesOf(wanted, ipv4, true, true)).toMatchObject({
            "POSTERN-ELSEWHERE": [
                "-m addrtype ! --dst-type LOCAL -j RETURN",
                "-p tcp -m tcp --dport 22 -j DNAT --to-destination 10.0.0.5:2222",
            ],
            "POSTERN-GUARD": [
                "-i lo -j RETURN",
                "-d 10.0.0.5 -m addrtype --dst-type LOCAL -m addrtype ! --dst-type LOCAL --limit-iface-in -j DROP",
            ],
            "POSTERN-PASS": expect.arrayContaining([
                "-d 10.0.0.5 -p tcp -m conntrack --ctstate DNAT -m tcp --dport 2222 -j RETURN",
                "-p tcp -m set --match-set postern-inner4 dst,dst -j POSTERN-REFUSE",
            ]),
        })
        expect(rulesOf(wanted, ipv4, true, true)["POSTERN-LEAD"]![0]).toMatch(/-j POSTERN-MARK$/)
        const other = rulesOf(wanted, ipv6, true, true)
        expect(other["POSTERN-TURN"]).toBeUndefined()
        expect(other["POSTERN-MARK"]).toEqual([
            "-m addrtype --dst-type LOCAL -j MARK --or-mark 0x10000000",
            "-d 2001:db8::7 -p udp -m udp --dport 53 -j MARK --or-mark 0x10000000",
        ])
    })
})

describe("isWhole()", () => {
    const [lead, hide] = ["-A PREROUTING -j POSTERN-LEAD", "-A INPUT -j POSTERN-HIDE"]
    const [leads, hides] = ["-A POSTERN-LEAD -j X", "-A POSTERN-HIDE -j X"]
    const wanted = { "POSTERN-LEAD": ["-j X"], "POSTERN-HIDE": ["-j X"] }

    it.each([
        ["all, first", [lead, leads], [hide, "-A INPUT -i lo -j ACCEPT", hides], true],
        ["behind another rule", [lead, leads], ["-A INPUT -j ACCEPT", hide, hides], false],
        ["twice", [lead, lead, leads], [hide, hides], false],
        ["a jump missing", [leads], [hide, hides], false],
        ["a chain empty", [lead], [hide, hides], false],
        ["a rule too many", [lead, leads, leads], [hide, hides], false],
        ["another program's", ["-A PREROUTING -j POSTERN-LEADER", leads], [hide, hides], false],
    ])("%s", (_, mangle, filter, whole) => {
        expect(isWhole(wanted, parseOurs(save({ mangle, filter })))).toBe(whole)
    })

    it("knows tables that are not there, and wants nothing where nothing is wanted", () => {
        expect(isWhole(wanted, parseOurs(""))).toBe(false)
        expect(isWhole({}, parseOurs(""))).toBe(true)
    })
})

/** A table nat with this rule. */
function nat(rule: string): boolean {
    return rewrites(save({ nat: [rule] }))
}

describe("rewrites()", () => {
    it("sees who changes destinations of what arrives, and not us, nor who changes what leaves", () => {
        expect(nat("-A DOCKER ! -i docker0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80")).toBe(true)
        expect(nat("-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080")).toBe(true)
        expect(nat("-A POSTERN-ELSEWHERE -p tcp -m tcp --dport 22 -j DNAT --to-destination 10.0.0.5:22")).toBe(false)
        expect(nat("-A OUTPUT -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080")).toBe(false)
        expect(nat("-A POSTROUTING -o eth0 -j MASQUERADE")).toBe(false)
    })
})

describe("sets of ipset", () => {
    it("renderGrant() rounds up to seconds, and puts the source in before the service", () => {
        expect(renderGrant([SSH4, SSH6], 1200, [{ source: SSH4.source, ms: 61_000 }])).toBe(
            "add postern-any4 192.0.2.7 timeout 61 -exist\n" +
                "add postern-open4 192.0.2.7,tcp:22 timeout 2 -exist\n" +
                "add postern-open6 2001:db8::7,udp:53 timeout 2 -exist\n",
        )
    })

    it("renderRevoke() keeps a source that another grant needs", () => {
        const sources = [SSH4, SSH6].map(({ source }, i) => ({ source, ms: i * 5000 }))
        expect(renderRevoke([SSH4, SSH6], sources)).toBe(
            "del postern-open4 192.0.2.7,tcp:22 -exist\ndel postern-open6 2001:db8::7,udp:53 -exist\n" +
                "del postern-any4 192.0.2.7 -exist\nadd postern-any6 2001:db8::7 timeout 5 -exist\n",
        )
    })

    it("alwaysSets() says everybody in two halves, which is all that ipset has", () => {
        const text = renderKept(alwaysSets(ruleset({ needless: ["0.0.0.0/0 tcp/22", "::/0 tcp/22"] })))
        for (const half of ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"]) expect(text).toContain(`${half},tcp:22`)
        expect(text).not.toMatch(/\/0[ ,]/)
    })

    it("parseSaved() reads what renderResize() keeps, those without an end among them", () => {
        const live = [
            { element: SSH4, left: 30_000, used: false },
            { element: element("192.0.2.8", "tcp/22"), left: Number.POSITIVE_INFINITY, used: false },
            { element: element("192.0.2.0/24", "tcp/22"), left: 5000, used: false },
        ]
        const text = renderResize(64, live, new Set(["postern-open4"]))
        const set = text.split("\n").filter((line) => line.includes(" postern-open4-new "))
        expect(parseSaved(set.join("\n"))).toEqual({ live, size: 64 })
        expect(text).toContain("swap postern-open4-new postern-open4\n")
        expect(text).toContain("rename postern-open6-new postern-open6\n")
    })

    it("parseSaved() finds nothing where there is no set", () => {
        expect(parseSaved("")).toBeNull()
        expect(parseSaved("create postern-open4 hash:net family inet maxelem 7 timeout 0\n")).toBeNull()
    })
})
