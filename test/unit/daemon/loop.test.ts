import { setImmediate } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import { MOST_RUNNING, MOST_WAITING } from "../../../src/adapters/commands/lanes.ts"
import { formatElement } from "../../../src/adapters/firewall/elements.ts"
import type { FirewallResult } from "../../../src/ports/firewall.ts"
import { config } from "../core/world.ts"
import { type Gate, LINKS, makeGate } from "./gate.ts"

const HITS = ["7000", "8000:udp", "9000"]
const ssh = { name: "ssh", opens: ["tcp/22"], hits: HITS }
const command = {
    start: ["/bin/start", "{door}", "for={source}"],
    stop: ["/bin/stop", "{knocker}"],
    after: 5000,
    timeout: 1000,
}
const me = "192.0.2.7"

const inTen = (i: number) => `10.0.${i >> 8}.${i & 255}`

/** What a change and a knock still do. */
const left = (gate: Gate) => {
    gate.links.change({ ...LINKS, defaultRoutes: ["wg0"] })
    gate.knock(me, HITS)
    return { said: gate.said(), next: gate.clock.next(), running: gate.running.length }
}

/** Lets everything happen that waits for a turn of its own. */
async function settle(): Promise<void> {
    for (let i = 0; i < 5; i++) await setImmediate()
}

const started = (...[of, replace]: Parameters<typeof makeGate>): Gate => {
    const gate = makeGate(of, replace)
    gate.loop.start()
    gate.said()
    gate.follows()
    return gate
}

describe("Loop", () => {
    it("opens for the one who knocked, says so, and says when it is over", () => {
        const gate = started(config([ssh]))
        gate.knock(me, HITS)
        gate.knock("2001:db8::7", HITS)
        expect(gate.open()).toEqual([`${me} . tcp . 22 29960`, "2001:db8::7 . tcp . 22 29990"])
        expect(gate.said().slice(0, 4)).toEqual([
            `info ssh: ${me}: stage 1 of 3`,
            `info ssh: ${me}: stage 2 of 3`,
            `info ssh: ${me}: stage 3 of 3`,
            expect.stringMatching(`^notice ssh: ${me}: open: tcp/22 for 30 s, until [0-9:]{8}$`),
        ])
        gate.clock.advance(29_959)
        expect(gate.said()).toEqual([])
        gate.clock.advance(1)
        expect(gate.said()).toEqual([`notice ssh: ${me}: closed on time`])
        gate.clock.advance(60)
        expect(gate.said()).toEqual(["notice ssh: 2001:db8::7: closed on time"])
        expect(gate.open()).toEqual([])
        expect(gate.clock.next()).toBeNull()
    })

    it("sleeps until the next deadline: a timeout is told when it happens", () => {
        const gate = started(config([{ ...ssh, within: 2000 }]))
        gate.knock(me, HITS.slice(0, 2))
        gate.said()
        gate.clock.advance(2100)
        expect(gate.said()).toEqual([
            `info ssh: ${me}: timed out at stage 2 of 3: hit 3 did not come within 2 s of hit 1`,
        ])
        expect(gate.clock.next()).toBeNull()
    })

    it("renews with a second knock", () => {
        const gate = started(config([ssh]))
        gate.knock(me, HITS)
        gate.clock.advance(20_000)
        gate.said()
        gate.knock(me, HITS)
        expect(gate.open()).toEqual([`${me} . tcp . 22 29990`])
        expect(gate.said().at(-1)).toMatch(/open for longer: tcp\/22 for 30 s/)
    })

    it("takes back what a closing knock ends, for that source alone", () => {
        const gate = started(config([ssh, { name: "close", hits: ["1", "2"], closes: ["ssh"] }]))
        gate.knock(me, HITS)
        gate.knock("192.0.2.8", HITS)
        gate.said()
        gate.knock(me, ["1", "2"])
        expect(gate.open().map((line) => line.split(" ")[0])).toEqual(["192.0.2.8"])
        expect(gate.said()).toContain(`notice ssh: ${me}: closed by a closing knock`)
    })

    it("is told by facts as well, with addresses as text", () => {
        const facts: unknown[] = []
        const gate = started(config([ssh]), () => ({ log: (_level, _text, fact) => facts.push(fact) }))
        gate.knock(me, HITS)
        expect(facts).toContainEqual({ report: { type: "stage", door: "ssh", source: me, stage: 1, of: 3 } })
        expect(JSON.stringify(facts)).not.toMatch(/7000|8000|9000/)
    })

    it("tells in the order in which it acts", () => {
        const gate = started(config([{ ...ssh, command }]))
        gate.knock(me, HITS)
        expect(gate.said().map((line) => line.replace(/ (for|until) .*/, ""))).toEqual([
            `info ssh: ${me}: stage 1 of 3`,
            `info ssh: ${me}: stage 2 of 3`,
            `info ssh: ${me}: stage 3 of 3`,
            `notice ssh: ${me}: open: tcp/22`,
            `info ssh: ${me}: running start: /bin/start`,
        ])
    })
})

describe("Loop, a firewall that refuses", () => {
    const REFUSALS = [
        ["full", "Too many open files in system"],
        ["denied", "Operation not permitted"],
        ["failed", "No buffer space available"],
    ] as const satisfies readonly (readonly [Extract<FirewallResult, { ok: false }>["code"], string])[]

    it.each(REFUSALS)("%s: says so, opens nothing, runs nothing, and later knocks work", (code, detail) => {
        const gate = started(config([{ ...ssh, command }]))
        gate.firewall.breakWith({ ok: false, code, detail })
        gate.knock(me, HITS)
        expect(gate.open()).toEqual([])
        expect(gate.running).toEqual([])
        const said = gate.said()
        expect(said).toContain(`error firewall: cannot let ${me} through: ${detail}`)
        expect(said).toContain(`warning ssh: ${me}: refused: the right knock, but the firewall refused`)
        expect(gate.loop.standing.facts().leases).toEqual([])
        gate.firewall.breakWith(null)
        gate.clock.advance(2000)
        gate.knock(me, HITS)
        expect(gate.open()).toHaveLength(1)
    })

    it("tells a refusal also while others flood who know nearly as much: each of theirs would come first", () => {
        const gate = started(config([{ ...ssh, sources: ["198.51.100.0/24"] }]))
        const flood = () => {
            for (let i = 0; i < 200; i++)
                for (const hit of HITS.slice(0, 2)) gate.send(`10.9.${i >> 7}.${i & 127}`, hit)
        }
        flood()
        for (const hit of HITS) {
            gate.send(me, hit)
            flood()
        }
        expect(gate.said().filter((line) => line.includes(me))).toEqual([
            expect.stringContaining(`${me}: refused: the right knock, but this source may not knock here`),
        ])
    })

    it("tells of every one of 300 who knock at once that the knock was whole, in knockd's place, and what it opened", () => {
        const gate = started(config([{ ...ssh, knockd: {} }]))
        const sources = Array.from({ length: 300 }, (_, i) => `10.9.${i >> 7}.${(i & 127) + 1}`)
        for (const hit of HITS) for (const source of sources) gate.send(source, hit)
        const said = gate.said()
        for (const what of [": stage 3 of 3", ": open: "])
            expect([what, said.filter((line) => line.includes(what)).length]).toEqual([what, sources.length])
    })

    it("keeps the former time when a renewal is refused", () => {
        const gate = started(config([ssh]))
        gate.knock(me, HITS)
        gate.clock.advance(20_000)
        gate.firewall.breakWith({ ok: false, code: "failed", detail: "no" })
        gate.knock(me, HITS)
        gate.firewall.breakWith(null)
        gate.said()
        expect(gate.open()).toEqual([`${me} . tcp . 22 9960`])
        gate.clock.advance(9960)
        expect(gate.said()).toEqual([`notice ssh: ${me}: closed on time`])
    })

    it("takes back the part of a grant that was carried out before the rest was refused", () => {
        const long = { name: "long", opens: ["tcp/22"], hits: ["1", "2"], for: 60_000 }
        const both = { name: "both", opens: ["tcp/80", "tcp/22"], hits: ["3", "4"], for: 10_000 }
        const refused = (service: number) =>
            started(config([long, both]), ({ firewall }) => ({
                firewall: {
                    ...firewall!,
                    grant(elements, ms) {
                        const no = ms <= 60_000 - 20 && elements.some((e) => e.service.port === service)
                        return no ? { ok: false, code: "failed", detail: "no" } : firewall!.grant(elements, ms)
                    },
                },
            }))
        for (const service of [22, 80]) {
            const gate = refused(service)
            gate.knock(me, ["1", "2"])
            const before = gate.open()
            expect(before).toEqual([`${me} . tcp . 22 59990`])
            gate.knock(me, ["3", "4"])
            expect(gate.open()).toEqual([`${me} . tcp . 22 59970`])
            expect(gate.said().some((line) => line.includes("both: 192.0.2.7: open"))).toBe(false)
        }
    })

    it("says when it cannot take a grant back; the kernel still ends it on time", () => {
        const gate = started(config([ssh, { name: "close", hits: ["1", "2"], closes: ["ssh"] }]))
        gate.knock(me, HITS)
        gate.firewall.breakWith({ ok: false, code: "denied", detail: "Operation not permitted" })
        gate.knock(me, ["1", "2"])
        expect(gate.said()).toContain("error firewall: cannot revoke: Operation not permitted")
        gate.clock.advance(30_000)
        expect(gate.open()).toEqual([])
    })

    it("asks every second until it can take back what was refused, and tells once", () => {
        const gate = started(config([{ ...ssh, opens: ["tcp/22", "tcp/23"] }]))
        const other = "192.0.2.8"
        for (const source of [me, other]) gate.knock(source, HITS)
        gate.firewall.breakWith({ ok: false, code: "denied", detail: "Operation not permitted" })
        gate.said()
        expect(gate.loop.revoke(null, null, 0)).toMatchObject({ grants: 2, done: false })
        gate.clock.advance(2500)
        expect(gate.said().filter((line) => line.includes("firewall"))).toEqual([
            "error firewall: cannot revoke: Operation not permitted",
            "error firewall: cannot revoke: Operation not permitted",
        ])
        expect(gate.open()).toHaveLength(4)
        expect(gate.loop.standing.tableInPlace).toBe(false)
        gate.firewall.breakWith(null)
        // Whoever has knocked again by then stays in.
        gate.knock(other, HITS)
        gate.clock.advance(1000)
        expect(gate.open().map((line) => line.split(" ")[0])).toEqual([other, other])
        expect(gate.said()).toContain("notice firewall: what was refused before is done now")
        expect(gate.loop.standing.tableInPlace).toBe(true)
        gate.clock.advance(29_000)
        expect([gate.open(), gate.clock.next()]).toEqual([[], null])
    })

    it("asks again for the table that was refused, at the next look", () => {
        const gate = started(config([ssh], { capture: "nflog" }), ({ capture }) => ({
            capture: { ...capture, name: "nflog" },
        }))
        gate.offered.push("tcp/443")
        gate.firewall.breakWith({ ok: false, code: "failed", detail: "busy" })
        gate.links.change(LINKS)
        expect(gate.said()).toContain("error firewall: busy")
        expect(gate.firewall.wanted()?.watch?.offered).toEqual([])
        gate.firewall.breakWith(null)
        gate.links.change(LINKS)
        expect(gate.firewall.wanted()?.watch?.offered).toEqual([{ protocol: "tcp", port: 443 }])
        gate.clock.advance(5000)
        expect([gate.said(), gate.clock.next()]).toEqual([[], null])
    })

    it("asks again for the table that was refused, every second where nothing else happens", () => {
        const gate = started(config([ssh]))
        gate.firewall.breakWith({ ok: false, code: "denied", detail: "Operation not permitted" })
        const hidden = config([{ ...ssh, hide: true }])
        expect(gate.loop.reload(hidden, null)).toMatchObject({ ok: false, code: "firewall" })
        gate.clock.advance(2500)
        expect(gate.said()).toEqual(["error firewall: Operation not permitted"])
        expect(gate.loop.standing.tableInPlace).toBe(false)
        gate.firewall.breakWith(null)
        gate.clock.advance(500)
        expect(gate.said()).toEqual(["notice firewall: what was refused before is done now"])
        expect([gate.loop.standing.tableInPlace, gate.firewall.wanted()?.hidden]).toEqual([true, []])
        expect(gate.clock.next()).toBeNull()
    })
})

describe("Loop, a table that others take away", () => {
    const TAKEN = "warning firewall: somebody took our table or a part of it away: it was made again"

    it("makes it again with what is open, and says so", async () => {
        const gate = started(config([{ ...ssh, hide: true }]))
        gate.knock(me, HITS)
        gate.clock.advance(970)
        gate.said()
        gate.firewall.lose()
        await settle()
        gate.clock.advance(0)
        expect(gate.said()).toEqual([TAKEN])
        expect(gate.firewall.wanted()?.hidden).toHaveLength(1)
        expect(gate.open()).toEqual([`${me} . tcp . 22 29020`])
        gate.clock.advance(29_020)
        expect(gate.said()).toEqual([`notice ssh: ${me}: closed on time`])
    })

    it("makes it again at most every 200 ms, and before a grant", async () => {
        const gate = started(config([ssh]))
        gate.firewall.lose()
        await settle()
        gate.clock.advance(0)
        gate.firewall.lose()
        await settle()
        gate.clock.advance(199)
        expect(gate.firewall.wanted()).toBeNull()
        gate.clock.advance(1)
        expect(gate.firewall.wanted()).not.toBeNull()
        gate.said()
        gate.firewall.lose()
        gate.knock(me, HITS)
        expect(gate.open()).toHaveLength(1)
        expect(gate.said()).toContain(TAKEN)
    })

    it("tries again every second when it cannot", async () => {
        const gate = started(config([{ ...ssh, hide: true }]))
        gate.firewall.lose()
        gate.firewall.breakWith({ ok: false, code: "failed", detail: "busy" })
        await settle()
        gate.clock.advance(2500)
        const cannot = "error firewall: our table was taken away and cannot be made again: busy"
        expect(gate.said()).toEqual([cannot, cannot, cannot])
        gate.firewall.breakWith(null)
        gate.clock.advance(500)
        expect(gate.said()).toEqual([TAKEN])
        expect(gate.firewall.wanted()?.hidden).toHaveLength(1)
        expect(gate.clock.next()).toBeNull()
    })
})

describe("Loop, programs", () => {
    const wake = { name: "wake", hits: HITS, command: { ...command, stop: null } }

    it("runs start and stop with what the door says, prints what they print, and tells a bad end", async () => {
        const gate = started(config([{ ...ssh, command }]))
        gate.knock(me, HITS)
        gate.said()
        const { job } = gate.running[0]!
        expect(job).toMatchObject({ argv: ["/bin/start", "ssh", `for=${me}`], timeout: 1000, lane: `ssh: ${me}` })
        gate.running[0]!.print("one\ntwo\n")
        gate.running[0]!.end({ ended: "exit", code: 3 })
        await settle()
        expect(gate.said()).toEqual([
            `info ssh: ${me}: start: one`,
            `info ssh: ${me}: start: two`,
            `warning ssh: ${me}: start: ended with exit code 3`,
        ])
        gate.clock.advance(4999)
        expect(gate.running).toEqual([])
        gate.clock.advance(1)
        expect(gate.said()).toEqual([`info ssh: ${me}: running stop: /bin/stop`])
        expect(gate.running[0]!.job.argv).toEqual(["/bin/stop", "unknown"])
        gate.running[0]!.end({ ended: "exit", code: 0 })
        await settle()
        expect(gate.said()).toEqual([])
        gate.clock.advance(60_000)
        expect(gate.loop.standing.facts().leases).toEqual([])
    })

    it.each([
        [{ ended: "signal", signal: "SIGSEGV" }, "was ended by SIGSEGV"],
        [{ ended: "timeout" }, "took too long and was ended (see `timeout`)"],
        [{ ended: "error", detail: "spawn /bin/start ENOENT" }, "could not be run: spawn /bin/start ENOENT"],
    ] as const)("tells how it ended: %j", async (outcome, text) => {
        const gate = started(config([wake]))
        gate.knock(me, HITS)
        gate.said()
        gate.running[0]!.end(outcome)
        await settle()
        expect(gate.said()).toEqual([`warning wake: ${me}: start: ${text}`])
        // And is ready for the next, after its rest.
        gate.knock(me, HITS)
        expect(gate.running).toHaveLength(0)
        gate.clock.advance(1000)
        gate.knock(me, HITS)
        expect(gate.running).toHaveLength(1)
    })

    it("stops whatever it has started, however many programs wait, and nothing that never started", async () => {
        const gate = started(config([{ ...ssh, command: { ...command, after: 1000 } }]))
        const room = MOST_RUNNING + MOST_WAITING
        for (let i = 0; i < room + 3; i++) gate.knock(inTen(i), HITS)
        const ran = { start: 0, stop: 0 }
        for (let rounds = 0; rounds < 2 * room; rounds++) {
            for (const { job, end } of gate.running.slice()) {
                ran[job.argv[0] === "/bin/start" ? "start" : "stop"]++
                end({ ended: "exit", code: 0 })
            }
            await settle()
            // All stops fall due at once: more than may wait.
            if (gate.running.length === 0) gate.clock.advance(2000)
        }
        expect(ran).toEqual({ start: room, stop: room })
        gate.clock.advance(60_000)
        expect(gate.loop.standing.facts().leases).toEqual([])
    })

    it("says when too many programs wait, opens nevertheless, and is ready again afterwards", async () => {
        const gate = started(config([{ ...wake, opens: ["tcp/22"] }]))
        const room = MOST_RUNNING + MOST_WAITING
        for (let i = 0; i < room; i++) gate.knock(inTen(i), HITS)
        expect(gate.running).toHaveLength(MOST_RUNNING)
        gate.said()
        gate.knock(me, HITS)
        expect(gate.said().at(-1)).toBe(`error wake: ${me}: start was not run: too many programs are waiting`)
        expect(gate.firewall.list().map(({ element }) => formatElement(element))).toContain(`${me} . tcp . 22`)
        for (let rounds = 0; gate.running.length > 0 && rounds < room; rounds++) {
            for (const job of gate.running.slice()) job.end({ ended: "exit", code: 0 })
            await settle()
        }
        gate.clock.advance(60_000)
        expect(gate.loop.standing.facts().leases).toEqual([])
        gate.said()
        gate.knock(me, HITS)
        expect(gate.running).toHaveLength(1)
    })
})

describe("Loop, what changes around it", () => {
    it("follows the default route where interfaces are `auto`, and says so once", () => {
        const gate = started(config([ssh]))
        gate.knock(me, HITS, "wg0")
        expect(gate.open()).toEqual([])
        gate.links.change({ ...LINKS, defaultRoutes: ["wg0", "eth0"] })
        expect(gate.said()).toEqual(["notice watching eth0, wg0"])
        expect(gate.follows()).toEqual(["eth0,wg0 without "])
        gate.links.change({ ...LINKS, defaultRoutes: ["eth0", "wg0"] })
        expect([gate.said(), gate.follows()]).toEqual([[], []])
        gate.knock(me, HITS, "wg0")
        expect(gate.open()).toHaveLength(1)
        gate.links.change({ ...LINKS, defaultRoutes: [] })
        expect(gate.said().at(-1)).toBe("notice watching no interface: there is no default route yet")
        gate.knock("192.0.2.8", HITS)
        expect(gate.open()).toHaveLength(1)
        expect(gate.loop.standing.facts().interfaces).toEqual([])
    })

    it.each([
        ["any", "all without ", null],
        [["ppp0", "eth0"], "ppp0,eth0 without ", ["ppp0", "eth0"]],
    ] as const)("does not follow it where they are %j", (interfaces, follow, known) => {
        const gate = makeGate(config([ssh], { interfaces }))
        gate.loop.start()
        expect(gate.follows()).toEqual([follow])
        expect(gate.loop.standing.facts().interfaces).toEqual(known)
        gate.links.change({ ...LINKS, defaultRoutes: ["wg0"] })
        expect([gate.said(), gate.follows()]).toEqual([[], []])
    })

    it("counts knocks at an address that it has just got", () => {
        const target = ["203.0.113.80"]
        const gate = started(config([ssh, { name: "inner", opens: ["tcp/80"], hits: ["1", "2"], target }]))
        gate.links.change({ ...LINKS, addresses: [] })
        gate.knock(me, HITS)
        expect(gate.open()).toEqual([])
        gate.links.change(LINKS)
        gate.knock(me, HITS)
        expect(gate.open()).toHaveLength(1)
    })

    it("looks at an unknown port at once, and then once a second at most", () => {
        const gate = started(config([ssh]))
        expect(gate.looks()).toBe(1)
        gate.clock.advance(1000)
        gate.send(me, "443")
        expect(gate.looks()).toBe(2)
        for (let i = 0; i < 50; i++) {
            gate.send(me, `${400 + i}`)
            gate.clock.advance(19)
        }
        expect(gate.looks()).toBe(2)
        gate.clock.advance(50)
        gate.send(me, "443")
        expect(gate.looks()).toBe(3)
        gate.clock.advance(5000)
        // Ports that are known need no look.
        gate.knock(me, [...HITS, "22"])
        expect(gate.looks()).toBe(3)
        expect(gate.follows()).toEqual([])
    })

    it("keeps what others publish from strangers as soon as somebody begins to change addresses", async () => {
        const gate = started(config([{ ...ssh, hide: true }]))
        expect(gate.firewall.wanted()).toMatchObject({ published: null })
        gate.translate()
        await expect.poll(() => gate.firewall.wanted()).toMatchObject({ published: [] })
        await gate.loop.stop()
        expect(gate.firewall.wanted()).toMatchObject({ published: [] })
    })

    it("looks no more often than one part in a hundred of its time, where a look takes long", () => {
        let lost = 0
        const gate = started(config([ssh]), ({ services, clock }) => ({
            services: {
                offered() {
                    lost += 80
                    return services.offered()
                },
                published: () => null,
            },
            clock: { ...clock, monotonic: () => clock.monotonic() + lost },
        }))
        const looks = gate.looks()
        for (let i = 0; i < 180; i++) {
            gate.clock.advance(100)
            gate.send(me, "443")
        }
        expect(gate.looks() - looks).toBe(2)
    })

    it("learns of a service by the first packet to it: that packet already is no hit", () => {
        const gate = started(config([ssh], { capture: "nflog" }), ({ capture }) => ({
            capture: { ...capture, name: "nflog" },
        }))
        gate.clock.advance(1000)
        gate.offered.push("tcp/443")
        gate.knock(me, [HITS[0]!, "443", ...HITS.slice(1)])
        expect(gate.open()).toHaveLength(1)
        expect(gate.follows()).toEqual(["eth0 without tcp/443"])
        expect(gate.firewall.wanted()?.watch).toMatchObject({
            interfaces: ["eth0"],
            offered: [{ protocol: "tcp", port: 443 }],
        })
        expect(gate.loop.standing.facts().offered).toEqual([{ protocol: "tcp", port: 443 }])
    })

    it("makes the table without a watch where another capture than nflog is at work", () => {
        const gate = started(config([{ ...ssh, hide: true }]))
        expect(gate.firewall.wanted()).toMatchObject({ watch: null, hidden: [{ protocol: "tcp", port: 22 }] })
    })

    it("tells what troubles the capture", () => {
        const gate = makeGate(config([ssh]), ({ capture }) => ({
            capture: { ...capture, start: (_plan, sink) => sink.trouble("the queue was full") },
        }))
        gate.loop.start()
        expect(gate.said()).toEqual(["warning trace: the queue was full"])
    })
})

describe("Loop.start()", () => {
    const NOTHING = { said: [], next: null, running: 0 }

    it("leaves nothing behind when the capture refuses: the table is as it was", () => {
        const gate = makeGate(config([ssh]), ({ capture }) => ({
            capture: {
                ...capture,
                start() {
                    throw new Error("no such feature")
                },
            },
        }))
        expect(() => gate.loop.start()).toThrow("no such feature")
        expect(gate.firewall.wanted()).toBeNull()
        expect(left(gate)).toEqual(NOTHING)
    })

    it("leaves nothing behind when the firewall refuses the table, and says what it said", () => {
        const gate = makeGate(config([ssh]))
        gate.firewall.breakWith({ ok: false, code: "denied", detail: "Operation not permitted" })
        expect(() => gate.loop.start()).toThrow(/firewall refused our table: Operation not permitted/)
        gate.firewall.breakWith(null)
        expect(gate.firewall.wanted()).toBeNull()
        expect(left(gate)).toEqual(NOTHING)
        expect(gate.open()).toEqual([])
    })

    it("changes nothing when the firewall cannot say what is open", () => {
        const gate = makeGate(config([ssh]), ({ firewall }) => ({
            firewall: {
                ...firewall!,
                list() {
                    throw new Error("the grants cannot be read")
                },
            },
        }))
        expect(() => gate.loop.start()).toThrow("the grants cannot be read")
        expect(gate.firewall.wanted()).toBeNull()
        expect(left(gate)).toEqual(NOTHING)
    })

    it("keeps what is open already, ends it on time, and takes back what no door opens", () => {
        const before = started(config([ssh, { name: "web", opens: ["tcp/80"], hits: ["1", "2"] }]))
        before.knock(me, HITS)
        before.knock(me, ["1", "2"])
        const elements = before.firewall.list()
        const gate = makeGate(config([ssh]), ({ firewall }) => {
            firewall!.apply(before.firewall.wanted()!)
            for (const { element, left: ms } of elements) firewall!.grant([element], ms)
            return {}
        })
        gate.loop.start()
        expect(gate.open()).toEqual([`${me} . tcp . 22 29970`])
        gate.clock.advance(29_970)
        expect(gate.said()).toEqual([`notice ssh: ${me}: closed on time`])
    })

    it("works without a firewall where doors only run programs", () => {
        const gate = started(config([{ name: "wake", hits: HITS, command }]), () => ({ firewall: null }))
        gate.knock(me, HITS)
        expect(gate.running).toHaveLength(1)
        expect(gate.firewall.wanted()).toBeNull()
    })
})

describe("Loop.stop()", () => {
    it("leaves hidden what is hidden, and grants to the kernel, and watches nothing any more", async () => {
        const gate = started(config([{ ...ssh, hide: true }], { capture: "nflog" }), ({ capture }) => ({
            capture: { ...capture, name: "nflog" },
        }))
        gate.knock(me, HITS)
        expect(gate.firewall.wanted()?.watch).not.toBeNull()
        gate.said()
        expect(await gate.loop.stop()).toBe("kept")
        expect(gate.firewall.wanted()).toMatchObject({ hidden: [{ protocol: "tcp", port: 22 }], watch: null })
        expect(gate.open()).toHaveLength(1)
        expect(gate.clock.next()).toBeNull()
        gate.knock("192.0.2.8", HITS)
        gate.links.change({ ...LINKS, defaultRoutes: ["wg0"] })
        expect(gate.open()).toHaveLength(1)
        expect(gate.said()).toEqual([])
        expect(await gate.loop.stop()).toBe("kept")
    })

    it("keeps the table while something is open, and clears it when nothing is hidden nor open", async () => {
        const open = started(config([ssh]))
        open.knock(me, HITS)
        expect(await open.loop.stop()).toBe("kept")
        expect(open.firewall.wanted()).not.toBeNull()
        expect(open.open()).toHaveLength(1)
        const quiet = started(config([ssh]))
        expect(await quiet.loop.stop()).toBe("cleared")
        expect(quiet.firewall.wanted()).toBeNull()
    })

    it("says when the firewall refuses", async () => {
        const gate = started(config([ssh]))
        gate.firewall.breakWith({ ok: false, code: "denied", detail: "Operation not permitted" })
        expect(await gate.loop.stop()).toBe("kept")
        expect(gate.said()).toEqual(["error firewall: Operation not permitted"])
    })

    it("waits until programs have ended, runs none anew, and tells what became of them", async () => {
        const gate = started(config([{ ...ssh, command }]))
        gate.knock(me, HITS)
        gate.knock("192.0.2.8", HITS)
        gate.said()
        let over = false
        const stopped = gate.loop.stop().then(() => (over = true))
        expect(over).toBe(false)
        await stopped
        expect(gate.running).toEqual([])
        expect(gate.said()).toEqual([
            `warning ssh: ${me}: start: was ended by SIGTERM`,
            "warning ssh: 192.0.2.8: start: was ended by SIGTERM",
        ])
        gate.clock.advance(60_000)
        expect(gate.running).toEqual([])
    })

    it("ends programs even if the firewall breaks down", async () => {
        let broken = false
        const gate = started(config([{ ...ssh, command }]), ({ firewall }) => ({
            firewall: {
                ...firewall!,
                list() {
                    if (broken) throw new Error("the grants cannot be read")
                    return firewall!.list()
                },
            },
        }))
        gate.knock(me, HITS)
        broken = true
        gate.said()
        expect(await gate.loop.stop()).toBe("kept")
        expect(gate.said()[0]).toBe("error firewall: cannot see what is open: the grants cannot be read")
        expect(gate.running).toEqual([])
    })
})
