/** Stops of commands that are still to run: where they are kept, and what is waited for before we go. */
import { memoryStore } from "../../adapters/store/memory.ts"
import type { Config } from "../../core/config/config.ts"
import type { Clock } from "../../ports/clock.ts"
import type { Store } from "../../ports/store.ts"
import type { Log } from "../log.ts"
import type { Standing } from "../standing.ts"
import { openState } from "../state.ts"

/** Ours: stops that are due so soon (ms) are waited for at the end. */
const WAITED_FOR_MS = 10_000
/** How often (ms) it is looked whether they have run. */
const LOOK_MS = 20

/** What they are kept with. */
export type StopsKeeping = {
    readonly clock: Clock
    /** What our own `state` says. */
    readonly log: Log
    /** Lines for knockd's users. */
    readonly tell: (line: string) => void
    /** See `StateKeeping`. */
    readonly back: () => void
}

/** Null: no door needs a store, and none has left anything in one. */
type KeptStops = { readonly store: Store | null; readonly close: () => Promise<void> }

/** For as long as we live, and no longer. */
export function forgetfulStops(clock: Clock): KeptStops {
    return { store: memoryStore(() => clock.wall()), close: () => Promise.resolve() }
}

/** On the disk. knockd needs no place there, so where there is none its doors open all the same. */
export async function keepStops(config: Config, { clock, log, tell, back }: StopsKeeping): Promise<KeptStops> {
    const state = await openState(config, { now: () => clock.wall(), log, back })
    if (state.ok && state.journal?.found === "damaged") {
        tell(
            `stops of commands that were noted in ${config.gateway.state} may be lost, for the journal was damaged: undo by hand what their starts have done`,
        )
    }
    const health = state.ok ? (state.store?.health() ?? null) : null
    if (state.ok && health?.why !== "away") return state
    const why = state.ok ? health?.trouble : state.detail
    tell(`stops of commands will be forgotten if this process dies: ${why ?? "nowhere to keep them"}`)
    const { store, close } = forgetfulStops(clock)
    return { store, close: state.ok ? state.close : close }
}

/** Waits for what runs, and for stops that are due soon: whoever stops us for good wants his doors closed. */
export async function endPrograms(standing: Standing, clock: Clock): Promise<void> {
    const end = clock.monotonic() + WAITED_FOR_MS
    const soon = () =>
        standing.facts().leases.some(({ errand }) => {
            if (errand.phase === "started") return errand.until <= end
            return errand.phase === "starting" || errand.phase === "stopping"
        })
    while (soon() && clock.monotonic() < end + WAITED_FOR_MS)
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
}
