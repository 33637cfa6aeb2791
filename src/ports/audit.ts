import type { AuditEntry, AuditFact } from "../core/audit/entry.ts"
import type { AuditFilter } from "../core/audit/filter.ts"

/**
 * What happened, kept for those who ask later. Adapters: file, memory.
 *
 * Never in anybody's way: writing neither waits nor throws. Entries are numbered by a serial that grows by one for ever,
 * so a reader can ask for what came after the last one he has, and sees what is gone.
 */
export interface Audit {
    readonly name: "file" | "memory"
    /**
     * Takes a fact down, as of this time (milliseconds since 1970; left out: now). It is durable a little later; what
     * finds no room is counted and told.
     */
    write(fact: AuditFact, time?: number): void
    /** Entries that are durable, the oldest first. Rejects if they cannot be read. */
    read(query: AuditQuery): Promise<AuditPage>
    /** How the trail is. */
    health(): AuditHealth
    /** Writes what can be written within a moment, and lets go; what comes later is forgotten. Can be called twice. */
    close(): Promise<void>
}

/** Which entries. */
export type AuditQuery = {
    /** Later than this serial; 0: from the beginning. */
    readonly after: number
    /** Of those that the filter lets through so many, the latest; null: all of them. */
    readonly last: number | null
    readonly filter: AuditFilter
}

/** A part of the answer: there is more if `more`, to be asked for after `next`, without `last`. */
export type AuditPage = {
    readonly entries: readonly AuditEntry[]
    /** Up to this serial everything was looked at. */
    readonly next: number
    readonly more: boolean
    /** So many entries on the way cannot be read: damage, or a later version's. */
    readonly missing: number
}

/** For `status` and metrics. */
export type AuditHealth = {
    /** Of the last entry that is durable; 0: there is none. */
    readonly serial: number
    /** Bytes of all files. */
    readonly bytes: number
    /** Entries that wait to be written, and entries that found no room since the start. */
    readonly waiting: number
    readonly lost: number
    /** Why the last write failed, or why it cannot be written yet; null: neither. */
    readonly trouble: string | null
}
