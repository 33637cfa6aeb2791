/** A bundle as it is shown: for people, for scripts, and as lines to type. */
import { formatDuration, formatHit, formatService } from "../../core/knock/language.ts"
import type { Bundle, BundleDoor } from "../../core/one-time/bundle.ts"
import { linesByHand } from "../../core/one-time/by-hand.ts"
import type { Turn } from "../../core/one-time/turn.ts"
import { formatAge, formatMoment } from "../texts/device.ts"
import type { Keeping } from "./keeping.ts"
import { upcoming } from "./obtain.ts"

/** A bundle with what this device has done with it. */
export type Shown = {
    readonly bundle: Bundle
    /** Where knocks go. */
    readonly host: string
    readonly doors: readonly {
        readonly door: BundleDoor
        /** Those that may still open it, the next one first. */
        readonly turns: readonly Turn[]
    }[]
}

/** Joins them. `door`: that one alone; null: all. Throws what the system refuses. */
export function shownOf(bundle: Bundle, host: string, keeping: Keeping, door: string | null): Shown {
    const wanted = bundle.doors.filter(({ name }) => door === null || name === door)
    return { bundle, host, doors: wanted.map((one) => ({ door: one, turns: upcoming(keeping, one) })) }
}

/** Ours: clocks that are set by themselves differ by less, in milliseconds. */
const CLOCKS_DIFFER = 60_000

/** What people read: no hit is in it. */
export function summary({ bundle, doors }: Shown, now: number): readonly string[] {
    const { gateway, knocker, serial, made, until } = bundle
    const ahead = now < made - CLOCKS_DIFFER
    const when = `at ${formatMoment(made)}, while the clock of this machine says ${formatMoment(now)}`
    const age = ahead ? when : `${formatAge(Math.max(0, now - made))} ago`
    const width = Math.max(0, ...doors.map(({ door }) => door.name.length))
    return [
        `${gateway} for ${knocker}: serial ${serial}, made ${age}, good until ${formatMoment(until)}`,
        ...doors.map(({ door, turns }) => {
            const tried = turns.filter(({ tries }) => tries > 0).length
            const left = `${turns.length - tried} left${tried > 0 ? `, ${tried} tried` : ""}`
            return `  ${door.name.padEnd(width)}  ${left}  ${opensText(door)}`
        }),
    ]
}

/** Lines to type for the next knock at each door; with remarks, so that all of it can be given to a shell. */
export function byHand({ host, doors }: Shown): readonly string[] {
    return doors.flatMap(({ door, turns }) => {
        const [turn] = turns
        if (turn === undefined) return [`# ${door.name}: no sequence is left`]
        const tcp = turn.hits.some(({ protocol }) => protocol !== "icmp")
        return [
            `# ${door.name}, ${opensText(door)}: these lines, in this order; they open once`,
            ...linesByHand(host, turn.hits, "nc"),
            ...(tcp ? ["# or, where there is no nc:", ...linesByHand(host, turn.hits, "bash").map(remark)] : []),
        ]
    })
}

/** What scripts read. Hits are in it only with `hits`. */
export function asJson({ bundle, host, doors }: Shown, hits: boolean) {
    return {
        gateway: bundle.gateway,
        knocker: bundle.knocker,
        host,
        serial: bundle.serial,
        made: formatMoment(bundle.made),
        until: formatMoment(bundle.until),
        doors: doors.map(({ door, turns }) => ({
            name: door.name,
            opens: door.opens.map(formatService),
            within: formatDuration(door.within),
            left: turns.filter(({ tries }) => tries === 0).length,
            tried: turns.filter(({ tries }) => tries > 0).length,
            ...(hits ? { next: turns[0] === undefined ? null : nextOf(turns[0]) } : {}),
        })),
    }
}

function nextOf(turn: Turn) {
    return { counter: turn.counter, hits: turn.hits.map(formatHit) }
}

function opensText({ opens, within }: BundleDoor): string {
    const what = opens.length === 0 ? "" : `opens ${opens.map(formatService).join(", ")} `
    return `${what}within ${formatDuration(within)}`
}

function remark(line: string): string {
    return `#   ${line}`
}
