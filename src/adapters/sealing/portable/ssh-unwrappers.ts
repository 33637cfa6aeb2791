/** Reads the stanzas that age writes for SSH keys; `stanzas.ts` writes them. */
import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import { x25519 } from "@noble/curves/ed25519.js"
import { hkdf } from "@noble/hashes/hkdf.js"
import { sha256, sha512 } from "@noble/hashes/sha2.js"
import { base64nopad, base64urlnopad } from "@scure/base"
import type { Stanza, Identity as Unwrapper } from "age-encryption"
import { hexOf } from "../../../core/hex.ts"
import type { RsaNumbers, SshPrivateKey } from "./ssh-private.ts"

const SSH_ED25519 = new TextEncoder().encode("age-encryption.org/v1/ssh-ed25519")
const SSH_RSA = new TextEncoder().encode("age-encryption.org/v1/ssh-rsa")

/** What age-encryption asks for the file's key. A stanza for this very key that cannot be read is damage: it throws. */
export function unwrapperOf(key: SshPrivateKey): Unwrapper {
    const tag = base64nopad.encode(sha256(key.blob).subarray(0, 4))
    const open = key.kind === "ssh-rsa" ? rsaOpener(key.numbers) : ed25519Opener(key)
    return {
        async unwrapFileKey(stanzas) {
            const ours = stanzas.find(({ args }) => args[0] === key.kind && args[1] === tag)
            return ours === undefined ? null : await open(ours)
        },
    }
}

type Opener = (stanza: Stanza) => Uint8Array | Promise<Uint8Array>

/** The Ed25519 key as one of X25519: the same number, the same point seen on the other curve. */
function ed25519Opener({ blob, seed }: Extract<SshPrivateKey, { kind: "ssh-ed25519" }>): Opener {
    const scalar = sha512(seed).subarray(0, 32)
    const point = x25519.getPublicKey(scalar)
    const tweak = hkdf(sha256, new Uint8Array(0), blob, SSH_ED25519, 32)
    return ({ args, body }) => {
        const share = base64nopad.decode(args[2] ?? "")
        if (args.length !== 3 || share.length !== 32 || body.length !== 32) throw new Error("ssh-ed25519 stanza")
        const secret = x25519.getSharedSecret(tweak, x25519.getSharedSecret(scalar, share))
        const salt = new Uint8Array(64)
        salt.set(share)
        salt.set(point, 32)
        const key = hkdf(sha256, secret, salt, SSH_ED25519, 32)
        return chacha20poly1305(key, new Uint8Array(12)).decrypt(body)
    }
}

/** RSA-OAEP by WebCrypto, which wants the key as a JWK (RFC 7518, section 6.3). */
function rsaOpener(numbers: RsaNumbers): Opener {
    return async ({ args, body }) => {
        if (args.length !== 2) throw new Error("ssh-rsa stanza")
        const algorithm = { name: "RSA-OAEP", hash: "SHA-256" }
        const key = await crypto.subtle.importKey("jwk", jwkOf(numbers), algorithm, false, ["decrypt"])
        const oaep = { name: "RSA-OAEP", label: SSH_RSA }
        const fileKey = new Uint8Array(await crypto.subtle.decrypt(oaep, key, new Uint8Array(body)))
        if (fileKey.length !== 16) throw new Error("ssh-rsa stanza")
        return fileKey
    }
}

function jwkOf({ n, e, d, qi, p, q }: RsaNumbers) {
    const rest = (prime: Uint8Array) => unsigned(number(d) % (number(prime) - 1n))
    const parts = { n, e, d, p, q, qi, dp: rest(p), dq: rest(q) }
    const texts = Object.entries(parts).map(([name, bytes]) => [name, base64urlnopad.encode(bytes)])
    return { kty: "RSA", ...Object.fromEntries(texts) }
}

function number(bytes: Uint8Array): bigint {
    return BigInt(`0x${hexOf(bytes)}`)
}

function unsigned(value: bigint): Uint8Array {
    const digits = value.toString(16)
    const even = digits.padStart(digits.length + (digits.length % 2), "0")
    return Uint8Array.from(even.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}
