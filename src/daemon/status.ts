/** How things stand, put together for whoever asks: from what the loop knows, in texts and times of day. */
import type { Config } from "../core/config/config.ts"
import { hidesIn } from "../core/config/hiding.ts"
import { formatService } from "../core/knock/language.ts"
import type { MatchCounts } from "../core/knock/matcher.ts"
import { isOpen, type Lease } from "../core/leases.ts"
import { formatAddress, formatNetwork, isAlone } from "../core/net/address.ts"
import { LISTED_MOST, type Status } from "../core/status.ts"
import type { CaptureStats } from "../ports/capture.ts"
import type { Clock } from "../ports/clock.ts"
import type { Standing } from "./standing.ts"
import type { Kept } from "./state.ts"
import type { Warning } from "./warnings.ts"

/** What a status is made with. `started`: milliseconds since 1970. */
export type StatusKeeping = {
    readonly standing: Standing
    readonly clock: Clock
    readonly started: number
    /** When the configuration in force was read (ms since 1970). */
    readonly loaded: () => number
    readonly kept: Pick<Kept, "store" | "audit">
    readonly warnings: () => readonly Warning[]
    /** How publication stands; null: nothing is published here. */
    readonly published: (() => Status["publication"]) | null
    /** Null where there can be none. */
    readonly oneTime: (() => NonNullable<Status["oneTime"]>) | null
}

/** In a few words, for whoever has started the daemon. */
export function summary({ doors }: Config, leases: readonly Lease[]): string {
    const open = leases.filter(isOpen).length
    const grants = open === 0 ? "nothing is open" : `${open} ${open === 1 ? "grant is" : "grants are"} open`
    return `guarding ${doors.length} ${doors.length === 1 ? "door" : "doors"}, ${grants}`
}

/** That more is open than the configuration in force allows, as a line of the log; null: there is no more. */
export function overfull({ gateway }: Config, leases: readonly Lease[]): string | null {
    if (leases.length <= gateway.grants) return null
    return `${leases.length} grants are there, and \`grants\` allows ${gateway.grants}: they end on their time, and nobody new is let in before there is room`
}

function countersOf(packets: CaptureStats, { hits, repeats, paused, noRoom }: MatchCounts): Status["counters"] {
    const { delivered, dropped } = packets
    return { delivered, dropped, hits, repeats, ignored: paused, turnedAway: noRoom }
}

/** The status at this moment. */
export function statusNow({
    standing,
    clock,
    started,
    loaded,
    kept,
    warnings,
    oneTime,
    published,
}: StatusKeeping): Status {
    const { config } = standing
    const hides = hidesIn(config)
    const hiding = standing.hiding()
    const { leases, sources, room, counts, interfaces, offered } = standing.facts()
    const [now, wall] = [clock.monotonic(), clock.wall()]
    const { live, total } = standing.attempts(LISTED_MOST)
    const open = new Map<string, number>()
    for (const lease of leases) if (isOpen(lease)) open.set(lease.door.name, (open.get(lease.door.name) ?? 0) + 1)
    return {
        pid: process.pid,
        now: wall,
        started,
        loaded: loaded(),
        capture: standing.captureName,
        interfaces: interfaces === null ? null : [...interfaces],
        table: standing.table,
        offered: offered.slice(0, LISTED_MOST).map(formatService),
        doors: config.doors.slice(0, LISTED_MOST).map((door) => ({
            name: door.name,
            opens: door.opens.map(formatService),
            for: door.for,
            hide: door.opens.length > 0 && door.opens.every((service) => hides(door, service)),
            grants: open.get(door.name) ?? 0,
        })),
        hiding: {
            hidden: hiding.hidden.slice(0, LISTED_MOST).map(formatService),
            trials: hiding.trials.map(({ service, left, arrived }) => ({
                service: formatService(service),
                left: Math.ceil(left),
                arrived: arrived?.slice(0, LISTED_MOST).map(formatAddress) ?? null,
            })),
        },
        attempts: live.slice(0, LISTED_MOST).map((attempt) => ({ ...attempt, source: formatAddress(attempt.source) })),
        grants: leases.slice(0, LISTED_MOST).map((lease) => ({
            door: lease.door.name,
            source: formatAddress(lease.source),
            network: isAlone(lease.network) ? null : formatNetwork(lease.network),
            left: isOpen(lease) ? Math.max(0, lease.grant.due - now) : null,
            used: lease.used,
            since: wall - (now - lease.since),
            by: lease.giver.by,
            uid: lease.giver.by === "hand" ? lease.giver.uid : null,
            knocker: lease.giver.by === "knock" ? lease.giver.knocker : null,
            program: lease.errand.phase,
        })),
        totals: {
            doors: config.doors.length,
            attempts: total,
            grants: leases.length,
            grantsRoom: config.gateway.grants,
            sources,
            sourcesRoom: room,
        },
        counters: countersOf(standing.packets(), counts),
        state: {
            directory: config.gateway.state,
            journal: kept.store?.health() ?? null,
            audit: kept.audit?.health() ?? null,
        },
        publication: published?.() ?? null,
        oneTime: config.bundles === null || oneTime === null ? null : oneTime(),
        warnings: [...warnings()],
    }
}
