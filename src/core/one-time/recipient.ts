/** Public keys that bundles are encrypted to (spec/bundle.md, section 4). */

/** Which kinds of key can receive files. */
export type RecipientKind = "age" | "age-pq" | "ssh-ed25519" | "ssh-rsa" | "openpgp"

/** One public key of a knocker. */
export type Recipient = {
    readonly kind: RecipientKind
    /** What stands for the key where sequences are derived: the key as text without comment; `openpgp FINGERPRINT`. */
    readonly line: string
    /** The key as it is given to those who encrypt: the same text, or an armoured OpenPGP certificate. */
    readonly text: string
    /** What people call it: the comment of an SSH key, the user of a certificate; "" if nothing is said. */
    readonly comment: string
}

/** A file of its own for each: what is encrypted as one (spec/bundle.md, section 5). */
export type FileKind = "age" | "age-pq" | "openpgp"

/** The file that a key of this kind can read. */
export function fileKindOf(kind: RecipientKind): FileKind {
    return kind === "openpgp" || kind === "age-pq" ? kind : "age"
}
