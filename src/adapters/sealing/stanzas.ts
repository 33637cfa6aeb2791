/**
 * What age writes into a file's header for each recipient: the file's key, wrapped (C2SP age.md; `ssh-ed25519` and
 * `ssh-rsa` as in the package agessh of the reference implementation). On Node.js's own functions, which take a tenth
 * of the time: a gateway with many knockers writes all files at each publication.
 */
import { Buffer } from "node:buffer"
import {
    constants,
    createCipheriv,
    createHash,
    createPrivateKey,
    createPublicKey,
    diffieHellman,
    generateKeyPairSync,
    hkdfSync,
    type KeyObject,
    publicEncrypt,
} from "node:crypto"
import { ed25519 } from "@noble/curves/ed25519.js"
import { bech32 } from "@scure/base"
import { Encrypter, Stanza } from "age-encryption"
import type { Recipient } from "../../core/one-time/recipient.ts"
import { decodeBase64, decodeSshKey, type SshKey } from "../../core/one-time/ssh-line.ts"

const X25519 = "age-encryption.org/v1/X25519"
const SSH_ED25519 = "age-encryption.org/v1/ssh-ed25519"
const SSH_RSA = "age-encryption.org/v1/ssh-rsa"

/** Keys go in and out as JSON Web Keys (RFC 8037): OpenSSL takes a tenth of the time that it needs for DER. */
const JWK = { format: "jwk" } as const
const X25519_KEY = { kty: "OKP", crv: "X25519" } as const

/** What age-encryption asks for each recipient, made at once; or a line, for what the library does by itself. */
export type Wrapper = string | { readonly wrapFileKey: (fileKey: Uint8Array) => Stanza[] }

/**
 * Wraps files' keys for one recipient. null: nothing can be encrypted to it. It may read well and be no point of its curve,
 * or one of those few that agree with everybody on the same, which only a try can tell.
 */
export function triedWrapperOf(recipient: Recipient): Wrapper | null {
    try {
        const wrapper = wrapperOf(recipient)
        if (typeof wrapper === "string") new Encrypter().addRecipient(wrapper)
        // A hundred thousand of them are tried at the start of a gateway: a new key for each would take minutes.
        else if (recipient.kind === "age") x25519(probe(), bech32.decodeToBytes(recipient.text).bytes)
        else wrapper.wrapFileKey(new Uint8Array(16))
        return wrapper
    } catch {
        return null
    }
}

/** The same without a try: whoever seals with it hears of it then. Throws what shows at once. */
export function wrapperOf({ kind, text }: Recipient): Wrapper {
    if (kind === "age") {
        const { bytes } = bech32.decodeToBytes(text)
        return { wrapFileKey: (key) => [x25519Stanza(bytes, key)] }
    }
    const blob = decodeBase64(text.split(" ")[1] ?? "")
    const key = blob && decodeSshKey(blob)
    // What is left is age's hybrid, and its library's.
    if (blob === undefined || key === undefined) return text
    return key.kind === "ssh-rsa" ? rsaWrapper(blob, key) : ed25519Wrapper(blob, key.point)
}

function x25519Stanza(point: Uint8Array, fileKey: Uint8Array): Stanza {
    const { share, secret } = agreed(point)
    return new Stanza(["X25519", unpadded(share)], sealed(secret, [share, point], X25519, fileKey))
}

function ed25519Wrapper(blob: Uint8Array, ed: Uint8Array): Wrapper {
    const point = ed25519.utils.toMontgomery(ed)
    const tweak = derived(new Uint8Array(0), blob, SSH_ED25519)
    return {
        wrapFileKey(fileKey) {
            const { share, secret } = agreed(point)
            const tweaked = x25519(privateKeyOf(tweak), secret)
            const body = sealed(tweaked, [share, point], SSH_ED25519, fileKey)
            return [new Stanza(["ssh-ed25519", tagOf(blob), unpadded(share)], body)]
        },
    }
}

function rsaWrapper(blob: Uint8Array, { exponent, modulus }: Extract<SshKey, { kind: "ssh-rsa" }>): Wrapper {
    const [e, n] = [exponent, modulus].map((number) => Buffer.from(number).toString("base64url"))
    const key = createPublicKey({ key: { kty: "RSA", e: e!, n: n! }, format: "jwk" })
    const oaep = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256", oaepLabel: Buffer.from(SSH_RSA) }
    return { wrapFileKey: (fileKey) => [new Stanza(["ssh-rsa", tagOf(blob)], publicEncrypt(oaep, fileKey))] }
}

/** A new key of ours, and what it agrees on with theirs. */
function agreed(point: Uint8Array): { readonly share: Uint8Array; readonly secret: Uint8Array } {
    const { publicKey, privateKey } = generateKeyPairSync("x25519")
    return { share: Buffer.from(publicKey.export(JWK).x!, "base64url"), secret: x25519(privateKey, point) }
}

let probed: KeyObject | null = null

/** A key that nothing is encrypted with. */
function probe(): KeyObject {
    probed ??= generateKeyPairSync("x25519").privateKey
    return probed
}

/** RFC 7748. Throws if the result is zero, as for a point of low order. */
function x25519(privateKey: KeyObject, point: Uint8Array): Uint8Array {
    const publicKey = createPublicKey({ key: { ...X25519_KEY, x: base64url(point) }, ...JWK })
    return diffieHellman({ privateKey, publicKey })
}

/** Its public half is not asked for. */
function privateKeyOf(bytes: Uint8Array): KeyObject {
    return createPrivateKey({ key: { ...X25519_KEY, x: "", d: base64url(bytes) }, ...JWK })
}

function base64url(bytes: Uint8Array): string {
    return Buffer.from(bytes).toString("base64url")
}

function derived(secret: Uint8Array, salt: Uint8Array, label: string): Uint8Array {
    return new Uint8Array(hkdfSync("sha256", secret, salt, label, 32))
}

/** The file's key, by ChaCha20-Poly1305 with a key that is used once, so without a nonce. */
function sealed(secret: Uint8Array, salt: readonly Uint8Array[], label: string, fileKey: Uint8Array): Uint8Array {
    const key = derived(secret, Buffer.concat(salt), label)
    const cipher = createCipheriv("chacha20-poly1305", key, Buffer.alloc(12), { authTagLength: 16 })
    return Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()])
}

/** By what a reader finds the stanza that is for his SSH key. */
function tagOf(blob: Uint8Array): string {
    return unpadded(createHash("sha256").update(blob).digest().subarray(0, 4))
}

/** Base64 as age has it (RFC 4648, without padding). */
function unpadded(bytes: Uint8Array): string {
    return Buffer.from(bytes).toString("base64").replace(/=+$/, "")
}
