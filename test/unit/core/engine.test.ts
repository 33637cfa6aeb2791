import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parseAddress, parseNetwork } from "../../../src/core/net/address.ts"
import { ACK, FIN, SYN } from "../../../src/core/net/packet.ts"
import { config, World } from "./world.ts"

const HITS = ["7000", "8000:udp", "icmp:321"]
const ssh = { name: "ssh", opens: ["tcp/22"], hits: HITS }
const command = { start: ["/bin/start"], stop: ["/bin/stop"], after: 10_000, timeout: 5000 }

describe("Engine", () => {
    it("opens the door for the one who knocked and closes it on time", () => {
        const world = new World(config([ssh]))
        world.knock("192.0.2.7", HITS)
        expect(world.open()).toEqual(["192.0.2.7 tcp/22"])
        world.pass(29_989)
        expect(world.open()).toEqual(["192.0.2.7 tcp/22"])
        world.pass(1)
        expect(world.open()).toEqual([])
        expect(world.told()).toEqual([
            "stage 1/3 ssh 192.0.2.7",
            "stage 2/3 ssh 192.0.2.7",
            "stage 3/3 ssh 192.0.2.7",
            "opened ssh 192.0.2.7",
            "closed time ssh 192.0.2.7",
        ])
        expect(world.engine.nextDeadline()).toBeNull()
        expect(world.engine.facts().leases).toEqual([])
    })

    it("opens for IPv6 too", () => {
        const world = new World(config([ssh]))
        world.knock("2001:db8::7", HITS)
        expect(world.open()).toEqual(["2001:db8::7 tcp/22"])
    })

    it("renews with a second knock and tells so", () => {
        const world = new World(config([ssh]))
        world.knock("192.0.2.7", HITS)
        world.pass(20_000)
        world.told()
        world.knock("192.0.2.7", HITS)
        expect(world.told().at(-1)).toBe("opened again ssh 192.0.2.7")
        world.pass(20_000)
        expect(world.open()).toEqual(["192.0.2.7 tcp/22"])
        world.pass(10_000)
        expect(world.open()).toEqual([])
        expect(world.told()).toEqual(["closed time ssh 192.0.2.7"])
    })

    it("packet() judges hits that waited in a queue by their own times, whatever came before they were read", () => {
        for (const gap of [2000, 8000]) {
            const world = new World(config([{ ...ssh, within: 5000 }]))
            // Somebody's attempt, whose deadline is told before the queue is read: the process stood still for a minute.
            world.send("192.0.2.8", "7000")
            world.now = 60_000
            world.perform(world.engine.step({ type: "tick" }, world.now))
            for (const source of ["192.0.2.7", "2001:db8::7"]) {
                HITS.forEach((hit, i) => {
                    world.now = 1000 + i * gap
                    world.send(source, hit)
                })
            }
            const opened = world.told().filter((line) => line.startsWith("opened"))
            expect(opened).toEqual(gap === 2000 ? ["opened ssh 192.0.2.7", "opened ssh 2001:db8::7"] : [])
        }
    })

    it("lets in again whoever has time left when the firewall was emptied, and nobody else", () => {
        const web = { name: "web", opens: ["tcp/22", "tcp/80"], hits: ["1", "2"], for: 60_000 }
        const world = new World(config([ssh, web]))
        world.knock("192.0.2.7", HITS)
        world.knock("192.0.2.8", HITS)
        world.pass(20_000)
        world.knock("192.0.2.8", ["1", "2"])
        world.knock("2001:db8::9", ["1", "2"])
        world.pass(15_000)
        world.told()
        const before = new Map(world.kernel)
        for (const [key, until] of before) if (until <= world.now) before.delete(key)
        world.kernel.clear()
        world.perform(world.engine.step({ type: "lost" }, world.now))
        expect(world.open()).toEqual([
            "192.0.2.8 tcp/22",
            "192.0.2.8 tcp/80",
            "2001:db8::9 tcp/22",
            "2001:db8::9 tcp/80",
        ])
        expect(Object.fromEntries(world.kernel)).toEqual(Object.fromEntries(before))
        expect(world.told()).toEqual([])
    })

    it("packet() takes no hit from a source that nobody can have", () => {
        const nobody = ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.255.255.255", "255.255.255.255"]
        const world = new World(config([ssh, { name: "run", hits: ["1", "2"], command }]))
        for (const source of [...nobody, "::", "::1", "ff02::1", "ffff::1"]) {
            world.knock(source, HITS)
            world.knock(source, ["1", "2"])
        }
        expect([world.open(), world.runs, world.told()]).toEqual([[], [], []])
        const somebody = ["1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255", "240.0.0.1", "255.255.255.254"]
        for (const source of [...somebody, "::2", "fe80::1", "feff::1"]) {
            world.knock(source, HITS)
            expect(world.open()).toContain(`${source} tcp/22`)
        }
    })

    it("leaves a grant of less than 50 ms as it is, however often the knock is replayed", () => {
        const world = new World(config([ssh]))
        world.knock("192.0.2.7", HITS, 0)
        world.told()
        for (let i = 0; i < 1000; i++) world.knock("192.0.2.7", HITS, 0)
        world.pass(49)
        world.knock("192.0.2.7", HITS, 0)
        expect(world.told().filter((line) => line.startsWith("opened"))).toEqual([])
        world.pass(1)
        world.knock("192.0.2.7", HITS, 0)
        expect(world.told().filter((line) => line.startsWith("opened"))).toEqual(["opened again ssh 192.0.2.7"])
    })

    it("refuses a source that may not knock, and says so", () => {
        const world = new World(config([{ ...ssh, sources: ["192.0.2.0/24"] }]))
        world.knock("203.0.113.9", HITS)
        world.knock("2001:db8::1", HITS)
        expect(world.open()).toEqual([])
        expect(world.told().filter((line) => line.startsWith("refused"))).toEqual([
            "refused source ssh 203.0.113.9",
            "refused source ssh 2001:db8::1",
        ])
        world.knock("192.0.2.9", HITS)
        expect(world.open()).toEqual(["192.0.2.9 tcp/22"])
    })

    it("takes an impatient client and openly offered services for no hit", () => {
        const world = new World(config([ssh], { services: [{ protocol: "tcp", port: 443 }] }))
        world.perform(world.engine.step({ type: "offered", services: [{ protocol: "udp", port: 53 }] }, 0))
        world.knock("192.0.2.7", ["7000", "22", "443", "8000:udp", "53:udp", "22", "icmp:321"])
        expect(world.open()).toEqual(["192.0.2.7 tcp/22"])
    })

    it("counts a port that a sequence names even where a service is offered", () => {
        const world = new World(config([ssh], { services: [{ protocol: "tcp", port: 7000 }] }))
        world.knock("192.0.2.7", HITS)
        expect(world.open()).toEqual(["192.0.2.7 tcp/22"])
    })

    it("is spoiled by a port of no door", () => {
        const world = new World(config([ssh]))
        world.knock("192.0.2.7", ["7000", "8000:udp", "9", "icmp:321"])
        expect(world.open()).toEqual([])
        expect(world.told()).toContain("spoiled 2/3 ssh 192.0.2.7")
    })

    it("lets a closing knock end the grant of that source alone", () => {
        const close = { name: "close", hits: [...HITS].reverse(), closes: ["ssh"] }
        const world = new World(config([ssh, close]))
        world.knock("192.0.2.7", HITS)
        world.knock("192.0.2.8", HITS)
        world.told()
        world.knock("192.0.2.7", [...HITS].reverse())
        expect(world.open()).toEqual(["192.0.2.8 tcp/22"])
        expect(world.told()).toContain("closed knock ssh 192.0.2.7")
        world.pass(60_000)
        expect(world.told()).toEqual(["closed time ssh 192.0.2.8"])
    })

    it("does not let two doors to one service cut each other short", () => {
        const long = { name: "long", opens: ["tcp/22", "tcp/80"], hits: ["1", "2", "3"], for: 60_000 }
        const close = { name: "close", hits: ["3", "2", "1"], closes: ["long"] }
        const world = new World(config([ssh, long, close]))
        world.knock("192.0.2.7", ["1", "2", "3"], 0)
        world.knock("192.0.2.7", HITS, 0)
        world.pass(45_000)
        expect(world.open()).toEqual(["192.0.2.7 tcp/22", "192.0.2.7 tcp/80"])
        world.knock("192.0.2.7", HITS, 0)
        world.pass(1000)
        world.knock("192.0.2.7", ["3", "2", "1"], 0)
        expect(world.open()).toEqual(["192.0.2.7 tcp/22"])
        world.pass(28_999)
        expect(world.open()).toEqual(["192.0.2.7 tcp/22"])
        world.pass(1)
        expect(world.open()).toEqual([])
    })

    it("looks at TCP flags as the door says", () => {
        const fin = { ...ssh, hits: ["7000", "8000"], flags: { set: FIN, clear: ACK } }
        const world = new World(config([fin]))
        world.send("192.0.2.7", "7000")
        world.send("192.0.2.7", "8000")
        expect(world.open()).toEqual([])
        world.send("192.0.2.7", "7000", undefined, FIN)
        world.send("192.0.2.7", "8000", undefined, FIN | SYN | ACK)
        world.send("192.0.2.7", "8000", undefined, FIN)
        expect(world.open()).toEqual(["192.0.2.7 tcp/22"])
    })

    it("keeps targets apart from this host's own addresses", () => {
        const inner = { name: "inner", opens: ["tcp/22"], hits: ["1", "2"], target: ["203.0.113.80"] }
        const world = new World(config([inner, { name: "own", opens: ["tcp/80"], hits: ["1", "2"] }]))
        const addresses = [parseAddress("198.51.100.1")!]
        world.perform(world.engine.step({ type: "addresses", addresses }, 0))
        world.knock("192.0.2.7", ["1", "2"], 10, "203.0.113.80")
        expect(world.open()).toEqual(["192.0.2.7 tcp/22"])
        world.knock("192.0.2.8", ["1", "2"], 10, "198.51.100.1")
        expect(world.open()).toEqual(["192.0.2.7 tcp/22", "192.0.2.8 tcp/80"])
    })

    it("opens nothing and stays sane when the firewall refuses", () => {
        const world = new World(config([{ ...ssh, command }]))
        world.firewallWorks = false
        world.knock("192.0.2.7", HITS)
        expect(world.told()).toContain("refused firewall ssh 192.0.2.7")
        expect(world.runs).toEqual([])
        expect(world.engine.facts().leases).toEqual([])
    })

    it("refuses more grants than it has room for", () => {
        const world = new World(config([ssh], { grants: 2 }))
        for (const source of ["192.0.2.1", "192.0.2.2", "192.0.2.3"]) world.knock(source, HITS)
        expect(world.open()).toEqual(["192.0.2.1 tcp/22", "192.0.2.2 tcp/22"])
        expect(world.told()).toContain("refused grants ssh 192.0.2.3")
    })

    it("keeps grants found in the kernel and takes those of no door back", () => {
        const world = new World(config([ssh]))
        world.kernel.set("192.0.2.7 tcp/22", 5000).set("192.0.2.7 tcp/23", 5000)
        const source = parseNetwork("192.0.2.7")!
        const grants = [22, 23].map((port) => ({
            element: { source, service: { protocol: "tcp", port } as const, once: false },
            left: 5000,
            used: false,
        }))
        world.perform(world.engine.step({ type: "found", grants }, 0))
        expect(world.open()).toEqual(["192.0.2.7 tcp/22"])
        world.pass(5000)
        expect(world.told()).toEqual(["closed time ssh 192.0.2.7"])
        expect(world.engine.step({ type: "found", grants: [] }, world.now)).toEqual([])
    })

    it("lets nobody into more than was found in the kernel, when the firewall was emptied after a restart", () => {
        const both = { name: "both", opens: ["tcp/22", "tcp/80"], hits: ["1", "2"] }
        const world = new World(config([both, ssh, { name: "web", opens: ["tcp/443"], hits: ["3", "4"] }]))
        const source = parseNetwork("192.0.2.7")!
        const grants = [22, 443].map((port) => ({
            element: { source, service: { protocol: "tcp", port } as const, once: false },
            left: 5000,
            used: false,
        }))
        // Put in by hand, without an end: not ours to remember, or to end.
        const forGood = {
            element: { ...grants[1]!.element, source: parseNetwork("192.0.2.8")! },
            left: Infinity,
            used: false,
        }
        expect(world.engine.step({ type: "found", grants: [...grants, forGood] }, 0)).toEqual([])
        expect(world.engine.facts().leases).toHaveLength(2)
        world.perform(world.engine.step({ type: "lost" }, 0))
        expect(world.open()).toEqual(["192.0.2.7 tcp/443"])
        world.knock("192.0.2.7", ["1", "2"])
        world.kernel.clear()
        world.perform(world.engine.step({ type: "lost" }, world.now))
        expect(world.open()).toEqual(["192.0.2.7 tcp/22", "192.0.2.7 tcp/443", "192.0.2.7 tcp/80"])
    })

    it("leaves reports out under a flood and says how many", () => {
        const world = new World(config([ssh]))
        for (let i = 0; i < 5000; i++) world.send(`10.0.${i >> 8}.${i & 255}`, "7000")
        expect(world.told().length).toBeLessThanOrEqual(100)
        world.pass(1000)
        expect(world.told()).toEqual(["suppressed 4900"])
        // Twenty a second are told again; of what is left out after that, a line of its own says how many, every 10 s.
        for (let i = 0; i < 30; i++) world.send(`10.1.0.${i}`, "7000")
        expect(world.told()).toHaveLength(20)
        world.pass(9999)
        expect(world.told()).toEqual([])
        world.pass(1)
        expect(world.told()).toEqual(["suppressed 10"])
        // And at the end, however soon that comes.
        for (let i = 0; i < 1000; i++) world.send(`10.2.${i >> 8}.${i & 255}`, "7000")
        world.told()
        world.perform(world.engine.step({ type: "end" }, world.now))
        expect(world.told()).toEqual(["suppressed 900"])
        expect(world.engine.step({ type: "end" }, world.now)).toEqual([])
    })

    it("says of how many sources it left reports out, and of which kinds", () => {
        const world = new World(config([ssh]))
        for (let i = 0; i < 3000; i++) world.send(`10.0.${i >> 8}.${i & 255}`, "7000")
        for (let i = 0; i < 3000; i++) world.send(`10.0.${i >> 8}.${i & 255}`, "9")
        world.pass(1000)
        const said = world.reports.find((report) => report.type === "suppressed")
        expect(said?.ms).toBe(1000)
        // The table has 1024 places: whoever lost his has no attempt to spoil.
        expect(said?.kinds.map(({ kind }) => kind)).toEqual(["stage", "spoiled"])
        expect(said?.kinds[0]?.count).toBe(2900)
        expect(said?.sources).toBeGreaterThan(2700)
        expect(said?.sources).toBeLessThan(3100)
    })

    it("tells a knocker's further stages while a flood of first hits goes on", () => {
        const world = new World(config([ssh]))
        for (let i = 0; i < 5000; i++) world.send(`10.0.${i >> 8}.${i & 255}`, "7000")
        world.told()
        world.knock("192.0.2.7", HITS)
        const said = world.told().filter((line) => line.includes("192.0.2.7"))
        expect(said).toEqual(["stage 2/3 ssh 192.0.2.7", "stage 3/3 ssh 192.0.2.7", "opened ssh 192.0.2.7"])
    })

    it("leaves one noisy source out, not those beside it", () => {
        const world = new World(config([ssh]))
        for (let i = 0; i < 500; i++) world.knock("203.0.113.5", ["7000", "9"], 1)
        expect(world.told().length).toBeLessThan(40)
        world.knock("192.0.2.7", ["7000"])
        expect(world.told()).toContain("stage 1/3 ssh 192.0.2.7")
    })

    it("tells every grant to whoever keeps books, and to people as many as they can read", () => {
        const open = { ...ssh, for: 60_000 }
        const world = new World(config([open], { grants: 4096 }))
        for (let i = 0; i < 4000; i++) world.knock(`10.0.${i >> 8}.${i & 255}`, HITS, 0)
        const opened = world.reports.filter(({ type }) => type === "opened")
        expect(opened).toHaveLength(4000)
        const aloud = world.aloud.filter(({ type }) => type === "opened")
        expect(aloud.length).toBe(1000)
        world.pass(1000)
        const said = world.aloud.find((report) => report.type === "suppressed")
        expect(said?.kinds).toContainEqual({ kind: "opened", count: 3000 })
    })
})

describe("Engine, shares", () => {
    it("leaves room for others when one IPv6 network knocks from all its addresses", () => {
        const world = new World(config([ssh], { grants: 160 }))
        for (let i = 0; i < 300; i++) world.knock(`2001:db8::${i.toString(16)}`, HITS, 1)
        expect(world.open()).toHaveLength(10)
        expect(world.reports.filter((report) => report.type === "refused").map(({ code }) => code)).toContain("share")
        world.knock("2001:db8:1::7", HITS)
        world.knock("192.0.2.7", HITS)
        expect(world.open()).toHaveLength(12)
        // Grants end, and the share is free again.
        world.pass(31_000)
        world.knock("2001:db8::ffff", HITS)
        expect(world.open()).toEqual(["2001:db8::ffff tcp/22"])
    })
})

describe("Engine, programs", () => {
    it("runs start once and stop some time after start ended, a renewal moves the stop", () => {
        const world = new World(config([{ ...ssh, command }]))
        world.knock("192.0.2.7", HITS, 0)
        world.knock("192.0.2.7", HITS, 0)
        expect(world.runs.splice(0)).toEqual(["start ssh 192.0.2.7"])
        world.ends("start", "ssh", "192.0.2.7")
        world.pass(9000)
        world.knock("192.0.2.7", HITS, 0)
        world.pass(9999)
        expect(world.runs).toEqual([])
        world.pass(1)
        expect(world.runs.splice(0)).toEqual(["stop ssh 192.0.2.7"])
        world.ends("stop", "ssh", "192.0.2.7")
        world.pass(60_000)
        expect(world.runs).toEqual([])
        expect(world.engine.facts().leases).toEqual([])
    })

    it("tells whenever the time to run stop changes, and only then", () => {
        const world = new World(config([{ ...ssh, command }]))
        world.knock("192.0.2.7", HITS, 0)
        expect(world.dues).toEqual([])
        world.ends("start", "ssh", "192.0.2.7")
        expect(world.dues.splice(0)).toEqual(["ssh 192.0.2.7 10000"])
        world.pass(4000)
        expect(world.dues).toEqual([])
        world.knock("192.0.2.7", HITS, 0)
        expect(world.dues.splice(0)).toEqual(["ssh 192.0.2.7 10000"])
        world.pass(10_000)
        world.ends("stop", "ssh", "192.0.2.7")
        expect(world.runs).toEqual(["start ssh 192.0.2.7", "stop ssh 192.0.2.7"])
        expect(world.dues).toEqual([])
    })

    it("runs what an earlier daemon has left to be stopped, once, and a knock moves it", () => {
        const world = new World(config([{ ...ssh, command }]))
        const leave = (source: string, left: number) =>
            world.perform(
                world.engine.step(
                    { type: "unfinished", door: world.engine.config.doors[0]!, source: parseAddress(source)!, left },
                    world.now,
                ),
            )
        leave("192.0.2.7", 0)
        leave("192.0.2.8", 3000)
        leave("192.0.2.9", 3000)
        expect(world.runs).toEqual([])
        world.pass(0)
        expect(world.runs.splice(0)).toEqual(["stop ssh 192.0.2.7"])
        world.knock("192.0.2.9", HITS, 0)
        world.pass(3000)
        expect(world.runs.splice(0)).toEqual(["stop ssh 192.0.2.8"])
        world.pass(7000)
        expect(world.runs.splice(0)).toEqual(["stop ssh 192.0.2.9"])
        for (const source of ["192.0.2.7", "192.0.2.8", "192.0.2.9"]) world.ends("stop", "ssh", source)
        world.pass(60_000)
        expect(world.runs).toEqual([])
        expect(world.engine.facts().leases).toEqual([])
    })

    it("remembers what is left to be stopped also beyond what it may have open", () => {
        const world = new World(config([{ ...ssh, command }], { grants: 1 }))
        for (const source of ["192.0.2.7", "192.0.2.8"]) {
            const event = {
                type: "unfinished",
                door: world.engine.config.doors[0]!,
                source: parseAddress(source)!,
                left: 5000,
            } as const
            world.perform(world.engine.step(event, world.now))
        }
        expect(world.runs).toEqual([])
        world.pass(5000)
        expect(world.runs).toEqual(["stop ssh 192.0.2.7", "stop ssh 192.0.2.8"])
    })

    it("stops early on a closing knock, also while start is still running", () => {
        const close = { name: "close", hits: ["1", "2"], closes: ["ssh"] }
        const world = new World(config([{ ...ssh, command }, close]))
        world.knock("192.0.2.7", HITS, 0)
        world.knock("192.0.2.7", ["1", "2"], 0)
        expect(world.runs.splice(0)).toEqual(["start ssh 192.0.2.7"])
        world.ends("start", "ssh", "192.0.2.7")
        expect(world.runs.splice(0)).toEqual(["stop ssh 192.0.2.7"])
    })

    it("runs a door without services and without stop at each knock, never twice at once", () => {
        const wake = { name: "wake", hits: HITS, command: { ...command, stop: null } }
        const world = new World(config([wake]))
        world.knock("192.0.2.7", HITS, 0)
        world.knock("192.0.2.7", HITS, 0)
        expect(world.runs).toEqual(["start wake 192.0.2.7"])
        world.ends("start", "wake", "192.0.2.7")
        // Replayed as often as anybody likes: not within a second of its end.
        for (let i = 0; i < 9; i++) {
            world.pass(110)
            world.knock("192.0.2.7", HITS, 0)
        }
        expect(world.runs).toHaveLength(1)
        world.pass(10)
        expect(world.engine.facts().leases).toEqual([])
        world.knock("192.0.2.7", HITS, 0)
        expect(world.runs).toEqual(["start wake 192.0.2.7", "start wake 192.0.2.7"])
    })
})

describe("Engine, properties", () => {
    const source = fc.constantFrom("192.0.2.1", "192.0.2.2", "2001:db8::1")
    const close = { name: "close", hits: ["3", "2", "1"], closes: ["ssh", "web"] }
    const web = { name: "web", opens: ["tcp/80", "tcp/22"], hits: ["1", "2", "3"], for: 5000, command }
    const doors = [{ ...ssh, for: 2000, command }, web, close]
    const act = fc.oneof(
        { weight: 5, arbitrary: fc.record({ source, hits: fc.constantFrom(HITS, web.hits, close.hits) }) },
        {
            weight: 3,
            arbitrary: fc.record({
                source,
                hits: fc.array(fc.constantFrom("1", "2", "3", "9", ...HITS), { maxLength: 4 }),
            }),
        },
        {
            weight: 3,
            arbitrary: fc.record({ pass: fc.constantFrom(0, 1, 500, 1999, 2000, 2001, 5000, 9999, 10_000, 20_000) }),
        },
        {
            weight: 3,
            arbitrary: fc.record({
                ends: fc.constantFrom("start" as const, "stop" as const),
                door: fc.constantFrom("ssh", "web"),
                source,
            }),
        },
        { weight: 1, arbitrary: fc.record({ firewall: fc.boolean() }) },
    )

    it("closes every grant once, runs every start and stop in turn, and ends with nothing open", () => {
        let opened = 0
        fc.assert(
            fc.property(fc.array(act, { minLength: 1, maxLength: 40 }), (acts) => {
                const world = new World(config(doors))
                for (const a of acts) {
                    if ("hits" in a) world.knock(a.source, a.hits, 1)
                    else if ("pass" in a) world.pass(a.pass)
                    else if ("ends" in a) world.ends(a.ends, a.door, a.source)
                    else world.firewallWorks = a.firewall
                }
                // Everything that still runs ends, then all time passes.
                for (let i = 0; i < 6; i++) {
                    for (const s of ["192.0.2.1", "192.0.2.2", "2001:db8::1"]) {
                        for (const door of ["ssh", "web"])
                            for (const w of ["start", "stop"] as const) world.ends(w, door, s)
                    }
                    world.pass(30_000)
                }
                expect(world.open()).toEqual([])
                expect(world.engine.facts().leases).toEqual([])
                expect(world.engine.nextDeadline()).toBeNull()
                const balance = new Map<string, number>()
                for (const report of world.reports) {
                    if (report.type !== "opened" && report.type !== "closed") continue
                    if (report.type === "opened" && report.renewed) continue
                    const k = `${report.door} ${report.source.join()}`
                    balance.set(k, (balance.get(k) ?? 0) + (report.type === "opened" ? 1 : -1))
                    if (report.type === "opened") opened++
                }
                expect([...balance.values()].every((n) => n === 0)).toBe(true)
                for (const s of ["192.0.2.1", "192.0.2.2", "2001:db8::1"]) {
                    for (const door of ["ssh", "web"]) {
                        const mine = world.runs
                            .filter((run) => run.endsWith(` ${door} ${s}`))
                            .map((run) => run.split(" ")[0])
                        expect(mine.every((which, i) => which === (i % 2 === 0 ? "start" : "stop"))).toBe(true)
                        expect(mine.length % 2).toBe(0)
                    }
                }
            }),
            { numRuns: 1000 },
        )
        expect(opened).toBeGreaterThan(1000)
    })

    it("gives a source the same fate whatever other sources do", () => {
        const hits = fc.array(fc.constantFrom("1", "2", "3", "9", ...HITS), { maxLength: 12 })
        let opened = 0
        fc.assert(
            fc.property(hits, fc.array(hits, { maxLength: 6 }), fc.nat(5), (mine, noise, at) => {
                const fate = (others: readonly string[][]) => {
                    const world = new World(config(doors))
                    const all = [...mine.slice(0, at), ...HITS, ...mine.slice(at)]
                    all.forEach((hit, i) => {
                        for (const other of others[i % Math.max(1, others.length)] ?? [])
                            world.send("203.0.113.5", other)
                        world.send("192.0.2.1", hit)
                        world.pass(7)
                    })
                    // Lines about attempts share one budget; what opens and closes does not.
                    return world.told().filter((line) => /^(opened|closed).* 192\.0\.2\.1$/.test(line))
                }
                const alone = fate([])
                opened += alone.filter((line) => line.startsWith("opened")).length
                expect(fate(noise)).toEqual(alone)
            }),
            { numRuns: 500 },
        )
        expect(opened).toBeGreaterThan(400)
    })
})
