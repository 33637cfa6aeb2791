/** An engine that takes over from another: what stays, what ends, and that nothing opens by it. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parseAddress, parseNetwork } from "../../../src/core/net/address.ts"
import { config, World } from "./world.ts"

const HITS = ["7000", "8000:udp", "9000"]
const WEB = ["1000", "2000", "3000"]
const command = { start: ["/bin/start"], stop: ["/bin/stop"], after: 5000, timeout: 1000 }
const ssh = { name: "ssh", opens: ["tcp/22"], hits: HITS, within: 1000 }
const web = { name: "web", opens: ["tcp/443", "udp/443"], hits: WEB, for: 60_000, command }
const wake = { name: "wake", hits: ["4", "5"], command }
const me = "192.0.2.7"
const other = "2001:db8::8"

const grant = (world: World, name: string, source: string, ms: number) => {
    const door = world.engine.config.doors.find((one) => one.name === name)!
    world.perform(world.engine.step({ type: "grant", door, source: parseAddress(source)!, ms, uid: 1000 }, world.now))
}

describe("Engine.succeed(), attempts", () => {
    it("lets half a knock go on, with the window it has", () => {
        const world = new World(config([ssh, web]))
        world.knock(me, HITS.slice(0, 2), 400)
        world.knock(other, HITS.slice(0, 2), 0)
        world.told()
        // In another order, and among others.
        world.reload(config([{ ...wake }, web, ssh], { attempts: 2048 }))
        expect(world.told()).toEqual([])
        const standing = world.engine
            .attempts(10, world.now)
            .live.map(({ door, stage, left }) => `${door} ${stage} ${left}`)
        expect(standing.toSorted()).toEqual(["ssh 2 1000", "ssh 2 200"])
        world.send(me, "9000")
        expect(world.open()).toEqual([`${me} tcp/22`])
        world.pass(2000)
        expect(world.told()).toContain(`timeout 2/3 ssh ${other}`)
        world.send(other, "9000")
        expect(world.open()).toEqual([`${me} tcp/22`])
    })

    it("tells of a window that had passed, although its deadline had not come", () => {
        const world = new World(config([ssh]))
        world.send(me, HITS[0]!)
        world.told()
        world.now = 1001
        world.reload(config([ssh]))
        world.pass(100)
        expect(world.told()).toEqual([`timeout 1/3 ssh ${me}`])
    })

    it("keeps near-misses and pauses", () => {
        const world = new World(config([ssh]))
        for (let i = 0; i < 5; i++) world.knock(me, ["7000", "8000:udp", "1"])
        expect(world.told()).toContain(`paused ${me} 1000`)
        world.reload(config([ssh, web]))
        world.knock(me, HITS)
        expect(world.open()).toEqual([])
        world.pass(1000)
        // The sixth near-miss costs twice as much.
        world.knock(me, ["7000", "8000:udp", "1"])
        expect(world.told()).toContain(`paused ${me} 2000`)
    })

    it("takes hits that no sequence names any more for wrong ones, and forgets views that are gone", () => {
        const world = new World(config([ssh, web, { ...wake, target: ["203.0.113.80"] }]))
        const addresses = [parseAddress("198.51.100.1")!]
        world.perform(world.engine.step({ type: "addresses", addresses }, 0))
        world.knock(me, ["7000", "1000", "8000:udp"])
        world.knock(other, ["4"], 10, "203.0.113.80")
        world.reload(config([{ ...ssh, hits: ["8000:udp", "9000", "9001"] }]))
        // It is one that nobody has been told of.
        expect(world.engine.attempts(10, world.now).live).toEqual([])
        world.knock(me, ["9000", "9001"])
        expect(world.open()).toEqual([`${me} tcp/22`])
        expect(world.engine.facts().sources).toBe(1)
    })

    it("opens nothing that earlier hits complete, and what they have begun opens by its last hit", () => {
        const world = new World(config([{ ...ssh, hits: ["1", "2", "3", "4"] }]))
        world.knock(me, ["1", "2", "3"])
        world.told()
        const longer = { ...web, hits: ["2", "3", "5"] }
        world.reload(config([{ ...ssh, hits: ["1", "2", "3"] }, longer]))
        expect([world.open(), world.told()]).toEqual([[], []])
        world.pass(20)
        world.send(me, "5")
        expect(world.open()).toEqual([`${me} tcp/443`, `${me} udp/443`])
    })

    it("goes on counting", () => {
        const world = new World(config([ssh]))
        world.knock(me, HITS)
        world.reload(config([ssh]))
        world.knock(me, HITS)
        expect(world.engine.facts().counts).toMatchObject({ hits: 6 })
    })
})

describe("Engine.succeed(), grants", () => {
    const moved = { ...ssh, hits: ["11", "12"], within: 5000, for: 90_000, hide: true, flags: { set: 1, clear: 0 } }
    it.each([
        ["nothing else", ssh, true],
        ["another knock, other times, hidden", moved, true],
        ["the same source still allowed", { ...ssh, sources: ["192.0.2.0/24"] }, true],
        ["the source no longer allowed", { ...ssh, sources: ["198.51.100.0/24"] }, false],
        ["another service", { ...ssh, opens: ["tcp/23"] }, false],
        ["one service more", { ...ssh, opens: ["tcp/22", "tcp/23"] }, false],
        ["a program now", { ...ssh, command }, false],
        ["another name", { ...ssh, name: "sshd" }, false],
    ])("of a door with %s", (_, door, kept) => {
        const world = new World(config([ssh, web]))
        world.knock(me, HITS, 0)
        world.pass(10_000)
        world.told()
        world.reload(config([web, door]))
        expect(world.open()).toEqual(kept ? [`${me} tcp/22`] : [])
        expect(world.told()).toEqual(kept ? [] : [`closed reload ssh ${me}`])
        world.pass(19_999)
        expect(world.open()).toEqual(kept ? [`${me} tcp/22`] : [])
        world.pass(1)
        expect(world.told()).toEqual(kept ? [`closed time ssh ${me}`] : [])
        expect(world.engine.facts().leases).toEqual([])
    })

    it("leaves what a door that stays has opened, too, the time that it has left", () => {
        const both = { ...web, name: "both", opens: ["tcp/22", "tcp/443"], command: null }
        const world = new World(config([ssh, both]))
        world.pass(100_000)
        world.knock(me, WEB, 0)
        world.knock(me, HITS, 0)
        world.pass(10_000)
        world.reload(config([both]))
        expect(world.told()).toContain(`closed reload ssh ${me}`)
        expect(world.kernel.get(`${me} tcp/22`)).toBe(160_000)
    })

    it("keeps who was let in by hand or found, whatever `sources` says", () => {
        const world = new World(config([ssh]))
        grant(world, "ssh", me, 60_000)
        const element = { source: parseNetwork(other)!, service: { protocol: "tcp", port: 22 }, once: false } as const
        world.kernel.set(`${other} tcp/22`, 60_000)
        world.perform(world.engine.step({ type: "found", grants: [{ element, left: 60_000, used: false }] }, 0))
        world.reload(config([{ ...ssh, sources: ["198.51.100.0/24"] }]))
        expect(world.open()).toEqual([`${me} tcp/22`, `${other} tcp/22`])
        world.reload(config([{ ...web, name: "ssh" }]))
        expect(world.open()).toEqual([])
    })

    it("leaves a service open for as long as another door that stays says", () => {
        const both = { name: "both", opens: ["tcp/22", "tcp/80"], hits: ["1", "2"], for: 60_000 }
        const world = new World(config([ssh, both]))
        world.knock(me, ["1", "2"], 0)
        world.knock(me, HITS, 0)
        world.reload(config([ssh]))
        expect([...world.kernel]).toEqual([[`${me} tcp/22`, 30_000]])
        world.reload(config([web]))
        expect(world.open()).toEqual([])
    })

    it("lets a door that closes another find it", () => {
        const world = new World(config([ssh]))
        world.knock(me, HITS)
        world.reload(config([{ name: "close", hits: ["1", "2"], closes: ["ssh"] }, ssh]))
        world.knock(me, ["1", "2"])
        expect(world.open()).toEqual([])
        expect(world.told()).toContain(`closed knock ssh ${me}`)
    })

    it("keeps what is open when there is room for less, and takes no more", () => {
        const world = new World(config([ssh], { grants: 2 }))
        world.knock(me, HITS)
        world.knock("192.0.2.8", HITS)
        world.reload(config([ssh], { grants: 1 }))
        expect(world.open()).toHaveLength(2)
        world.knock(me, HITS)
        world.knock(other, HITS)
        expect(
            world
                .told()
                .filter((line) => /^(opened|refused)/.test(line))
                .slice(2),
        ).toEqual([`opened again ssh ${me}`, `refused grants ssh ${other}`])
    })
})

describe("Engine.succeed(), programs", () => {
    it("stops what a changed door has started by the old door's program, and starts the new one's anew", () => {
        const world = new World(config([web]))
        world.knock(me, WEB, 0)
        world.ends("start", "web", me)
        world.runs.splice(0)
        const after = config([{ ...web, command: { ...command, start: ["/bin/new"] } }])
        world.reload(after)
        expect(world.runs.splice(0)).toEqual([`stop web ${me}`])
        world.knock(me, WEB, 0)
        expect(world.runs.splice(0)).toEqual([`start web ${me}`])
        expect(world.engine.facts().leases.map(({ door, errand }) => [door === after.doors[0], errand.phase])).toEqual([
            [false, "stopping"],
            [true, "starting"],
        ])
        // Each end finds the lease that it is of.
        world.ends("stop", "web", me)
        world.ends("start", "web", me)
        expect(world.engine.facts().leases).toMatchObject([
            { errand: { phase: "resting" } },
            { errand: { phase: "started" } },
        ])
        world.pass(60_000)
        expect(world.runs).toEqual([`stop web ${me}`])
        world.ends("stop", "web", me)
        world.pass(1000)
        expect(world.engine.facts().leases).toEqual([])
    })

    it("stops what is only just starting when that has ended, and keeps what goes on at the same door", () => {
        const world = new World(config([wake, web]))
        world.knock(me, ["4", "5"])
        world.knock(other, WEB)
        world.reload(config([web]))
        expect(world.runs.splice(0)).toEqual([`start wake ${me}`, `start web ${other}`])
        world.ends("start", "wake", me)
        expect(world.runs.splice(0)).toEqual([`stop wake ${me}`])
        world.ends("start", "web", other)
        world.reload(config([web, wake]))
        expect(world.runs).toEqual([])
        world.ends("stop", "wake", me)
        world.pass(5000)
        expect(world.runs).toEqual([`stop web ${other}`])
    })
})

describe("Engine.succeed(), commands of knockd", () => {
    const old = { name: "old", hits: ["4:udp"], strict: false, command: { ...command, shell: true } }
    const changed = { ...old, command: { ...old.command, stop: ["/bin/other"] } }

    it.each([
        ["is no more", web],
        ["has others now", changed],
    ])("stops at its time what a door began that %s", (_, door) => {
        const world = new World(config([old, web]))
        world.knock(me, ["4:udp"], 0)
        world.ends("start", "old", me)
        world.knock(other, ["4:udp"], 0)
        expect(world.runs.splice(0)).toEqual([`start old ${me}`, `start old ${other}`])
        world.reload(config([door]))
        world.ends("start", "old", other)
        world.pass(4999)
        expect(world.runs).toEqual([])
        world.pass(1)
        expect(world.runs.splice(0)).toEqual([`stop old ${me}`, `stop old ${other}`])
        world.ends("stop", "old", me)
        world.ends("stop", "old", other)
        expect(world.engine.facts().leases).toEqual([])
        expect(world.told().filter((line) => line.startsWith("closed"))).toEqual([])
    })
})

const SOURCES = ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
const DOORS = [ssh, web, wake]
const KNOCKS = DOORS.map(({ hits }) => hits)
/** Whole knocks, halves, noise, and time that passes by windows, deadlines and grants. */
const act = fc.oneof(
    { weight: 4, arbitrary: fc.record({ source: fc.constantFrom(...SOURCES), hits: fc.constantFrom(...KNOCKS) }) },
    {
        weight: 4,
        arbitrary: fc.record({
            source: fc.constantFrom(...SOURCES),
            hits: fc.subarray([...HITS, ...WEB, "4", "5", "6"], { minLength: 1, maxLength: 3 }),
        }),
    },
    { weight: 3, arbitrary: fc.constantFrom(1, 31, 32, 999, 1000, 1001, 5000, 29_000) },
    {
        weight: 2,
        arbitrary: fc.record({
            ends: fc.constantFrom("start" as const, "stop" as const),
            door: fc.constantFrom("web", "wake"),
            source: fc.constantFrom(...SOURCES),
        }),
    },
)
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never

/** Everything that came of the acts, each with its time; what comes at one time in no order. */
function play(acts: readonly Act[], reload: (world: World, at: number) => void) {
    const world = new World(config(DOORS))
    const came: string[] = []
    const note = () => {
        for (const line of [...world.told(), ...world.runs.splice(0), ...world.dues.splice(0)].toSorted())
            came.push(`${world.now} ${line}`)
    }
    acts.forEach((one, at) => {
        reload(world, at)
        note()
        if (typeof one === "number") {
            // Deadline by deadline: what they bring has its time.
            for (const end = world.now + one; world.now < end; ) {
                const due = Math.min(end, Math.max(world.now, world.engine.nextDeadline() ?? end))
                world.pass(due - world.now)
                note()
                if (due < end && due === world.now) world.pass(Math.min(1, end - world.now))
                note()
            }
        } else if ("hits" in one) world.knock(one.source, one.hits, 5)
        else world.ends(one.ends, one.door, one.source)
        note()
    })
    const { live } = world.engine.attempts(100, world.now)
    const kernel = [...world.kernel].map(([key, until]) => `${key} ${until}`).toSorted()
    const standing = live.map((attempt) => JSON.stringify(attempt)).toSorted()
    return { came, kernel, standing, counts: world.engine.facts().counts }
}

describe("Engine.succeed(), whatever has come before", () => {
    it("changes nothing where the configuration is the same", () => {
        const seen = { opened: 0, across: 0 }
        fc.assert(
            fc.property(fc.array(act, { minLength: 2, maxLength: 30 }), fc.nat(), (acts, seed) => {
                const at = seed % acts.length
                const plain = play(acts, () => {})
                let attempts = 0
                const other = play(acts, (world, now) => {
                    if (now !== at) return
                    attempts = world.engine.attempts(10, world.now).total
                    world.reload(config(DOORS))
                })
                expect(other).toEqual(plain)
                if (plain.came.some((line) => line.includes(" opened "))) seen.opened++
                if (attempts > 0) seen.across++
            }),
            { numRuns: 150 },
        )
        expect(seen.opened).toBeGreaterThan(50)
        expect(seen.across).toBeGreaterThan(8)
    })

    it("leaves doors that stay as they are, whatever becomes of another", () => {
        const seen = { opened: 0, ended: 0 }
        const change = fc.constantFrom(
            { ...web, opens: ["tcp/80"] },
            { ...web, sources: ["192.0.2.1/32"] },
            { ...web, command: { ...command, after: 100 } },
            { ...web, for: 1000 },
        )
        fc.assert(
            fc.property(fc.array(act, { minLength: 2, maxLength: 30 }), fc.nat(), change, (acts, seed, changed) => {
                const plain = play(acts, () => {})
                const other = play(acts, (world, now) => {
                    if (now === seed % acts.length) world.reload(config([wake, ssh, changed]))
                })
                for (const name of ["ssh", "wake"])
                    expect(other.came.filter(about(name))).toEqual(plain.came.filter(about(name)))
                expect(other.kernel.filter(ofSsh)).toEqual(plain.kernel.filter(ofSsh))
                if (plain.came.some((line) => line.includes("opened ssh"))) seen.opened++
                if (other.came.some((line) => line.includes("closed reload web"))) seen.ended++
            }),
            { numRuns: 150 },
        )
        expect(seen.opened).toBeGreaterThan(25)
        expect(seen.ended).toBeGreaterThan(10)
    })

    it("opens nothing and starts nothing, whatever the new doors are", () => {
        let complete = 0
        const pool = ["1", "2", "3"]
        const sequence = fc.array(fc.constantFrom(...pool), { minLength: 2, maxLength: 4 })
        const doors = fc
            .array(sequence, { minLength: 1, maxLength: 4 })
            .map((all) => config(all.map((hits, i) => ({ name: `d${i}`, opens: [`tcp/${22 + i}`], hits, command }))))
        const sent = fc.array(fc.constantFrom(...pool), { minLength: 1, maxLength: 8 })
        fc.assert(
            fc.property(doors, doors, sent, (before, after, hits) => {
                const world = new World(before)
                world.knock(me, hits, 2000)
                const open = new Set(world.open())
                world.told()
                world.runs.splice(0)
                world.reload(after)
                expect(world.open().filter((element) => !open.has(element))).toEqual([])
                expect(world.told().filter((line) => !line.startsWith("closed reload"))).toEqual([])
                expect(world.runs.filter((run) => run.startsWith("start"))).toEqual([])
                const text = ` ${hits.join(" ")}`
                const ends = after.doors.some(({ sequence: s }) =>
                    text.endsWith(` ${s!.hits.map(({ port }) => port).join(" ")}`),
                )
                if (ends) complete++
            }),
            { numRuns: 400 },
        )
        expect(complete).toBeGreaterThan(15)
    })
})

function about(name: string): (line: string) => boolean {
    return (line) => line.includes(` ${name} `)
}

function ofSsh(line: string): boolean {
    return line.includes("tcp/22")
}
