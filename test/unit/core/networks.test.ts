/** Doors whose grants are for the knocker's network, in the book. */
import { describe, expect, it } from "vitest"
import { formatAddress, formatSource, parseAddress, parseNetwork } from "../../../src/core/net/address.ts"
import { config, World } from "./world.ts"

const HITS = ["7000", "8000:udp", "9000"]
const command = { start: ["/bin/start"], stop: ["/bin/stop"], after: 5000, timeout: 1000 }
const ssh = { name: "ssh", opens: ["tcp/22"], hits: HITS, network: { v4: 24, v6: 64 } } as const
const alone = { ...ssh, name: "alone", hits: ["1", "2", "3"], network: { v4: 32, v6: 128 } }

const leases = (world: World) =>
    world.engine.facts().leases.map(({ source, network }) => `${formatSource(network)} by ${formatAddress(source)}`)
const revoke = (world: World, network: string) =>
    world.perform(world.engine.step({ type: "revoke", door: null, source: parseNetwork(network), uid: 0 }, world.now))

describe("a door with a network", () => {
    it("lets the networks of both families in, and says so with the address that knocked", () => {
        const world = new World(config([ssh]))
        world.knock("192.0.2.77", HITS)
        world.knock("2001:db8:0:1:aaaa::7", HITS)
        expect(world.open()).toEqual(["192.0.2.0/24 tcp/22", "2001:db8:0:1::/64 tcp/22"])
        expect(leases(world)).toEqual(["192.0.2.0/24 by 192.0.2.77", "2001:db8:0:1::/64 by 2001:db8:0:1:aaaa::7"])
        expect(world.reports.filter(({ type }) => type === "opened")).toMatchObject([
            { source: parseAddress("192.0.2.77"), network: parseNetwork("192.0.2.0/24") },
            { source: parseAddress("2001:db8:0:1:aaaa::7"), network: parseNetwork("2001:db8:0:1::/64") },
        ])
    })

    it("has one lease for all of a network: another of it keeps it open, and programs are of who came first", () => {
        const world = new World(config([{ ...ssh, command }]))
        world.knock("2001:db8::7", HITS)
        world.ends("start", "ssh", "2001:db8::7")
        world.pass(1000)
        world.knock("2001:db8::8", HITS)
        world.knock("2001:db8:0:1::7", HITS)
        expect(leases(world)).toEqual(["2001:db8::/64 by 2001:db8::7", "2001:db8:0:1::/64 by 2001:db8:0:1::7"])
        expect(world.told().filter((line) => line.startsWith("opened"))).toEqual([
            "opened ssh 2001:db8::7",
            "opened again ssh 2001:db8::8",
            "opened ssh 2001:db8:0:1::7",
        ])
        world.pass(60_000)
        expect(world.runs).toContain("stop ssh 2001:db8::7")
        expect(world.runs).not.toContain("stop ssh 2001:db8::8")
        expect(world.open()).toEqual([])
    })

    it("asks `sources` of the address, not of its network", () => {
        const world = new World(config([{ ...ssh, sources: ["2001:db8::7/128"] }]))
        world.knock("2001:db8::8", HITS)
        expect(world.open()).toEqual([])
        world.knock("2001:db8::7", HITS)
        expect(world.open()).toEqual(["2001:db8::/64 tcp/22"])
    })

    it("stands beside a door for the address alone, each with its own time", () => {
        const world = new World(config([{ ...ssh, for: 10_000 }, alone]))
        world.knock("192.0.2.77", HITS)
        world.knock("192.0.2.77", alone.hits)
        expect(world.open()).toEqual(["192.0.2.0/24 tcp/22", "192.0.2.77 tcp/22"])
        world.pass(10_000)
        expect(world.open()).toEqual(["192.0.2.77 tcp/22"])
    })

    it("ends by revoking any address or network that has a part of it, and is closed by any of its addresses", () => {
        for (const network of ["192.0.2.200", "192.0.2.64/26", "192.0.0.0/16"]) {
            const world = new World(config([ssh]))
            world.knock("192.0.2.77", HITS)
            world.knock("192.0.3.77", HITS)
            revoke(world, network)
            expect(world.open(), network).toEqual(network.endsWith("/16") ? [] : ["192.0.3.0/24 tcp/22"])
        }
        const closing = { name: "close", closes: ["ssh"], hits: ["4", "5", "6"] }
        const world = new World(config([ssh, closing]))
        world.knock("192.0.2.77", HITS)
        world.knock("192.0.2.78", closing.hits)
        expect([world.open(), leases(world)]).toEqual([[], []])
    })

    it("takes over what it finds of its width, and takes the others back", () => {
        const world = new World(config([ssh]))
        const service = { protocol: "tcp", port: 22 } as const
        const texts = ["192.0.2.0/24", "192.0.2.0/25", "192.0.2.77", "2001:db8::/64", "2001:db8::/63"]
        for (const text of texts) world.kernel.set(`${text} tcp/22`, 5000)
        const grants = texts.map((text) => ({
            element: { source: parseNetwork(text)!, service, once: false },
            left: 5000,
            used: false,
        }))
        world.perform(world.engine.step({ type: "found", grants }, 0))
        expect(world.open()).toEqual(["192.0.2.0/24 tcp/22", "2001:db8::/64 tcp/22"])
        world.knock("192.0.2.77", HITS)
        expect(leases(world)).toHaveLength(2)
    })

    it("ends its grants when a reload changes its width", () => {
        const world = new World(config([ssh]))
        world.knock("192.0.2.77", HITS)
        world.reload(config([{ ...ssh, for: 60_000 }]))
        expect(world.open()).toEqual(["192.0.2.0/24 tcp/22"])
        world.reload(config([{ ...ssh, network: { v4: 25, v6: 64 } }]))
        expect([world.open(), leases(world)]).toEqual([[], []])
    })

    it("with uses = 1, lets one of the network in", () => {
        const world = new World(config([{ ...ssh, uses: 1 }]))
        world.knock("192.0.2.77", HITS)
        expect(world.open()).toEqual(["192.0.2.0/24 tcp/22 once"])
        world.told()
        const source = parseNetwork("192.0.2.0/24")!
        const element = { source, service: { protocol: "tcp", port: 22 } as const, once: true }
        world.perform(world.engine.step({ type: "used", elements: [element] }, world.now))
        expect(world.told()).toEqual(["used ssh 192.0.2.77"])
    })
})
