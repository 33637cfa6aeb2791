/**
 * What the engine wants done. The shell does each in order and tells the engine how grants and programs went. `lease` is
 * a number that comes back with the answer (0: there is nothing to answer to).
 */
import type { Door } from "./config/config.ts"
import type { Address } from "./net/address.ts"
import type { EngineReport } from "./report.ts"
import type { GrantElement } from "./ruleset.ts"

export type Effect =
    /** Let the source through; answer with `granted` or `denied`. */
    | {
          readonly type: "grant"
          readonly lease: number
          readonly source: Address
          readonly groups: readonly GrantGroup[]
      }
    /** The right knock of a sequence that is good once: use it up, for good; answer with `spent` or `unspent`. */
    | { readonly type: "spend"; readonly door: string; readonly source: Address }
    /** The right knock of a one-time sequence of this knocker: use it up, for good; answer with `claimed` or `unclaimed`. */
    | {
          readonly type: "claim"
          readonly door: string
          readonly source: Address
          readonly knocker: string
          readonly counter: number
      }
    /** Take elements back. */
    | { readonly type: "revoke"; readonly elements: readonly GrantElement[] }
    /** Run a program of the door as it is here, which may not be in force any more; answer with `ended`. */
    | {
          readonly type: "run"
          readonly which: "start" | "stop"
          readonly lease: number
          readonly door: Door
          readonly source: Address
          /** Who knocked last; null: nobody knows. */
          readonly knocker: string | null
      }
    /** The door's stop program will be run at `at` (ms, monotonic), not when it was to be run before. */
    | {
          readonly type: "due"
          readonly lease: number
          readonly door: Door
          readonly source: Address
          readonly at: number
      }
    /** Tell people. Not `aloud`: there are too many such lines just now, so that one line will say how many there were. */
    | { readonly type: "report"; readonly report: EngineReport; readonly aloud: boolean }

/** Elements that get the same time, in milliseconds from now. */
export type GrantGroup = { readonly ms: number; readonly elements: readonly GrantElement[] }
