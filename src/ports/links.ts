import type { Address } from "../core/net/address.ts"

/** The host's interfaces and addresses, followed as they change. Adapters: rtnetlink, simulated. */
export interface Links {
    /** Now. The same object as before if nothing has changed. */
    current(): LinkState
    /** Calls back after each change (never in the same turn as the call), until `stop`. Several may listen. */
    start(changed: () => void): void
    stop(): void
}

/** A snapshot. */
export type LinkState = {
    readonly interfaces: readonly { readonly name: string; readonly index: number; readonly up: boolean }[]
    /** Every address of this host, with the index of its interface. */
    readonly addresses: readonly { readonly address: Address; readonly interface: number }[]
    /** Names of the interfaces that default routes of either family use. */
    readonly defaultRoutes: readonly string[]
}
