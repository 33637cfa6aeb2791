import { describe, expect, it } from "vitest"
import { DOORS_MOST, OTHERS, Tally } from "../../../../src/core/metrics/tally.ts"
import { config, World } from "../world.ts"

const HITS = ["7000", "8000:udp", "9000"]
const ssh = { name: "ssh", opens: ["tcp/22"], hits: HITS }
const me = "192.0.2.7"
const count = (world: World, name = "ssh") => new Map(world.tally.byDoor()).get(name)!

describe("Tally.door()", () => {
    it("gives a name its counters for good, and lets those that come late share", () => {
        const tally = new Tally()
        const names = Array.from({ length: DOORS_MOST - 1 }, (_, i) => `d${i}`)
        const first = names.map((name) => tally.door(name))
        expect(tally.byDoor().map(([label]) => label)).toEqual(names)
        const again = ["new", "late", "d0", "later"].map((name) => tally.door(name))
        expect(again[2]).toBe(first[0])
        expect(again[1]).toBe(again[3])
        expect(again[0]).not.toBe(again[1])
        expect(["new", "late", "d0"].map((name) => tally.label(name))).toEqual(["new", OTHERS, "d0"])
        expect(tally.byDoor().map(([label]) => label)).toEqual([...names, "new", OTHERS])
    })
})

describe("Engine", () => {
    it("counts what becomes of a grant: opened, renewed, closed by time, by a knock and by hand", () => {
        const world = new World(config([ssh, { name: "close", hits: ["1", "2", "3"], closes: ["ssh"] }]))
        world.knock(me, HITS)
        world.pass(2000)
        world.knock(me, HITS)
        expect(count(world)).toMatchObject({ knocks: 2, opened: 1, renewed: 1, given: 0 })
        world.knock(me, ["1", "2", "3"])
        expect(count(world).closed).toEqual({ time: 0, knock: 1, hand: 0, reload: 0, loss: 0 })
        expect(count(world, "close")).toMatchObject({ knocks: 1, opened: 0 })
        world.knock(me, HITS)
        world.pass(40_000)
        expect(count(world).closed).toEqual({ time: 1, knock: 1, hand: 0, reload: 0, loss: 0 })
        const source = [0, 0, 0xffff, 0xc0000207] as const
        world.perform(
            world.engine.step(
                { type: "grant", door: world.engine.config.doors[0]!, source, ms: 5000, uid: 0 },
                world.now,
            ),
        )
        world.perform(
            world.engine.step(
                { type: "grant", door: world.engine.config.doors[0]!, source, ms: 5000, uid: 0 },
                world.now,
            ),
        )
        world.perform(world.engine.step({ type: "revoke", door: null, source: null, uid: 0 }, world.now))
        expect(count(world)).toMatchObject({ opened: 3, renewed: 2, given: 2, closed: { time: 1, knock: 1, hand: 1 } })
    })

    it("counts refusals by code, and grants that were found", () => {
        const world = new World(config([{ ...ssh, sources: ["192.0.2.0/24"] }], { grants: 1 }))
        world.knock("198.51.100.9", HITS)
        world.firewallWorks = false
        world.knock(me, HITS)
        world.firewallWorks = true
        world.pass(2000)
        world.knock(me, HITS)
        world.knock("192.0.2.8", HITS)
        expect(count(world)).toMatchObject({ knocks: 4, opened: 1, refused: { source: 1, firewall: 1, grants: 1 } })
        const other = new World(config([ssh]))
        const source = { address: [0, 0, 0xffff, 7], bits: 128 } as const
        const element = { source, service: { protocol: "tcp", port: 22 } as const, once: false }
        other.perform(other.engine.step({ type: "found", grants: [{ element, left: 1000, used: false }] }, 0))
        expect(count(other)).toMatchObject({ found: 1, opened: 0 })
    })

    it("counts stages, ends and pauses, however much of it the log leaves out", () => {
        const world = new World(config([ssh]))
        for (let i = 0; i < 5000; i++) world.send(`10.0.${i >> 8}.${i & 255}`, "7000")
        expect(world.tally.stages[1]).toBe(5000)
        expect(world.tally.omitted).toBeGreaterThan(4000)
        expect(world.reports.length + world.tally.omitted).toBe(5000)
        world.pass(20_000)
        for (let i = 0; i < 6; i++) {
            world.knock(me, ["7000", "8000:udp", "4"], 3000)
        }
        world.knock(me, ["7000", "8000:udp", "4", "7000"], 0)
        const { stages, spoiled, pauses, timedOut, hits } = world.tally
        expect([stages[2], spoiled, pauses]).toEqual([7, 7, 3])
        // Those of the flood that still had their place when the window passed.
        expect(timedOut).toBeGreaterThan(500)
        expect(hits.paused).toBe(1)
        world.send("127.0.0.1", "7000")
        world.send("203.0.113.9", "4")
        expect(world.tally).toMatchObject({ impossible: 1, hits: { strays: 1 } })
    })

    it("goes on counting where the engine of another configuration has stopped", () => {
        const world = new World(config([ssh, { ...ssh, name: "web", hits: ["1", "2", "3"] }]))
        world.knock(me, HITS)
        world.knock(me, ["1", "2", "3"])
        world.knock(me, ["7000", "8000:udp"])
        world.reload(config([{ ...ssh, name: "new", hits: ["4", "5", "6"] }, ssh]))
        world.knock(me, ["9000"])
        world.knock(me, ["4", "5", "6"])
        expect(count(world)).toMatchObject({ knocks: 2, opened: 1, renewed: 1 })
        expect(count(world, "new")).toMatchObject({ knocks: 1, opened: 1 })
        expect(count(world, "web")).toMatchObject({ knocks: 1, opened: 1, closed: { reload: 1 } })
        expect(world.tally.hits.hits).toBe(12)
    })
})
