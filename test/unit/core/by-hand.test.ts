/** Grants and revocations by hand, and what the engine says of itself: in a world of models. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parseService } from "../../../src/core/knock/language.ts"
import { formatAddress, parseAddress, parseNetwork } from "../../../src/core/net/address.ts"
import type { GrantElement } from "../../../src/core/ruleset.ts"
import { config, World } from "./world.ts"

const HITS = ["7000", "8000:udp", "9000"]
const command = { start: ["/bin/start"], stop: ["/bin/stop"], after: 5000, timeout: 1000 }
const ssh = { name: "ssh", opens: ["tcp/22"], hits: HITS }
const web = { name: "web", opens: ["tcp/443", "tcp/22"], for: 60_000, hits: ["1", "2", "3"] }
const wake = { name: "wake", hits: ["4", "5", "6"], command }
const me = "192.0.2.7"

const grant = (world: World, index: number, source: string, ms: number, uid = 0) => {
    const door = world.engine.config.doors[index]!
    const effects = world.engine.step({ type: "grant", door, source: parseAddress(source)!, ms, uid }, world.now)
    world.perform(effects)
    return effects.length > 0
}
const doorOf = (world: World, index: number | null) => (index === null ? null : world.engine.config.doors[index]!)
const revoke = (world: World, index: number | null, network: string | null, uid = 0) =>
    world.perform(
        world.engine.step(
            {
                type: "revoke",
                door: doorOf(world, index),
                source: network === null ? null : parseNetwork(network),
                uid,
            },
            world.now,
        ),
    )
const element = (source: string, service: string): GrantElement => {
    const read = parseService(service)
    if (!read.ok) throw new Error(service)
    return { source: parseNetwork(source)!, service: read.value, once: false }
}
const leases = (world: World) =>
    world.engine.facts().leases.map(({ source, giver, since }) => `${formatAddress(source)} ${giver.by} ${since}`)

describe("step() grant", () => {
    it("opens without a knock, for as long as is asked, and says who did it", () => {
        const world = new World(config([{ ...ssh, sources: ["198.51.100.0/24"] }]))
        world.pass(500)
        expect(grant(world, 0, me, 600_000, 1000)).toBe(true)
        expect([...world.kernel]).toEqual([[`${me} tcp/22`, 600_500]])
        expect(world.reports).toMatchObject([{ type: "given", door: "ssh", ms: 600_000, uid: 1000 }])
        expect(leases(world)).toEqual([`${me} hand 500`])
        world.told()
        world.pass(600_000)
        expect(world.told()).toEqual([`closed time ssh ${me}`])
        expect(leases(world)).toEqual([])
    })

    it("replaces the time that is left, also by less; a knock never takes any away", () => {
        const world = new World(config([ssh]))
        grant(world, 0, me, 600_000)
        world.knock(me, HITS, 1)
        expect([...world.kernel.values()]).toEqual([600_000])
        expect(leases(world)).toEqual([`${me} hand 0`])
        grant(world, 0, me, 10_000)
        expect([...world.kernel.values()]).toEqual([10_003])
        world.knock(me, HITS, 1)
        expect([...world.kernel.values()]).toEqual([30_005])
        expect(leases(world)).toEqual([`${me} knock 0`])
        // The first knock had nothing to add.
        expect(world.told().filter((line) => !line.startsWith("stage"))).toEqual([
            `given ssh ${me}`,
            `given ssh ${me}`,
            `opened again ssh ${me}`,
        ])
    })

    it("runs the program of a door that opens nothing, and stops it later", () => {
        const world = new World(config([wake]))
        world.pass(100)
        grant(world, 0, me, 30_000, 7)
        expect(leases(world)).toEqual([`${me} hand 100`])
        expect(world.reports).toMatchObject([{ type: "given", opens: [], ms: 0, uid: 7 }])
        world.ends("start", "wake", me)
        world.pass(5000)
        expect(world.runs).toEqual([`start wake ${me}`, `stop wake ${me}`])
        world.ends("stop", "wake", me)
        world.pass(500)
        // While its programs rest it is the same lease, and begins anew.
        grant(world, 0, me, 30_000, 7)
        expect(leases(world)).toEqual([`${me} hand 5600`])
    })

    it("does nothing when the book is full, and leaves nothing behind when the firewall refuses", () => {
        const world = new World(config([ssh], { grants: 1 }))
        world.firewallWorks = false
        expect(grant(world, 0, me, 1000)).toBe(true)
        expect([leases(world), world.told()]).toEqual([[], []])
        world.firewallWorks = true
        expect(grant(world, 0, me, 1000)).toBe(true)
        expect(grant(world, 0, "192.0.2.8", 1000)).toBe(false)
        expect(world.open()).toEqual([`${me} tcp/22`])
    })
})

/** Two doors, and three sources that came in. */
const all = () => {
    const world = new World(config([ssh, web]))
    world.knock(me, HITS)
    world.knock("192.0.2.8", HITS)
    world.knock(me, ["1", "2", "3"])
    world.knock("2001:db8::7", ["1", "2", "3"])
    world.told()
    return world
}

describe("step() revoke", () => {
    it("ends everything", () => {
        const world = all()
        revoke(world, null, null, 5)
        expect(world.open()).toEqual([])
        expect(leases(world)).toEqual([])
        expect(world.reports.every((report) => report.type === "revoked" && report.uid === 5)).toBe(true)
        expect(world.told()).toHaveLength(4)
    })

    it("ends what is of a source, a network or a door, and keeps what another door still opens", () => {
        const one = all()
        revoke(one, null, me)
        expect(one.open()).toEqual(["192.0.2.8 tcp/22", "2001:db8::7 tcp/22", "2001:db8::7 tcp/443"])
        const network = all()
        revoke(network, null, "192.0.2.0/24")
        expect(network.open()).toEqual(["2001:db8::7 tcp/22", "2001:db8::7 tcp/443"])
        const door = all()
        revoke(door, 1, null)
        expect(door.open()).toEqual([`${me} tcp/22`, "192.0.2.8 tcp/22"])
        const both = all()
        revoke(both, 0, "192.0.2.8")
        expect(both.open()).toEqual([`${me} tcp/22`, `${me} tcp/443`, "2001:db8::7 tcp/22", "2001:db8::7 tcp/443"])
    })

    it("says nothing of what is not there", () => {
        const world = new World(config([ssh]))
        revoke(world, null, null)
        expect(world.told()).toEqual([])
    })

    it("runs stop programs at once, also those of a start that still runs", () => {
        const world = new World(config([{ ...ssh, command }, wake]))
        world.knock(me, HITS)
        world.ends("start", "ssh", me)
        world.knock("192.0.2.8", ["4", "5", "6"])
        revoke(world, null, null)
        expect(world.runs).toEqual([`start ssh ${me}`, "start wake 192.0.2.8", `stop ssh ${me}`])
        world.ends("start", "wake", "192.0.2.8")
        expect(world.runs.at(-1)).toBe("stop wake 192.0.2.8")
        expect(world.told().filter((line) => line.startsWith("revoked"))).toHaveLength(2)
        world.ends("stop", "ssh", me)
        world.ends("stop", "wake", "192.0.2.8")
        world.pass(1000)
        expect(leases(world)).toEqual([])
    })
})

describe("orphans()", () => {
    it("are what no door has opened, as far as they match", () => {
        const world = new World(config([ssh, web]))
        world.knock(me, HITS)
        const held = [element(me, "tcp/22"), element(me, "tcp/443"), element("192.0.2.8", "udp/53")]
        const orphans = (door: number | null, network: string | null) =>
            world.engine
                .orphans(held, doorOf(world, door), network === null ? null : parseNetwork(network))
                .map((e) => e.service.port)
        expect(orphans(null, null)).toEqual([443, 53])
        expect(orphans(0, null)).toEqual([])
        expect(orphans(1, null)).toEqual([443])
        expect(orphans(null, "192.0.2.8")).toEqual([53])
    })
})

describe("attempts()", () => {
    it("are the live ones, the furthest first, with what is left of their window", () => {
        const world = new World(config([ssh, { ...web, hits: ["7000", "1", "2"], within: 5000 }]))
        world.send("192.0.2.8", "7000")
        world.pass(1000)
        world.knock(me, HITS.slice(0, 2), 10)
        expect(world.engine.attempts(10, world.now)).toMatchObject({
            total: 2,
            live: [
                { door: "ssh", source: parseAddress(me), stage: 2, of: 3, left: 14_980 },
                { door: "ssh", source: parseAddress("192.0.2.8"), stage: 1, of: 3, left: 13_980 },
                { door: "web", source: parseAddress("192.0.2.8"), stage: 1, of: 3, left: 3980 },
            ],
        })
        world.pass(20_000)
        expect(world.engine.attempts(10, world.now)).toEqual({ total: 0, live: [] })
    })

    it("are never more than is wanted, and of many the furthest", () => {
        const world = new World(config([ssh]))
        for (let i = 0; i < 200; i++) world.send(`10.0.0.${i}`, "7000")
        for (let i = 0; i < 5; i++) world.knock(`10.1.0.${i}`, HITS.slice(0, 2), 0)
        fc.assert(
            fc.property(fc.nat(250), (most) => {
                const { total, live } = world.engine.attempts(most, world.now)
                expect(total).toBe(205)
                expect(live).toHaveLength(Math.min(most, 205))
                expect(live.filter(({ stage }) => stage === 2)).toHaveLength(Math.min(most, 5))
            }),
        )
    })

    it("name no hit", () => {
        const world = new World(config([ssh]))
        world.knock(me, HITS.slice(0, 2))
        expect(JSON.stringify(world.engine.attempts(10, world.now))).not.toMatch(/7000|8000|9000/)
    })
})
