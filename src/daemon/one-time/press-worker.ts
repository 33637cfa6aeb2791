/** Works the press in a thread of its own, behind everything else that this host has to do (decisions/0024). */
import { setPriority } from "node:os"
import { parentPort } from "node:worker_threads"
import { sealer } from "../../adapters/sealing/seal.ts"
import { messageOf } from "../../core/thrown.ts"
import { pressOf } from "./press.ts"
import type { PressAsked, PressReply } from "./press-thread.ts"

/**
 * nice(1): on Linux it is this thread's alone. Behind packets, and not behind everything: where the host is busy a bundle
 * must be there soon as well.
 */
const BEHIND = 5

try {
    setPriority(0, BEHIND)
} catch {
    // Where that is forbidden it works as fast as it can.
}

const press = pressOf(sealer)

function reply(message: PressReply): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows; this is a thread
    parentPort?.postMessage(message)
}

parentPort?.on("message", ({ id, job }: PressAsked) => {
    press(job).then(
        (pressed) => reply({ id, pressed }),
        (error: unknown) => reply({ id, failed: messageOf(error) }),
    )
})
