/** Doors whose grants are good for one connection, in the book. */
import { describe, expect, it } from "vitest"
import { parseService } from "../../../src/core/knock/language.ts"
import { formatAddress, parseNetwork } from "../../../src/core/net/address.ts"
import type { GrantElement } from "../../../src/core/ruleset.ts"
import { config, World } from "./world.ts"

const HITS = ["7000", "8000:udp", "9000"]
const ssh = { name: "ssh", opens: ["tcp/22"], hits: HITS, uses: 1 } as const
const me = "192.0.2.7"
const ONCE = `${me} tcp/22 once`

function element(once = true): GrantElement {
    const read = parseService("tcp/22")
    if (!read.ok) throw new Error("tcp/22")
    return { source: parseNetwork(me)!, service: read.value, once }
}

const use = (world: World) => {
    world.told()
    world.perform(world.engine.step({ type: "used", elements: [element()] }, world.now))
}
const used = (world: World) =>
    world.engine.facts().leases.map((lease) => `${lease.door.name} ${formatAddress(lease.source)} ${lease.used}`)

describe("a door with uses = 1", () => {
    it("asks for an element of its kind, and waits for its use to be told", () => {
        const world = new World(config([ssh]))
        expect(world.engine.awaitsUses).toBe(false)
        world.knock(me, HITS)
        expect(world.open()).toEqual([ONCE])
        expect(world.engine.awaitsUses).toBe(true)
    })

    it("tells of a use once, keeps its lease until its time, and is good again after another knock", () => {
        const world = new World(config([ssh]))
        world.knock(me, HITS)
        use(world)
        expect(world.told()).toEqual([`used ssh ${me}`])
        expect(used(world)).toEqual([`ssh ${me} true`])
        expect(world.engine.awaitsUses).toBe(false)
        use(world)
        expect(world.told()).toEqual([])
        world.knock(me, HITS, 1)
        expect(used(world)).toEqual([`ssh ${me} false`])
        expect(world.engine.awaitsUses).toBe(true)
        expect(world.tally.door("ssh")).toMatchObject({ opened: 1, renewed: 1, used: 1 })
        world.pass(30_000)
        expect(used(world)).toEqual([])
        expect(world.engine.awaitsUses).toBe(false)
    })

    it.each([
        ["is known", 1],
        ["is not known yet", 0],
    ])("gives another use to the same knock at once, where the first use %s", (_, told) => {
        const world = new World(config([{ ...ssh, hits: ["7000", "9000"] }]))
        world.knock(me, ["7000", "9000"], 0)
        if (told === 1) use(world)
        world.knock(me, ["7000", "9000"], 0)
        expect(used(world)).toEqual([`ssh ${me} false`])
        expect(world.tally.door("ssh")).toMatchObject({ opened: 1, renewed: 1 })
    })

    it("hears nothing of uses that are not of an open lease of its own", () => {
        const world = new World(config([{ ...ssh, uses: null }]))
        world.knock(me, HITS)
        use(world)
        world.perform(world.engine.step({ type: "used", elements: [element(false)] }, world.now))
        expect([world.told(), used(world)]).toEqual([[], [`ssh ${me} false`]])
        expect(world.engine.awaitsUses).toBe(false)
    })

    it("stands beside a door without, and neither takes the other's element back", () => {
        const all = { ...ssh, name: "all", hits: ["1", "2", "3"], uses: null }
        const world = new World(config([ssh, all]))
        world.knock(me, HITS)
        world.knock(me, ["1", "2", "3"])
        expect(world.open()).toEqual([`${me} tcp/22`, ONCE])
        revoke(world, "all")
        expect(world.open()).toEqual([ONCE])
    })

    it("shares the use with another such door of the same service, and ends with it", () => {
        const world = new World(config([ssh, { ...ssh, name: "other", hits: ["1", "2", "3"], for: 60_000 }]))
        world.knock(me, HITS)
        world.knock(me, ["1", "2", "3"])
        expect([...world.kernel.keys()]).toEqual([ONCE])
        use(world)
        expect(world.told()).toEqual([`used ssh ${me}`, `used other ${me}`])
        revoke(world, "ssh")
        expect([world.open(), used(world)]).toEqual([[], []])
    })

    it("is closed when the table is lost, because nobody knows whether it was used", () => {
        const world = new World(config([ssh]))
        world.knock(me, HITS)
        world.told()
        world.kernel.clear()
        world.perform(world.engine.step({ type: "lost" }, world.now))
        expect(world.told()).toEqual([`closed loss ssh ${me}`])
        expect([world.open(), world.engine.awaitsUses]).toEqual([[], false])
    })

    it("takes over what it finds in the kernel, used or not, and no element of the other kind", () => {
        const world = new World(config([ssh]))
        world.kernel.set(ONCE, 5000).set(`${me} tcp/22`, 5000)
        const grants = [
            { element: element(), left: 5000, used: true },
            { element: element(false), left: 5000, used: false },
        ]
        world.perform(world.engine.step({ type: "found", grants }, 0))
        expect([world.open(), used(world)]).toEqual([[ONCE], [`ssh ${me} true`]])
    })

    it("keeps its grants over a reload as long as it stays one, and still hears of their use", () => {
        const world = new World(config([ssh]))
        world.knock(me, HITS)
        world.reload(config([{ ...ssh, for: 60_000 }]))
        expect(world.open()).toEqual([ONCE])
        use(world)
        expect(world.told()).toEqual([`used ssh ${me}`])
        world.reload(config([{ ...ssh, uses: null }]))
        expect(world.open()).toEqual([])
        expect(world.told()).toEqual([`closed reload ssh ${me}`])
    })
})

function revoke(world: World, name: string): void {
    const door = world.engine.config.doors.find((one) => one.name === name)!
    world.perform(world.engine.step({ type: "revoke", door, source: null, uid: 0 }, world.now))
}
