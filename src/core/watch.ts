/**
 * What the capture must pass up so that the engine misses nothing that matters: data for the nflog chain, the packet
 * socket's filter and the tests alike.
 */
import type { Config, Door, Sequence } from "./config/config.ts"
import { codeOf, type HitCode, type Service, type TcpFlags } from "./knock/hit.ts"
import type { Address } from "./net/address.ts"

/**
 * One way of looking at the traffic: which TCP packets count and whose address they must be sent to. Doors with the
 * same flags and target share a view; views never disturb each other. A door in knockd's place has one of its own, where
 * the hits of its sequence are all there is to see, if it is not strict.
 */
export type View = {
    readonly strict: boolean
    readonly flags: TcpFlags
    /** Empty: any address of this host. */
    readonly target: readonly Address[]
    /** Hits that begin a sequence of this view. */
    readonly firsts: readonly HitCode[]
    /** Hits that any sequence of this view names. */
    readonly named: readonly HitCode[]
    /** The longest window of this view's sequences, in milliseconds. */
    readonly within: number
    /** Indices into `config.doors`. */
    readonly doors: readonly number[]
}

/**
 * The prefix of one logged packet each time the kernel begins to forget sources, because it watches as many as it can:
 * it then passes every new packet up until that has passed.
 */
export const WATCH_FULL = "postern: watched set full"

/** What to watch, as the configuration says. */
export type WatchPlan = {
    readonly views: readonly View[]
    /** Services of doors: never hits, so that an impatient client does not spoil the knock. */
    readonly services: readonly Service[]
    readonly uniform: boolean
    readonly logGroup: number
    /** How many sources the kernel remembers as watched. */
    readonly attempts: number
}

/** What a capture looks for at this moment. */
export type Watching = {
    readonly plan: WatchPlan
    /** Interface names; null: all of them. Names of absent interfaces are fine. */
    readonly interfaces: readonly string[] | null
    /** Openly offered services: no hits, unless a sequence names the port. */
    readonly offered: readonly Service[]
}

/** Groups the doors of a configuration into views, in the order of their first door. */
export function planWatch(config: Pick<Config, "gateway" | "doors">): WatchPlan {
    const groups = new Map<string, { door: Door; doors: number[] }>()
    config.doors.forEach((door, index) => {
        if (door.sequence === null) return
        const key = keyOf(door, door.sequence)
        const group = groups.get(key)
        if (group) group.doors.push(index)
        else groups.set(key, { door, doors: [index] })
    })
    const views = [...groups.values()].map(({ door, doors }): View => {
        const sequences = doors.map((index) => config.doors[index]!.sequence!)
        return {
            strict: door.sequence!.strict,
            flags: door.sequence!.flags,
            target: door.sequence!.target,
            firsts: unique(sequences.map((s) => codeOf(s.hits[0]!))),
            named: unique(sequences.flatMap((s) => s.hits.map(codeOf))),
            within: Math.max(...sequences.map((s) => s.within)),
            doors,
        }
    })
    const { uniform, logGroup, attempts } = config.gateway
    const services = config.doors.flatMap((door) => door.opens)
    return { views, services, uniform, logGroup, attempts }
}

/** For each of these views, which of those of another configuration looks at the same packets; -1: none. */
export function sameViews(of: Doors, views: readonly View[], other: Doors, others: readonly View[]): number[] {
    const keys = others.map((view) => viewKey(other, view))
    return views.map((view) => keys.indexOf(viewKey(of, view)))
}

type Doors = Pick<Config, "doors">

function viewKey({ doors }: Doors, view: View): string {
    const door = doors[view.doors[0]!]!
    return keyOf(door, door.sequence!)
}

/** Equal for doors of one view, in whatever order their targets are named. */
function keyOf({ name }: Door, { knockd, flags, target }: Sequence): string {
    const targets = [...new Set(target.map((address) => address.join(".")))].sort()
    return `${knockd === null ? "" : name} ${flags.set} ${flags.clear} ${targets.join(" ")}`
}

function unique(codes: readonly HitCode[]): HitCode[] {
    return [...new Set(codes)].sort((a, b) => a - b)
}
