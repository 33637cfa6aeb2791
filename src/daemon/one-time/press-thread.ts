/**
 * To make a file takes a millisecond or ten, which a packet does not wait for: so a thread of its own works the press. It
 * begins when it is needed and ends when it is not (decisions/0024).
 */
import { Worker } from "node:worker_threads"
import type { Press, Pressed, PressJob } from "./press.ts"

/** What the thread is asked for, and what it answers. */
export type PressAsked = { readonly id: number; readonly job: PressJob }
/** See above. */
export type PressReply =
    | { readonly id: number; readonly pressed: readonly Pressed[] }
    | { readonly id: number; readonly failed: string }

/** Ours: a thread with nothing to do is kept for so long (ms): uses often come together. */
const IDLE_MS = 5000

/** A press whose thread can be let go. */
export type ThreadPress = { readonly press: Press; readonly stop: () => Promise<void> }

type Waiting = { readonly done: (pressed: readonly Pressed[]) => void; readonly failed: (error: Error) => void }

/** Works in a thread with this program, which is `press-worker.js` beside the daemon. */
export function threadPress(program = new URL("./press-worker.js", import.meta.url), idle = IDLE_MS): ThreadPress {
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
        begun.on("message", (reply: PressReply) => {
            const one = waiting.get(reply.id)
            waiting.delete(reply.id)
            if ("pressed" in reply) one?.done(reply.pressed)
            else one?.failed(new Error(reply.failed))
            if (waiting.size > 0) return
            // With nothing to do it keeps no process from its end.
            begun.unref()
            timer = setTimeout(() => void stop(), idle).unref()
        })
        begun.on("error", failAll)
        begun.on("exit", () => {
            if (worker === begun) failAll(new Error("the thread that makes bundles has ended"))
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
        press(job) {
            clearTimeout(timer)
            worker ??= begin()
            const asked: PressAsked = { id: ++last, job }
            return new Promise((done, failed) => {
                waiting.set(asked.id, { done, failed })
                worker!.ref()
                // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
                worker!.postMessage(asked)
            })
        },
        stop,
    }
}
