/** Long work in short pieces, so that packets are looked at in between. */

/** Ours (ms): so long at a time. */
export const PIECE_MS = 2

/** What a generator comes to, whose steps are short. */
export async function inPieces<T>(work: Generator<void, T, void>): Promise<T> {
    let until = performance.now() + PIECE_MS
    for (;;) {
        const step = work.next()
        if (step.done === true) return step.value
        if (performance.now() < until) continue
        await new Promise((resolve) => setImmediate(resolve))
        until = performance.now() + PIECE_MS
    }
}
