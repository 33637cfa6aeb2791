/** What the kernel says about a running program. */
import { readdirSync, readFileSync } from "node:fs"

/** Figures of one moment. Memory in bytes, processor time in seconds. */
export type ProcessFigures = {
    readonly rss: number
    /** The most it has ever been. */
    readonly peak: number
    readonly cpu: number
    /** How often any of its threads has gone to sleep of its own accord: each end of such a sleep is a wake-up. */
    readonly sleeps: number
    readonly descriptors: number
    readonly threads: number
}

/** Clock ticks per second as /proc counts them, on every Linux that Node runs on. */
const TICKS = 100

/** Looks at a program. Throws when it has ended. */
export function processFigures(pid: number): ProcessFigures {
    const status = readFileSync(`/proc/${pid}/status`, "utf8")
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    // Behind the name, which may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    const threads = readdirSync(`/proc/${pid}/task`)
    return {
        rss: field(status, "VmRSS") * 1024,
        peak: field(status, "VmHWM") * 1024,
        cpu: (Number(fields[11]) + Number(fields[12])) / TICKS,
        sleeps: threads.reduce((sum, thread) => sum + sleepsOf(pid, thread), 0),
        descriptors: readdirSync(`/proc/${pid}/fd`).length,
        threads: threads.length,
    }
}

function sleepsOf(pid: number, thread: string): number {
    try {
        return field(readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8"), "voluntary_ctxt_switches")
    } catch {
        // It has ended meanwhile.
        return 0
    }
}

function field(text: string, name: string): number {
    const found = new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)
    if (found === null) throw new Error(`no ${name}: the program has ended`)
    return Number(found[1])
}
