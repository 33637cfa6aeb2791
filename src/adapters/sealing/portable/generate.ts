/** New keys of age, from the cryptographic generator. */
import { generateHybridIdentity, generateX25519Identity, identityToRecipient } from "age-encryption"

/** A private key and its public one, each a line of text. */
export type NewIdentity = { readonly identity: string; readonly recipient: string }

/** Makes a key pair: X25519, or the hybrid with ML-KEM-768 that also withstands quantum computers. */
export async function generateIdentity(kind: "age" | "age-pq"): Promise<NewIdentity> {
    const identity = await (kind === "age" ? generateX25519Identity() : generateHybridIdentity())
    return { identity, recipient: await identityToRecipient(identity) }
}
