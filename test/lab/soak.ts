/**
 * Everything that can happen to a gateway, mixed, for as long as asked: floods of every kind in one lane, mischief of
 * every kind in another, and honest knocks over both families in a third, all the time. At the end an account, and
 * every promise that was broken.
 *
 * A knock may fail while the daemon is dead, the link is down or the table is gone: these times are known, and what
 * fails then is counted apart. So is what fails while the kernel had no room for packets. Nothing else is excused.
 */
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import type { Status } from "../../src/core/status.ts"
import { type Crowd, makeCrowd } from "./crowd.ts"
import type { Flooded } from "./flood.ts"
import { type Daemon, eventually, floodFrom, type Host, type Lab, listTable, makeLab, POSTERN, shield } from "./lab.ts"
import { processFigures } from "./process.ts"
import { letIn, statusOf } from "./siege.ts"
import { CONFIGURATION, FLOODS, HITS, MISCHIEF } from "./soak-acts.ts"
import { type Record, recordPackets } from "./witness.ts"

export type SoakOptions = {
    readonly seconds: number
    readonly capture: "nflog" | "packet-socket"
    /** Repeats the order of events, if not their times. */
    readonly seed: number
}

/** What an act may touch. */
export type Scene = {
    readonly gateway: Host
    readonly knocker: Host
    readonly enemy: Host
    readonly daemon: () => Daemon
    readonly restart: (signal: NodeJS.Signals) => Promise<void>
    /** Knocks that fail while `act` runs, or within a moment of it, are excused by `why`. */
    readonly excused: (why: string, act: () => Promise<void>) => Promise<void>
    readonly shield: () => void
}

/** What came of it all. `broken` is empty if every promise was kept. */
export type SoakReport = {
    readonly broken: readonly string[]
    /** Names and figures, for people. */
    readonly rows: readonly (readonly [name: string, figure: string | number])[]
}

/** Until after an excuse a knock may still suffer from it: hits that were sent before it ended (ms). */
const AFTERMATH = 1500
/** Ours: after so long a door that has not opened is one that did not (ms). The kernel is asked then. */
const PATIENCE = 3000
const SAMPLE_MS = 250
const NETWORKS = { v4: "20.0.0.0/6", v6: "2a00::/12" }
const MEBI = 1 << 20
/** The journal holds 5000 grants with programs easily in this. */
const STATE_MOST = 16 * MEBI
/** What postern.toml(5) states for the defaults and sequences of three hits, where configurations are read again. */
const MEMORY_MOST = 189
/** By the second fifth of it everything has happened a few times; in a shorter one memory is still finding its level (s). */
const LONG = 300

/** What goes on, and what is on the wire, for who has to find out why a knock was lost. */
type Diary = { readonly name: string; readonly from: number; to: number }[]
type Records = { readonly sent: Record; readonly came: Record }

type Excuse = { readonly why: string; readonly from: number; to: number }
type Sample = { readonly at: number; readonly pid: number; readonly rss: number; readonly descriptors: number }

/** Runs it. Takes a little longer than it is told: what was begun is ended. */
export async function soak({ seconds, capture, seed }: SoakOptions): Promise<SoakReport> {
    const lab = makeLab(["knocker", "enemy"])
    try {
        return await run(lab, seconds, capture, seed)
    } finally {
        lab.remove()
    }
}

async function run(lab: Lab<"knocker" | "enemy">, seconds: number, capture: string, seed: number): Promise<SoakReport> {
    const { gateway, hosts, scratch } = lab
    const { knocker, enemy } = hosts
    const cover = () => shield(gateway, NETWORKS)
    cover()
    const start = () => lab.startDaemon(CONFIGURATION(capture, scratch))
    let daemon = await start()
    const counted = new Counters()
    const excuses: Excuse[] = []
    const scene: Scene = {
        gateway,
        knocker,
        enemy,
        daemon: () => daemon,
        async restart(signal) {
            counted.add(await statusOf(daemon))
            await daemon.stop(signal)
            daemon = await start()
        },
        async excused(why, act) {
            const excuse = { why, from: performance.now(), to: Number.POSITIVE_INFINITY }
            excuses.push(excuse)
            await act()
            excuse.to = performance.now() + AFTERMATH
        },
        shield: cover,
    }
    const diary: Diary = []
    const crowds = [makeCrowd(knocker, gateway, 4, 200), makeCrowd(knocker, gateway, 6, 200)]
    const honest = "src net 10.78.0.0/16 or src net fd78::/16"
    const records = {
        sent: await recordPackets(knocker, "eth0", "out", honest),
        came: await recordPackets(gateway, "eth0", "in", honest),
    }
    const knocks = new Knocks(scene, excuses, crowds, diary, records)
    const noted = async <T>(name: string, act: () => Promise<T>): Promise<T> => {
        const entry = { name, from: performance.now(), to: Number.POSITIVE_INFINITY }
        diary.push(entry)
        const result = await act()
        entry.to = performance.now()
        return result
    }
    const begun = performance.now()
    const end = begun + seconds * 1000
    const samples: Sample[] = []
    const sampling = setInterval(() => samples.push(sample(daemon.pid)), SAMPLE_MS)
    const floods = new Map<string, Flooded>()
    const acts = new Map<string, number>()
    const random = numbers(seed)
    try {
        await Promise.all([
            lane(end, () => knocks.some()),
            lane(end, async (turn) => {
                const { name, order } = FLOODS[turn % FLOODS.length]!
                const argv = floodFrom(enemy, gateway, order(gateway, random()))
                const { status, stdout, stderr } = await noted(`flood: ${name}`, () =>
                    enemy.run(argv, { timeout: 150_000 }),
                )
                if (status !== 0) throw new Error(`the flood ended with ${status}: ${stderr}`)
                const flooded: Flooded = JSON.parse(stdout)
                const so = floods.get(name)
                floods.set(name, so === undefined ? flooded : added(so, flooded))
            }),
            lane(end, async (turn) => {
                // The memory of one process is compared over time: it is restarted in the first fifth alone.
                const early = performance.now() < begun + (end - begun) / 5
                const open = MISCHIEF.filter((act) => early || !act.early)
                const act = open[(turn + seed) % open.length]!
                await noted(act.name, () => act.run(scene))
                acts.set(act.name, (acts.get(act.name) ?? 0) + 1)
                await pause(100 + (random() % 400))
            }),
        ])
    } finally {
        clearInterval(sampling)
    }
    const left = await ending(scene)
    counted.add(left.status)
    const steady = samples.filter(({ pid }) => pid === daemon.pid)
    const fifth = (from: number) =>
        steady.filter(
            ({ at }) => at >= begun + ((end - begun) * from) / 5 && at < begun + ((end - begun) * (from + 1)) / 5,
        )
    const rss = [1, 4].map((n) => median(fifth(n).map((s) => s.rss / MEBI)))
    const descriptors = [1, 4].map((n) => median(fifth(n).map((s) => s.descriptors)))
    const peak = processFigures(daemon.pid).peak / MEBI
    const journal = sizeOf(join(scratch, "state"))
    const broken = [...left.broken]
    if (knocks.lost.length > 0) broken.push(`${knocks.lost.length} honest knocks were lost:\n${knocks.lost.join("\n")}`)
    if (knocks.made === 0) broken.push("nobody knocked")
    if (journal > STATE_MOST) broken.push(`the state takes ${journal} bytes`)
    if (seconds >= LONG && rss[1]! > rss[0]! * 1.1 + 8) broken.push(`memory grew from ${rss[0]} to ${rss[1]} MiB`)
    if (peak > MEMORY_MOST) broken.push(`memory went up to ${peak} MiB`)
    if (descriptors[1]! > descriptors[0]! + 4)
        broken.push(`descriptors grew from ${descriptors[0]} to ${descriptors[1]}`)
    if ((await daemon.stop()) !== 0) broken.push("the daemon did not end well")
    return {
        broken,
        rows: [
            ["asked for (s)", seconds],
            ["took (s)", Math.round((performance.now() - begun) / 1000)],
            ["capture", capture],
            ["honest knocks", knocks.made],
            ["… let in", knocks.opened],
            ["… lost", knocks.lost.length],
            ...[...knocks.excused].map(([why, count]) => [`… failed ${why}`, count] as const),
            ...[...floods].map(([name, { sent, perSecond }]) => [`flood: ${name}`, `${sent}, ${perSecond}/s`] as const),
            ...[...acts].map(([name, count]) => [name, count] as const),
            ["packets seen", counted.delivered],
            ["packets that the kernel dropped", counted.dropped],
            ["memory, median of the second fifth (MiB)", rss[0]!.toFixed(1)],
            ["memory, median of the last fifth (MiB)", rss[1]!.toFixed(1)],
            ["memory, most ever (MiB)", peak.toFixed(1)],
            ["descriptors, second and last fifth", descriptors.join(", ")],
            ["state on disk (bytes)", journal],
        ],
    }
}

/** Repeats an act until it is time. */
async function lane(end: number, act: (turn: number) => Promise<void>): Promise<void> {
    for (let turn = 0; performance.now() < end; turn++) await act(turn)
}

/** Honest knocks, one after another, and what came of them. */
class Knocks {
    made = 0
    opened = 0
    readonly lost: string[] = []
    readonly excused = new Map<string, number>()
    readonly #scene: Scene
    readonly #excuses: readonly Excuse[]
    readonly #crowds: readonly Crowd[]
    readonly #diary: Diary
    readonly #records: Records
    #turn = 0

    constructor(scene: Scene, excuses: readonly Excuse[], crowds: readonly Crowd[], diary: Diary, records: Records) {
        this.#diary = diary
        this.#records = records
        this.#scene = scene
        this.#excuses = excuses
        this.#crowds = crowds
    }

    async some(): Promise<void> {
        const from = performance.now()
        const daemon = this.#scene.daemon()
        const line = daemon.log.all.length
        const before = await countersOf(daemon)
        const crowd = this.#crowds[this.#turn++ % this.#crowds.length]!
        const sources = await crowd.knock(3, HITS)
        const to = performance.now()
        const excuse = () => this.#excuses.find((e) => e.from < to && e.to > from)?.why
        const gateway = this.#scene.gateway
        const open = await letIn(gateway, daemon, sources, line, PATIENCE)
        const why = excuse()
        const after = open.size < sources.length ? await countersOf(this.#scene.daemon()) : null
        const overrun = before !== null && after !== null && after.dropped > before.dropped
        for (const source of sources) {
            this.made++
            if (open.has(source)) this.opened++
            else if (why !== undefined) this.#excuse(why)
            else if (overrun) this.#excuse("while the kernel had no room for packets")
            else {
                const counted = `counted before and after: ${JSON.stringify([before, after])}`
                this.lost.push(`${this.#story(source, from, to, daemon.log.all.slice(line))}; ${counted}`)
            }
        }
    }

    #story(source: string, from: number, to: number, lines: readonly string[]): string {
        const meanwhile = this.#diary
            .filter((entry) => entry.from < to && entry.to > from - AFTERMATH)
            .map((entry) => `${entry.name} ${second(entry.from - from)} to ${second(entry.to - from)}`)
        const said = lines.filter((text) => text.includes(source)).slice(-5)
        const [sent, came] = [this.#records.sent, this.#records.came].map((record) =>
            record.of(source, performance.timeOrigin + from).join(", "),
        )
        return `${source}, knocked within ${second(to - from)} s; ${meanwhile.join(", ")}; sent to ${sent}; came to ${came}; log: ${said.join(" | ")}`
    }

    #excuse(why: string): void {
        this.excused.set(why, (this.excused.get(why) ?? 0) + 1)
    }
}

/** What the daemon has counted so far. Clients that hang keep others out for a moment; null: the daemon is gone. */
async function countersOf(daemon: Daemon): Promise<Status["counters"] | null> {
    let counters: Status["counters"] | null = null
    await eventually(async () => {
        try {
            counters = (await statusOf(daemon)).counters
        } catch {}
        return counters !== null
    }, 3000)
    return counters
}

function second(ms: number): string {
    return (ms / 1000).toFixed(1)
}

/** Packets over all the daemons of a soak. */
class Counters {
    delivered = 0
    dropped = 0

    add({ counters }: Status): void {
        this.delivered += counters.delivered
        this.dropped += counters.dropped
    }
}

/** Nothing may stay open, neither in the book nor in the kernel, once grants have ended or been taken back. */
async function ending({ daemon, gateway }: Scene): Promise<{ status: Status; broken: string[] }> {
    const broken: string[] = []
    const revoked = await gateway.run([POSTERN, "revoke", "--door", "ssh", "--socket", daemon().socket])
    if (revoked.status !== 0) broken.push(`revoke: ${revoked.stderr}`)
    const closed = async () => (await statusOf(daemon())).totals.grants === 0
    if (!(await eventually(closed, 60_000))) broken.push("grants stay in the book")
    if (!(await eventually(() => !/ \. (tcp|udp) \. \d+ timeout/.test(listTable(gateway)), 20_000))) {
        broken.push("grants stay in the kernel")
    }
    return { status: await statusOf(daemon()), broken }
}

function sample(pid: number): Sample {
    try {
        const { rss, descriptors } = processFigures(pid)
        return { at: performance.now(), pid, rss, descriptors }
    } catch {
        // Just killed.
        return { at: performance.now(), pid: 0, rss: 0, descriptors: 0 }
    }
}

function added(a: Flooded, b: Flooded): Flooded {
    const [sent, seconds] = [a.sent + b.sent, a.seconds + b.seconds]
    return { sent, seconds, perSecond: Math.round(sent / seconds), cpu: a.cpu + b.cpu }
}

function median(values: readonly number[]): number {
    return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

function sizeOf(folder: string): number {
    return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
}

/** Small whole numbers in an order that the seed repeats. */
function numbers(seed: number): () => number {
    let state = seed >>> 0
    return () => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
        return state >>> 8
    }
}
