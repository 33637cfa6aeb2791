/**
 * Keys of knockers, read with libraries that are loaded when the first of them is there: a daemon whose doors have fixed
 * sequences alone needs none, and they take 240 kB and some ten milliseconds.
 */
import type { KeyRead } from "../../core/one-time/knocker.ts"

/** `readKey` of `read-key.ts`. */
export async function readKeyLate(text: string, now: number): Promise<KeyRead> {
    const { readKey } = await import("./read-key.ts")
    return readKey(text, now)
}
