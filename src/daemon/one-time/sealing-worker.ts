/** Seals files in a thread of its own, behind everything else that this host has to do (decisions/0024). */
import { setPriority } from "node:os"
import { parentPort } from "node:worker_threads"
import { sealer } from "../../adapters/sealing/seal.ts"
import { messageOf } from "../../core/thrown.ts"
import type { SealJob, SealReply } from "./sealing.ts"

/** nice(1)'s most: on Linux it is this thread's alone. */
const LAST_OF_ALL = 19

try {
    setPriority(0, LAST_OF_ALL)
} catch {
    // Where that is forbidden it seals as fast as it can.
}

function reply(message: SealReply): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows; this is a thread
    parentPort?.postMessage(message)
}

parentPort?.on("message", ({ id, text, kind, recipients, now }: SealJob) => {
    sealer.seal(text, kind, recipients, now).then(
        (sealed) => reply({ id, sealed }),
        (error: unknown) => reply({ id, failed: messageOf(error) }),
    )
})
