/**
 * Stop programs of doors across the daemon's death: with a real daemon, a real journal and real programs, killed by
 * SIGKILL between start and stop.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { type Daemon, eventually, type Host, type Lab, makeLab, POSTERN } from "../lab/lab.ts"
import { makeProgram, type Program } from "../lab/program.ts"

let lab: Lab<"knocker">
let knocker: Host
let state: string
let program: Program
let tests = 0
const daemons: Daemon[] = []

beforeAll(() => {
    lab = makeLab(["knocker"])
    knocker = lab.hosts.knocker
})

beforeEach(() => {
    const own = join(lab.scratch, `test-${++tests}`)
    mkdirSync(own)
    state = join(own, "state")
    program = makeProgram(own)
})

afterEach(async () => {
    for (const daemon of daemons.splice(0)) await daemon.stop()
    lab.gateway.exec(["nft", "delete", "table", "inet", "postern"])
})

afterAll(() => lab?.remove())

const door = (after: string, name = "wake") => `
    [gateway]
    state = "${state}"
    [[door]]
    name = "${name}"
      [door.sequence]
      hits = ["32144", "21312:udp", "27015"]
${program.command(after)}`

const ran = () => program.ran()

async function start(configuration: string, until: RegExp | null = /\bready\b/): Promise<Daemon> {
    const daemon = await lab.startDaemon(configuration, { until })
    daemons.push(daemon)
    return daemon
}

const send = () => knocker.must(["knock", "-d", "20", lab.gateway.v4, "32144:tcp", "21312:udp", "27015:tcp"])

async function knock(): Promise<void> {
    send()
    expect(await eventually(() => ran().includes(`start ${knocker.v4}`))).toBe(true)
}

describe("stop programs of a daemon that was killed", () => {
    it("run at its next start if they fell due meanwhile, once; and on time if not", async () => {
        const first = await start(door("1500ms"))
        await knock()
        await first.stop("SIGKILL")
        const due = Date.now() + 1600
        expect(await eventually(() => Date.now() > due)).toBe(true)
        expect(ran()).toEqual([`start ${knocker.v4}`])
        const second = await start(door("1500ms"))
        await second.log.waitFor(/wake: 10\.77\.0\.2: running stop/)
        expect(await eventually(() => ran().length === 2)).toBe(true)
        // A knock afterwards is a new one; its stop falls due while the third daemon runs.
        await knock()
        expect(await eventually(() => ran().length === 3)).toBe(true)
        await second.stop("SIGKILL")
        const third = await start(door("1500ms"))
        await third.log.waitFor(/wake: 10\.77\.0\.2: running stop/)
        expect(await eventually(() => ran().length === 4)).toBe(true)
        expect(await third.stop()).toBe(0)
        const fourth = await start(door("1500ms"))
        await fourth.stop()
        expect(fourth.log.all.join("\n")).not.toContain("running stop")
        const one = [`start ${knocker.v4}`, `stop ${knocker.v4}`]
        expect(ran()).toEqual([...one, ...one])
    })

    it("run also when it was ended in good order", async () => {
        const first = await start(door("1h"))
        await knock()
        expect(await first.stop()).toBe(0)
        const second = await start(door("1s"))
        await second.log.waitFor(/wake: 10\.77\.0\.2: running stop/)
        expect(await eventually(() => ran().length === 2)).toBe(true)
    })

    it("are told with door and source if the door is gone, or if the journal is damaged", async () => {
        const first = await start(door("1h"))
        await knock()
        await first.stop("SIGKILL")
        const second = await start(door("1h", "other"))
        expect(second.log.all.join("\n")).toMatch(
            /wake: 10\.77\.0\.2: stop was not run: there is no such door any more/,
        )
        await second.stop("SIGKILL")
        const journal = join(state, "journal")
        const bytes = readFileSync(journal)
        bytes[1]! ^= 1
        writeFileSync(journal, bytes)
        const third = await start(door("1h"))
        expect(third.log.all.join("\n")).toMatch(/state: the journal was damaged: its first block cannot be read/)
    })
})

describe("a `state` that cannot be used", () => {
    it("keeps no daemon from starting: what needs it is not done, and what was noted in it runs when it can be used", async () => {
        const first = await start(door("1s"))
        await knock()
        await first.stop("SIGKILL")
        const aside = `${state}.aside`
        renameSync(state, aside)
        writeFileSync(state, "not a directory")
        const second = await start(door("1s"))
        expect(second.log.all.join("\n")).toMatch(
            /state: .* cannot be used: .*: doors open without the programs that need it/,
        )
        send()
        await second.log.waitFor(/wake: 10\.77\.0\.2: start was not run: cannot note its stop/)
        expect(ran()).toEqual([`start ${knocker.v4}`])
        rmSync(state)
        renameSync(aside, state)
        await second.log.waitFor(/state: .* can be used now/)
        await second.log.waitFor(/wake: 10\.77\.0\.2: running stop/)
        expect(await eventually(() => ran().length === 2)).toBe(true)
        expect(ran()[1]).toBe(`stop ${knocker.v4}`)
        const kept = () => lab.gateway.exec([POSTERN, "state", "--json", "--socket", second.socket]).stdout
        expect(await eventually(() => kept().includes('"stops":0'))).toBe(true)
        expect(await second.stop()).toBe(0)
        const third = await start(door("1s"))
        expect(await third.stop()).toBe(0)
        expect(ran()).toHaveLength(2)
        expect(third.log.all.join("\n")).not.toContain("running stop")
    })

    it("does not matter to doors without stop programs", async () => {
        writeFileSync(state, "not a directory")
        const without = door("1h").replace(/ +(stop|after) += .*/g, "")
        const started = await start(without)
        await knock()
        expect(await started.stop()).toBe(0)
    })

    it("because another daemon has it, is a reason not to start", async () => {
        await start(door("1h"))
        const second = await start(door("1h"), null)
        expect(await second.ended).toBe(1)
        expect(second.log.all.join("\n")).toMatch(/cannot be used: another process has it\n.*hint: stop the daemon/)
    })
})
