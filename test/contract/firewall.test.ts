/**
 * The firewall port: one suite on each adapter. The model runs under a clock of its own; nft runs in a network
 * namespace that this file makes and enters, under the kernel's clock.
 */
import { spawnSync } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { renderBoot } from "../../src/adapters/firewall/boot.ts"
import { formatElement } from "../../src/adapters/firewall/elements.ts"
import { exitByNft } from "../../src/adapters/firewall/exit.ts"
import { hides } from "../../src/adapters/firewall/hide.ts"
import { iptablesFirewall } from "../../src/adapters/firewall/iptables/iptables.ts"
import { memoryFirewall } from "../../src/adapters/firewall/memory.ts"
import { nftFirewall } from "../../src/adapters/firewall/nft.ts"
import { clearOther } from "../../src/adapters/firewall/other.ts"
import { type Nftables, openNftables } from "../../src/adapters/system/nftables.ts"
import { elementKey, type GrantElement } from "../../src/core/ruleset.ts"
import type { Firewall, FirewallResult } from "../../src/ports/firewall.ts"
import { enterNamespace } from "../lab/enter.ts"
import { makeLab } from "../lab/lab.ts"
import { makeNamespace, type Namespace, whyNoNamespaces } from "../lab/namespace.ts"
import { element, ruleset, SCENARIOS, view, watch } from "../lab/rulesets.ts"

const OK: FirewallResult = { ok: true }
const HIDE = ruleset({ hidden: ["tcp/22", "udp/53"] })
const WATCH = ruleset({ hidden: ["tcp/22"], kernel: watch([view(["7000"], ["8000"])]) })
const [SSH4, SSH6] = [element("192.0.2.7", "tcp/22"), element("2001:db8::7", "tcp/22")]
const [DNS4, OTHER] = [element("192.0.2.7", "udp/53"), element("192.0.2.8", "tcp/22")]
const COUNT = ruleset({ hidden: ["tcp/22", "udp/53"], once: 600_000 })
const [ONCE4, ONCE6] = [element("192.0.2.7", "tcp/22", true), element("2001:db8::7", "tcp/22", true)]
const LONG = 600_000

/** What the suite needs besides the port. */
type Harness = {
    readonly firewall: Firewall
    /** Lets time pass until `gone` says so; bounded. */
    readonly until: (gone: () => boolean) => Promise<void>
    /** Are strangers refused at tcp/22 of IPv4 now? */
    readonly hides: () => boolean
    /** Somebody else removes all tables. */
    readonly flush: () => void
    readonly end: () => void
}

/** `counts`: it can count the uses of grants for one connection. */
function suite(make: () => Harness, counts = true): void {
    let harness: Harness
    let firewall: Firewall

    beforeEach(() => {
        harness = make()
        firewall = harness.firewall
    })
    afterEach(() => {
        expect(firewall.clear()).toEqual(OK)
        harness.end()
    })

    const names = () =>
        firewall
            .list()
            .map(({ element: one }) => formatElement(one))
            .sort()
    const left = (wanted: GrantElement) =>
        firewall.list().find(({ element: one }) => formatElement(one) === formatElement(wanted))?.left ?? 0

    it("apply() twice changes nothing", () => {
        expect(firewall.apply(HIDE)).toEqual(OK)
        expect(firewall.apply(HIDE)).toEqual(OK)
        expect(firewall.list()).toEqual([])
    })

    it("grant() lists each element of both families with the time it has left", () => {
        firewall.apply(HIDE)
        expect(firewall.grant([SSH4, DNS4, SSH6], LONG)).toEqual(OK)
        expect(names()).toEqual([DNS4, SSH4, SSH6].map(formatElement).sort())
        for (const { left: ms } of firewall.list()) {
            expect(ms).toBeLessThanOrEqual(LONG)
            expect(ms).toBeGreaterThan(LONG / 2)
        }
    })

    it("grant() without elements does nothing", () => {
        firewall.apply(HIDE)
        expect(firewall.grant([], 1000)).toEqual(OK)
        expect(firewall.list()).toEqual([])
    })

    it("grant() throws for a time that is none", () => {
        firewall.apply(HIDE)
        for (const ms of [0, -1, Number.NaN]) expect(() => firewall.grant([SSH4], ms)).toThrow(RangeError)
        expect(firewall.list()).toEqual([])
    })

    it("grant() renews without making a second element, to longer and to shorter", () => {
        firewall.apply(HIDE)
        firewall.grant([SSH4], 60_000)
        expect(firewall.grant([SSH4], LONG)).toEqual(OK)
        expect(names()).toEqual([formatElement(SSH4)])
        expect(left(SSH4)).toBeGreaterThan(60_000)
        expect(firewall.grant([SSH4], 30_000)).toEqual(OK)
        expect(names()).toEqual([formatElement(SSH4)])
        expect(left(SSH4)).toBeLessThanOrEqual(30_000)
    })

    it("grant() takes the same element twice in one call", () => {
        firewall.apply(HIDE)
        expect(firewall.grant([SSH4, SSH4], LONG)).toEqual(OK)
        expect(names()).toEqual([formatElement(SSH4)])
    })

    it("grants end by themselves, each at its own time", async () => {
        firewall.apply(HIDE)
        firewall.grant([SSH4, SSH6], 300)
        firewall.grant([OTHER], LONG)
        await harness.until(() => names().length === 1)
        expect(names()).toEqual([formatElement(OTHER)])
    })

    it("live grants survive apply() of another ruleset", () => {
        firewall.apply(HIDE)
        firewall.grant([SSH4, SSH6], LONG)
        for (const wanted of [WATCH, ruleset(), HIDE]) {
            expect(firewall.apply(wanted)).toEqual(OK)
            expect(names()).toEqual([SSH4, SSH6].map(formatElement).sort())
        }
        expect(left(SSH4)).toBeGreaterThan(LONG / 2)
    })

    it("live grants survive a change of how many there can be", () => {
        firewall.apply(HIDE)
        firewall.grant([SSH4, SSH6], LONG)
        expect(firewall.apply({ ...HIDE, grants: 2 })).toEqual(OK)
        expect(firewall.grant([OTHER], LONG)).toEqual(OK)
        expect(firewall.grant([element("192.0.2.9", "tcp/22")], LONG)).toMatchObject({ ok: false, code: "full" })
        expect(names()).toEqual([OTHER, SSH4, SSH6].map(formatElement).sort())
        expect(left(SSH6)).toBeGreaterThan(LONG / 2)
    })

    it("revoke() takes away what is named and nothing else", () => {
        firewall.apply(HIDE)
        firewall.grant([SSH4, DNS4, SSH6, OTHER], LONG)
        expect(firewall.revoke([SSH4, SSH6])).toEqual(OK)
        expect(names()).toEqual([DNS4, OTHER].map(formatElement).sort())
    })

    it("revoke() of what is gone, or was never there, is no error", () => {
        firewall.apply(HIDE)
        firewall.grant([SSH4], LONG)
        expect(firewall.revoke([OTHER, SSH6])).toEqual(OK)
        expect(firewall.revoke([SSH4])).toEqual(OK)
        expect(firewall.revoke([SSH4])).toEqual(OK)
        expect(firewall.revoke([])).toEqual(OK)
        expect(firewall.list()).toEqual([])
    })

    it("what is hidden on trial is open again by itself, also after apply() of what is left", async () => {
        expect(firewall.apply(ruleset({ hidden: ["udp/53"], trials: [["tcp/22", 60_000]] }))).toEqual(OK)
        expect(harness.hides()).toBe(true)
        expect(firewall.apply(ruleset({ hidden: ["udp/53"], trials: [["tcp/22", 1000]] }))).toEqual(OK)
        expect(harness.hides()).toBe(true)
        await harness.until(() => !harness.hides())
        expect(firewall.apply(ruleset({ hidden: ["tcp/22", "udp/53"] }))).toEqual(OK)
        expect(harness.hides()).toBe(true)
    })

    it("what is spared is open although it is hidden, for its time or for good", async () => {
        expect(firewall.apply(ruleset({ hidden: ["tcp/22"], spared: [["tcp/22", 1000]] }))).toEqual(OK)
        expect(harness.hides()).toBe(false)
        await harness.until(() => harness.hides())
        expect(firewall.apply(ruleset({ hidden: ["tcp/22"], spared: [["tcp/22", null]] }))).toEqual(OK)
        expect(harness.hides()).toBe(false)
        expect(firewall.apply(ruleset({ hidden: ["tcp/22"] }))).toEqual(OK)
        expect(harness.hides()).toBe(true)
    })

    it("a full set refuses one more, all or nothing, but renews and revokes", () => {
        const small = { ...HIDE, grants: 3 }
        firewall.apply(small)
        expect(firewall.grant([SSH4, OTHER], LONG)).toEqual(OK)
        const two = [element("192.0.2.9", "tcp/22"), element("192.0.2.10", "tcp/22")]
        expect(firewall.grant(two, LONG)).toMatchObject({ ok: false, code: "full" })
        expect(names()).toEqual([OTHER, SSH4].map(formatElement).sort())
        expect(firewall.grant([two[0]!], LONG)).toEqual(OK)
        expect(firewall.grant([two[1]!], LONG)).toMatchObject({ ok: false, code: "full" })
        expect(firewall.grant([SSH4], 60_000)).toEqual(OK)
        expect(left(SSH4)).toBeLessThanOrEqual(60_000)
        // The other family has a set of its own.
        expect(firewall.grant([SSH6], LONG)).toEqual(OK)
        expect(firewall.revoke([two[1]!, SSH4])).toEqual(OK)
        expect(firewall.grant([two[1]!], LONG)).toEqual(OK)
        expect(names()).toEqual([OTHER, SSH6, ...two].map(formatElement).sort())
    })

    it("watch() tells when somebody else removes the table, never of our own doing, and ends", async () => {
        let lost = 0
        firewall.apply(WATCH)
        const unwatch = firewall.watch(() => lost++)
        firewall.grant([SSH4], LONG)
        firewall.revoke([SSH4])
        for (const wanted of [HIDE, WATCH]) firewall.apply(wanted)
        firewall.clear()
        firewall.apply(HIDE)
        harness.flush()
        expect(lost).toBe(0)
        await expect.poll(() => lost).toBe(1)
        expect(firewall.grant([SSH4], LONG)).toMatchObject({ ok: false, code: "missing" })
        expect(firewall.apply(HIDE)).toEqual(OK)
        expect(firewall.grant([SSH4], LONG)).toEqual(OK)
        unwatch()
        const next = firewall.watch(() => lost++)
        unwatch()
        harness.flush()
        await expect.poll(() => lost).toBe(2)
        next()
        harness.flush()
        next()
    })

    if (counts) {
        it("a grant for one connection stands beside one for all, and each is renewed and revoked alone", () => {
            firewall.apply(COUNT)
            expect(firewall.grant([SSH4, ONCE4, ONCE6], LONG)).toEqual(OK)
            const keys = () =>
                firewall
                    .list()
                    .map(({ element: one, used }) => `${elementKey(one)} ${used}`)
                    .sort()
            const all = ["192.0.2.7 tcp/22 false", "192.0.2.7 tcp/22 once false", "2001:db8::7 tcp/22 once false"]
            expect(keys()).toEqual(all)
            expect(firewall.grant([ONCE4], LONG / 2)).toEqual(OK)
            // The same again, of another size: the sets are made anew.
            for (const wanted of [COUNT, { ...COUNT, grants: 64 }]) {
                expect(firewall.apply(wanted)).toEqual(OK)
                expect(keys()).toEqual(all)
            }
            expect(firewall.revoke([SSH4, ONCE6])).toEqual(OK)
            expect(keys()).toEqual(["192.0.2.7 tcp/22 once false"])
            expect(firewall.revoke([ONCE4])).toEqual(OK)
            expect([keys(), firewall.uses()]).toEqual([[], []])
            expect(firewall.apply(HIDE)).toEqual(OK)
        })
    } else {
        it("refuses what it cannot count, by name, and changes nothing", () => {
            firewall.apply(HIDE)
            const refused = { ok: false, code: "failed", detail: expect.stringMatching(/cannot count/) }
            expect(firewall.apply(COUNT)).toEqual(refused)
            expect(firewall.grant([SSH4, ONCE4], LONG)).toEqual(refused)
            expect([firewall.list(), firewall.uses()]).toEqual([[], []])
        })
    }

    it("grants for networks stand beside those for one of their addresses, and each is renewed and revoked alone", () => {
        const wanted = ruleset({ hidden: ["tcp/22"], networks: { v4: [24], v6: [64] } })
        const names = () =>
            firewall
                .list()
                .map(({ element: one }) => elementKey(one))
                .sort()
        firewall.apply(wanted)
        const [net4, net6] = [element("192.0.2.0/24", "tcp/22"), element("2001:db8::/64", "tcp/22")]
        const all = [SSH4, SSH6, net4, net6]
        expect(firewall.grant(all, LONG)).toEqual(OK)
        expect(names()).toEqual(all.map(elementKey).sort())
        expect(firewall.grant([net4], LONG)).toEqual(OK)
        for (const next of [wanted, { ...wanted, grants: 64 }]) {
            expect(firewall.apply(next)).toEqual(OK)
            expect(names()).toEqual(all.map(elementKey).sort())
        }
        expect(firewall.revoke([SSH4, net6])).toEqual(OK)
        expect(names()).toEqual([SSH6, net4].map(elementKey).sort())
        // What the next ruleset has no room for is no error to take back.
        expect(firewall.apply(HIDE)).toEqual(OK)
        expect(firewall.revoke([net4, net6])).toEqual(OK)
        expect(names()).toEqual([elementKey(SSH6)])
        expect(firewall.grant([SSH4], LONG)).toEqual(OK)
    })

    it("clear() takes everything away and can be called twice", () => {
        firewall.apply(WATCH)
        firewall.grant([SSH4], LONG)
        expect(firewall.clear()).toEqual(OK)
        expect(firewall.clear()).toEqual(OK)
        expect(firewall.list()).toEqual([])
        expect(firewall.revoke([SSH4])).toEqual(OK)
        expect(firewall.grant([SSH4], LONG)).toMatchObject({ ok: false, code: "missing" })
        expect(firewall.apply(WATCH)).toEqual(OK)
        expect(firewall.list()).toEqual([])
    })
}

describe("memory", () => {
    suite(() => {
        let now = 0
        const firewall = memoryFirewall(() => now)
        return {
            firewall,
            hides: () => firewall.hides({ protocol: "tcp", port: 22 }),
            flush: firewall.lose,
            until: async (gone) => {
                for (let i = 0; i < 1000 && !gone(); i++) now += 10
                expect(gone()).toBe(true)
            },
            end: () => {},
        }
    })

    it("counts the uses of a grant for one connection, and another grant gives another", () => {
        const firewall = memoryFirewall(() => 0)
        firewall.apply(COUNT)
        firewall.grant([ONCE4], LONG)
        const begin = () => firewall.begin(ONCE4.source.address, ONCE4.service)
        for (let i = 0; i < 2; i++) {
            expect([begin(), begin(), firewall.uses()]).toEqual([true, false, [ONCE4]])
            firewall.grant([ONCE4], LONG)
            expect(firewall.uses()).toEqual([])
        }
        firewall.grant([SSH4], LONG)
        expect([begin(), begin(), firewall.uses()]).toEqual([true, true, []])
    })

    it("answers as it is told to", () => {
        const firewall = memoryFirewall(() => 0)
        const denied = { ok: false, code: "denied", detail: "Operation not permitted" } as const
        firewall.breakWith(denied)
        expect(firewall.apply(HIDE)).toEqual(denied)
        expect(firewall.grant([SSH4], 1)).toEqual(denied)
        expect(firewall.revoke([SSH4])).toEqual(denied)
        expect(firewall.clear()).toEqual(denied)
        firewall.breakWith(null)
        expect(firewall.apply(HIDE)).toEqual(OK)
        expect(firewall.wanted()).toBe(HIDE)
    })
})

/** Would the kernel of this namespace take these commands? */
function isTaken(commands: string): boolean {
    const nft = openNftables()
    try {
        return nft.rehearse(`list tables\n${commands}`).ok
    } finally {
        nft.close()
    }
}

const why = whyNoNamespaces()

describe.skipIf(why !== null)(`nft${why === null ? "" : ` (${why})`}`, () => {
    let namespace: Namespace
    let leave: (() => void) | undefined

    beforeAll(() => {
        namespace = makeNamespace("firewall")
        leave = enterNamespace(namespace)
    })
    afterAll(() => {
        leave?.()
        namespace?.remove()
    })

    const flush = () => void namespace.must(["nft", "flush ruleset"])
    const holds = (name: string) => /\b(tcp|6) \. 22\b/.test(set(name))
    const isHidden = () => holds("hidden") && !holds("spared")
    suite(() => {
        const firewall = nftFirewall()
        return { firewall, until, hides: isHidden, flush, end: firewall.close }
    })

    const set = (name: string) => namespace.exec(["nft", "list", "set", "inet", "postern", name]).stdout
    for (const [name, wanted] of Object.entries(SCENARIOS)) {
        it(
            `a real kernel takes the ruleset ${name}, twice, and shows the same rules`,
            withFirewall((firewall) => {
                expect(firewall.apply(wanted)).toEqual(OK)
                const printed = namespace.must(["nft", "list", "table", "inet", "postern"])
                expect(firewall.apply(wanted)).toEqual(OK)
                expect(sorted(namespace.must(["nft", "list", "table", "inet", "postern"]))).toEqual(sorted(printed))
                for (const chain of ["hide", "watch"]) {
                    const there = chain === "hide" ? hides(wanted) : (wanted.watch?.plan.views.length ?? 0) > 0
                    expect(printed.includes(`chain ${chain} {`), chain).toBe(there)
                }
                // What nftables prints, nftables reads.
                namespace.must(["nft", "-c", "-f", "-"], { input: printed })
                // The emergency exit can be put before all of it, and again when it is loaded from the saved file.
                const saved = renderBoot(wanted, firewall)["hide.nft"] ?? ""
                for (const { service } of [SSH4, DNS4]) {
                    expect(isTaken(exitByNft(service, printed))).toBe(true)
                    expect(isTaken(`${saved}${exitByNft(service, saved)}`)).toBe(true)
                }
                // Nothing of one ruleset is left in the next.
                expect(firewall.apply(ruleset())).toEqual(OK)
                expect(namespace.must(["nft", "list", "table", "inet", "postern"])).not.toMatch(/chain|watched|hidden/)
            }),
        )
    }

    it(
        "the source's own element lives as long as its longest grant",
        withFirewall(async (firewall) => {
            firewall.apply(HIDE)
            firewall.grant([SSH4], LONG)
            firewall.grant([DNS4], 300)
            expect(set("any4")).toMatch(/192\.0\.2\.7 timeout (9m|10m)/)
            await until(() => firewall.list().length === 1)
            expect(set("any4")).toContain("192.0.2.7")
            expect(firewall.revoke([SSH4])).toEqual(OK)
            expect(set("any4")).not.toContain("192.0.2.7")
        }),
    )

    it(
        "revoke() keeps the source's element while another of its grants lives",
        withFirewall((firewall) => {
            firewall.apply(HIDE)
            firewall.grant([SSH4, DNS4, SSH6], LONG)
            firewall.revoke([SSH4, SSH6])
            expect(set("any4")).toContain("192.0.2.7")
            expect(set("any6")).not.toContain("2001:db8::7")
            firewall.revoke([DNS4])
            expect(set("any4")).not.toContain("192.0.2.7")
        }),
    )

    it(
        "another process that takes over knows the grants of the former",
        withFirewall((firewall) => {
            firewall.apply(HIDE)
            firewall.grant([SSH4], LONG)
            const next = nftFirewall()
            expect(next.grant([DNS4], 1000)).toEqual(OK)
            next.close()
            expect(set("any4")).toMatch(/192\.0\.2\.7 timeout (9m|10m)/)
        }),
    )

    it(
        "refuses a kernel that does not count, and says of the uses of each set what the kernel says",
        withFirewall((firewall) => {
            expect(firewall.apply(COUNT)).toEqual(OK)
            firewall.grant([ONCE4], LONG)
            namespace.must(["nft", "add element inet postern spent4 { 192.0.2.7 . tcp . 22 timeout 1h }"])
            expect(firewall.uses()).toEqual([ONCE4])
            expect(firewall.list()).toMatchObject([{ element: ONCE4, used: true }])
            // Made anew it would be good again.
            expect(firewall.apply({ ...COUNT, grants: 64 })).toEqual(OK)
            expect([firewall.list(), firewall.uses()]).toEqual([[], []])
            firewall.clear()
            const blind = nftFirewall(undefined, withoutLimits(openNftables()))
            expect(blind.apply(COUNT)).toMatchObject({ ok: false, detail: expect.stringMatching(/cannot count/) })
            blind.close()
        }),
    )

    it("a use that falls between the reading and the making of the next table is not given back", async () => {
        const lab = makeLab(["knocker"])
        const back = enterNamespace(lab.gateway)
        const server = createServer((socket) => socket.on("error", () => {})).listen(2222, "::")
        await once(server, "listening")
        const { knocker } = lab.hosts
        const kernel = openNftables()
        const met: string[] = []
        /** What connections meet, over both families. The kernel accepts them while we wait. */
        const connect = (when: string) => {
            for (const address of [lab.gateway.v4, lab.gateway.v6]) {
                const seconds = when === "between" ? "0.5" : "5"
                const argv = ["timeout", seconds, "bash", "-c", `exec 3<>/dev/tcp/${address}/2222`]
                met.push(`${when}: ${{ 0: "open", 1: "refused", 124: "silent" }[knocker.exec(argv).status ?? -1]}`)
            }
        }
        /** What the kernel is made to say to the next table; null: what it says. */
        let refusal: string | null = null
        /** Connections come right before the next table is made, and are called so. */
        let meanwhile: string | null = null
        const firewall = nftFirewall(undefined, {
            ...kernel,
            run(commands) {
                const makes = commands.includes("delete table")
                if (makes && meanwhile !== null) connect(meanwhile)
                return makes && refusal !== null ? { ok: false, error: refusal } : kernel.run(commands)
            },
        })
        try {
            const wanted = ruleset({ hidden: ["tcp/2222"], once: LONG })
            const granted = [knocker.v4, knocker.v6].map((from) => element(from, "tcp/2222", true))
            expect(firewall.apply(wanted)).toEqual(OK)
            expect(firewall.grant(granted, LONG)).toEqual(OK)
            meanwhile = "between"
            expect(firewall.apply({ ...wanted, grants: 64 })).toEqual(OK)
            meanwhile = null
            expect(firewall.list()).toMatchObject(granted.map((one) => ({ element: one, used: false })))
            connect("then")
            connect("again")
            expect(met).toEqual(["between: silent", "then: open", "again: refused"].flatMap((one) => [one, one]))
            // Where the next one is refused, the grants go on in this one.
            expect(firewall.grant(granted, LONG)).toEqual(OK)
            refusal = "Error: no more"
            expect(firewall.apply({ ...wanted, grants: 32 })).toMatchObject({ ok: false, detail: "no more" })
            refusal = null
            connect("after a refusal")
            connect("again")
            expect(met.slice(6)).toEqual(["after a refusal: open", "again: refused"].flatMap((one) => [one, one]))
            expect(firewall.clear()).toEqual(OK)
        } finally {
            firewall.close()
            server.close()
            back()
            lab.remove()
        }
    })

    it(
        "lists what others put into the sets",
        withFirewall((firewall) => {
            firewall.apply(HIDE)
            namespace.must(["nft", "add element inet postern open4 { 192.0.2.99 . tcp . 22 }"])
            expect(firewall.list()).toEqual([
                { element: element("192.0.2.99", "tcp/22"), left: Number.POSITIVE_INFINITY, used: false },
            ])
        }),
    )

    it(
        "apply() mends a table that others changed or removed, and keeps the grants it finds",
        withFirewall((firewall) => {
            firewall.apply(WATCH)
            firewall.grant([SSH4, SSH6], LONG)
            const wanted = sorted(namespace.must(["nft", "-s", "list", "table", "inet", "postern"]))
            const now = () => sorted(namespace.must(["nft", "-s", "list", "table", "inet", "postern"]))
            namespace.must(["nft", "flush chain inet postern hide; delete chain inet postern watch"])
            expect(firewall.apply(WATCH)).toEqual(OK)
            expect(now()).toEqual(wanted)
            // A chain of the same name somewhere else cannot be changed in place.
            namespace.must(["nft", "flush chain inet postern hide; delete chain inet postern hide"])
            namespace.must(["nft", "add chain inet postern hide { type filter hook output priority 0; policy drop; }"])
            expect(firewall.apply(WATCH)).toEqual(OK)
            // Whom it watched it has forgotten, and so looks at everybody for a while.
            expect(namespace.must(["nft", "list", "set", "inet", "postern", "forgot"])).toMatch(
                /ipv4 timeout.*\s+ipv6 timeout/,
            )
            namespace.must(["nft", "flush set inet postern forgot"])
            expect(now()).toEqual(wanted)
            expect(firewall.list()).toHaveLength(2)
            namespace.must(["nft", "flush ruleset"])
            expect(firewall.grant([SSH4], LONG)).toMatchObject({ ok: false, code: "missing" })
            expect(firewall.apply(WATCH)).toEqual(OK)
            expect(firewall.grant([SSH4], LONG)).toEqual(OK)
        }),
    )

    it(
        "watch() is not woken by thousands of grants of ours, and hears what comes after them",
        withFirewall(async (firewall) => {
            let lost = 0
            firewall.apply({ ...HIDE, grants: 8192 })
            const unwatch = firewall.watch(() => lost++)
            // In one turn of the event loop: nobody reads events meanwhile.
            for (let i = 0; i < 4096; i++) {
                const source = element(`198.18.${i >> 8}.${i & 255}`, "tcp/22")
                expect(firewall.grant([source], LONG)).toEqual(OK)
            }
            await new Promise((resolve) => setImmediate(resolve))
            await new Promise((resolve) => setImmediate(resolve))
            expect(lost).toBe(0)
            namespace.must(["nft", "flush chain inet postern hide"])
            await expect.poll(() => lost).toBe(1)
            unwatch()
        }),
    )

    it(
        "watch() tells of a chain or its rules that others remove, and not of other tables or of grants",
        withFirewall(async (firewall) => {
            let lost = 0
            firewall.apply(WATCH)
            firewall.grant([SSH4], LONG)
            const unwatch = firewall.watch(() => lost++)
            namespace.must(["nft", "add table ip postern; add chain ip postern hide; delete table ip postern"])
            namespace.must(["nft", "add table inet posterns; delete table inet posterns"])
            namespace.must(["nft", "flush set inet postern open4"])
            for (const loss of [
                "flush chain inet postern hide",
                "flush table inet postern",
                "delete table inet postern",
            ]) {
                firewall.apply(WATCH)
                const before = lost
                namespace.must(["nft", loss])
                await expect.poll(() => lost, { message: loss }).toBe(before + 1)
            }
            expect(lost).toBe(3)
            unwatch()
        }),
    )

    it(
        "makes its table anew, with its grants, where somebody has put it to sleep, and is refused one that another process owns",
        withFirewall(async (firewall) => {
            firewall.apply(HIDE)
            firewall.grant([SSH4], LONG)
            let lost = 0
            const unwatch = firewall.watch(() => lost++)
            namespace.must(["nft", "add table inet postern { flags dormant; }"])
            await expect.poll(() => lost).toBe(1)
            expect(firewall.apply(HIDE)).toEqual(OK)
            expect(namespace.must(["nft", "list", "table", "inet", "postern"])).not.toContain("dormant")
            expect(firewall.list()).toHaveLength(1)
            const owner = namespace.start(["nft", "-i"], { stdio: ["pipe", "ignore", "ignore"] })
            const ended = once(owner, "exit")
            try {
                owner.stdin!.write("delete table inet postern; add table inet postern { flags owner; }\n")
                await expect.poll(() => lost).toBeGreaterThan(1)
                expect(firewall.apply(HIDE)).toMatchObject({ ok: false, code: "denied" })
            } finally {
                owner.kill("SIGKILL")
                await ended
            }
            expect(firewall.apply(HIDE)).toEqual(OK)
            unwatch()
        }),
    )

    it(
        "takes, lists and ends thousands at once, while another program changes a table of its own without a rest",
        withFirewall(async (firewall) => {
            namespace.must(["nft", "add table inet other; add set inet other s { type inet_service; }"])
            const twice = "nft add element inet other s { 22 }; nft delete element inet other s { 22 }"
            const busy = namespace.start(["sh", "-c", `while :; do ${twice}; done`], { stdio: "ignore" })
            const ended = once(busy, "exit")
            try {
                const many = Array.from({ length: 3000 }, (_, i) => element(`10.0.${i >> 8}.${i & 255}`, "tcp/22"))
                expect(firewall.apply(WATCH)).toEqual(OK)
                expect(firewall.grant(many, LONG)).toEqual(OK)
                for (let i = 0; i < 6; i++) {
                    expect(firewall.apply(i % 2 === 0 ? HIDE : WATCH)).toEqual(OK)
                    expect(firewall.list()).toHaveLength(many.length)
                }
                // A refused transaction waits for all processors: what has gone must not refuse the others.
                namespace.must(["nft", "flush set inet postern open4"])
                for (const one of many) expect(firewall.revoke([one])).toEqual(OK)
                expect(firewall.grant(many, LONG)).toEqual(OK)
                expect(firewall.revoke(many)).toEqual(OK)
                expect(firewall.list()).toEqual([])
                expect(busy.exitCode).toBe(null)
            } finally {
                busy.kill("SIGKILL")
                await ended
                namespace.must(["nft", "delete table inet other"])
            }
        }),
        60_000,
    )

    it(
        "revoke() of thousands that have gone is quick, whether the sets are full or not there",
        withFirewall((firewall) => {
            const [gone, live] = [1, 2].map((net) =>
                Array.from({ length: 3000 }, (_, i) => element(`10.${net}.${i >> 8}.${i & 255}`, "tcp/22")),
            )
            firewall.apply({ ...HIDE, grants: 3000 })
            expect(firewall.grant(live!, LONG)).toEqual(OK)
            expect(firewall.grant([SSH4], LONG)).toMatchObject({ ok: false, code: "full" })
            const all = () => {
                expect(firewall.revoke(gone!)).toEqual(OK)
                for (const one of gone!) expect(firewall.revoke([one])).toEqual(OK)
            }
            all()
            expect(firewall.list()).toHaveLength(3000)
            namespace.must(["nft", "delete table inet postern"])
            all()
        }),
        // Refused transactions alone would take minutes.
        60_000,
    )

    it(
        "revoke() keeps a source that others let in for good, however full the sets are",
        withFirewall((maker) => {
            maker.apply({ ...HIDE, grants: 3 })
            const more = ["10.0.0.1", "10.0.0.2"]
            const ever = [formatElement(DNS4), ...more.map((source) => `${source} . tcp . 1`)]
            namespace.must(["nft", `add element inet postern open4 { ${ever.join(", ")} }`])
            namespace.must(["nft", `add element inet postern any4 { 192.0.2.7, ${more.join(", ")} }`])
            // One that has not seen them come.
            const firewall = nftFirewall()
            expect(firewall.revoke([SSH4])).toEqual(OK)
            firewall.close()
            expect(namespace.must(["nft", "list", "set", "inet", "postern", "any4"])).toContain("192.0.2.7")
        }),
    )

    it("leaves every other table alone", () => {
        namespace.must([
            "nft",
            "add table inet other; add chain inet other input { type filter hook input priority 0; }",
        ])
        const before = namespace.must(["nft", "list", "ruleset"])
        const firewall = nftFirewall()
        firewall.apply(WATCH)
        firewall.grant([SSH4], LONG)
        firewall.clear()
        firewall.close()
        expect(namespace.must(["nft", "list", "ruleset"])).toBe(before)
        namespace.must(["nft", "delete table inet other"])
    })

    it("leads where the kernel can; where it cannot, hidden services are refused all the same", () => {
        const [whole, poor] = [nftFirewall(), nftFirewall(undefined, withoutModules(openNftables()))]
        try {
            expect(whole.apply(HIDE)).toEqual(OK)
            expect(whole.leads()).toBe(true)
            expect(listed(namespace)).toContain("tproxy ip to 127.0.0.1")
            expect(whole.grant([SSH4], LONG)).toEqual(OK)
            expect(poor.apply(HIDE)).toEqual(OK)
            expect(poor.leads()).toBe(false)
            expect(listed(namespace)).not.toContain("tproxy")
            expect(listed(namespace)).toContain("@hidden goto refuse")
            expect(poor.list().map(({ element: one }) => one)).toEqual([SSH4])
        } finally {
            whole.clear()
            whole.close()
            poor.close()
        }
    })

    it("every call says denied without CAP_NET_ADMIN, and list() throws why", () => {
        const program = join(import.meta.dirname, "..", "lab", "denied-firewall.ts")
        const less = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
        const said = namespace.must([...less, process.execPath, "--import", "tsx", program], { timeout: 60_000 })
        expect(JSON.parse(said)).toEqual({
            apply: "denied",
            grant: "denied",
            revoke: "denied",
            clear: "denied",
            list: "nftables: the grants cannot be read: cache initialization failed: Operation not permitted",
        })
    })
})

/** nftables of a kernel that passes over what it does not know of a set. */
function withoutLimits(nft: Nftables): Nftables {
    return { ...nft, run: (text) => nft.run(text.replaceAll(/; limit rate [^;]*(?=;)/g, "")) }
}

/** nftables of a kernel without the modules that leading needs: it refuses what names them, in the kernel's words. */
function withoutModules(nft: Nftables): Nftables {
    const error = "internal:0:0-0: Error: Could not process rule: No such file or directory"
    return { ...nft, run: (text) => (/tproxy|socket transparent/.test(text) ? { ok: false, error } : nft.run(text)) }
}

const [LEGACY, NFT] = ["-legacy", "-nft"] as const
const NONE_LEFT = { what: "nothing" }
const whyNot = why ?? missing("ipset", `iptables${LEGACY}`, `iptables${NFT}`)

describe.skipIf(whyNot !== null).each([LEGACY, NFT])(
    `iptables%s${whyNot === null ? "" : ` (${whyNot})`}`,
    (variant) => {
        let namespace: Namespace
        let leave: (() => void) | undefined

        beforeAll(() => {
            namespace = makeNamespace("iptables")
            leave = enterNamespace(namespace)
        })
        afterAll(() => {
            leave?.()
            namespace?.remove()
        })

        const programs = () => [`iptables${variant}`, `ip6tables${variant}`]
        const holds = (what: string) => namespace.exec(["ipset", "test", `postern-${what}-tcp`, "22"]).status === 0
        const refuses = () =>
            /--dport 22 -j POSTERN-REFUSE/.test(namespace.must([`iptables${variant}-save`])) || holds("trial")
        suite(
            () => ({
                firewall: iptablesFirewall(undefined, variant),
                until,
                hides: () => refuses() && !holds("spared"),
                flush: () => {
                    for (const program of programs()) {
                        for (const table of ["filter", "mangle"]) {
                            namespace.must([program, "-t", table, "-F"])
                            namespace.must([program, "-t", table, "-X"])
                        }
                    }
                    namespace.must(["ipset", "destroy"])
                },
                end: () => {},
            }),
            false,
        )

        it("clearOther() takes away what the other firewall hides, and of ours and of others' nothing", () => {
            const [nft, iptables] = [nftFirewall(), iptablesFirewall(undefined, variant)]
            const rules = () => /-A POSTERN-/.test(namespace.must([`iptables${variant}-save`]))
            const table = () => namespace.must(["nft", "list", "tables"]).includes("table inet postern")
            namespace.must([`iptables${variant}`, "-I", "INPUT", "-s", "192.0.2.1", "-j", "DROP"])
            const others = () =>
                namespace.must([`iptables${variant}-save`]).includes("-A INPUT -s 192.0.2.1/32 -j DROP")
            try {
                expect([clearOther("nftables"), clearOther("iptables")]).toEqual([NONE_LEFT, NONE_LEFT])
                for (const firewall of [nft, iptables]) expect(firewall.apply(HIDE)).toEqual(OK)
                expect(clearOther("iptables")).toEqual({ what: "cleared" })
                expect([table(), rules(), others()]).toEqual([false, true, true])
                expect(nft.apply(HIDE)).toEqual(OK)
                // The rules of legacy are no tables of nftables.
                const cleared = variant === NFT
                expect(clearOther("nftables")).toEqual(cleared ? { what: "cleared" } : NONE_LEFT)
                expect([table(), rules(), others()]).toEqual([true, !cleared, true])
            } finally {
                for (const firewall of [nft, iptables]) firewall.clear()
                nft.close()
                namespace.must([`iptables${variant}`, "-D", "INPUT", "-s", "192.0.2.1", "-j", "DROP"])
            }
        })

        it("takes services elsewhere, twice, shows the same rules, and leaves nothing behind", () => {
            const everywhere = ruleset({
                hidden: ["tcp/22", "udp/53"],
                trials: [["tcp/80", 60_000]],
                spared: [["tcp/443", null]],
                needless: ["192.0.2.0/24 tcp/22"],
                leads: ["tcp/22 10.77.3.200 22", "tcp/22 fd77:3::c8 2222", "udp/53 10.77.3.200 53"],
                behind: ["203.0.113.80 tcp/443", "2001:db8::80 udp/443"],
                published: ["tcp/80"],
                mark: 0x1000_0000,
            })
            const firewall = iptablesFirewall(undefined, variant)
            const volatile = /#.*\n|\[\d+:\d+\]| timeout \d+| initval \S+| bucketsize \d+/g
            const save = () => {
                const rules = programs().map((program) => namespace.must([`${program}-save`]))
                // Elements are in no order.
                const sets = namespace.must(["ipset", "save"]).split("\n").sort().join("\n")
                return [...rules, sets].join("").replaceAll(volatile, "")
            }
            expect(firewall.apply(HIDE)).toEqual(OK)
            const before = save()
            expect(firewall.apply(everywhere)).toEqual(OK)
            const printed = save()
            for (const what of [
                "DNAT --to-destination [fd77:3::c8]:2222",
                "POSTERN-GUARD -d 10.77.3.200",
                "postern-inner6",
            ])
                expect(printed).toContain(what)
            expect(firewall.apply(everywhere)).toEqual(OK)
            expect(save()).toBe(printed)
            expect(firewall.apply(HIDE)).toEqual(OK)
            expect(ours(save())).toEqual(ours(before))
            expect(firewall.clear()).toEqual(OK)
            expect(ours(save())).toEqual([])
        })
    },
)

/** Lines about what we have made. */
function ours(text: string): string[] {
    return text.split("\n").filter((line) => /POSTERN|postern/.test(line))
}

/** Why tests that need these programs cannot run; null: they can. */
function missing(...programs: readonly string[]): string | null {
    const lacking = programs.find((program) => spawnSync(program, ["--version"]).error !== undefined)
    return lacking === undefined ? null : `needs ${lacking}: apt install iptables ipset`
}

function listed(namespace: Namespace): string {
    return namespace.must(["nft", "list", "table", "inet", "postern"])
}

function withFirewall(act: (firewall: Firewall) => void | Promise<void>): () => Promise<void> {
    return async () => {
        const firewall = nftFirewall()
        try {
            await act(firewall)
        } finally {
            firewall.clear()
            firewall.close()
        }
    }
}

function sorted(listing: string): string[] {
    // Elements come in the order of a hash, and their time runs; spacing depends on the order.
    return [...listing.replaceAll(/(timeout|expires) \w+/g, "").matchAll(/[^\s,{}]+/g)].map(([word]) => word).sort()
}

/** Polls; the kernel sweeps timeouts by itself. */
async function until(gone: () => boolean): Promise<void> {
    await expect.poll(gone, { timeout: 10_000, interval: 20 }).toBe(true)
}
