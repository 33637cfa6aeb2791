/** What the doctor sees of a host, against the real thing: a kernel's rules, its features, its clock, its settings. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { seeFlushing, seeLatest, seeSecrets } from "../../src/adapters/host/files.ts"
import { rehearse, seeFirewall } from "../../src/adapters/host/firewall.ts"
import { run } from "../../src/adapters/host/run.ts"
import { seeSshd } from "../../src/adapters/host/sshd.ts"
import { seeSysctls } from "../../src/adapters/host/sysctls.ts"
import { isClockSynchronised } from "../../src/adapters/system/adjtimex.ts"
import { openNftables } from "../../src/adapters/system/nftables.ts"
import type { FilterFact } from "../../src/core/doctor/facts.ts"
import { formatNetwork } from "../../src/core/net/address.ts"
import { enterNamespace } from "../lab/enter.ts"
import { makeNamespace, type Namespace, whyNoNamespaces } from "../lab/namespace.ts"

const why = whyNoNamespaces()
let scratch: string
beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), "postern-host-"))
})
afterAll(() => rmSync(scratch, { recursive: true }))

const rules = (name: string) => readFileSync(join(import.meta.dirname, "../../vectors/hosts", name), "utf8")
const ports = ({ admits: some }: FilterFact) =>
    some.map(({ service }) => `${service?.protocol}/${service?.port}`).toSorted()
const admits = ({ admits: some }: FilterFact, port: number) =>
    some.some(({ service }) => service?.protocol === "tcp" && service.port === port)

describe.skipIf(why !== null)(`seeFirewall()${why === null ? "" : ` (${why})`}`, () => {
    let host: Namespace
    let leave: () => void
    beforeAll(() => {
        host = makeNamespace("host")
        leave = enterNamespace(host)
    })
    afterAll(() => {
        leave?.()
        host?.remove()
    })

    /** What it says of a host with these rules of nftables, which are gone again. */
    const seen = (rules: string) => {
        host.must(["nft", "-f", "-"], { input: rules })
        try {
            const found = seeFirewall()
            if (!found.ok) throw new Error(found.why)
            return found.firewall
        } finally {
            host.must(["nft", "flush", "ruleset"])
        }
    }
    const input = (...rules: readonly string[]): FilterFact => {
        const chain = `type filter hook input priority 0; policy drop; ${rules.join("; ")};`
        return seen(`table inet host { set some { type inet_service; }; chain in { ${chain} }; }`).filters[0]!
    }

    it("sees nothing where there is nothing", () => {
        expect(seen("")).toEqual({
            ours: { there: false, translates: false, hidden: [], spared: [] },
            filters: [],
            legacy: [],
            owners: [],
        })
    })

    it("sees what our table hides, and whether it looks at rewritten destinations", () => {
        const set = "set hidden { type inet_proto . inet_service; elements = { tcp . 22, udp . 53 }; }"
        const forward = "chain rewritten { }"
        const hidden = expect.arrayContaining([
            { protocol: "tcp", port: 22 },
            { protocol: "udp", port: 53 },
        ])
        const open = "set spared { type inet_proto . inet_service; flags timeout; elements = { udp . 53 timeout 5m }; }"
        const ours = { there: true, hidden, spared: [] }
        expect(seen(`table inet postern { ${set}; }`).ours).toEqual({ ...ours, translates: false })
        expect(seen(`table inet postern { ${set}; ${forward}; }`).ours).toEqual({ ...ours, translates: true })
        expect(seen(`table inet postern { ${open}; }`).ours.spared).toEqual([{ protocol: "udp", port: 53 }])
    })

    it("reads which ports a filter lets in, in every form that people write", () => {
        const services = input(
            "tcp dport 22 accept",
            "tcp dport { 80, 8000-8001 } ct state new accept",
            "meta l4proto { tcp, udp } th dport 53 accept",
            "udp dport 123 drop",
        )
        expect(ports(services)).toEqual(["tcp/22", "tcp/80", "tcp/8000", "tcp/8001", "tcp/53", "udp/53"].toSorted())
        expect(services).toMatchObject({ name: "inet host in", by: "nft", closed: true, unclear: false })
    })

    it("takes what every filter lets in for nothing, and what it cannot read for anything", () => {
        const usual = ["iif lo accept", "ct state established,related accept", "icmp type echo-request accept"]
        const more = ["meta l4proto ipv6-icmp accept", "ip saddr 192.0.2.0/24 accept", "iifname lo accept"]
        expect(input(...usual, ...more)).toMatchObject({ admits: [], unclear: false })
        for (const rule of [
            "iifname eth1 accept",
            "tcp dport @some accept",
            "accept",
            "tcp dport vmap { 22 : accept }",
        ])
            expect(input(...usual, rule).unclear, rule).toBe(true)
    })

    /** What it says of a host with rules of another program, as that program has left them. */
    const beside = (load: () => void) => {
        load()
        try {
            const found = seeFirewall()
            if (!found.ok) throw new Error(found.why)
            return found.firewall
        } finally {
            host.must(["nft", "flush", "ruleset"])
        }
    }
    const restore = (name: string) => () => {
        for (const [program, end] of [
            ["iptables", ""],
            ["ip6tables", "6"],
        ] as const)
            host.must([`${program}-nft-restore`], { input: rules(`${name}.rules${end}`) })
    }

    it("understands ufw: closed, and nothing let in that nobody has allowed", () => {
        const { filters, owners } = beside(restore("ufw"))
        expect(owners).toEqual(["ufw"])
        expect(filters.map(({ name, closed, unclear }) => [name, closed, unclear])).toEqual([
            ["ip filter INPUT", true, false],
            ["ip filter FORWARD", true, false],
            ["ip6 filter INPUT", true, false],
            ["ip6 filter FORWARD", true, false],
        ])
        expect(filters.some((one) => admits(one, 22))).toBe(false)
    })

    it("understands firewalld: closed, but for ssh, and for what had its destination rewritten", () => {
        const { filters, owners } = beside(() => host.must(["nft", "-f", "-"], { input: rules("firewalld.nft") }))
        expect(owners).toEqual(["firewalld"])
        expect(filters).toMatchObject([
            { name: "inet firewalld filter_INPUT", hook: "input", closed: true, unclear: false, rewritten: true },
            { name: "inet firewalld filter_FORWARD", hook: "forward", closed: true, unclear: false, rewritten: true },
        ])
        expect([22, 23].map((port) => admits(filters[0]!, port))).toEqual([true, false])
    })

    it("understands Docker: it closes nothing of this host, and lets nothing on but to its containers", () => {
        const { filters, owners } = beside(restore("docker"))
        expect(owners).toEqual(["docker"])
        const closed = filters.filter((one) => one.closed)
        expect(closed.map(({ name }) => name)).toEqual(["ip filter FORWARD", "ip6 filter FORWARD"])
        expect(closed.map(({ admits: some }) => some.map(({ to }) => to && formatNetwork(to)))).toEqual([
            ["10.78.0.2/32", "10.78.0.2/32"],
            ["fd78::2/128", "fd78::2/128"],
        ])
    })

    it("sees marks and rewritten destinations", () => {
        expect(input("meta mark & 0x10000000 != 0 accept").marks).toEqual([0x10000000])
        expect(input("meta mark 7 accept").marks).toEqual([7])
        expect(input("ct status dnat accept").rewritten).toBe(true)
    })

    it("finds nothing lacking in a kernel that has it all, and the kernel itself says what it has not", () => {
        const found = seeFirewall()
        expect(found).toMatchObject({ ok: true, lacks: [] })
        const nft = openNftables()
        try {
            expect(rehearse(nft, "fib", {}, "fib daddr type local")).toBe(true)
            expect(rehearse(nft, "nothing", {}, "such a thing")).toBe(false)
            // What not every kernel has: it says the same of it as when it is meant.
            const queue = "table inet x { chain a { type filter hook prerouting priority 0; queue num 1; }; }"
            expect(rehearse(nft, "queue", {}, "queue num 1")).toBe(host.exec(["nft", queue]).status === 0)
            host.must(["nft", "flush ruleset"])
        } finally {
            nft.close()
        }
        expect(host.must(["nft", "list", "ruleset"])).toBe("")
    })

    it("says which table cannot be looked into, and sees the others", async () => {
        host.must(["nft", "table inet host { chain in { type filter hook input priority 0; policy drop; }; }"])
        const owner = host.start(["nft", "-i"], { stdio: ["pipe", "ignore", "ignore"] })
        owner.stdin!.write("add table ip mine { flags owner; }; add chain ip mine a\n")
        try {
            const seen = () => host.must(["nft", "list", "tables"])
            await expect.poll(seen).toContain("ip mine")
            const found = seeFirewall()
            expect(found).toMatchObject({ ok: true, locked: ["ip mine"] })
            expect(found.ok && found.firewall.filters.map(({ name }) => name)).toEqual(["inet host in"])
        } finally {
            owner.kill()
            host.must(["nft", "delete table inet host"])
        }
    })

    it("seeSysctls() sees those of this network", () => {
        host.must(["sysctl", "-qw", "net.ipv4.conf.lo.rp_filter=2"])
        expect(seeSysctls()).toMatchObject({ "net.ipv4.conf.lo.rp_filter": "2", "net.ipv4.ip_forward": "0" })
    })
})

describe("isClockSynchronised()", () => {
    it("says what the kernel says", () => {
        const said = run("adjtimex", "--print")
        // Not every host has that program; the answer is one of three either way.
        expect([true, false, null]).toContain(isClockSynchronised())
        if (said.ok) expect(isClockSynchronised()).toBe(!/status: .*64/.test(said.output))
    })
})

describe("run()", () => {
    it("gives what a program prints, or why there is nothing", () => {
        expect(run("echo", "here")).toEqual({ ok: true, output: "here\n" })
        expect(run("no-such-program")).toEqual({ ok: false, why: "no-such-program is not there" })
        expect(run("sh", "-c", "echo mine >&2; exit 3")).toEqual({ ok: false, why: "mine" })
    })
})

describe("seeSshd()", () => {
    it("asks nobody who is gone or not root's", () => {
        expect(seeSshd(2 ** 30)).toMatchObject({ ok: false })
    })
})

describe("files", () => {
    it("seeSecrets() leaves out what is not there, and says of the rest who could", () => {
        writeFileSync(join(scratch, "journal"), "", { mode: 0o644 })
        writeFileSync(join(scratch, "audit"), "", { mode: 0o640 })
        // Whoever owns the directory must not have root change other files.
        symlinkSync("/etc/passwd", join(scratch, "link"))
        symlinkSync("loop", join(scratch, "loop"))
        const facts = seeSecrets(scratch, ["/nonexistent", tmpdir()])
        expect(facts.filter(({ mode, excess }) => (mode & excess) !== 0)).toEqual([
            { path: join(scratch, "journal"), mode: 0o644, excess: 0o077 },
        ])
        expect(seeLatest(scratch, [])?.file).toMatch(/journal$|audit$/)
        expect(seeLatest("/nonexistent", [])).toBeNull()
    })

    it("seeFlushing() knows a file that takes all tables away", () => {
        const [flushing, not] = [join(scratch, "a.conf"), join(scratch, "b.conf")]
        writeFileSync(flushing, "#!/usr/sbin/nft -f\n\nflush ruleset\n")
        writeFileSync(not, "# flush ruleset\nadd table inet x\n")
        expect(seeFlushing([flushing, not, join(scratch, "c.conf")])).toEqual([flushing])
    })
})
