/** A store that forgets everything with its process: for tests. */
import { Ledger } from "../../core/store/ledger.ts"
import type { Store } from "../../ports/store.ts"
import { batchStore } from "./batches.ts"

/** An empty one, which knows everything from now on. `now`: milliseconds since 1970. */
export function memoryStore(now: () => number): Store {
    const ledger = new Ledger()
    ledger.fold({ type: "trust", since: now(), why: "new" })
    return batchStore("memory", ledger, now, { keep: done, anew: done, close: () => Promise.resolve() })
}

const done = () => Promise.resolve(null)
