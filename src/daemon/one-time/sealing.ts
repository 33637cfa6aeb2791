/**
 * Sealing takes milliseconds a file, which a packet does not wait for: so a thread of its own does it, which begins when it
 * is needed and ends when it is not (decisions/0024).
 */
import { Worker } from "node:worker_threads"
import type { FileKind, Recipient } from "../../core/one-time/recipient.ts"
import type { Sealed, Sealer } from "../../ports/sealing.ts"

/** What the thread is asked for, and what it answers. */
export type SealJob = {
    readonly id: number
    readonly text: Uint8Array
    readonly kind: FileKind
    readonly recipients: readonly Recipient[]
    readonly now: number
}
/** See above. */
export type SealReply =
    | { readonly id: number; readonly sealed: Sealed }
    | { readonly id: number; readonly failed: string }

/** Ours: a thread with nothing to do is kept for so long (ms): uses often come together. */
const IDLE_MS = 5000

/** A sealer whose thread can be let go. */
export type ThreadSealer = Sealer & { readonly stop: () => Promise<void> }

type Waiting = { readonly done: (sealed: Sealed) => void; readonly failed: (error: Error) => void }

/** Seals in a thread with this program, which is `sealing-worker.js` beside the daemon. */
export function threadSealer(program = new URL("./sealing-worker.js", import.meta.url), idle = IDLE_MS): ThreadSealer {
    const waiting = new Map<number, Waiting>()
    let worker: Worker | null = null
    let timer: NodeJS.Timeout | undefined
    let last = 0
    const failAll = (error: Error) => {
        worker = null
        for (const { failed } of waiting.values()) failed(error)
        waiting.clear()
    }
    const begin = (): Worker => {
        const begun = new Worker(program)
        begun.on("message", (reply: SealReply) => {
            const one = waiting.get(reply.id)
            waiting.delete(reply.id)
            if ("sealed" in reply) one?.done(reply.sealed)
            else one?.failed(new Error(reply.failed))
            if (waiting.size > 0) return
            // With nothing to do it keeps no process from its end.
            begun.unref()
            timer = setTimeout(() => void stop(), idle).unref()
        })
        begun.on("error", failAll)
        begun.on("exit", () => {
            if (worker === begun) failAll(new Error("the thread that seals has ended"))
        })
        return begun
    }
    const stop = async () => {
        clearTimeout(timer)
        const ending = worker
        if (ending === null) return
        failAll(new Error("the daemon stops"))
        await ending.terminate()
    }
    return {
        seal(text, kind, recipients, now) {
            clearTimeout(timer)
            worker ??= begin()
            const id = ++last
            const job: SealJob = { id, text, kind, recipients, now }
            return new Promise((done, failed) => {
                waiting.set(id, { done, failed })
                worker!.ref()
                // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
                worker!.postMessage(job)
            })
        },
        stop,
    }
}
