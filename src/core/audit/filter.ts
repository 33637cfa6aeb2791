/** Which entries somebody wants to see. */
import { contains, type Network, parseAddress } from "../net/address.ts"
import type { AuditEntry, AuditKind } from "./entry.ts"

/** All that is said must hold; null: it does not matter. Times are milliseconds since 1970. */
export type AuditFilter = {
    /** At or after this moment. */
    readonly since: number | null
    /** Before this moment. */
    readonly until: number | null
    readonly door: string | null
    /** About a source in this network. */
    readonly source: Network | null
    /** About this knocker. */
    readonly knocker: string | null
    /** Of one of these kinds. */
    readonly kinds: readonly AuditKind[] | null
}

/** Lets everything through. */
export const EVERYTHING: AuditFilter = {
    since: null,
    until: null,
    door: null,
    source: null,
    knocker: null,
    kinds: null,
}

/** Is this entry wanted? A sum counts as of the kind that it sums up. */
export function matches(entry: AuditEntry, { since, until, door, source, knocker, kinds }: AuditFilter): boolean {
    if (since !== null && entry.time < since) return false
    if (until !== null && entry.time >= until) return false
    if (door !== null && !("door" in entry && entry.door === door)) return false
    if (knocker !== null && !("knocker" in entry && entry.knocker === knocker)) return false
    if (kinds !== null && !kinds.some((kind) => kind === entry.what || (entry.what === "summed" && kind === entry.of)))
        return false
    if (source === null) return true
    const address = "source" in entry ? parseAddress(entry.source) : null
    return address !== null && contains(source, address)
}
