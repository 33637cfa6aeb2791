/**
 * Sealing, loaded when the first knocker is there: a daemon whose doors have fixed sequences alone needs none of the
 * libraries, which take 150 kB and some milliseconds.
 */
import type { KeyRead } from "../../core/one-time/knocker.ts"
import type { Sealer } from "../../ports/sealing.ts"

/** `readKey` of `read-key.ts`. */
export async function readKeyLate(text: string, now: number): Promise<KeyRead> {
    const { readKey } = await import("./gateway.ts")
    return readKey(text, now)
}

/** `sealer` of `seal.ts`. */
export const lateSealer: Sealer = {
    async seal(...given) {
        const { sealer } = await import("./gateway.ts")
        return sealer.seal(...given)
    },
}
