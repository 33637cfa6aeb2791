/** Bundles as a gateway makes them, and keys as knockers have them. */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { generateHybridIdentity, generateX25519Identity, identityToRecipient } from "age-encryption"
import { generateKey } from "openpgp"
import { readKey } from "../../src/adapters/sealing/read-key.ts"
import { sealer } from "../../src/adapters/sealing/seal.ts"
import { type SigningKey, signBundle } from "../../src/adapters/sealing/sign.ts"
import { type Bundle, formatBundle, formatSigned } from "../../src/core/one-time/bundle.ts"
import { fileKindOf, type Recipient } from "../../src/core/one-time/recipient.ts"

/** A knocker's key: his side of it, with its passphrase, and what the gateway is given. */
export type KnockersKey = { readonly secret: string; readonly passphrase: string; readonly recipient: Recipient }

export type KeyName = "age" | "age, post-quantum" | "ssh-ed25519" | "ssh-rsa" | "OpenPGP"

/** Makes a key of this kind; SSH keys by ssh-keygen, in this folder. */
export async function makeKey(kind: KeyName, folder: string): Promise<KnockersKey> {
    switch (kind) {
        case "age":
        case "age, post-quantum": {
            const secret = await (kind === "age" ? generateX25519Identity() : generateHybridIdentity())
            return keyOf(secret, "", await identityToRecipient(secret))
        }
        case "ssh-ed25519":
        case "ssh-rsa": {
            const [file, passphrase] = [join(folder, kind), kind === "ssh-rsa" ? "" : "correct horse"]
            const type = kind === "ssh-rsa" ? ["-t", "rsa", "-b", "3072"] : ["-t", "ed25519"]
            const { status, stderr } = spawnSync("ssh-keygen", ["-q", ...type, "-N", passphrase, "-C", "", "-f", file])
            if (status !== 0) throw new Error(`ssh-keygen: ${String(stderr)}`)
            return keyOf(readFileSync(file, "utf8"), passphrase, readFileSync(`${file}.pub`, "utf8"))
        }
        case "OpenPGP": {
            const passphrase = "battery staple"
            const options = { type: "ecc", curve: "curve25519Legacy", passphrase, format: "object" } as const
            const { privateKey, publicKey } = await generateKey({ ...options, userIDs: { name: "Anna" } })
            return keyOf(privateKey.armor(), passphrase, publicKey.armor())
        }
    }
}

async function keyOf(secret: string, passphrase: string, text: string): Promise<KnockersKey> {
    const read = await readKey(text.trim(), Date.now())
    if (!read.ok) throw new Error(read.why)
    return { secret, passphrase, recipient: read.recipient }
}

/** The bundle's file for this key. */
export async function sealedBundle(bundle: Bundle, signing: SigningKey, recipient: Recipient): Promise<string> {
    const signed = formatBundle(bundle)
    const signatures = bundle.keys.map(() => Buffer.from(signBundle(signing, signed)).toString("base64"))
    const text = new TextEncoder().encode(formatSigned({ signed, signatures }))
    const sealed = await sealer.seal(text, fileKindOf(recipient.kind), [recipient], Date.now())
    if (!sealed.ok) throw new Error(sealed.detail)
    return Buffer.from(sealed.file).toString()
}
