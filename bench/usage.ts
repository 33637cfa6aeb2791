/** What a process has used, from /proc (man 5 proc). Bytes, nanoseconds and counts; all of its threads. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"

/** `cpu`: nanoseconds on a processor; `children`: the same of children that have ended; `wakes`: voluntary switches. */
export type Usage = { readonly cpu: number; readonly children: number; readonly wakes: number; readonly rss: number }

/** Clock ticks of /proc/PID/stat: 100 a second on every Linux that Node.js runs on. */
const TICK_NS = 1e7

/** Throws if the process is gone. */
export function usageOf(pid: number): Usage {
    let [cpu, wakes] = [0, 0]
    for (const task of readdirSync(`/proc/${pid}/task`)) {
        try {
            cpu += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0])
            wakes += field(readFileSync(`/proc/${pid}/task/${task}/status`, "utf8"), "voluntary_ctxt_switches")
        } catch {
            // A thread that ended meanwhile.
        }
    }
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    // After the name in parentheses, which may hold anything: field 3 and on; 16 and 17 are of children.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    const children = (Number(fields[13]) + Number(fields[14])) * TICK_NS
    return { cpu, children, wakes, rss: field(readFileSync(`/proc/${pid}/status`, "utf8"), "VmRSS") * 1024 }
}

/** The proportional share of memory: what several processes map counts for each in part. */
export function pssOf(pid: number): number {
    return field(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"), "Pss") * 1024
}

/** The most that was resident since `forgetPeak`, or since the start. */
export function peakOf(pid: number): number {
    return field(readFileSync(`/proc/${pid}/status`, "utf8"), "VmHWM") * 1024
}

export function forgetPeak(pid: number): void {
    writeFileSync(`/proc/${pid}/clear_refs`, "5")
}

function field(text: string, name: string): number {
    return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? Number.NaN)
}
