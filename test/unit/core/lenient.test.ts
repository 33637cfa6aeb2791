/**
 * Doors that are not strict: each looks at the hits of its own sequence and at nothing else (spec/knockd.md). The cases
 * are those in which knockd 0.8 was watched (vectors/knockd/scenarios.jsonl); each says where we do better.
 */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ACK, RST, SYN } from "../../../src/core/net/packet.ts"
import { config, World } from "./world.ts"

const A = "192.0.2.7"
const B = "192.0.2.8"
const loose = { strict: false, within: 5000, flags: { set: SYN, clear: 0 } }
const open = { name: "open", hits: ["7000", "8000", "9000"], opens: ["tcp/22"], ...loose }
const close = { name: "close", hits: ["9000", "8000", "7000"], closes: ["open"], ...loose }
const web = { name: "web", hits: ["12345", "54321", "24680", "13579"], opens: ["tcp/443"], ...loose }
const DEBIAN = [open, close, web]
const named = (name: string, hits: string, port: string) =>
    ({ name, hits: hits.split(" "), opens: [`tcp/${port}`], ...loose }) as const

function knocked(doors: Parameters<typeof config>[0], hits: readonly string[], gap = 10): string[] {
    const world = new World(config(doors))
    world.knock(A, hits, gap)
    return world.told()
}

const whole = ["stage 1/3 open", "stage 2/3 open", "stage 3/3 open", "opened open"].map((what) => `${what} ${A}`)

describe("an engine of doors that are not strict", () => {
    it("opens at the right knock, and says nothing of the door that its last hit could begin", () => {
        expect(knocked(DEBIAN, ["7000", "8000", "9000"])).toEqual(whole)
    })

    it("does not see ports of no door, nor those of others: knockd's knock failed by those", () => {
        expect(knocked(DEBIAN, ["7000", "1234", "8000", "22", "5555:udp", "9000"])).toEqual(whole)
        const told = knocked(DEBIAN, ["7000", "12345", "8000", "9000"])
        expect(told.filter((line) => !line.includes(" web "))).toEqual(whole)
        expect(told).toContain(`stage 1/4 web ${A}`)
    })

    it("forgives a hit that comes twice, wherever: knockd's knock failed by that", () => {
        for (const hits of ["7000 7000 8000 9000", "7000 8000 8000 9000", "7000 8000 9000 9000"])
            expect(knocked([open], hits.split(" "))).toEqual(whole)
    })

    it("begins the window anew with a first hit that comes again", () => {
        const world = new World(config([open]))
        for (const hit of ["7000", "7000", "7000"]) {
            world.send(A, hit)
            world.pass(700)
        }
        world.pass(3500)
        world.knock(A, ["8000", "9000"])
        expect(world.told()).toEqual(whole)
    })

    it("takes the hit that a knock failed by as the first of the next: knockd spent it", () => {
        const told = knocked([open], ["7000", "9000", "7000", "8000", "9000"])
        expect(told.slice(-4)).toEqual(whole)
        const again = knocked(DEBIAN, ["7000", "8000", "7000", "8000", "9000"])
        expect(again.filter((line) => line.startsWith("opened"))).toEqual([`opened open ${A}`])
    })

    it("ignores packets whose flags are not the door's", () => {
        const world = new World(config([{ ...open, flags: { set: SYN, clear: ACK } }]))
        world.send(A, "7000")
        for (const flags of [ACK, RST, SYN | ACK]) world.send(A, "7000", undefined, flags)
        world.knock(A, ["8000", "9000"])
        expect(world.told()).toEqual(whole)
    })

    it("keeps the attempts of two sources, and of doors with one beginning, apart: knockd forgot them", () => {
        const world = new World(config(DEBIAN))
        for (const hit of ["7000", "8000", "9000"]) for (const source of [A, B]) world.send(source, hit)
        expect(world.open()).toEqual([`${A} tcp/22`, `${B} tcp/22`])
        const doors = [named("p2", "1000 2000", "2"), named("p3", "1000 2000 3000", "3"), named("q", "1000 5000", "5")]
        const prefixes = new World(config(doors))
        prefixes.knock(A, ["1000", "2000", "3000"])
        prefixes.knock(B, ["1000", "5000"])
        expect(prefixes.open()).toEqual([`${A} tcp/2`, `${A} tcp/3`, `${B} tcp/5`])
    })

    it("recognises one knock after another, and uses the hits of each once", () => {
        const world = new World(config([{ ...open, hits: ["1", "2", "1"], opens: [], command }]))
        const started = () => world.reports.filter((report) => "stage" in report && report.stage === 3).length
        world.knock(A, ["1", "2", "1"])
        expect(started()).toBe(1)
        // The last hit of one knock is not the first of the next.
        world.knock(A, ["2", "1"])
        expect(started()).toBe(1)
        world.knock(A, ["2", "1"])
        expect(started()).toBe(2)
    })

    it("takes hand-made packets that are all alike, and forgives a packet that is sent again late", () => {
        const world = new World(config([{ ...open, opens: [], command }]))
        world.alike = true
        for (let i = 1; i <= 3; i++) {
            world.knock(A, ["7000", "8000", "9000"])
            expect(world.tally.door("open").knocks).toBe(i)
        }
        world.knock(A, ["7000", "9000", "7000", "8000", "9000"])
        expect(world.tally.door("open").knocks).toBe(4)
        world.knock(A, ["7000", "8000", "7000", "9000"], 1600)
        expect(world.tally.door("open").knocks).toBe(5)
    })

    it("opens a door of one hit at every hit", () => {
        const world = new World(config([{ ...open, hits: ["1000"] }]))
        world.knock(A, ["1000", "1000", "1000"], 100)
        expect(world.told()).toEqual(
            [1, 2, 3].flatMap((n) => [`stage 1/1 open ${A}`, `opened${n > 1 ? " again" : ""} open ${A}`]),
        )
    })

    it("pauses nobody, however often a knock goes wrong", () => {
        const world = new World(config([open]))
        for (let i = 0; i < 50; i++) world.knock(A, ["7000", "8000", "7000"], 1600)
        world.told()
        world.knock(A, ["7000", "8000", "9000"])
        expect(world.told().at(-1)).toBe(`opened open ${A}`)
    })

    it("says when a window has passed, but not of attempts that nobody meant", () => {
        const world = new World(config(DEBIAN))
        world.knock(A, ["7000", "8000", "9000"])
        world.told()
        world.pass(6000)
        expect(world.told()).toEqual([])
        world.send(A, "9000")
        world.pass(6000)
        expect(world.told()).toEqual([`stage 1/3 close ${A}`, `timeout 1/3 close ${A}`])
    })

    it("keeps what was begun when the configuration changes elsewhere", () => {
        const world = new World(config(DEBIAN))
        world.knock(A, ["7000", "8000"])
        world.reload(config([web, open]))
        world.knock(A, ["9000"])
        expect(world.told().at(-1)).toBe(`opened open ${A}`)
    })

    it("opens once for a sequence that is good once, until there is another", () => {
        const world = new World(config([{ ...open, once: true }]))
        world.knock(A, ["7000", "8000", "9000"])
        expect(world.told().at(-1)).toBe(`opened open ${A}`)
        world.knock(B, ["7000", "8000", "9000"])
        expect(world.told().at(-1)).toBe(`refused used open ${B}`)
        expect(world.open()).toEqual([`${A} tcp/22`])
        world.spent.clear()
        world.reload(config([{ ...open, once: true, hits: ["1", "2", "3"] }]))
        world.knock(B, ["7000", "8000", "9000", "1", "2", "3"])
        expect(world.told().at(-1)).toBe(`opened open ${B}`)
    })

    it("has room for more doors than a byte can count", () => {
        const doors = Array.from({ length: 600 }, (_, i) => ({
            ...open,
            name: `d${i}`,
            hits: [`${1000 + i}`, `${3000 + i}`, `${5000 + i}`],
        }))
        const world = new World(config(doors, { attempts: 16_384 }))
        for (let stage = 1; stage <= 3; stage++)
            for (let i = 0; i < 600; i++) world.send(A, `${stage * 2000 - 1000 + i}`)
        expect(world.reports.filter(({ type }) => type === "opened")).toHaveLength(600)
    })

    it("opens whatever the strict one opens, and what a plain reading of the rule opens", () => {
        const hit = fc.constantFrom("1", "2", "3", "4:udp", "9")
        let opened = 0
        fc.assert(
            fc.property(
                fc.array(hit, { minLength: 1, maxLength: 4 }),
                fc.array(hit, { maxLength: 30 }),
                (hits, sent) => {
                    // Twice the same in a row is a repeat, unless the sequence insists: said elsewhere.
                    const trace = sent.filter((text, i) => text !== sent[i - 1])
                    fc.pre(hits.every((text, i) => text !== hits[i - 1]))
                    const strict = new World(config([{ ...open, hits, strict: true }]))
                    const world = new World(config([{ ...open, hits }]))
                    let seen: string[] = []
                    let times = 0
                    for (const text of trace) {
                        strict.send(A, text)
                        world.send(A, text)
                        if (!hits.includes(text)) continue
                        if (text !== seen.at(-1)) seen.push(text)
                        if (seen.length >= hits.length && hits.every((h, i) => h === seen.at(i - hits.length))) {
                            times++
                            seen = []
                        }
                    }
                    const [loosely, strictly] = [world, strict].map((one) => one.tally.door("open").knocks)
                    expect(loosely).toBe(times)
                    expect(times > 0 || strictly === 0).toBe(true)
                    opened += times
                },
            ),
            { numRuns: 600 },
        )
        expect(opened).toBeGreaterThan(100)
    })
})

describe("an engine of doors that allow duplicates", () => {
    const patient = { ...open, knockd: { duplicates: true } }

    it("takes the last hit again for none, however late within the window: others fail by it", () => {
        const late = (door: typeof open) => {
            const world = new World(config([door]))
            world.send(A, "7000")
            world.send(A, "8000")
            world.pass(4000)
            world.send(A, "8000")
            world.send(A, "9000")
            return world.told().at(-1)
        }
        expect(late(patient)).toBe(`opened open ${A}`)
        expect(late(open)).toBe(`spoiled 2/3 open ${A}`)
    })

    it("but no earlier hit of the attempt: knocking through all orders opens nothing", () => {
        expect(knocked([patient], ["7000", "8000", "7000", "9000"]).at(-1)).toBe(`spoiled 1/3 open ${A}`)
        expect(
            knocked([patient], "8000 9000 7000 8000 7000 9000".split(" ")).some((line) => line.startsWith("open")),
        ).toBe(false)
    })

    it("counts the same hit twice running where the sequence has it so", () => {
        const twice = { ...patient, hits: ["7000", "7000", "8000"] }
        const started = (hits: string) => knocked([twice], hits.split(" "), 1600).at(-1)
        expect(started("7000 7000 8000")).toBe(`opened open ${A}`)
        expect(started("7000 7000 7000 8000")).toBe(`opened open ${A}`)
        expect(started("7000 8000")).toMatch(/^spoiled/)
    })

    it("begins the window anew with a first hit that comes again, and ends it when it has passed", () => {
        const world = new World(config([patient]))
        world.knock(A, ["7000"], 4000)
        world.knock(A, ["7000"], 4000)
        world.knock(A, ["8000", "9000"])
        expect(world.told().at(-1)).toBe(`opened open ${A}`)
        const loop = { ...patient, hits: ["1", "2", "1", "3"] }
        const other = new World(config([loop]))
        other.knock(A, ["1", "2", "1"], 100)
        // Without a tick in between: the window is over all the same, so this is the first hit of the next knock.
        other.now += 6000
        other.knock(A, ["1", "2", "1", "3"], 100)
        expect(other.told().at(-1)).toBe(`opened open ${A}`)
    })
})

describe("an engine of strict doors in knockd's place", () => {
    const strict = { ...open, strict: true, knockd: {} }

    it("ends the attempt at every other hit, which other doors do not see", () => {
        for (const wrong of ["1234", "23", "8000:udp", "9000"]) {
            const told = knocked([strict], ["7000", wrong, "8000", "9000"])
            expect(told[1]).toBe(`spoiled 1/3 open ${A}`)
            expect(told.some((line) => line.startsWith("opened"))).toBe(false)
        }
        const both = knocked([strict, { ...web, hits: open.hits }], ["7000", "1234", "8000", "9000"])
        expect(both.filter((line) => line.startsWith("opened"))).toEqual([`opened web ${A}`])
    })

    it("is not spoiled by pings, by other flags, by what this host offers, or by what comes twice", () => {
        const world = new World(config([strict]))
        const offered = [{ protocol: "tcp", port: 443 } as const]
        world.perform(world.engine.step({ type: "offered", services: offered }, 0))
        world.send(A, "7000")
        for (const hit of ["icmp:56", "443", "7000"]) world.send(A, hit)
        world.send(A, "1234", undefined, ACK)
        world.knock(A, ["8000", "8000", "9000"])
        expect(world.told()).toEqual(whole)
    })

    it("opens at the next right knock, whatever went wrong before, and uses its hits up", () => {
        const world = new World(config([{ ...strict, hits: ["1", "2", "1"], opens: [], command }]))
        const knocks = () => world.tally.door("open").knocks
        world.alike = true
        for (let i = 0; i < 50; i++) world.knock(A, ["1", "2", "3"], 1600)
        expect(world.told().some((line) => line.startsWith("paused"))).toBe(false)
        world.knock(A, ["1", "2", "1"])
        expect(knocks()).toBe(1)
        world.knock(A, ["2", "1"])
        expect(knocks()).toBe(1)
        world.knock(A, ["2", "1"])
        expect(knocks()).toBe(2)
    })

    it("keeps doors that begin alike, or end alike, apart", () => {
        const doors = [named("p2", "1 2", "2"), named("p3", "1 2 3", "3"), named("q", "2 3", "5")]
        const world = new World(config(doors.map((door) => ({ ...door, strict: true, knockd: {} }))))
        world.knock(A, ["1", "2", "3"])
        expect(world.open()).toEqual([`${A} tcp/2`, `${A} tcp/3`, `${A} tcp/5`])
    })

    it("wants all of a new one-time sequence, also of one that begins as the last one ended", () => {
        const once = { ...strict, once: true }
        const world = new World(config([{ ...once, hits: ["1", "2"] }]))
        world.knock(A, ["1", "2"], 100)
        world.told()
        world.spent.clear()
        world.reload(config([{ ...once, hits: ["2", "3"] }]))
        world.knock(A, ["3"])
        expect(world.told()).toEqual([])
        world.knock(A, ["2", "3"])
        expect(world.told().at(-1)).toBe(`opened again open ${A}`)
    })

    it("goes on with half a knock when it becomes strict, or is no more", () => {
        for (const [before, after] of [
            [open, strict],
            [strict, open],
        ] as const) {
            const world = new World(config([before]))
            world.knock(A, ["7000", "8000"])
            world.reload(config([after]))
            world.knock(A, ["9000"])
            expect(world.told().at(-1)).toBe(`opened open ${A}`)
        }
    })

    it("never opens to a scan, in whatever order, and opens what a plain reading of the rule opens", () => {
        const ports = Array.from({ length: 12 }, (_, i) => `${i + 1}`)
        let [scans, opened] = [0, 0]
        fc.assert(
            fc.property(
                fc.shuffledSubarray(ports, { minLength: 12 }),
                fc.shuffledSubarray(ports, { minLength: 2, maxLength: 3 }),
                (order, hits) => {
                    // Neighbours in the order of the scan are what it sends by itself: said by `postern check`.
                    const at = hits.map((hit) => order.indexOf(hit))
                    const neighbours = at.every((place, i) => i === 0 || place === at[i - 1]! + 1)
                    const loosely = new World(config([{ ...open, hits }]))
                    const strictly = new World(config([{ ...strict, hits }]))
                    for (const world of [loosely, strictly]) world.knock(A, order)
                    scans += loosely.tally.door("open").knocks
                    expect(strictly.tally.door("open").knocks).toBe(neighbours ? 1 : 0)
                },
            ),
        )
        expect(scans).toBeGreaterThan(10)
        const hit = fc.constantFrom("1", "2", "3", "4:udp", "9")
        fc.assert(
            fc.property(
                fc.uniqueArray(hit, { minLength: 1, maxLength: 3 }),
                fc.array(hit, { maxLength: 30 }),
                (hits, sent) => {
                    const trace = sent.filter((text, i) => text !== sent[i - 1])
                    const world = new World(config([{ ...strict, hits }]))
                    let seen: string[] = []
                    let times = 0
                    for (const text of trace) {
                        world.send(A, text)
                        seen.push(text)
                        if (seen.length < hits.length || hits.some((h, i) => h !== seen.at(i - hits.length))) continue
                        times++
                        seen = []
                    }
                    expect(world.tally.door("open").knocks).toBe(times)
                    opened += times
                },
            ),
            { numRuns: 600 },
        )
        expect(opened).toBeGreaterThan(100)
    })
})

describe("an engine of doors with a cooldown", () => {
    const cool = { ...open, hits: ["7000:udp"], opens: [], command, knockd: { cooldown: 5000 } }

    it("runs nothing more for the source until it has passed, and says so once", () => {
        const world = new World(config([{ ...cool, command: { ...command, shell: true } }]))
        for (let i = 0; i < 100; i++) {
            world.knock(A, ["7000:udp"], 49)
            world.ends("start", "open", A)
        }
        expect(runs(world)).toBe(1)
        expect(world.told()).toEqual([`stage 1/1 open ${A}`, `refused cooldown open ${A}`])
        expect(world.tally.door("open").refused.cooldown).toBe(99)
        world.knock(B, ["7000:udp"])
        expect(world.told()).toEqual([`stage 1/1 open ${B}`])
        world.pass(90)
        world.knock(A, ["7000:udp"])
        expect(world.told()).toEqual([`stage 1/1 open ${A}`])
    })

    it("moves no stop, and uses no one-time sequence up", () => {
        const stop = { ...command, stop: ["/bin/true"], after: 10_000 }
        const world = new World(config([{ ...cool, once: true, command: stop }]))
        world.knock(A, ["7000:udp"])
        world.ends("start", "open", A)
        world.spent.clear()
        world.knock(A, ["7000:udp"])
        expect([world.dues.length, world.spent.size]).toEqual([1, 0])
    })

    it("begins when the door opens, not with a knock that is refused", () => {
        const world = new World(config([{ ...cool, once: true }]))
        world.spent.add("open")
        world.knock(A, ["7000:udp", "7000:udp"])
        expect(world.told()).toEqual([`refused used open ${A}`, `refused used open ${A}`])
        const strangers = new World(config([{ ...cool, sources: ["198.51.100.0/24"] }]))
        strangers.knock(A, ["7000:udp", "7000:udp"])
        const refused = [`stage 1/1 open ${A}`, `refused source open ${A}`]
        expect(strangers.told()).toEqual([...refused, ...refused])
    })

    it("is as long as the configuration in force says, also over a reload, and each door has its own", () => {
        // As knockd's commands are: without a rest.
        const eager = { ...cool, command: { ...command, shell: true } }
        const other = { ...eager, name: "other" }
        const world = new World(config([eager, other]))
        world.knock(A, ["7000:udp"])
        expect(runs(world)).toBe(2)
        for (const door of ["open", "other"]) world.ends("start", door, A)
        world.reload(config([{ ...eager, knockd: { cooldown: 1000 } }, other]))
        world.pass(980)
        world.knock(A, ["7000:udp"])
        expect(runs(world)).toBe(0)
        world.knock(A, ["7000:udp"])
        expect(world.runs.splice(0)).toEqual([`start open ${A}`])
        world.reload(config([{ ...eager, knockd: { cooldown: 0 } }]))
        world.told()
        world.knock(A, ["7000:udp"])
        expect(world.told()).toEqual([`stage 1/1 open ${A}`])
    })
})

/** What one source opens at one door, by a plain reading of spec/knockd.md: a list of hits that is looked through. */
class Plainly {
    #seen: { code: string; at: number }[] = []
    #opened = Number.NEGATIVE_INFINITY
    opened = 0
    again = 0
    cooled = 0

    hit(code: string, now: number, { hits, within, strict, duplicates, cooldown }: Manner): void {
        const seen = this.#seen
        if (!hits.includes(code)) {
            if (strict) this.#seen = []
            return
        }
        const ends = (length: number) =>
            length <= seen.length &&
            now - seen.at(-length)!.at <= within &&
            seen.slice(-length).every((one, i) => one.code === hits[i])
        const stage = hits.map((_, i) => (i > 0 && ends(i) ? i : 0)).reduce((a, b) => Math.max(a, b))
        const last = seen.at(-1)
        if (stage > 0 && hits[stage] !== code && last?.code === code && (duplicates || now - last.at <= 1500)) {
            this.again += now - last.at > 1500 ? 1 : 0
            if (stage === 1) last.at = now
            return
        }
        seen.push({ code, at: now })
        if (!ends(hits.length)) return
        this.#seen = []
        if (now - this.#opened < cooldown) {
            this.cooled++
            return
        }
        this.#opened = now
        this.opened++
    }
}

type Manner = {
    readonly hits: readonly string[]
    readonly within: number
    readonly strict: boolean
    readonly duplicates: boolean
    readonly cooldown: number
}

describe("an engine in knockd's place", () => {
    it("opens what a plain reading of the rules opens, whatever the door asks for", () => {
        const hit = fc.constantFrom("1:udp", "2:udp", "3:udp")
        const manner = fc.record({
            hits: fc.array(hit, { minLength: 1, maxLength: 4 }),
            within: fc.constantFrom(4000, 10_000),
            strict: fc.boolean(),
            duplicates: fc.boolean(),
            cooldown: fc.constantFrom(0, 0, 3000, 20_000),
        })
        const gap = fc.constantFrom(1, 20, 1499, 1500, 1501, 2000, 4001)
        /** Noise, the last one again, or the whole knock with what may come in between. */
        const piece = fc.oneof(
            { weight: 3, arbitrary: fc.tuple(fc.oneof(hit, fc.constant("9:udp"))) },
            { weight: 2, arbitrary: fc.constant(["last"]) },
            { weight: 3, arbitrary: fc.constantFrom(["knock"], ["twice"], ["between"]) },
        )
        const reached = { opened: 0, again: 0, cooled: 0, strict: 0 }
        fc.assert(
            fc.property(manner, fc.array(fc.tuple(piece, gap), { maxLength: 25 }), (how, pieces) => {
                const { hits, within, strict, duplicates, cooldown } = how
                const door = { ...open, opens: [], hits, within, strict, knockd: { duplicates, cooldown } }
                const world = new World(config([door]))
                const plainly = new Plainly()
                const loosely = new Plainly()
                let last = "1:udp"
                for (const [[what = ""], wait] of pieces) {
                    const between = what === "between" ? ["9:udp"] : what === "twice" ? ["last"] : []
                    const whole = hits.flatMap((one, i) => (i === 0 ? [one] : [...between, one]))
                    const sent = ["knock", "twice", "between"].includes(what) ? whole : [what]
                    for (const text of sent) {
                        last = text === "last" ? last : text
                        world.send(A, last)
                        plainly.hit(last, world.now, how)
                        loosely.hit(last, world.now, { ...how, strict: false })
                        expect(world.tally.door("open").knocks).toBe(plainly.opened)
                        world.pass(wait)
                    }
                }
                reached.opened += plainly.opened
                reached.again += plainly.again
                reached.cooled += plainly.cooled
                reached.strict += loosely.opened > plainly.opened ? 1 : 0
            }),
            { numRuns: 1000 },
        )
        for (const [what, times] of Object.entries(reached)) expect([what, times > 50]).toEqual([what, true])
    })
})

/** Programs asked for since the last time. */
function runs(world: World): number {
    return world.runs.splice(0).length
}

const command = { start: ["/bin/true"], stop: null, after: 0, timeout: 1000 }
