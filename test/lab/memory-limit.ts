/** A control group of our own that bounds the memory of a program, by cgroup v2 or v1, whichever has the controller here. */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { eventually } from "./lab.ts"

export type MemoryLimit = {
    /** To be put before the program. */
    readonly wrap: readonly string[]
    /** The most that was ever charged to the group (bytes), and how many programs the kernel has killed for it. */
    readonly figures: () => { readonly peak: number; readonly killed: number }
    /** When the program has ended. */
    readonly remove: () => Promise<void>
}

const V1 = { limit: "memory.limit_in_bytes", peak: "memory.max_usage_in_bytes", events: "memory.oom_control" }
const V2 = { limit: "memory.max", peak: "memory.peak", events: "memory.events" }

let count = 0

/** A group that can have so many bytes. A text: why there can be none here. */
export function limitMemory(bytes: number): MemoryLimit | string {
    const found = spawnSync("findmnt", ["-rn", "-t", "cgroup,cgroup2", "-o", "TARGET,FSTYPE,OPTIONS"], {
        encoding: "utf8",
    })
    for (const line of found.stdout.split("\n")) {
        const [target = "", type, options = ""] = line.split(" ")
        if (type === "cgroup" && !options.split(",").includes("memory")) continue
        const group = join(target, `postern-test-${process.pid}-${++count}`)
        try {
            mkdirSync(group)
        } catch {
            continue
        }
        const names = [V1, V2].find(({ limit }) => existsSync(join(group, limit)))
        if (names !== undefined) return limitOf(group, names, bytes)
        rmdirSync(group)
    }
    return "no control group with memory in it can be made here"
}

function limitOf(group: string, names: typeof V1, bytes: number): MemoryLimit {
    const read = (name: string) => readFileSync(join(group, name), "utf8")
    writeFileSync(join(group, names.limit), String(bytes))
    return {
        wrap: ["sh", "-c", `echo $$ >${group}/cgroup.procs && exec "$@"`, "sh"],
        figures: () => ({
            peak: Number(read(names.peak)),
            killed: Number(/^oom_kill (\d+)$/m.exec(read(names.events))?.[1] ?? 0),
        }),
        async remove() {
            const gone = () => {
                try {
                    rmdirSync(group)
                    return true
                } catch {
                    return !existsSync(group)
                }
            }
            if (!(await eventually(gone))) throw new Error(`${group} cannot be removed`)
        },
    }
}
