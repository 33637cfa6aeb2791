/**
 * What the capture must pass up so that the engine misses nothing that matters: data for the nflog chain, the packet
 * socket's filter and the tests alike.
 */
import type { Config, Sequence } from "./config/config.ts"
import { codeOf, type HitCode, type Service, type TcpFlags } from "./knock/hit.ts"
import { NEW_CONNECTION } from "./knock/language.ts"
import type { Address } from "./net/address.ts"
import { poolOf, poolServices } from "./one-time/pool.ts"

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
    /** Hits that one-time sequences of this view are drawn from: each may begin one, unless something listens there. */
    readonly drawn: readonly HitCode[]
    /** The longest window of this view's sequences, in milliseconds. */
    readonly within: number
    /** Indices into `config.doors`: those with a fixed sequence, and those with one-time sequences. */
    readonly doors: readonly number[]
    readonly oneTime: readonly number[]
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

/** Doors that share a view: as numbers of `doors`, those with a fixed sequence and those with one-time sequences. */
type Group = { readonly look: Look; readonly doors: number[]; readonly oneTime: number[] }

/** Groups doors into views, in the order of their first door. */
export function groupDoors(doors: Config["doors"]): readonly Group[] {
    const groups = new Map<string, Group>()
    const group = (key: string, look: Look) => {
        const known = groups.get(key)
        if (known !== undefined) return known
        const made = { look, doors: [], oneTime: [] }
        groups.set(key, made)
        return made
    }
    doors.forEach(({ name, sequence, oneTime }, index) => {
        if (sequence !== null) group(keyOf(name, sequence), sequence).doors.push(index)
        if (oneTime !== null) group(keyOf(name, ONE_TIME_LOOK), ONE_TIME_LOOK).oneTime.push(index)
    })
    return [...groups.values()]
}

/** What to watch for this configuration. */
export function planWatch(config: Pick<Config, "gateway" | "doors">): WatchPlan {
    const views = groupDoors(config.doors).map(({ look, doors, oneTime }): View => {
        const sequences = doors.map((index) => config.doors[index]!.sequence!)
        return {
            strict: look.strict,
            flags: look.flags,
            target: look.target,
            firsts: unique(sequences.map((s) => codeOf(s.hits[0]!))),
            named: unique(sequences.flatMap((s) => s.hits.map(codeOf))),
            drawn: drawnOf(config, oneTime),
            within: Math.max(
                ...sequences.map((s) => s.within),
                ...oneTime.map((index) => config.doors[index]!.oneTime!.within),
            ),
            doors,
            oneTime,
        }
    })
    const { uniform, logGroup, attempts } = config.gateway
    const services = config.doors.flatMap((door) => door.opens)
    return { views, services, uniform, logGroup, attempts }
}

/** What must be equal for doors to share a view. */
type Look = Pick<Sequence, "strict" | "flags" | "target" | "knockd">

/** All one-time sequences are looked for in the same way. */
const ONE_TIME_LOOK: Look = { strict: true, flags: NEW_CONNECTION, target: [], knockd: null }

function drawnOf({ gateway, doors }: Pick<Config, "gateway" | "doors">, oneTime: readonly number[]): HitCode[] {
    if (oneTime.length === 0) return []
    const services = poolServices(doors, gateway.services)
    // Doors mostly have the same pool.
    const pools = new Map(
        oneTime.map((index) => {
            const { protocols, from, to } = doors[index]!.oneTime!
            return [`${protocols.join()} ${from} ${to}`, { protocols, from, to }]
        }),
    )
    return unique([...pools.values()].flatMap((pool) => poolOf({ ...pool, services }).map(codeOf)))
}

/** For each of these views, which of those of another configuration looks at the same packets; -1: none. */
export function sameViews(of: Doors, views: readonly View[], other: Doors, others: readonly View[]): number[] {
    const keys = others.map((view) => viewKey(other, view))
    return views.map((view) => keys.indexOf(viewKey(of, view)))
}

type Doors = Pick<Config, "doors">

function viewKey({ doors }: Doors, view: View): string {
    const door = doors[view.doors[0] ?? -1]
    return keyOf(door?.name ?? "", door?.sequence ?? ONE_TIME_LOOK)
}

/** Equal for doors of one view, in whatever order their targets are named. */
function keyOf(name: string, { knockd, flags, target }: Look): string {
    const targets = [...new Set(target.map((address) => address.join(".")))].sort()
    return `${knockd === null ? "" : name} ${flags.set} ${flags.clear} ${targets.join(" ")}`
}

function unique(codes: readonly HitCode[]): HitCode[] {
    return [...new Set(codes)].sort((a, b) => a - b)
}
