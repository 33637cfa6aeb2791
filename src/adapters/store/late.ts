/** A store whose directory cannot be used yet: until it comes, everything is refused as by a disk that fails. */
import { Ledger } from "../../core/store/ledger.ts"
import type { Store } from "../../ports/store.ts"
import { batchStore } from "./batches.ts"

/** One, and how it hears of the store that takes its place. */
export type LateStore = {
    readonly store: Store
    /** It is there, and is asked from now on. */
    readonly come: (found: Store) => void
}

/** See the head of the file. `now`: milliseconds since 1970. `trouble`: why it cannot be used, at this moment. */
export function lateStore(now: () => number, trouble: () => string): LateStore {
    let store: Store | null = null
    // It holds nothing, keeps nothing, and still knows what can never be decided.
    const refuse = () => Promise.resolve(trouble())
    const nothing = { keep: refuse, anew: refuse, close: () => Promise.resolve() }
    const away = batchStore("journal", new Ledger(), now, nothing)
    const current = () => store ?? away
    return {
        store: {
            name: "journal",
            claim: (id, since, until) => current().claim(id, since, until),
            raise: (key, n, since) => current().raise(key, n, since),
            raised: (key) => current().raised(key),
            dropCounters: () => current().dropCounters(),
            note: (stop, due) => current().note(stop, due),
            trust: (since) => current().trust(since),
            pending: () => current().pending(),
            // Whatever happened until now is not known.
            health: () => store?.health() ?? { ...away.health(), since: now(), why: "away", trouble: trouble() },
            async close() {
                await away.close()
                await store?.close()
            },
        },
        come(found) {
            store = found
        },
    }
}
