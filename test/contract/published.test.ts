/** What a host publishes by DNAT, read from a real kernel, by each of the tools that can write such rules. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { publishedServices } from "../../src/adapters/services/published.ts"
import { formatService } from "../../src/core/knock/language.ts"
import { enterNamespace } from "../lab/enter.ts"
import { makeNamespace, type Namespace, whyNoNamespaces } from "../lab/namespace.ts"

const why = whyNoNamespaces()

describe.skipIf(why !== null)(`publishedServices()${why === null ? "" : ` (${why})`}`, () => {
    let namespace: Namespace
    let leave: (() => void) | undefined
    let published: ReturnType<typeof publishedServices>

    beforeAll(() => {
        namespace = makeNamespace("published")
        leave = enterNamespace(namespace)
    })
    afterAll(() => {
        leave?.()
        namespace?.remove()
    })
    beforeEach(() => {
        published = publishedServices()
    })
    afterEach(() => {
        published.close()
        namespace.exec(["iptables-legacy", "-t", "nat", "-F"])
        namespace.exec(["nft", "flush", "ruleset"])
    })
    const names = () => published.offered().map(formatService).sort()
    const has = (program: string) => namespace.exec(["sh", "-c", `command -v ${program}`]).status === 0

    it("finds nothing where there is nothing", () => {
        expect(names()).toEqual([])
    })

    it("finds what nftables rules publish, and not our own table", () => {
        const nat = "{ type nat hook prerouting priority -100; }"
        namespace.must(["nft", `add table inet edge; add chain inet edge pre ${nat}`])
        namespace.must(["nft", "add rule inet edge pre tcp dport { 80, 8000-8001 } dnat ip to 10.0.0.2"])
        namespace.must(["nft", `add table inet postern; add chain inet postern lead ${nat}`])
        namespace.must(["nft", "add rule inet postern lead tcp dport 22 dnat ip to 10.0.0.2"])
        expect(names()).toEqual(["tcp/80", "tcp/8000", "tcp/8001"])
        namespace.must(["nft", "delete table inet edge"])
        expect(names()).toEqual([])
    })

    it("finds what iptables on nftables publishes", (context) => {
        context.skip(!has("iptables-nft"), "needs iptables (Debian package iptables)")
        const add = ["-t", "nat", "-A", "PREROUTING"]
        namespace.must(["iptables-nft", ...add, "-p", "tcp", "--dport", "2200", "-j", "DNAT", "--to", "10.0.0.2:22"])
        const several = ["-p", "udp", "-m", "multiport", "--dports", "53,60:61", "-j", "REDIRECT", "--to-ports", "9"]
        namespace.must(["iptables-nft", ...add, ...several])
        namespace.must(["ip6tables-nft", ...add, "-p", "tcp", "--dport", "2201", "-j", "REDIRECT", "--to-ports", "9"])
        expect(names()).toEqual(["tcp/2200", "tcp/2201", "udp/53", "udp/60", "udp/61"])
    })

    it("finds what the old iptables publishes", (context) => {
        context.skip(!has("iptables-legacy"), "needs iptables-legacy (Debian package iptables)")
        const rule = ["-p", "tcp", "--dport", "2400", "-j", "DNAT", "--to", "10.0.0.2:22"]
        const added = namespace.exec(["iptables-legacy", "-t", "nat", "-A", "PREROUTING", ...rule])
        context.skip(added.status !== 0, `this kernel has no old iptables: ${added.stderr.trim()}`)
        expect(names()).toEqual(["tcp/2400"])
    })
})
