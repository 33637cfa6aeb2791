/** When reloads are made: one at a time, each for all who wait for one, and with time in between for everything else. */
import { TIMING, type Timing } from "../adapters/system/timing.ts"

/** Who asks for a reload. */
export type Asker = {
    /** A user over the control socket; null: SIGHUP. */
    readonly uid: number | null
    /** Nobody waits for the answer any more. */
    readonly gone: () => boolean
}

/** Ours: as many reloads as take so long (ms) follow one another with a short rest… */
const BURST_MS = 2000
const REST_SHORT_MS = 5
/** …and then with one as long as each took, but no longer than this (ms). */
const REST_LONG_MS = 2000

/**
 * One at a time, each in a turn of its own. Who asks before it begins shares it; who asks while it is under way, or in
 * the rest after it, gets the next one, together with everybody else who does: so what is read is read after he asked.
 * Who has gone when it begins is not counted, and if nobody is left it is not made: then null.
 *
 * In one turn of the event loop a single client is accepted: without a rest a storm of requests would put a reload
 * between any two turns, and a question that needs three of them would wait behind everybody who came before. Some
 * milliseconds are turns enough for all who wait. Who goes on and on gets half of the time: the rest is as long as the
 * reload was.
 */
export function oneByOne<T>(
    act: (askers: readonly Asker[]) => Promise<T>,
    { now, rest }: Timing = TIMING,
): (asker: Asker) => Promise<T | null> {
    let last: Promise<unknown> = Promise.resolve()
    let next: { readonly askers: Asker[]; readonly outcome: Promise<T | null> } | null = null
    let earliest = Number.NEGATIVE_INFINITY
    /** Time (ms) that reloads took, less the time between them, at the end of the last one. */
    let owed = 0
    let ended = Number.NEGATIVE_INFINITY
    const inTurn = async (before: Promise<unknown>, askers: readonly Asker[]): Promise<T | null> => {
        await Promise.allSettled([before])
        // Signals come many in one turn, and what only waits for promises would be done for each of them at once.
        await new Promise(setImmediate)
        const early = earliest - now()
        if (early > 0) await rest(early)
        next = null
        const present = askers.filter(({ gone }) => !gone())
        if (present.length === 0) return null
        const begun = now()
        try {
            return await act(present)
        } finally {
            owed = Math.max(0, owed - (begun - ended))
            ended = now()
            owed += ended - begun
            earliest = ended + Math.min(ended - begun, owed > BURST_MS ? REST_LONG_MS : REST_SHORT_MS)
        }
    }
    return (asker) => {
        if (next === null) {
            const askers: Asker[] = []
            const outcome = inTurn(last, askers)
            next = { askers, outcome }
            last = outcome
        }
        // Signals are all alike; clients are as many as the socket has places.
        if (asker.uid !== null || !next.askers.some(({ uid }) => uid === null)) next.askers.push(asker)
        return next.outcome
    }
}
