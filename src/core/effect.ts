/** What the engine wants done. The shell does each in order and tells the engine how grants and programs went. */
import type { Address } from "./net/address.ts"
import type { EngineReport } from "./report.ts"
import type { GrantElement } from "./ruleset.ts"

export type Effect =
    /** Let the source through; answer with `granted` or `denied` if `door` (a number of `config.doors`) is not null. */
    | {
          readonly type: "grant"
          readonly door: number | null
          readonly source: Address
          readonly groups: readonly GrantGroup[]
      }
    /** Take elements back. */
    | { readonly type: "revoke"; readonly elements: readonly GrantElement[] }
    /** Run a program of the door; answer with `ended`. */
    | { readonly type: "run"; readonly which: "start" | "stop"; readonly door: number; readonly source: Address }
    /** The door's stop program will be run at `at` (ms, monotonic), not when it was to be run before. */
    | { readonly type: "due"; readonly door: number; readonly source: Address; readonly at: number }
    /** Tell people. */
    | { readonly type: "report"; readonly report: EngineReport }

/** Elements that get the same time, in milliseconds from now. */
export type GrantGroup = { readonly ms: number; readonly elements: readonly GrantElement[] }
