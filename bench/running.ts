/** A daemon that is measured: how it is started, what it is asked, and when it is at rest. */
import { spawnSync } from "node:child_process"
import { cpus } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import type { Lab } from "../test/lab/lab.ts"
import { usageOf } from "./usage.ts"

export type Options = {
    /** So many doors, each with a knock of its own; the first one is the one that is knocked at. */
    readonly doors?: number
    /** In place of opening, the door runs a command that notes when it began; or one that has a stop to come as well. */
    readonly stamps?: "start" | "start, stop"
}

/** A daemon that watches. */
export type Running = {
    readonly pid: number
    /** From its start until it watched, in milliseconds. */
    readonly ready: number
    /** Packets that could be hits and were looked at, and knocks that opened the door: of its whole life. It ends. */
    readonly finish: () => Promise<{ readonly handled: number; readonly opened: number }>
}

export type AnyLab = Pick<Lab<never>, "gateway" | "scratch" | "startDaemon">

/** A second after it is ready a daemon of ours gives memory back, once, and does nothing else for some 10 ms (decision 13). */
const SETTLED_MS = 1200

/** Where commands note when they began: a file for each source. */
export function stampsIn(scratch: string): string {
    return join(scratch, "stamps")
}

/** Senders and measuring keep the first processor, the daemon the last. */
export function serverCpu(): string {
    return String(cpus().length - 1)
}

/** A daemon of ours that has just become ready: on its processor, and with its start behind it. */
export async function settle(pid: number): Promise<void> {
    spawnSync("taskset", ["-a", "-p", "-c", serverCpu(), String(pid)])
    await pause(SETTLED_MS)
    await atRest(pid)
}

/** Waits until a process has used no processor for a while: it has started, or has done what there was to do. */
export async function atRest(pid: number): Promise<void> {
    let before = usageOf(pid)
    let quiet = 0
    await until(() => {
        const now = usageOf(pid)
        quiet = now.cpu - before.cpu < 1e6 ? quiet + 1 : 0
        before = now
        return quiet >= 8
    })
}

/** Asks every so many milliseconds, for a minute; then it throws. */
export async function until(condition: () => boolean, every = 50): Promise<void> {
    const end = performance.now() + 60_000
    while (!condition()) {
        if (performance.now() > end) throw new Error("a daemon is not ready or not at rest after a minute")
        await pause(every)
    }
}
