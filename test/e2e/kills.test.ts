/**
 * Five hundred times SIGKILL: at each use of each port of the daemon, before and after, and at any moment of the built
 * program while strangers knock without end (five hundred more, of the journal and of one-time sequences, are in the
 * contract tier). After each one, with a real kernel and a real journal: nothing is open without an end, what was hidden
 * never answered, no claim and no counter is taken twice, the journal is whole, stop programs run, and the next daemon
 * takes over what is open.
 */
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { account } from "../lab/account.ts"
import { type Arena, HITS, makeArena, PORT } from "../lab/arena.ts"
import { type Bundled, bundleWorker } from "../lab/bundled.ts"
import { eventually, listTable, POSTERN } from "../lab/lab.ts"
import { collectLines } from "../lab/lines.ts"

/** At once: one for each of two processors, and one for when these wait. */
const ARENAS = 3
const KILLS = 500

/** Somebody who was let in for all of it. */
const FRIEND = "10.99.255.7"
/** What no log of a daemon may say that was only killed. */
const STRANGE = /damaged|cannot|refused|TypeError|uncaught/i

let bundle: Bundled
const arenas: Arena[] = []
/** Deaths by what was being done. */
const deaths = new Map<string, number>()
let kills = 0
/** A use of a port: the n-th of this part of a life. */
type Moment = readonly [part: string, n: number]

beforeAll(async () => {
    bundle = bundleWorker("mortal-daemon")
    for (let i = 0; i < ARENAS; i++) arenas.push(await makeArena())
})

afterAll(() => {
    for (const arena of arenas) arena.remove()
    bundle?.remove()
})

/** A listing without what comes and goes by itself. */
function shapeOf(table: string): string {
    return table.replaceAll(/^\t\telements = \{[^}]* expires [^}]*\}\n/gm, "")
}

/** What one life told before it ended: `wrong`, what our table was instead of what it should be. */
type Told = { readonly [what in "found" | "claimed" | "given" | "revoked" | "wrong"]: string[] } & {
    /** How many each part had. */
    readonly moments: Map<string, number>
    died: string | null
}

/** Lives of one arena, one after another. */
class Lives {
    readonly #arena: Arena
    readonly #claimed: string[] = []
    #life = 0
    #open: ReadonlyMap<string, number> = new Map()
    /** When that was looked at. */
    #looked = 0
    /** Our table, as the first life has made it. */
    #shape: string | null = null

    constructor(arena: Arena) {
        this.#arena = arena
    }

    /** One life that ends at this moment, null: in good order; then all is looked at. */
    async live(moment: Moment | null): Promise<Told> {
        const { lab, open } = this.#arena
        const [before, looked] = [this.#open, this.#looked]
        const told = await this.#run(moment)
        const passed = performance.now() - looked
        this.#claimed.push(...told.claimed)
        if (this.#life === 1) this.#arena.outsider.keepTrying("stranger", lab.hosts.knocker.v4, PORT)
        this.#looked = performance.now()
        this.#open = open()
        for (const source of told.revoked) expect([...this.#open.keys()]).not.toContain(source)
        // The second one may have been revoked before that could be told.
        if (told.given[0] !== undefined) expect([...this.#open.keys()]).toContain(told.given[0])
        // What is given by hand lasts for a minute; what was knocked for can have ended meanwhile, and on a busy host all.
        if (told.died === null || told.found.length > 0) {
            const lasting = [...before].flatMap(([source, left]) => (left > passed + 1000 ? [source] : []))
            for (const source of lasting) expect(told.found).toContain(source)
        }
        return told
    }

    async #run(moment: Moment | null): Promise<Told> {
        const { lab, outsider, configuration, changed } = this.#arena
        const life = ++this.#life
        const file = join(lab.scratch, "mortal.toml")
        writeFileSync(file, configuration(life))
        writeFileSync(`${file}.next`, changed(life))
        const argv = [
            process.execPath,
            bundle.file,
            file,
            ...(moment ?? ["none", 0]).map(String),
            String(life),
            this.#claimed.slice(-30).join(),
        ]
        const [program, ...args] = lab.gateway.inside(argv)
        const child = spawn(program!, args, { stdio: ["ignore", "pipe", "pipe"] })
        const lines = collectLines(child, child.stdout)
        const errors = collectLines(child, child.stderr)
        const told: Told = { found: [], claimed: [], given: [], revoked: [], wrong: [], moments: new Map(), died: null }
        child.stdout.on("data", (text: string) => {
            const source = /^ready (\S+)$/m.exec(text)?.[1]
            if (source === undefined) return
            // Wherever the last one died, whatever it was changing: the table is what this configuration asks for.
            const shape = shapeOf(listTable(lab.gateway))
            this.#shape ??= shape
            if (shape !== this.#shape) told.wrong.push(shape)
            outsider.knock(source, HITS)
        })
        const late = setTimeout(() => child.kill("SIGTERM"), 60_000)
        const signal = await new Promise<NodeJS.Signals | null>((resolve) =>
            child.once("close", (_, by) => resolve(by)),
        )
        clearTimeout(late)
        expect(errors.all.join("\n")).toBe("")
        for (const line of lines.all) {
            const [what = "", ...words] = line.split(" ")
            if (what === "replayed") throw new Error(`used twice: ${words.join(" ")}`)
            if (what === "found" || what === "claimed" || what === "given" || what === "revoked")
                told[what].push(...words)
            if (what === "moments") told.moments.set(words[0]!, Number(words[1]))
            if (what === "died") told.died = words.join(" ")
        }
        expect(told.wrong.map((shape) => [shape, this.#shape])).toEqual([])
        expect(signal).toBe(told.died === null ? null : "SIGKILL")
        return told
    }
}

describe("a daemon that is killed", () => {
    it("at every use of a port: nothing stays open, nothing is used twice, the next one goes on", async () => {
        const lives = arenas.map((arena) => new Lives(arena))
        const whole = await Promise.all(lives.map((one) => one.live(null)))
        const walked = ["start", "reload", "end"].flatMap((part) => {
            const most = Math.max(...whole.map(({ moments }) => moments.get(part) ?? 0))
            return Array.from({ length: most }, (_, i): Moment => [part, i + 1])
        })
        let inReload = 0
        let next = 0
        const walk = async (one: Lives) => {
            while (next < walked.length) {
                const moment = walked[next++]!
                const { died } = await one.live(moment)
                if (died === null) continue
                kills++
                if (moment[0] === "reload") inReload++
                const what = died.replace(/ calls back.*/, " calls back")
                deaths.set(what, (deaths.get(what) ?? 0) + 1)
            }
        }
        await Promise.all(lives.map(walk))
        for (const one of lives) expect((await one.live(null)).died).toBeNull()
        expect(kills).toBeGreaterThan(100)
        expect(inReload).toBeGreaterThan(5)
        account(
            `kill -9 before and after every use of a port: ${kills}, of them ${inReload} during a reload; ${walked.length} uses`,
        )
        const died = [...deaths.keys()]
        for (const port of [
            "capture",
            "clock",
            "commands",
            "disk",
            "firewall",
            "links",
            "listener",
            "services",
            "store",
        ]) {
            expect(
                died.some((what) => what.startsWith(`before ${port}`)),
                `before ${port}`,
            ).toBe(true)
            expect(
                died.some((what) => what.startsWith(`after ${port}`)),
                `after ${port}`,
            ).toBe(true)
        }
        for (const arena of arenas) {
            expect(arena.wrongPrograms()).toEqual([])
            const { stranger } = await arena.outsider.tries()
            expect(stranger).toMatchObject({ open: 0, silent: 0 })
            expect(stranger!.refused).toBeGreaterThan(100)
        }
    }, 900_000)

    it(`at any moment, while somebody knocks: ${KILLS} times in all`, async () => {
        let ready = 0
        const before = kills
        const storm = async (arena: Arena) => {
            const { lab, outsider, configuration } = arena
            const run = (life: number | string) => lab.startDaemon(configuration(`storm-${life}`), { until: null })
            const first = await run("first")
            await first.log.waitFor(/ready$/, { timeout: 30_000 })
            const grant = ["grant", "ssh", FRIEND, "--for", "1h", "--socket", first.socket]
            lab.gateway.must([POSTERN, ...grant])
            outsider.keepTrying("friend", FRIEND, PORT)
            outsider.keepTrying("stranger", lab.hosts.knocker.v4, PORT)
            outsider.storm(100, HITS)
            await first.stop("SIGKILL")
            while (kills < KILLS) {
                const number = kills++
                const daemon = await run(number)
                // One while it starts, one while it works.
                if (number % 2 === 0) await daemon.log.waitFor(/ready$/, { timeout: 30_000 })
                await pause((number * 37) % 300)
                await daemon.stop("SIGKILL")
                if (daemon.log.all.some((line) => line.endsWith("ready"))) ready++
                expect(daemon.log.all.filter((line) => STRANGE.test(line))).toEqual([])
                arena.open()
            }
            outsider.storm(null)
            const last = await run("last")
            await last.log.waitFor(/ready$/, { timeout: 30_000 })
            expect(await eventually(() => [...arena.open().keys()].join() === FRIEND)).toBe(true)
            expect(await last.stop()).toBe(0)
        }
        await Promise.all(arenas.map(storm))
        for (const arena of arenas) {
            expect(arena.wrongPrograms()).toEqual([])
            const { stranger, friend } = await arena.outsider.tries()
            expect({ ...stranger, refused: 0 }).toEqual({ open: 0, refused: 0, silent: 0, last: 0 })
            expect(friend).toMatchObject({ refused: 0, silent: 0 })
            expect(friend!.open).toBeGreaterThan(1000)
            account(
                `one gateway: hidden from strangers ${stranger!.refused} of ${stranger!.refused} times, open to its guest ${friend!.open} of ${friend!.open} times`,
            )
        }
        const programs = arenas.reduce((sum, arena) => sum + arena.ran(), 0)
        account(
            `kill -9 of a daemon: ${kills}, of them at any moment ${ready} after it was ready; ${programs} programs ran, none without its stop`,
        )
        // Kills have met daemons that start and daemons that work, and programs ran all the time.
        expect(ready).toBeGreaterThan((KILLS - before) / 4)
        expect(programs).toBeGreaterThan((KILLS - before) / 4)
    }, 900_000)
})
