/** What did not work is tried again, until it does. */

/** Ours: so long (ms) after a try comes the next one… */
const RETRY_MS = 2000
/** …or later, so that trying takes no more than one part in so many of our time: a large journal is slow to read. */
const RETRY_SHARE = 50

/**
 * Calls `attempt` after a while, and again until that is true. It must not reject. `stop`: no more; waits for the one
 * that is under way. `retry`: other than RETRY_MS, for tests.
 */
export function tryAgain(attempt: () => Promise<boolean>, retry = RETRY_MS): { readonly stop: () => Promise<void> } {
    let trying: Promise<void> | null = null
    let stopped = false
    const once = async () => {
        const begun = performance.now()
        if (await attempt()) return
        if (!stopped) timer = later(Math.max(retry, (performance.now() - begun) * RETRY_SHARE))
    }
    const later = (ms: number) =>
        setTimeout(() => {
            trying = once()
        }, ms).unref()
    let timer = later(retry)
    return {
        async stop() {
            stopped = true
            clearTimeout(timer)
            await trying
        },
    }
}
