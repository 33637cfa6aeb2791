import { describe, expect, it } from "vitest"
import { parseJumps, renderNoRules, renderRules } from "../../../src/adapters/firewall/iptables/rules.ts"
import {
    FAMILIES,
    parseSaved,
    renderAlways,
    renderGrant,
    renderResize,
    renderRevoke,
} from "../../../src/adapters/firewall/iptables/sets.ts"
import { element, ruleset, SCENARIOS } from "../../lab/rulesets.ts"

const NONE = { PREROUTING: 0, INPUT: 0 }
const [SSH4, SSH6] = [element("192.0.2.7", "tcp/22"), element("2001:db8::7", "udp/53")]

describe("renderRules()", () => {
    it("touches nothing but chains of ours, and the one jump to each of their beginnings", () => {
        for (const wanted of Object.values(SCENARIOS)) {
            for (const family of FAMILIES) {
                for (const text of [
                    renderRules(wanted, family, { PREROUTING: 2, INPUT: 1 }, true),
                    renderNoRules({ PREROUTING: 2, INPUT: 1 }),
                ]) {
                    for (const line of text.trimEnd().split("\n")) {
                        expect(line).toMatch(
                            /^(\*(mangle|filter)|COMMIT|:POSTERN-\w+ - \[0:0\]|-[AX] POSTERN-\w+.*|-D (PREROUTING|INPUT) -j POSTERN-\w+|-I (PREROUTING|INPUT) 1 -j POSTERN-\w+)$/,
                        )
                    }
                }
            }
        }
    })

    it("asks for the socket before the port where the kernel can, and leads only where no socket is", () => {
        const [ipv4] = FAMILIES
        const able = renderRules(ruleset({ hidden: ["tcp/22"] }), ipv4, NONE, true)
        expect(able).toContain("-A POSTERN-HIDE -p tcp -m socket --nowildcard -m tcp --dport 22 -j POSTERN-REFUSE\n")
        expect(able.indexOf("-A POSTERN-LISTENER -m socket --nowildcard -j RETURN")).toBeLessThan(
            able.indexOf("-j TPROXY"),
        )
        expect(renderRules(ruleset({ hidden: ["tcp/22"] }), ipv4, NONE, false)).not.toMatch(/socket|TPROXY/)
    })
})

/** As iptables-save prints it. */
function save(mangle: readonly string[], filter: readonly string[]): string {
    return ["# made by a program", "*mangle", ":PREROUTING ACCEPT [0:0]", ...mangle, "COMMIT", "*filter"]
        .concat([":INPUT ACCEPT [1:2]", ...filter, "COMMIT", ""])
        .join("\n")
}

describe("parseJumps()", () => {
    const [lead, hide] = ["-A PREROUTING -j POSTERN-LEAD", "-A INPUT -j POSTERN-HIDE"]

    it.each([
        ["both, first", [lead], [hide, "-A INPUT -i lo -j ACCEPT"], { PREROUTING: 1, INPUT: 1 }, true],
        ["behind another rule", [lead], ["-A INPUT -j ACCEPT", hide], { PREROUTING: 1, INPUT: 1 }, false],
        ["twice", [lead, lead], [hide], { PREROUTING: 2, INPUT: 1 }, false],
        ["one missing", [], [hide], { PREROUTING: 0, INPUT: 1 }, false],
        ["another program's", ["-A PREROUTING -j POSTERN-LEADER"], [], NONE, false],
    ])("%s", (_, mangle, filter, jumps, whole) => {
        expect(parseJumps(save(mangle, filter))).toEqual({ jumps, whole })
    })

    it("knows tables that are not there", () => {
        expect(parseJumps("")).toEqual({ jumps: NONE, whole: false })
        expect(parseJumps("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n")).toEqual({ jumps: NONE, whole: false })
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

    it("renderAlways() says everybody in two halves, which is all that ipset has", () => {
        const text = renderAlways(ruleset({ needless: ["0.0.0.0/0 tcp/22", "::/0 tcp/22"] }), new Set())
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
