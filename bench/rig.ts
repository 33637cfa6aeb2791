/**
 * What all rows share: a private network with a gateway, a knocker and a flooder, a knocker's stop-watch and a flood
 * sender. The gateway drops what comes from the flood's spoofed networks after both daemons have seen it, as a host
 * does that drops by default: otherwise the kernel's resets would be most of the work.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import type { Flooded } from "../test/lab/flood.ts"
import { floodFrom, makeLab, shield } from "../test/lab/lab.ts"
import { HITS, PORTS } from "./doors.ts"
import type { Order } from "./measure.ts"
import type { Subject } from "./row.ts"
import { type Options, type Running, serverCpu, stampsIn } from "./running.ts"
import { startSubject } from "./subjects.ts"

export type Family = 4 | 6

/** A knocker with a stop-watch. */
export type Knocking = {
    readonly subject: Subject
    readonly family?: Family
    /** At most so many, each from an address that has never knocked. */
    readonly count: number
    /** See `Order`. */
    readonly every?: number
    readonly until?: number
    /** The door was started with `stamps`: the time is that at which its command begins. */
    readonly stamps?: boolean
}

/** A flood of TCP SYNs. */
export type Flooding = {
    readonly family?: Family
    /** In the order in which each source sends them. */
    readonly ports: readonly number[]
    /** Packets per second, and for how long. */
    readonly rate: number
    readonly seconds: number
    readonly source?: "random" | "sequential" | "fixed"
}

export type Rig = {
    readonly start: (subject: Subject, options?: Options) => Promise<Running>
    /** Milliseconds of each knock, `Infinity` for one that opened nothing. */
    readonly knock: (knocking: Knocking) => Promise<number[]>
    /** Sends, and says what was sent, and how much of it came to the gateway's interface: more than 99 %, or it throws. */
    readonly flood: (flooding: Flooding) => Promise<Flooded & { readonly arrived: number }>
    /** Knocks while it floods: from when the flood has begun until a little before its end. */
    readonly knockInFlood: (
        flooding: Flooding,
        knocking: Knocking,
    ) => Promise<{ readonly times: number[]; readonly flooded: Flooded }>
    readonly remove: () => void
}

/** Where spoofed packets come from. */
const SPOOFED = { 4: "10.128.0.0/9", 6: "2001:db8::/32" } as const
const PATIENCE_MS = 1000

/** Builds it. Throws if the kernel refuses. */
export function makeRig(): Rig {
    const lab = makeLab(["knocker", "flooder"])
    const { gateway, hosts, scratch } = lab
    try {
        shield(gateway, { v4: SPOOFED[4], v6: SPOOFED[6] })
        // Two services that only accept.
        const listen = [...new Set(Object.values(PORTS))].map(
            (port) => `require("net").createServer((s) => s.destroy()).listen(${port})`,
        )
        gateway.start(["taskset", "-c", serverCpu(), process.execPath, "-e", listen.join(";")], { stdio: "ignore" })
    } catch (error) {
        lab.remove()
        throw error
    }
    let batches = 0

    const received = (): number =>
        Number(/eth0:\s*\d+\s+(\d+)/.exec(gateway.must(["cat", "/proc/net/dev"]))?.[1] ?? Number.NaN)

    /** So many addresses for the knocker that nobody has knocked from. */
    const addresses = (family: Family, count: number): string[] => {
        const batch = batches++
        // Each IPv6 source in a /64 of its own, as different hosts are.
        const address = (index: number) =>
            family === 4
                ? `10.${80 + (batch >> 8)}.${batch & 255}.${index + 1}`
                : `fd78:${batch.toString(16)}:${index}::1`
        const made = Array.from({ length: count }, (_, index) => address(index))
        const file = join(scratch, "addresses")
        const lines = made.map((one) => `address add ${one}/${family === 4 ? "32" : "128 nodad"} dev eth0`)
        writeFileSync(file, `${lines.join("\n")}\n`)
        hosts.knocker.must(["ip", "-batch", file])
        const network = family === 4 ? address(-1) + "/24" : `fd78:${batch.toString(16)}::/32`
        const { v4, v6 } = hosts.knocker
        gateway.must(["ip", `-${family}`, "route", "replace", network, "via", family === 4 ? v4 : v6])
        return made
    }

    const knock: Rig["knock"] = async ({ subject, family = 4, count, every = 0, until = 1e9, stamps = false }) => {
        const order: Order = {
            gateway: family === 4 ? gateway.v4 : gateway.v6,
            hits: HITS,
            port: PORTS[subject],
            stamps: stamps ? stampsIn(scratch) : null,
            sources: addresses(family, count),
            gap: 5,
            every,
            until,
            patience: PATIENCE_MS,
        }
        const script = join(import.meta.dirname, "measure.ts")
        const argv = ["taskset", "-c", "0", process.execPath, "--import", "tsx", script, JSON.stringify(order)]
        const { status, stdout, stderr } = await hosts.knocker.run(argv, { timeout: 120_000 })
        if (status !== 0) throw new Error(`measuring failed: ${stderr}`)
        const times: (number | null)[] = JSON.parse(stdout)
        return times.map((time) => time ?? Number.POSITIVE_INFINITY)
    }

    const flood: Rig["flood"] = async ({ family = 4, ports, rate, seconds, source = "random" }) => {
        const order = {
            destination: family === 4 ? gateway.v4 : gateway.v6,
            protocol: "tcp" as const,
            ports,
            sources: { kind: source, network: SPOOFED[family] },
            count: Math.round(rate * seconds),
            rate,
            seed: ++batches,
        }
        const before = received()
        const argv = ["taskset", "-c", "0", ...floodFrom(hosts.flooder, gateway, order)]
        const { status, stdout, stderr } = await hosts.flooder.run(argv, { timeout: 120_000 })
        if (status !== 0) throw new Error(`the flood sender failed: ${stderr}`)
        const flooded: Flooded = JSON.parse(stdout)
        const arrived = received() - before
        if (arrived < flooded.sent * 0.99) throw new Error(`of ${flooded.sent} packets ${arrived} arrived`)
        return { ...flooded, arrived }
    }

    return {
        start: (subject, options) => startSubject(lab, subject, options),
        knock,
        flood,
        async knockInFlood(flooding, knocking) {
            const before = received()
            const state = { over: false }
            const running = flood(flooding).finally(() => {
                state.over = true
            })
            // Not before a twentieth of it has come.
            const first = (flooding.rate * flooding.seconds) / 20
            while (!state.over && received() - before < first) await pause(20)
            const left = flooding.seconds * 1000 * 0.7
            const times = await knock({ every: left / knocking.count, until: left, ...knocking })
            return { times, flooded: await running }
        },
        remove: lab.remove,
    }
}
