/** The functions that sequences and names are derived with, from Node.js. */
import { createHash, createHmac } from "node:crypto"
import type { Digests } from "../../core/one-time/derive.ts"

/** SHA-256, and HMAC with it. */
export const DIGESTS: Digests = {
    sha256: (bytes) => createHash("sha256").update(bytes).digest(),
    hmac: (key, bytes) => createHmac("sha256", key).update(bytes).digest(),
}
