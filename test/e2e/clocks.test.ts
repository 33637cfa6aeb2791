/**
 * Time as it is on real hosts: a wall clock that jumps both ways, and a daemon that is stopped for seconds while packets
 * wait and deadlines pass. Grants and stop programs keep their length, and no knock opens that took too long.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { account } from "../lab/account.ts"
import { type FakeClock, fakeClock } from "../lab/fake-clock.ts"
import { type Daemon, eventually, type Lab, makeLab, portState, untilPort } from "../lab/lab.ts"
import { listenOn, type Outsider, startOutsider } from "../lab/outside.ts"
import { makeProgram, type Program } from "../lab/program.ts"

const HITS = [32144, 21312, 27015]
const HOUR = 3600

let lab: Lab<"knocker">
let outsider: Outsider
let own: string
let program: Program
let tests = 0
const daemons: Daemon[] = []

beforeAll(async () => {
    lab = makeLab(["knocker"])
    outsider = await startOutsider(lab)
    await listenOn(lab, [22])
})

beforeEach(() => {
    own = join(lab.scratch, `test-${++tests}`)
    mkdirSync(join(own, "state"), { recursive: true, mode: 0o700 })
    program = makeProgram(own)
})

afterEach(async () => {
    for (const daemon of daemons.splice(0)) await daemon.stop()
    lab.gateway.exec(["nft", "delete table inet postern"])
})

afterAll(() => lab?.remove())

const door = ({ open = "2s", after = "1s", within = "10s" } = {}) => `
[gateway]
state = "${join(own, "state")}"
[[door]]
name  = "ssh"
opens = ["tcp/22"]
for   = "${open}"
hide  = true
  [door.sequence]
  hits = [${HITS.map((port) => `"${port}:udp"`).join(", ")}]
  within = "${within}"
${program.command(after)}`

const ran = () => program.ran()

async function start(configuration: string, clock: FakeClock | null = null): Promise<Daemon> {
    const daemon = await lab.startDaemon(configuration, { env: clock?.env ?? {} })
    daemons.push(daemon)
    return daemon
}

describe("a wall clock that jumps", () => {
    it.each([
        ["ahead by an hour", -HOUR, 0],
        ["back by an hour", 0, -HOUR],
        ["back by thirty years", 0, -30 * 8766 * HOUR],
    ])("%s changes no grant, no stop, no attempt, and the log stays short", async (_, from, to) => {
        const clock = fakeClock(join(own, "clock"), from)
        const daemon = await start(door(), clock)
        const year = new Date(Date.now() + from * 1000).getUTCFullYear()
        expect(daemon.log.all.at(-1)).toMatch(new RegExp(`^${year}-`))
        outsider.keepTrying("me", "10.99.0.1", 22)
        outsider.knock("10.99.0.1", HITS)
        const opened = await daemon.log.waitFor(/10\.99\.0\.1: open: tcp\/22 for 2 s/)
        const begun = Date.now()
        // Half a knock before, half after.
        outsider.knock("10.99.0.2", HITS.slice(0, 2))
        await daemon.log.waitFor(/10\.99\.0\.2: stage 2 of 3/)
        clock.set(to)
        outsider.knock("10.99.0.2", HITS.slice(2))
        await daemon.log.waitFor(/10\.99\.0\.2: open: tcp\/22 for 2 s/)
        expect(ran().filter((line) => line.startsWith("stop"))).toEqual([])
        await daemon.log.waitFor(/10\.99\.0\.1: running stop/)
        const stopped = Date.now()
        await daemon.log.waitFor(/10\.99\.0\.1: closed on time/)
        const closed = Date.now()
        outsider.rest("me")
        const { me } = await outsider.tries()
        // One second, two seconds: neither at once nor in an hour, and the kernel agrees.
        expect(stopped - begun).toBeGreaterThan(500)
        expect(closed - begun).toBeGreaterThan(1500)
        expect(me!.last - begun).toBeGreaterThan(1000)
        expect(me!.last).toBeLessThan(closed + 1000)
        expect(await eventually(() => ran().filter((line) => line.startsWith("stop")).length === 2)).toBe(true)
        expect(daemon.log.all.length).toBeLessThan(40)
        account(
            `clock that jumps by ${to - from} s: 2 knocked, 2 let in, open for ${closed - begun} of 2000 ms, stop after ${stopped - begun} of 1000 ms`,
        )
        expect(opened.slice(0, 4)).toBe(String(year))
    })

    it("while no daemon ran: a stop that is due by it runs at once, and none waits longer than its door says", async () => {
        const clock = fakeClock(join(own, "clock"), 0)
        const first = await start(door({ after: "30m" }), clock)
        outsider.knock("10.99.0.3", HITS)
        await first.log.waitFor(/running start/)
        expect(await eventually(() => ran().length === 1)).toBe(true)
        await first.stop("SIGKILL")
        clock.set(HOUR)
        const second = await start(door({ after: "30m" }), clock)
        await second.log.waitFor(/10\.99\.0\.3: running stop/)
        expect(await eventually(() => ran().length === 2)).toBe(true)
        outsider.knock("10.99.0.4", HITS)
        expect(await eventually(() => ran().length === 3)).toBe(true)
        await second.stop("SIGKILL")
        clock.set(-HOUR)
        const third = await start(door({ after: "1s" }), clock)
        await third.log.waitFor(/10\.99\.0\.4: running stop/)
        expect(await eventually(() => ran().length === 4)).toBe(true)
        expect(await third.stop()).toBe(0)
        account("clock that jumps while no daemon runs: 2 stops left, 2 run, each once")
    })
})

describe("a daemon that is stopped and goes on (SIGSTOP, SIGCONT)", () => {
    it("opens for a knock that waited, and for none whose hits came too far apart", async () => {
        const daemon = await start(door({ within: "1s", open: "30s" }))
        outsider.knock("10.99.1.1", HITS.slice(0, 2))
        await daemon.log.waitFor(/10\.99\.1\.1: stage 2 of 3/)
        process.kill(daemon.pid, "SIGSTOP")
        await pause(1500)
        outsider.knock("10.99.1.1", HITS.slice(2))
        outsider.knock("10.99.1.2", HITS)
        outsider.knock("10.99.1.3", HITS.slice(0, 2))
        await pause(1500)
        outsider.knock("10.99.1.3", HITS.slice(2))
        await pause(100)
        process.kill(daemon.pid, "SIGCONT")
        await daemon.log.waitFor(/10\.99\.1\.2: open: tcp\/22/)
        outsider.knock("10.99.1.4", HITS)
        await daemon.log.waitFor(/10\.99\.1\.4: open: tcp\/22/)
        expect(daemon.log.all.filter((line) => /10\.99\.1\.[13]: open/.test(line))).toEqual([])
        await daemon.log.waitFor(/10\.99\.1\.1: timed out at stage 2 of 3/)
        account("suspended and resumed: 2 right knocks, 2 let in; 2 too slow, 0 let in")
    })

    it("grants have ended meanwhile, by the kernel; what was due is done at once when it goes on", async () => {
        const daemon = await start(door({ open: "1s", after: "500ms" }))
        outsider.keepTrying("late", "10.99.2.1", 22)
        outsider.knock("10.99.2.1", HITS)
        await daemon.log.waitFor(/10\.99\.2\.1: open: tcp\/22/)
        expect(await eventually(() => ran().includes("start 10.99.2.1"))).toBe(true)
        await eventually(async () => (await outsider.tries())["late"]!.open > 0)
        process.kill(daemon.pid, "SIGSTOP")
        const from = daemon.log.all.length
        await pause(1500)
        const before = (await outsider.tries())["late"]!
        expect(await eventually(async () => (await outsider.tries())["late"]!.refused > before.refused + 3)).toBe(true)
        expect((await outsider.tries())["late"]!.open).toBe(before.open)
        expect(await portState(lab.hosts.knocker, lab.gateway.v4, 22)).toBe("refused")
        expect(ran()).toEqual(["start 10.99.2.1"])
        process.kill(daemon.pid, "SIGCONT")
        await daemon.log.waitFor(/10\.99\.2\.1: closed on time/, { from })
        await daemon.log.waitFor(/10\.99\.2\.1: running stop/, { from })
        expect(await eventually(() => ran().length === 2)).toBe(true)
        outsider.knock("10.99.2.2", HITS)
        await daemon.log.waitFor(/10\.99\.2\.2: open: tcp\/22/)
        expect(await untilPort("refused", lab.hosts.knocker, lab.gateway.v4, 22)).toBe("refused")
    })
})
