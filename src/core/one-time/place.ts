/** Where the files of a knocker are (spec/bundle.md, section 5): names that say nothing of whose they are, and stay. */
import { type Digests, labelled } from "./derive.ts"
import type { FileKind } from "./recipient.ts"

/** The spec's: so many bytes of a digest are a place, and a name. */
const BYTES = 20
/** RFC 4648, section 6, in lower case: no letter in it is mistaken for a digit. */
const BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
/** What such a name looks like. */
export const PLACE = /^[a-z2-7]{32}$/

/** The place of a knocker. `key`: the gateway's place key. */
export function placeOf(digests: Digests, key: Uint8Array, name: string): Uint8Array {
    return labelled(digests.hmac, key, "postern bundle place", ascii(name)).subarray(0, BYTES)
}

/** The name of the file of this kind. */
export function fileNameOf(digests: Digests, place: Uint8Array, kind: FileKind): string {
    return formatPlace(labelled(digests.hmac, place, "postern bundle name", ascii(kind)).subarray(0, BYTES))
}

/** The name of a file that is nobody's: as a knocker's would be that cannot be called so. */
export function dummyNameOf(digests: Digests, key: Uint8Array, n: number): string {
    return formatPlace(labelled(digests.hmac, key, "postern bundle dummy", ascii(String(n))).subarray(0, BYTES))
}

/** Places and names as text: base32 without padding, of 20 bytes. */
export function formatPlace(bytes: Uint8Array): string {
    let text = ""
    for (let at = 0; at < bytes.length; at += 5) {
        // Five bytes are eight letters; 40 bits are a whole number that JavaScript has exactly.
        let word = bytes.subarray(at, at + 5).reduce((sum, byte) => sum * 256 + byte, 0)
        let letters = ""
        for (let i = 0; i < 8; i++) {
            letters = BASE32[word % 32]! + letters
            word = Math.floor(word / 32)
        }
        text += letters
    }
    return text
}

/** Reads what `formatPlace` wrote; null: it is something else. */
export function parsePlace(text: string): Uint8Array | null {
    if (!PLACE.test(text)) return null
    const bytes = new Uint8Array(BYTES)
    for (let i = 0; i < BYTES / 5; i++) {
        let word = Array.from(text.slice(i * 8, i * 8 + 8)).reduce((sum, one) => sum * 32 + BASE32.indexOf(one), 0)
        for (let j = 4; j >= 0; j--) {
            bytes[i * 5 + j] = word % 256
            word = Math.floor(word / 256)
        }
    }
    return bytes
}

/** Names and kinds are ASCII. */
function ascii(text: string): Uint8Array {
    return Uint8Array.from(text, (letter) => letter.charCodeAt(0))
}
