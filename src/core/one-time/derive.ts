/**
 * The keys and the sequences of a knocker (spec/one-time.md, sections 1 and 3). HMAC-SHA-256 and SHA-256 are arguments:
 * the daemon has them from Node.js, a browser from elsewhere.
 */
import { hexOf } from "../hex.ts"
import type { Hit } from "../knock/hit.ts"
import type { Knocker } from "./knocker.ts"
import type { Recipient } from "./recipient.ts"

/** The two functions that everything is derived with: SHA-256 (FIPS 180-4), and HMAC with it (RFC 2104). */
export type Digests = {
    readonly sha256: (bytes: Uint8Array) => Uint8Array
    readonly hmac: (key: Uint8Array, bytes: Uint8Array) => Uint8Array
}

/** Whose sequences they are, as far as that matters here. */
export type Named = Pick<Knocker, "name" | "generation"> & { readonly recipients: readonly Pick<Recipient, "line">[] }

/** A word has 32 bits. */
const WORDS = 2 ** 32

/** The key of all that is derived for one knocker. `master`: 32 bytes that never leave the gateway. */
export function knockerKey({ sha256, hmac }: Digests, master: Uint8Array, knocker: Named): Uint8Array {
    const recipients = knocker.recipients.map(({ line }) => `${line}\n`).sort()
    const parts = [ascii(`${knocker.name}\0`), sha256(ascii(recipients.join(""))), u64(knocker.generation)]
    return labelled(hmac, master, "postern one-time knocker", joined(parts))
}

/** The key of the sequences of one knocker at one door. */
export function doorKey({ hmac }: Digests, knocker: Uint8Array, door: string): Uint8Array {
    return labelled(hmac, knocker, "postern one-time door", ascii(door))
}

/** The name of the counter of these sequences in the journal: it says neither knocker nor door. */
export function counterName({ hmac }: Digests, door: Uint8Array): string {
    return nameOf(labelled(hmac, door, "postern one-time counter", new Uint8Array(0)))
}

/**
 * The name of the counter by which a journal shows that it knows all that was used of this master. `since`: from when on
 * it knows everything (milliseconds since 1970), so that one which was damaged or made anew has none of this name.
 */
export function markName({ hmac }: Digests, master: Uint8Array, since: number): string {
    return nameOf(labelled(hmac, master, "postern one-time journal", u64(since)))
}

/**
 * The sequence of counter `n`: `length` hits of the pool, none of them twice. Throws RangeError if the pool is smaller
 * than that.
 */
export function sequenceAt(
    { hmac }: Digests,
    door: Uint8Array,
    pool: readonly Hit[],
    length: number,
    n: number,
): readonly Hit[] {
    if (length > pool.length) throw new RangeError(`${length} hits of a pool of ${pool.length}`)
    const limit = pool.length * Math.floor(WORDS / pool.length)
    const drawn = new Set<number>()
    for (let block = 0; drawn.size < length; block++) {
        const bytes = labelled(hmac, door, "postern one-time sequence", joined([u64(n), u32(block)]))
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        for (let at = 0; at < bytes.length && drawn.size < length; at += 4) {
            const word = view.getUint32(at)
            if (word < limit) drawn.add(word % pool.length)
        }
    }
    return Array.from(drawn, (index) => pool[index]!)
}

/** The spec's `H(key, text, bytes)`. */
export function labelled(hmac: Digests["hmac"], key: Uint8Array, text: string, bytes: Uint8Array): Uint8Array {
    return hmac(key, joined([ascii(`${text}\0`), bytes]))
}

/** 16 bytes, in hexadecimal. */
function nameOf(bytes: Uint8Array): string {
    return hexOf(bytes.subarray(0, 16))
}

/** Throws RangeError on what is not ASCII: names and keys are. */
function ascii(text: string): Uint8Array {
    return Uint8Array.from(text, (letter) => {
        const code = letter.codePointAt(0)!
        if (code > 0x7f) throw new RangeError("not ASCII")
        return code
    })
}

function u32(n: number): Uint8Array {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, n)
    return bytes
}

function u64(n: number): Uint8Array {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigUint64(0, BigInt(n))
    return bytes
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
        bytes.set(part, at)
        at += part.length
    }
    return bytes
}
