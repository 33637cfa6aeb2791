/**
 * What the store knows, and what it refuses. Records are folded in one by one; what a record would say of a thing that
 * was used already is never made.
 *
 * Two moments guard against replays. Everything is known from `since` on: the store was made then, or found damaged
 * then, so whatever can have been used before is refused. And claims up to `floor` have been forgotten, because their
 * time was over: whatever lives no longer than these is refused, so a clock that goes back brings none of them back.
 */
import { formatAddress } from "../net/address.ts"
import {
    isStoreName,
    isStoreNumber,
    type StopKey,
    type StopNote,
    type StoreRecord,
    type TrustReason,
} from "./record.ts"

/** Ours: how many of each are kept at once. About 150 bytes of memory each. */
export const MOST = { claims: 65_536, counters: 2_097_152, stops: 65_536 }

/** A record to make durable, or why not. */
export type Decision = { readonly record: StoreRecord } | { readonly refused: LedgerRefusal }

export type LedgerRefusal =
    /** Claimed already, or not above the counter. */
    | "used"
    /** Claims that lived as long as this one have been forgotten. */
    | "stale"
    /** It may have been used before the time from which everything is known. */
    | "unsure"
    /** As many are kept as there is room for. */
    | "full"

/** See the head of the file. */
export class Ledger {
    readonly #claims = new Map<string, number>()
    readonly #counters = new Map<string, number>()
    readonly #stops = new Map<string, StopNote>()
    #since = 0
    #why: TrustReason = "new"
    #floor = 0

    /** May this be claimed? `now`: milliseconds since 1970, to make room by. Throws on names no record can hold. */
    claim(id: string, since: number, until: number, now: number): Decision {
        check(isStoreName(id) && isStoreNumber(until) && isStoreNumber(since), id)
        if (this.#claims.has(id)) return { refused: "used" }
        if (until <= this.#floor) return { refused: "stale" }
        if (since <= this.#since) return { refused: "unsure" }
        if (this.#claims.size >= MOST.claims) this.forget(now)
        // What was forgotten just now may have lived as long.
        if (until <= this.#floor) return { refused: "stale" }
        return this.#claims.size >= MOST.claims ? { refused: "full" } : { record: { type: "claim", id, until } }
    }

    /** May this counter be raised to `n`? Throws on names no record can hold. */
    raise(key: string, n: number, since: number): Decision {
        check(isStoreName(key) && isStoreNumber(n) && isStoreNumber(since), key)
        if (n <= (this.#counters.get(key) ?? -1)) return { refused: "used" }
        if (since <= this.#since) return { refused: "unsure" }
        if (!this.#counters.has(key) && this.#counters.size >= MOST.counters) return { refused: "full" }
        return { record: { type: "count", key, n } }
    }

    /** Where a counter stands; null: it was never raised. */
    raised(key: string): number | null {
        return this.#counters.get(key) ?? null
    }

    /** Forgets all counters. Returns what brings them back. */
    dropCounters(): () => void {
        const before = [...this.#counters]
        this.#counters.clear()
        return () => {
            for (const [key, n] of before) this.#counters.set(key, n)
        }
    }

    /** Is there room for this note? Throws on names no record can hold. */
    note({ door, source }: StopKey, due: number | null): Decision {
        check(isStoreName(door) && isStoreNumber(due ?? 0), door)
        if (due === null) return { record: { type: "struck", door, source } }
        const room = this.#stops.size < MOST.stops || this.#stops.has(keyOf({ door, source }))
        return room ? { record: { type: "stop", door, source, due } } : { refused: "full" }
    }

    /** From now on what can have been used since this moment is taken for known. Throws on what no record can hold. */
    trust(since: number): Decision {
        check(isStoreNumber(since), String(since))
        return { record: { type: "trust", since, why: "operator" } }
    }

    /** Takes a record in. Returns what takes it back, as long as it is the latest. */
    fold(record: StoreRecord): () => void {
        switch (record.type) {
            case "trust": {
                const [since, why] = [this.#since, this.#why]
                // An operator may also take back what was refused: nothing else makes it earlier.
                if (record.since >= since || record.why === "operator")
                    [this.#since, this.#why] = [record.since, record.why]
                return () => {
                    ;[this.#since, this.#why] = [since, why]
                }
            }
            case "floor": {
                const floor = this.#floor
                this.#floor = Math.max(floor, record.until)
                return () => {
                    this.#floor = floor
                }
            }
            case "claim":
                return put(this.#claims, record.id, Math.max(record.until, this.#claims.get(record.id) ?? 0))
            case "count":
                return put(this.#counters, record.key, Math.max(record.n, this.#counters.get(record.key) ?? -1))
            case "stop": {
                const { door, source, due } = record
                return put(this.#stops, keyOf(record), { door, source, due })
            }
            case "struck":
                return put(this.#stops, keyOf(record), null)
        }
    }

    /** Drops claims whose time was over at `now` (milliseconds since 1970). */
    forget(now: number): void {
        for (const [id, until] of this.#claims) {
            if (until > now) continue
            this.#claims.delete(id)
            this.#floor = Math.max(this.#floor, until)
        }
    }

    /**
     * Everything, in records. Claims and notes as they were when the first was asked for: `forget` may come meanwhile.
     * Records that are folded before the last may be among them or not; of counters that are dropped some may be.
     */
    *records(): Generator<StoreRecord, void> {
        const [claims, stops, until] = [[...this.#claims], [...this.#stops.values()], this.#floor]
        yield { type: "trust", since: this.#since, why: this.#why }
        yield { type: "floor", until }
        for (const [id, ends] of claims) yield { type: "claim", id, until: ends }
        for (const [key, n] of this.#counters) yield { type: "count", key, n }
        for (const note of stops) yield { type: "stop", ...note }
    }

    /** The notes there are. */
    stops(): StopNote[] {
        return [...this.#stops.values()]
    }

    /** Numbers for `health`. */
    facts(): { since: number; why: TrustReason; claims: number; counters: number; stops: number } {
        const [claims, counters, stops] = [this.#claims.size, this.#counters.size, this.#stops.size]
        return { since: this.#since, why: this.#why, claims, counters, stops }
    }
}

/** Sets or deletes (null); returns what puts it back. */
function put<T>(map: Map<string, T>, key: string, value: T | null): () => void {
    const before = map.get(key)
    if (value === null) map.delete(key)
    else map.set(key, value)
    return () => {
        if (before === undefined) map.delete(key)
        else map.set(key, before)
    }
}

function keyOf({ door, source }: StopKey): string {
    return `${formatAddress(source)} ${door}`
}

function check(right: boolean, name: string): void {
    if (!right) throw new RangeError(`a record cannot hold this: ${JSON.stringify(name)}`)
}
