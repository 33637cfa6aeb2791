/**
 * A store that could not be opened yet. Until it can, everything is refused as by a disk that fails; it is tried again
 * by itself, because stop programs that an earlier daemon has noted there wait for it, and nobody may come to ask.
 */
import { Ledger } from "../../core/store/ledger.ts"
import type { Store } from "../../ports/store.ts"
import { batchStore } from "./batches.ts"

/** Ours: so long (ms) after a try comes the next one… */
const RETRY_MS = 2000
/** …or later, so that trying takes no more than one part in so many of our time: a large journal is slow to read. */
const RETRY_SHARE = 50

export type LateOptions = {
    /** Why the first try failed, for people. */
    readonly trouble: string
    /** Tries again: the store, or why not. Never rejects. */
    readonly open: () => Promise<Store | string>
    /** It is open: called once, before anything else can be asked of it. */
    readonly found: () => void
    /** Milliseconds since 1970. */
    readonly now: () => number
    /** Other than RETRY_MS: for tests. */
    readonly retry?: number
}

/** See the head of the file. */
export function lateStore({ trouble, open, found, now, retry = RETRY_MS }: LateOptions): Store {
    let why = trouble
    let store: Store | null = null
    let timer: NodeJS.Timeout | undefined
    let trying: Promise<void> | null = null
    let closing: Promise<void> | null = null

    // It holds nothing, keeps nothing, and still knows what can never be decided.
    const nothing = { keep: () => Promise.resolve(why), close: () => Promise.resolve() }
    const away = batchStore("journal", new Ledger(), now, nothing)
    const wait = (ms: number) => {
        timer = setTimeout(() => {
            trying = attempt()
        }, ms).unref()
    }
    const attempt = async () => {
        const begun = performance.now()
        const opened = await open()
        if (typeof opened === "string") {
            why = opened
            if (closing === null) wait(Math.max(retry, (performance.now() - begun) * RETRY_SHARE))
            return
        }
        store = opened
        if (closing === null) found()
    }
    const finish = async () => {
        clearTimeout(timer)
        await away.close()
        await trying
        await store?.close()
    }
    const current = () => store ?? away
    wait(retry)
    return {
        name: "journal",
        claim: (id, since, until) => current().claim(id, since, until),
        raise: (key, n, since) => current().raise(key, n, since),
        note: (stop, due) => current().note(stop, due),
        trust: (since) => current().trust(since),
        pending: () => current().pending(),
        // Whatever happened until now is not known.
        health: () => store?.health() ?? { ...away.health(), since: now(), why: "away", trouble: why },
        close() {
            closing ??= finish()
            return closing
        },
    }
}
