import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { natServices, natTables, savedServices } from "../../../src/adapters/services/nat.ts"
import { formatService } from "../../../src/core/knock/language.ts"

const VECTORS = join(import.meta.dirname, "..", "..", "..", "vectors", "nat")
const vector = (name: string) => readFileSync(join(VECTORS, name), "utf8")

describe("natTables()", () => {
    const chain = (more: object) => JSON.stringify({ nftables: [{ metainfo: {} }, { chain: { ...BASE, ...more } }] })
    const BASE = { family: "ip", table: "nat", name: "pre", type: "nat", hook: "prerouting" }

    it("names tables with a NAT chain at prerouting", () => {
        expect(natTables(chain({}))).toEqual([{ family: "ip", name: "nat" }])
    })

    it.each([
        [{ hook: "postrouting" }, "another hook"],
        [{ type: "filter" }, "another type"],
        [{ table: "postern", family: "inet" }, "ours"],
        [{ table: 'a"; flush ruleset; "' }, "a name that would need quoting"],
        [{ family: "netdev" }, "another family"],
        [{ table: 5 }, "no name"],
    ])("passes over %j: %s", (more: object, _why) => {
        expect(natTables(chain(more))).toEqual([])
    })
})

describe("natServices()", () => {
    it("finds ports, sets, ranges, maps and concatenations, and nothing negated, boundless or on the way out", () => {
        const { services, opaque } = natServices(vector("nftables.json"))
        const wanted =
            "tcp/80 tcp/81 tcp/82 tcp/90 tcp/99 tcp/100 tcp/101 tcp/102 tcp/443 udp/443 tcp/444 udp/445 tcp/446 tcp/8443 " +
            "udp/53 udp/60 udp/61 tcp/1000 tcp/1001 tcp/1002 tcp/1003"
        expect(services.map(formatService).sort()).toEqual(wanted.split(" ").sort())
        expect(opaque).toBe(false)
    })

    it("says when rules are iptables' own", () => {
        expect(natServices(vector("iptables-nft.json")).opaque).toBe(true)
    })

    it("is bounded", () => {
        const ranges = Array.from({ length: 60 }, (_, i) => rule([i * 1024, i * 1024 + 1023]))
        expect(natServices(JSON.stringify({ nftables: ranges })).services).toHaveLength(4096)
        expect(
            natServices(JSON.stringify({ nftables: [rule([0, 1024]), rule([9, 8]), rule([-1, 3])] })).services,
        ).toEqual([])
    })

    it("never throws, whatever the JSON", () => {
        const word = fc.constantFrom(
            "match",
            "left",
            "right",
            "payload",
            "dport",
            "dnat",
            "addr",
            "map",
            "set",
            "elem",
            "@x",
        )
        const tree = fc.letrec((tie) => ({
            value: fc.oneof({ depthSize: "large" }, word, fc.integer(), fc.constant(null), tie("array"), tie("object")),
            array: fc.array(tie("value"), { maxLength: 3 }),
            object: fc.dictionary(word, tie("value"), { maxKeys: 4 }),
        })).value
        const rules = fc.array(fc.record({ rule: fc.record({ chain: word, expr: fc.array(tree) }) }))
        fc.assert(fc.property(rules, (nftables) => Array.isArray(natServices(JSON.stringify({ nftables })).services)))
        fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => natTables(text).length === 0))
    })

    it("takes an answer that is cut short at any byte", () => {
        const text = vector("iptables-nft.json")
        for (let length = 0; length < text.length - 1; length += 7) {
            expect(natServices(text.slice(0, length)).services).toEqual([])
        }
    })
})

describe("savedServices()", () => {
    it("finds ports and port lists of DNAT and REDIRECT rules", () => {
        expect(savedServices(vector("iptables-save.txt")).map(formatService).sort()).toEqual(
            ["tcp/2400", "udp/2300", "udp/2310", "udp/2311", "udp/2312"].sort(),
        )
    })

    it("takes what we lead elsewhere for nobody's", () => {
        const [ours, theirs] = ["POSTERN-ELSEWHERE", "DOCKER"].map(
            (chain) => `-A ${chain} -p tcp -m tcp --dport 22 -j DNAT --to-destination 10.0.0.5:22`,
        )
        expect([savedServices(ours!).length, savedServices(theirs!).length]).toEqual([0, 1])
    })

    it("never throws", () => {
        const word = fc.constantFrom(
            "-A",
            "PREROUTING",
            "-p",
            "tcp",
            "--dport",
            "!",
            "80",
            "1:9",
            "-j",
            "DNAT",
            "\n",
            "é",
        )
        const line = fc.array(word).map((words) => words.join(" "))
        fc.assert(fc.property(line, (text) => savedServices(text).every(({ port }) => port <= 65535)))
    })
})

/** A rule that publishes a range of ports. */
function rule(range: readonly number[]): object {
    const match = { op: "==", left: { payload: { protocol: "tcp", field: "dport" } }, right: { range } }
    return { rule: { chain: "pre", expr: [{ match }, { dnat: { addr: "10.0.0.1" } }] } }
}
