/** Verifies Ed25519 (RFC 8032) wherever JavaScript runs. */
import { ed25519 } from "@noble/curves/ed25519.js"
import type { Verify } from "../../../core/one-time/accept.ts"

/** As RFC 8032 has it, not as ZIP 215: what Node.js and `sign.ts` refuse is refused here, too. */
export const verifySignature: Verify = (key, message, signature) => {
    if (key.length !== 32 || signature.length !== 64) return false
    return ed25519.verify(signature, message, key, { zip215: false })
}
