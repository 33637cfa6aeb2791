/**
 * In the page this takes the place of the library of this name, of which bcrypt-pbkdf uses one function: SHA-512, which is
 * here already. It is a sixth of the page otherwise.
 */
import { sha512 } from "@noble/hashes/sha2.js"

export const lowlevel = {
    /** Writes the digest of the first `length` bytes of `data` into `out`. */
    crypto_hash(out: Uint8Array, data: Uint8Array, length: number): number {
        out.set(sha512(data.subarray(0, length)))
        return 0
    },
}
