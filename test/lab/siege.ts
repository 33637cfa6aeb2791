/** A gateway under attack: floods and honest knocks side by side, and an account of both. */
import { setTimeout as pause } from "node:timers/promises"
import { controlClient } from "../../src/adapters/control/client.ts"
import type { Status } from "../../src/core/status.ts"
import type { Crowd } from "./crowd.ts"
import type { Flood, Flooded } from "./flood.ts"
import { type Daemon, eventually, floodFrom, type Host } from "./lab.ts"
import { processFigures } from "./process.ts"

/** Ours: a door that has not opened after so long (ms) is one that did not. */
const PATIENCE = 20_000

/** Who knock before anybody asks how they fared. */
const TOGETHER = 5

/** So long the log is waited for before the kernel is asked (ms). */
const LOG_MS = 1500

/** What is sent, but for where: see `Flood`. */
export type Order = Omit<Flood, "namespace" | "device" | "mac">

/** The account of one siege. `seen` and `dropped` count all packets of the siege, the honest ones included. */
export type Siege = {
    readonly flood: Flooded
    /** Packets that the daemon was handed, and that the kernel had no room for, by its status. */
    readonly seen: number
    readonly dropped: number
    readonly turnedAway: number
    /** Who knocked while the flood went on, and whom of them no door was opened. */
    readonly knocked: readonly string[]
    readonly lost: readonly string[]
    /** Of the daemon: the most memory it ever had (bytes), processor time (s). */
    readonly peak: number
    readonly cpu: number
}

/** Asks the daemon how things stand. Throws when it does not answer. */
export async function statusOf(daemon: Daemon): Promise<Status> {
    const client = controlClient(daemon.socket, 30_000)
    try {
        const answer = await client.ask({ ask: "status" })
        if (answer.ok && "status" in answer) return answer.status
        throw new Error(`no status: ${JSON.stringify(answer)}`)
    } finally {
        client.close()
    }
}

/**
 * Sends `order` from `enemy`, and as soon as it is felt lets honest knockers knock until it is over, a few at a time.
 * `patience`: how long each of them waits for the door (ms).
 */
export async function siege(
    scene: {
        readonly daemon: Daemon
        readonly gateway: Host
        readonly enemy: Host
        readonly crowd: Crowd
        readonly hits: readonly string[]
    },
    order: Order,
    patience = PATIENCE,
): Promise<Siege> {
    const { daemon, gateway, enemy, crowd, hits } = scene
    const before = await statusOf(daemon)
    const { cpu } = processFigures(daemon.pid)
    const from = daemon.log.all.length
    const state = { flooding: true }
    const argv = floodFrom(enemy, gateway, order)
    const flood = enemy.run(argv, { timeout: 150_000 }).finally(() => {
        state.flooding = false
    })
    const felt = async () =>
        !state.flooding || (await statusOf(daemon)).counters.delivered > before.counters.delivered + 100
    await eventually(felt, 5000)
    const knocked: string[] = []
    const met = new Set<string>()
    do {
        const sources = await crowd.knock(TOGETHER, hits)
        knocked.push(...sources)
        for (const source of await letIn(gateway, daemon, sources, from, patience)) met.add(source)
    } while (state.flooding)
    const { status, stdout, stderr } = await flood
    if (status !== 0) throw new Error(`the flood ended with ${status}: ${stderr}`)
    const flooded: Flooded = JSON.parse(stdout)
    const after = await quiet(daemon)
    const { peak, cpu: spent } = processFigures(daemon.pid)
    return {
        flood: flooded,
        seen: after.counters.delivered - before.counters.delivered,
        dropped: after.counters.dropped - before.counters.dropped,
        turnedAway: after.counters.turnedAway - before.counters.turnedAway,
        knocked,
        lost: knocked.filter((source) => !met.has(source)),
        peak,
        cpu: spent - cpu,
    }
}

/**
 * Those of `sources` to whom the ssh door is opened within `ms`, by the log (from a line on) or by the kernel: a log
 * that tells of thousands of others may have lost the line.
 */
export async function letIn(
    gateway: Host,
    { log }: Daemon,
    sources: readonly string[],
    from: number,
    ms: number,
): Promise<ReadonlySet<string>> {
    const met = new Set<string>()
    const look = () => {
        const lines = log.all.slice(from).filter((line) => line.includes(": open"))
        for (const source of sources) if (lines.some((line) => line.includes(` ${source}: open`))) met.add(source)
        return met.size === sources.length
    }
    // The log is quick, if it says it at all: lines are rationed under a flood of openings.
    const end = performance.now() + ms
    do {
        await eventually(look, Math.min(ms, LOG_MS))
        if (met.size < sources.length) for (const source of await held(gateway, sources)) met.add(source)
    } while (met.size < sources.length && performance.now() < end)
    return met
}

/** Whom of these the kernel lets in, to ssh. */
async function held(gateway: Host, sources: readonly string[]): Promise<readonly string[]> {
    const met: string[] = []
    for (const set of ["open4", "open6"]) {
        // Not `get element`: for that nft reads every set of the table first, hundreds of thousands of watched sources.
        const { status, stdout, stderr } = await gateway.run(["nft", "list", "set", "inet", "postern", set])
        // The table may just be gone; whatever else is wrong must not look like a door that is shut.
        if (status !== 0 && !stderr.includes("No such file"))
            throw new Error(`nft list set ${set}: ${status} ${stderr}`)
        met.push(...sources.filter((source) => stdout.includes(`${source} . tcp . 22 `)))
    }
    return met
}

/** The status once nothing more comes out of the kernel's queues. */
async function quiet(daemon: Daemon): Promise<Status> {
    let last = await statusOf(daemon)
    for (let same = 0; same < 4; ) {
        await pause(100)
        const now = await statusOf(daemon)
        same = now.counters.delivered === last.counters.delivered ? same + 1 : 0
        last = now
    }
    return last
}
