/** What happens to openings (openings.ts), as data. */
import type { Door } from "./config/config.ts"
import type { Address, Network } from "./net/address.ts"
import type { RefusalCode } from "./report.ts"
import type { GrantElement } from "./ruleset.ts"

/** What happens to openings, beside knocks and the time. */
export type OpeningEvent =
    /** A grant effect was carried out, or was not; `partly`: some of its groups were. */
    | { readonly type: "granted"; readonly lease: number }
    | { readonly type: "denied"; readonly lease: number; readonly code: RefusalCode; readonly partly: boolean }
    /** A start program was not run, because too many wait. */
    | { readonly type: "unstarted"; readonly lease: number }
    /** A program has ended, however it ended. */
    | { readonly type: "ended"; readonly which: "start" | "stop"; readonly lease: number }
    /** Grants that were found in the kernel at start, with the time they have left in milliseconds. */
    | { readonly type: "found"; readonly grants: readonly FoundGrant[] }
    /** Connections have used up these, of those that are good for one. Can be said again. */
    | { readonly type: "used"; readonly elements: readonly GrantElement[] }
    /** Somebody who may opens a door by hand, for `ms`. No effects: as many grants are open as are allowed. */
    | {
          readonly type: "grant"
          readonly door: Door
          readonly source: Address
          readonly ms: number
          readonly uid: number
      }
    /** Somebody who may ends the leases of this door (null: of all) and of sources in this network (null: of all). */
    | {
          readonly type: "revoke"
          readonly door: Door | null
          readonly source: Network | null
          readonly uid: number
          /** Only what this knocker's sequences have opened; left out: all. */
          readonly knocker?: string
      }
    /** This knocker has no keys for this door any more (null: for none): what was opened so ends. */
    | { readonly type: "expelled"; readonly knocker: string; readonly door: string | null }
    /** A stop program that an earlier daemon has left to us, due in `left` milliseconds. */
    | { readonly type: "unfinished"; readonly door: Door; readonly source: Address; readonly left: number }
    /** Somebody has emptied the firewall: whatever is open must be let through again. */
    | { readonly type: "lost" }

/** A grant in the kernel, with the time it has left in milliseconds. `used`: see `Lease`. */
export type FoundGrant = { readonly element: GrantElement; readonly left: number; readonly used: boolean }

/** The event of this type. */
export type On<T extends OpeningEvent["type"]> = Extract<OpeningEvent, { type: T }>
