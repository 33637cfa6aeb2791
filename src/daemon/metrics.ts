/** The metrics at this moment, put together for whoever asks: what was counted, and how things stand. */
import { readdirSync, readFileSync } from "node:fs"
import { isOpen } from "../core/leases.ts"
import { metricFamilies } from "../core/metrics/catalogue.ts"
import { formatMetrics } from "../core/metrics/exposition.ts"
import type { Levels } from "../core/metrics/levels.ts"
import type { Meter } from "../core/metrics/meter.ts"
import type { Status } from "../core/status.ts"
import type { StatusKeeping } from "./status.ts"

/** What metrics are made with, beside what a status is made with. `version`: of the program. */
export type MetricsKeeping = StatusKeeping & {
    readonly version: string
    readonly meter: Meter
    /** Connected to the control socket now. */
    readonly clients: () => number
}

/** The metrics as text. */
export function metricsNow(keeping: MetricsKeeping): string {
    return formatMetrics(metricFamilies(keeping.meter, levelsOf(keeping)))
}

function levelsOf({ version, standing, meter, clients, published }: MetricsKeeping): Levels {
    const { config } = standing
    const { leases, sources, room } = standing.facts()
    const open = new Map<string, number>()
    for (const lease of leases) {
        if (!isOpen(lease)) continue
        const label = meter.tally.label(lease.door.name)
        open.set(label, (open.get(label) ?? 0) + 1)
    }
    const health = standing.journal()
    return {
        version,
        capture: standing.captureName,
        packets: standing.packets(),
        attempts: standing.attempts(0).total,
        sources: { used: sources, room },
        grants: { used: leases.length, room: config.gateway.grants },
        open,
        depth: Math.max(0, ...config.doors.map(({ sequence }) => sequence?.hits.length ?? 0)),
        inPlace: standing.tableInPlace,
        hidden: standing.hiddenCounts,
        programs: standing.programs(),
        journal: health && { ...health, since: health.since / 1000, trouble: health.trouble !== null },
        bundles: bundleLevels(published?.() ?? null),
        clients: clients(),
        process: processLevels(),
    }
}

function bundleLevels(published: Status["publication"]): Levels["bundles"] {
    if (published === null) return null
    const { trouble, last, targets } = published
    return {
        trouble: trouble !== null,
        made: last && last.made / 1000,
        files: last?.files ?? 0,
        took: (last?.took ?? 0) / 1000,
        targets: targets.map((target) => ({
            name: target.name,
            trouble: target.trouble !== null,
            done: target.done && target.done / 1000,
        })),
    }
}

function processLevels(): Levels["process"] {
    const { userCPUTime, systemCPUTime } = process.resourceUsage()
    return {
        rss: process.memoryUsage.rss(),
        cpu: (userCPUTime + systemCPUTime) / 1_000_000,
        // The list itself is open while it is read.
        fds: orNull(() => readdirSync("/proc/self/fd").length - 1),
        fdsMost: orNull(() => {
            const most = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]
            return most === undefined ? null : Number(most)
        }),
        started: Math.round(performance.timeOrigin) / 1000,
        busy: performance.eventLoopUtilization().active / 1000,
    }
}

/** A host can hide its /proc from us. */
function orNull<T>(read: () => T): T | null {
    try {
        return read()
    } catch {
        return null
    }
}
