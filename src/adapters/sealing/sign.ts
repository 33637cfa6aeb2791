/** Signatures of the gateway: Ed25519 (RFC 8032), with Node.js's own functions. Keys are 32 bytes. */
import { Buffer } from "node:buffer"
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto"
import type { Verify } from "../../core/one-time/accept.ts"
import { signedBytes } from "../../core/one-time/accept.ts"

/** What DER puts before the 32 bytes of an Ed25519 key, private and public (RFC 8410). */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex")
const SPKI = Buffer.from("302a300506032b6570032100", "hex")

/** A signing key: its seed, which must not leave the gateway, and the public key that clients pin. */
export type SigningKey = { readonly seed: Uint8Array; readonly key: Uint8Array }

/** The same as Node.js has it. To make one takes ten times as long as to sign with it. */
const ready = new WeakMap<SigningKey, KeyObject>()

/** A new one, from the cryptographic generator. */
export function generateSigningKey(): SigningKey {
    const { privateKey } = generateKeyPairSync("ed25519")
    return signingKey(privateKey.export({ format: "der", type: "pkcs8" }).subarray(PKCS8.length))
}

/** The one with this seed. */
export function signingKey(seed: Uint8Array): SigningKey {
    const key = createPublicKey(privateKeyOf(seed)).export({ format: "der", type: "spki" }).subarray(SPKI.length)
    return { seed, key }
}

/** Signs the text of a bundle, as `formatBundle` has it: 64 bytes. */
export function signBundle(key: SigningKey, signed: string): Uint8Array {
    const own = ready.get(key) ?? privateKeyOf(key.seed)
    ready.set(key, own)
    return sign(null, signedBytes(signed), own)
}

/** Verifies on Node.js; `portable/verify.ts` does so anywhere. */
export const verifySignature: Verify = (key, message, signature) => {
    if (key.length !== 32 || signature.length !== 64) return false
    const spki = createPublicKey({ key: Buffer.concat([SPKI, key]), format: "der", type: "spki" })
    return verify(null, message, spki, signature)
}

function privateKeyOf(seed: Uint8Array): KeyObject {
    return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" })
}
