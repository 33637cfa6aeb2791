import type { Service } from "../core/knock/hit.ts"
import type { Address } from "../core/net/address.ts"
import type { GrantElement, Ruleset } from "../core/ruleset.ts"

/** A connection. `key`: no other one of now has it. */
export type Arrival = { readonly key: string; readonly source: Address; readonly service: Service }

/** The kernel's packet filter. Adapters: nft, memory. All calls are synchronous and done when they return. */
export interface Firewall {
    readonly name: "nftables" | "iptables" | "memory"
    /**
     * Can granted sources be led to hidden services that listen on loopback? Known once something hidden was applied;
     * if not, such a service is reached by nobody, and the others are refused to strangers as ever.
     */
    leads(): boolean
    /** Makes our table as wanted in one transaction; live grants stay. Doing it twice changes nothing. */
    apply(wanted: Ruleset): FirewallResult
    /** Lets each element through for `ms` from now on; one that is there already gets the new time. All or nothing. */
    grant(elements: readonly GrantElement[], ms: number): FirewallResult
    /** Takes elements back; those that are gone already are no error. */
    revoke(elements: readonly GrantElement[]): FirewallResult
    /**
     * The live grants with the time they have left, in milliseconds; what others put into the sets included. `used`: it
     * was good for one connection, and one has used it up: it lets nobody in.
     */
    list(): readonly { readonly element: GrantElement; readonly left: number; readonly used: boolean }[]
    /** Those that connections have used up since they were let through, as long as the kernel remembers it. */
    uses(): readonly GrantElement[]
    /**
     * Connections that grants have let begin and that were answered, since something is on trial (`Ruleset.trials`); null:
     * they cannot be seen here.
     */
    arrivals(): readonly Arrival[] | null
    /** Removes our table, all of it, in one transaction. */
    clear(): FirewallResult
    /**
     * Calls back, in a turn of its own, when somebody else removed our table or a part of it (grants aside: who takes
     * one back by hand means it). One watch at a time; the returned function ends it. `translates`: somebody else may
     * have begun to change addresses, so that it is worth looking (`Services.published`).
     */
    watch(lost: () => void, translates?: () => void): () => void
}

/**
 * Refusals of the kernel are values: `full` (the set has no room), `denied` (no permission), `missing` (somebody has
 * removed our table: apply it again), `failed` (its words).
 */
export type FirewallResult =
    | { readonly ok: true }
    | { readonly ok: false; readonly code: "full" | "denied" | "missing" | "failed"; readonly detail: string }
