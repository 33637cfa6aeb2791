/**
 * Floods, with honest knocks going on: by `knock` and `postern knock` from a host of their own, each from an address of
 * its own. The floods come from sources that nobody has. Every siege adds a line to
 * build/floods.md: what was sent, what the daemon saw, what the kernel had no room for, who knocked, who was let in.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { account } from "../lab/account.ts"
import { type Crowd, type Family, makeCrowd } from "../lab/crowd.ts"
import type { Flooded } from "../lab/flood.ts"
import { type Daemon, eventually, floodFrom, type Host, type Lab, listTable, makeLab, shield } from "../lab/lab.ts"
import { limitMemory } from "../lab/memory-limit.ts"
import { processFigures } from "../lab/process.ts"
import { type Order, type Siege, siege, statusOf } from "../lab/siege.ts"

const HITS = ["32144", "21312:udp", "27015"]
const [FIRST, NOWHERE] = [32_144, 4444]
/** All by TCP, so that one flood can send it whole. */
const WHOLE = [32_145, 21_313, 27_016]
const CAPTURES = ["nflog", "packet-socket"] as const
const FAMILIES = [4, 6] as const
const MEBI = 1 << 20
/** Where floods come from: nobody who knocks, and the gateway does not answer them. */
const FLOOD_NETWORKS = { 4: "20.0.0.0/6", 6: "2a00::/12" } as const

let lab: Lab<"knocker" | "enemy">
let gateway: Host
let enemy: Host
const crowds = new Map<Family, Crowd>()
const daemons: Daemon[] = []
const rows: string[] = []

const configuration = (capture: string, more = "") => `
[gateway]
capture = "${capture}"
${more}
[[door]]
name = "ssh"
opens = ["tcp/22"]
for = "60s"
hide = true
  [door.sequence]
  hits = [${HITS.map((hit) => `"${hit}"`).join(", ")}]
[[door]]
name = "web"
opens = ["tcp/443"]
for = "2s"
hide = true
  [door.sequence]
  hits = [${WHOLE.map((hit) => `"${hit}"`).join(", ")}]
`

/**
 * The cap that postern.toml(5) states, over the most that the daemon had until it was ready: places for `attempts`
 * sources of 72 bytes and 16 for each hit of the longest sequence, 1 KiB for each of `grants`, and 48 MiB for all else.
 */
function cap(ready: number, attempts = 262_144, grants = 16_384): number {
    return ready + attempts * (72 + 16 * HITS.length) + grants * 1024 + 48 * MEBI
}

async function start(capture: string, more = "", wrap: readonly string[] = []): Promise<Daemon> {
    const daemon = await lab.startDaemon(configuration(capture, more), { wrap })
    daemons.push(daemon)
    return daemon
}

const order = (family: Family, ports: readonly number[], rate: number, seconds: number): Order => ({
    protocol: "tcp",
    destination: family === 4 ? gateway.v4 : gateway.v6,
    ports,
    sources: { kind: "random", network: FLOOD_NETWORKS[family] },
    count: rate * seconds,
    rate,
    seed: rate + family,
})

async function besiege(name: string, daemon: Daemon, family: Family, wanted: Order, patience?: number): Promise<Siege> {
    const scene = { daemon, gateway, enemy, crowd: crowds.get(family)!, hits: HITS }
    const result = await siege(scene, wanted, patience)
    const { flood, seen, dropped, knocked, lost, peak, cpu } = result
    const rate = Math.round((seen - 3 * knocked.length) / Math.max(cpu, 0.01) / 1000)
    const figures = [
        name,
        wanted.rate,
        flood.perSecond,
        flood.sent,
        seen,
        dropped,
        rate,
        knocked.length,
        knocked.length - lost.length,
        Math.round(peak / MEBI),
    ]
    rows.push(`| ${figures.join(" | ")} |`)
    account(
        `${name}: ${flood.sent} sent at ${flood.perSecond} a second (asked: ${wanted.rate}), ${seen} seen, ${dropped} dropped; ${knocked.length} knocked, ${knocked.length - lost.length} let in; at most ${Math.round(peak / MEBI)} MiB`,
    )
    return result
}

/**
 * A siege in which the daemon could read everything. A machine that is busy with other things leaves it no time for that,
 * and then the kernel drops packets, whoever sent them: a few times that is tried again. `all`: who knocked in all of them.
 */
async function read(name: string, daemon: Daemon, family: Family, wanted: Order): Promise<Siege & { all: number }> {
    let result = await besiege(name, daemon, family, wanted)
    let all = result.knocked.length
    for (let i = 0; i < 3 && result.dropped > 0; i++) {
        result = await besiege(`${name}, again`, daemon, family, wanted)
        all += result.knocked.length
    }
    return { ...result, all }
}

beforeAll(() => {
    lab = makeLab(["knocker", "enemy"])
    gateway = lab.gateway
    enemy = lab.hosts.enemy
    shield(gateway, { v4: FLOOD_NETWORKS[4], v6: FLOOD_NETWORKS[6] })
    for (const family of FAMILIES) crowds.set(family, makeCrowd(lab.hosts.knocker, gateway, family, 250))
})

afterEach(async () => {
    for (const daemon of daemons.splice(0)) await daemon.stop()
    gateway.exec(["nft", "delete", "table", "inet", "postern"])
})

afterAll(() => {
    lab?.remove()
    const head =
        "| flood | asked/s | sent/s | sent | seen | dropped | thousand seen per CPU-s | knocked | let in | peak MiB |"
    const folder = join(import.meta.dirname, "../../build")
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, "floods.md"), `${head}\n|${" --- |".repeat(10)}\n${rows.join("\n")}\n`)
})

describe("a flood of first hits", () => {
    for (const capture of CAPTURES) {
        for (const family of FAMILIES) {
            it.each([20_000, 200_000])(
                `${capture}, IPv${family}, %i a second: no knock is lost, memory stays within its cap`,
                async (rate) => {
                    const daemon = await start(capture)
                    const ready = processFigures(daemon.pid).peak
                    const wanted = order(family, [FIRST], rate, rate > 100_000 ? 1.5 : 2)
                    const what = `first hits, ${capture}, IPv${family}`
                    const { flood, seen, dropped, knocked, lost, peak } = await read(what, daemon, family, wanted)
                    expect(lost).toEqual([])
                    expect(knocked.length).toBeGreaterThanOrEqual(5)
                    // It was a flood, and the account is whole: each packet is seen or counted as dropped.
                    expect(seen).toBeGreaterThan(flood.sent / 10)
                    expect(seen + dropped).toBe(flood.sent + knocked.length * HITS.length)
                    expect(peak).toBeLessThan(cap(ready))
                },
            )
        }
    }
})

describe("a flood of whole knocks", () => {
    for (const capture of CAPTURES) {
        it(`${capture}: while there is room every honest knock opens, among thousands of others`, async () => {
            const daemon = await start(capture, "grants = 65536")
            const ready = processFigures(daemon.pid).peak
            const what = `whole knocks, ${capture}`
            const { flood, seen, dropped, lost, peak } = await besiege(what, daemon, 4, order(4, WHOLE, 3000, 3))
            expect(lost).toEqual([])
            expect(seen + dropped).toBeGreaterThan(flood.sent)
            expect(peak).toBeLessThan(cap(ready, 262_144, 65_536))
            // Everything ends as it should, and nothing is left.
            expect(await eventually(async () => (await grantsOfWeb(daemon)) === 0, 30_000)).toBe(true)
            expect(await eventually(() => !listTable(gateway).includes(" . tcp . 443 "))).toBe(true)
        })
    }

    it("as many grants as are allowed and no more; firewall and log have bounded work", async () => {
        const daemon = await start("nflog", "grants = 64")
        const from = daemon.log.all.length
        const most: number[] = []
        const state = { besieged: true }
        // One question at a time: a busy daemon has sixteen places for those who ask.
        const watching = (async () => {
            while (state.besieged) {
                most.push((await statusOf(daemon)).totals.grants)
                await pause(100)
            }
        })()
        const result = await besiege("whole knocks, room for 64", daemon, 4, order(4, WHOLE, 30_000, 3), 500)
        state.besieged = false
        await watching
        expect(Math.max(...most)).toBe(64)
        expect(result.seen).toBeGreaterThan(result.flood.sent / 2)
        const lines = daemon.log.all.slice(from)
        const opened = lines.filter((line) => / open(?: for longer)?: /.test(line)).length
        // 64 at a time for 2 s each, for as long as the flood and its knocks took; and the rationed lines.
        const rounds = Math.ceil(result.flood.seconds / 2) + 2
        expect(opened).toBeLessThanOrEqual(64 * rounds)
        expect(lines.length).toBeLessThan(2 * opened + 300 + 60 * (result.flood.seconds + 5))
        expect(await eventually(async () => (await grantsOfWeb(daemon)) === 0, 30_000)).toBe(true)
    })
})

describe("a daemon that may have as much memory as it says it needs, and no more", () => {
    it("survives floods that fill both its tables, and lets everybody in who knocks", async (ctx) => {
        // postern.toml(5), [gateway]: with the defaults, whatever comes.
        const stated = 159 * MEBI
        const limit = limitMemory(stated)
        if (typeof limit === "string") return ctx.skip(limit)
        try {
            const daemon = await start("nflog", "", limit.wrap)
            for (const family of FAMILIES) {
                for (const [ports, rate] of [[[FIRST], 200_000] as const, [WHOLE, 30_000] as const]) {
                    const what = `${ports.length === 1 ? "first hits" : "whole knocks"}, limited, IPv${family}`
                    const wanted = order(family, ports, rate, 1.5)
                    const { lost, dropped } = await besiege(
                        what,
                        daemon,
                        family,
                        wanted,
                        ports.length === 1 ? undefined : 500,
                    )
                    // While as many grants are open as may be, a right knock is refused.
                    if (ports.length === 1 && dropped === 0) expect(lost).toEqual([])
                }
            }
            const { totals } = await statusOf(daemon)
            expect(totals.sources).toBeGreaterThan(totals.sourcesRoom / 2)
            const { peak, killed } = limit.figures()
            rows.push(`| memory charged, of ${stated / MEBI} MiB |${" |".repeat(8)} ${Math.round(peak / MEBI)} |`)
            account(`memory charged to the control group: at most ${Math.round(peak / MEBI)} of ${stated / MEBI} MiB`)
            expect(killed).toBe(0)
            expect(await daemon.stop()).toBe(0)
        } finally {
            for (const daemon of daemons.splice(0)) await daemon.stop()
            await limit.remove()
        }
    })
})

describe("one source that hammers", () => {
    const scattered = Array.from({ length: 997 }, (_, i) => 10_000 + ((i * 7919) % 20_000))
    const KINDS: readonly (readonly [what: string, ports: readonly number[]])[] = [
        ["at the first port", [FIRST]],
        ["at the first port and everywhere", [FIRST, ...scattered]],
        ["with right knocks", WHOLE],
        ["with near-misses", [...WHOLE.slice(0, 2), NOWHERE]],
    ]
    for (const family of FAMILIES) {
        it.each(KINDS)(`IPv${family}, %s: nobody else notices`, async (what, ports) => {
            const daemon = await start("nflog")
            // One IPv4 address; all the addresses of one /64.
            const network = family === 4 ? "20.1.2.3" : "2a01:2:3:4::/64"
            const kind = family === 4 ? "fixed" : "random"
            const wanted = { ...order(family, ports, 50_000, 1), sources: { kind, network } } as const
            const { lost, knocked, all } = await read(`one source ${what}, IPv${family}`, daemon, family, wanted)
            expect(lost).toEqual([])
            expect(knocked.length).toBeGreaterThanOrEqual(5)
            const { totals } = await statusOf(daemon)
            // A /64 has two sets of eight places and no more.
            expect(totals.sources).toBeLessThanOrEqual(all + (family === 4 ? 1 : 16))
        })
    }
})

describe("packets to ports of no door", () => {
    const scan = range(20_000, 20_999)
    it.each(FAMILIES)("nflog, IPv%i: neither a flood nor a scan wakes the daemon", async (family) => {
        const daemon = await start("nflog")
        const before = await statusOf(daemon)
        const [flood, wide] = [order(family, [NOWHERE], 20_000, 1), order(family, scan, 20_000, 1)]
        const fast = order(family, [NOWHERE], 200_000, 1)
        for (const wanted of [flood, { ...wide, protocol: "udp" } as const, fast]) {
            // The engine of the language tidies up once, some seconds after it was busy, whatever comes in meanwhile.
            // What packets cause would be there every time.
            let fewest = Number.POSITIVE_INFINITY
            for (let i = 0; i < 6 && fewest > 0; i++) fewest = Math.min(fewest, await sleepsDuring(daemon, wanted))
            expect(fewest).toBe(0)
        }
        const after = await statusOf(daemon)
        expect(after.counters).toEqual(before.counters)
    })

    it.each(FAMILIES)("packet-socket, IPv%i: they wake the daemon now and then, not each of them", async (family) => {
        const daemon = await start("packet-socket")
        expect(await sleepsDuring(daemon, order(family, [NOWHERE], 20_000, 1))).toBeLessThan(20_000 / 4)
    })
})

/** How often the daemon's threads went to sleep, and so woke up, while 20 000 packets came. */
async function sleepsDuring(daemon: Daemon, wanted: Order): Promise<number> {
    const argv = floodFrom(enemy, gateway, wanted)
    const { sleeps } = processFigures(daemon.pid)
    const { stdout } = await enemy.run(argv, { timeout: 150_000 })
    const count = processFigures(daemon.pid).sleeps - sleeps
    const { sent, perSecond }: Flooded = JSON.parse(stdout)
    expect(sent).toBe(wanted.count)
    account(
        `no door, ${wanted.protocol}, ${wanted.destination}: ${count} wake-ups, ${sent} sent at ${perSecond} a second`,
    )
    rows.push(
        `| no door, ${wanted.protocol}: ${count} wake-ups | ${wanted.rate} | ${perSecond} | ${sent} |${" 0 |".repeat(6)}`,
    )
    return count
}

async function grantsOfWeb(daemon: Daemon): Promise<number> {
    return (await statusOf(daemon)).doors.find(({ name }) => name === "web")!.grants
}

function range(from: number, to: number): readonly number[] {
    return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}
