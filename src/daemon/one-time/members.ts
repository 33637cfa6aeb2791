/** Who is to be in the book: each knocker at each door that opens for him, and what his sequences depend on. */
import type { Config, Door } from "../../core/config/config.ts"
import { codeOf, type Hit, type HitCode } from "../../core/knock/hit.ts"
import type { Knocker } from "../../core/one-time/knocker.ts"
import { poolOf, poolServices } from "../../core/one-time/pool.ts"

/** A door with one-time sequences, and what they are drawn from. */
export type OneTimeDoor = {
    readonly door: Door
    readonly length: number
    readonly window: number
    readonly pool: readonly Hit[]
    /** Equal if the sequences of a knocker are the same. */
    readonly shape: string
}

/** The doors of a configuration that have one-time sequences, by name. */
export function oneTimeDoors({ doors, gateway }: Config): ReadonlyMap<string, OneTimeDoor> {
    const services = poolServices(doors, gateway.services)
    const named = services.map(codeOf).sort((a, b) => a - b)
    // Doors mostly have one and the same pool: it is made once.
    const pools = new Map<string, readonly Hit[]>()
    return new Map(
        doors.flatMap((door) => {
            if (door.oneTime === null) return []
            const { length, window, protocols, from, to } = door.oneTime
            const of = `${[...protocols].sort().join()} ${from} ${to} ${named.join()}`
            const pool = pools.get(of) ?? poolOf({ protocols, from, to, services })
            pools.set(of, pool)
            return [[door.name, { door, length, window, pool, shape: `${length} ${window} ${of}` }]]
        }),
    )
}

/** Equal if this knocker's sequences are the same. */
export function identityOf({ recipients, generation }: Knocker): string {
    return `${generation} ${recipients
        .map(({ line }) => line)
        .sort()
        .join("\n")}`
}

/** May this knocker open this door? */
export function mayOpen({ doors }: Pick<Knocker, "doors">, door: string): boolean {
    return doors === null || doors.includes(door)
}

/** Does this hit count, or does something listen there? */
export function isServed(hits: readonly HitCode[], served: ReadonlySet<HitCode>): boolean {
    return hits.some((code) => served.has(code))
}
