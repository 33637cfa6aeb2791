/**
 * What one of each bounded thing costs, in bytes: `npx tsx --expose-gc bench/limits.ts`, as root for what the kernel
 * holds. postern.toml(5) has the figures.
 */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import type { Config } from "../src/core/config/config.ts"
import { GATEWAY } from "../src/core/config/defaults.ts"
import { readConfig } from "../src/core/config/parse.ts"
import { Attempts } from "../src/core/knock/attempts.ts"
import { Deadlines } from "../src/core/knock/deadlines.ts"
import { codeOf } from "../src/core/knock/hit.ts"
import { indexSequences } from "../src/core/knock/sequence.ts"
import { Leases } from "../src/core/leases.ts"
import { formatRecord } from "../src/core/store/record.ts"

/** So that nothing is collected before it has been measured. */
const held: unknown[] = []

/** Heap and array buffers that `make` leaves behind, for each of `count`. */
function each(count: number, make: () => unknown): string {
    globalThis.gc?.()
    const before = process.memoryUsage()
    const made = make()
    globalThis.gc?.()
    const after = process.memoryUsage()
    const bytes = after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers
    held.push(made)
    return `${Math.round(bytes / count)} bytes`
}

const doors = (count: number) =>
    Array.from({ length: count }, (_, i) => {
        const port = (k: number) => 10_000 + ((i * 7919 + k * 12_553) % 50_000)
        return `[[door]]\nname = "door${i}"\nopens = ["tcp/22"]\nsequence.hits = ["${port(1)}", "${port(2)}:udp", "${port(3)}"]\n`
    }).join("")

async function configuration(count: number): Promise<Config> {
    const reading = await readConfig([{ file: "bench", text: doors(count) }], { listening: null })
    if (!reading.ok) throw new Error("the doors of this bench have a mistake")
    return reading.config
}

const address = (i: number) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`

/** The kernel's memory (bytes) for one element with a timeout of the sets that hold a grant. */
function element(): string {
    const count = 100_000
    const list = (text: (i: number) => string) => Array.from({ length: count }, (_, i) => text(i)).join(", ")
    const script = `
        slab() { awk '/^(Slab|Percpu|VmallocUsed):/ { n += $2 } END { print n }' /proc/meminfo; }
        nft 'add table inet t; add set inet t any { type ipv4_addr; flags timeout; }; add set inet t open { type ipv4_addr . inet_proto . inet_service; flags timeout; }'
        slab; nft -f -; slab`
    const input =
        `add element inet t any { ${list((i) => `${address(i)} timeout 1h`)} }\n` +
        `add element inet t open { ${list((i) => `${address(i)} . tcp . 22 timeout 1h`)} }\n`
    const out = execFileSync("unshare", ["-n", "sh", "-c", script], { input, encoding: "utf8", maxBuffer: 1 << 20 })
    const [before, after] = out.trim().split("\n").map(Number)
    return `${Math.round(((after! - before!) * 1024) / count)} bytes (both elements of it)`
}

const say = (what: string, cost: string) => process.stdout.write(`${what.padEnd(44)}${cost}\n`)

if (globalThis.gc === undefined) throw new Error("run it with --expose-gc")
const cpu = /model name\s*: (.*)/.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "unknown"
say("machine", `${cpu}, Node ${process.version}, Linux ${execFileSync("uname", ["-r"], { encoding: "utf8" }).trim()}`)
const rooms = 262_144
const table = (depth: number) => () => [new Attempts(rooms, depth, [1, 2]), new Deadlines(rooms)]
say("a source (attempts), 3 hits", each(rooms, table(3)))
say("a source (attempts), 32 hits", each(rooms, table(32)))
const config = await configuration(10)
const leases = new Leases({ ...config, gateway: { ...GATEWAY, grants: 100_000 } })
say(
    "a grant (grants), the daemon's part",
    each(50_000, () => {
        for (let i = 0; i < 50_000; i++) {
            const lease = leases.claim(config.doors[i % 10]!, [0, 0, 0xffff, i], "hand")
            if (typeof lease !== "string") leases.setGrant(lease, i)
        }
        return leases
    }),
)
if (process.getuid?.() === 0) say("a grant (grants), the kernel's part", element())
const note = { door: "ssh", source: [0x20010db8, 0x12345678, 0x9abcdef0, 0x12345678], due: 1_700_000_000_000 } as const
say(
    "a stop program to come, in the journal",
    `${formatRecord({ type: "stop", ...note }).length + 1} bytes, in blocks of 512`,
)
const text = await configuration(1000)
say(
    "a door, its sequence of 3 hits looked up",
    each(1000, () => {
        const wanted = text.doors.map(({ sequence }, door) => ({
            door,
            codes: sequence!.hits.map(codeOf),
            within: sequence!.within,
        }))
        return indexSequences(wanted)
    }),
)
