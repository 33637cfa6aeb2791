/** Seals files in a thread of its own, behind everything else that this host has to do (decisions/0024). */
import { setPriority } from "node:os"
import { parentPort } from "node:worker_threads"
import { sealer } from "../../adapters/sealing/seal.ts"
import type { Recipient } from "../../core/one-time/recipient.ts"
import { messageOf } from "../../core/thrown.ts"
import type { SealJob, SealReply } from "./sealing.ts"

/**
 * nice(1): on Linux it is this thread's alone. Behind packets, and not behind everything: where the host is busy a bundle
 * must be there soon as well.
 */
const BEHIND = 5

try {
    setPriority(0, BEHIND)
} catch {
    // Where that is forbidden it seals as fast as it can.
}

function reply(message: SealReply): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows; this is a thread
    parentPort?.postMessage(message)
}

/** Each recipient once: the sealer tries a key when it first sees it. */
const known = new Map<string, Recipient>()
/** Ours: of more than so many they are tried again. */
const KNOWN_MOST = 4096

function remembered(recipient: Recipient): Recipient {
    const before = known.get(recipient.line)
    if (before?.text === recipient.text) return before
    if (known.size >= KNOWN_MOST) known.clear()
    known.set(recipient.line, recipient)
    return recipient
}

parentPort?.on("message", ({ id, text, kind, recipients, now }: SealJob) => {
    sealer.seal(text, kind, recipients.map(remembered), now).then(
        (sealed) => reply({ id, sealed }),
        (error: unknown) => reply({ id, failed: messageOf(error) }),
    )
})
