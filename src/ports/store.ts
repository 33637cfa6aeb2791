import type { LedgerRefusal } from "../core/store/ledger.ts"
import type { StopKey, StopNote, TrustReason } from "../core/store/record.ts"

/**
 * What must survive: claims, counters, and stop programs that are still to run. Adapters: journal, memory.
 *
 * Whatever answers `ok` is durable and stays so across crash, restart and power loss; whatever does not is no reason to
 * act. Expected refusals are values, a broken disk among them; what throws is a bug. Moments are milliseconds since
 * 1970 (wall-clock time), whole numbers. Names are 1 to 200 printable ASCII characters without spaces.
 */
export interface Store {
    readonly name: "journal" | "memory"
    /**
     * Uses a one-time thing up: of all calls with this `id`, ever, one alone is `ok`. It may be forgotten after `until`;
     * from then on it is `stale`, even if the clock goes back. `since`: before that moment nobody can have used it (0:
     * not known); a store that was damaged or made anew refuses what it may have forgotten.
     */
    claim(id: string, since: number, until: number): Promise<StoreResult>
    /** Raises a counter to `n`; `used` unless that is more than it ever was. A new one stands below 0. `since`: as above. */
    raise(key: string, n: number, since: number): Promise<StoreResult>
    /** Where a counter stands; null: it was never raised, as far as is known. */
    raised(key: string): number | null
    /**
     * Forgets all counters: nobody who could tell their keys is there any more. `ok`: what is kept has none of them. Kept or
     * not, they may come back after a crash.
     */
    dropCounters(): Promise<StoreResult>
    /** Notes that the door's stop program is to run for the source at `due`, in place of an earlier note; null: it ran. */
    note(stop: StopKey, due: number | null): Promise<StoreResult>
    /**
     * An operator decides: what can have been used since this moment is known from now on, earlier or later than it was.
     * What was used and is known stays used.
     */
    trust(since: number): Promise<StoreResult>
    /** The notes there are, in no order. */
    pending(): readonly StopNote[]
    /** How the store is. */
    health(): StoreHealth
    /** Finishes what was asked for and lets go; everything asked afterwards is refused. Can be called twice. */
    close(): Promise<void>
}

/** How an operation went. `detail` is for people. */
export type StoreResult =
    | { readonly ok: true }
    | { readonly ok: false; readonly code: StoreRefusal; readonly detail: string }

/** Why not; `failed`: it could not be made durable, because the disk is full, broken or read-only. */
export type StoreRefusal = LedgerRefusal | "failed"

/** For `status` and metrics. */
export type StoreHealth = {
    /** From when on the store knows everything, and why not from before; `away`: it could not be opened yet. */
    readonly since: number
    readonly why: TrustReason | "away"
    readonly claims: number
    readonly counters: number
    readonly stops: number
    /** Why the last write failed, or why it cannot be opened; null: neither. */
    readonly trouble: string | null
}
