/** Time for what must leave room for others: how long something took, and a rest afterwards. Tests have their own. */
import { setTimeout } from "node:timers/promises"

/** `now`: milliseconds with fractions, never going back; `rest`: resolves after so many of them. */
export type Timing = { readonly now: () => number; readonly rest: (ms: number) => Promise<unknown> }

/** The machine's. A rest keeps no process alive. */
export const TIMING: Timing = {
    now: () => performance.now(),
    rest: (ms) => setTimeout(ms, undefined, { ref: false }),
}
