/**
 * SSH private keys as OpenSSH writes them, with a passphrase or without (PROTOCOL.key of OpenSSH). Nothing here throws
 * on what a file holds.
 */

import { poly1305 } from "@noble/ciphers/_poly1305.js"
import { cbc, ctr, gcm } from "@noble/ciphers/aes.js"
import { chacha20orig } from "@noble/ciphers/chacha.js"
import bcrypt from "bcrypt-pbkdf"
import { decodeBase64, decodeSshKey, type SshKey } from "../../../core/one-time/ssh-line.ts"
import { SshReader } from "../../../core/one-time/ssh-reader.ts"

/** A private key with its public one: `blob` is what a line of `authorized_keys` holds. */
export type SshPrivateKey =
    | { readonly kind: "ssh-ed25519"; readonly blob: Uint8Array; readonly seed: Uint8Array; readonly point: Uint8Array }
    | { readonly kind: "ssh-rsa"; readonly blob: Uint8Array; readonly numbers: RsaNumbers }

/** Of an RSA key, without leading zeros: modulus, exponents, q⁻¹ mod p, and the primes. */
export type RsaNumbers = Readonly<Record<"n" | "e" | "d" | "qi" | "p" | "q", Uint8Array>>

/** A key, or why there is none. */
export type SshPrivateRead =
    | { readonly ok: true; readonly value: SshPrivateKey }
    | { readonly ok: false; readonly code: SshPrivateRefusal }

/** Every reason for which a file is refused. */
export type SshPrivateRefusal =
    | "damaged"
    /** It has a passphrase, and none was given. */
    | "passphrase-needed"
    | "passphrase-wrong"
    /** A key that can only sign. */
    | "signs-only"
    /** Encrypted in a way that is no longer usual, or that takes too long. */
    | "cipher"

const BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----"
const END = "-----END OPENSSH PRIVATE KEY-----"
const MAGIC = "openssh-key-v1\0"
/** Ours: a round takes 15 milliseconds; OpenSSH writes 16 or 24. */
const MAX_ROUNDS = 1024

/** What a cipher needs, and how it decrypts: null if the data was not encrypted with this key. */
type Cipher = {
    readonly key: number
    readonly iv: number
    readonly block: number
    /** Bytes that follow what is encrypted. */
    readonly tag: number
    readonly open: (key: Uint8Array, iv: Uint8Array, data: Uint8Array) => Uint8Array | null
}

const aesCtr = (key: number): Cipher => ({
    key,
    iv: 16,
    block: 16,
    tag: 0,
    open: (k, iv, data) => ctr(k, iv).decrypt(data),
})
const aesCbc = (key: number): Cipher => ({
    key,
    iv: 16,
    block: 16,
    tag: 0,
    open: (k, iv, data) => cbc(k, iv, { disablePadding: true }).decrypt(data),
})
const aesGcm = (key: number): Cipher => ({
    key,
    iv: 12,
    block: 16,
    tag: 16,
    open: (k, iv, data) => orNull(() => gcm(k, iv).decrypt(data)),
})

const CIPHERS: ReadonlyMap<string, Cipher> = new Map([
    ["none", { key: 0, iv: 0, block: 8, tag: 0, open: (_key, _iv, data) => data }],
    ["aes128-ctr", aesCtr(16)],
    ["aes192-ctr", aesCtr(24)],
    ["aes256-ctr", aesCtr(32)],
    ["aes128-cbc", aesCbc(16)],
    ["aes192-cbc", aesCbc(24)],
    ["aes256-cbc", aesCbc(32)],
    ["aes128-gcm@openssh.com", aesGcm(16)],
    ["aes256-gcm@openssh.com", aesGcm(32)],
    ["chacha20-poly1305@openssh.com", { key: 64, iv: 0, block: 8, tag: 16, open: openChacha }],
])

/** Is this such a file, as far as its first line says? */
export function isSshPrivate(text: string): boolean {
    return text.trimStart().startsWith(BEGIN)
}

/** Reads a file that holds one key. `passphrase`: null if there is none. */
export function parseSshPrivate(text: string, passphrase: string | null): SshPrivateRead {
    const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
    const bytes = end < 0 ? undefined : decodeBase64(text.slice(begin + BEGIN.length, end).replace(/\s+/g, ""))
    if (bytes === undefined) return refused("damaged")
    const reader = new SshReader(bytes)
    if (latin1(reader.bytes(MAGIC.length)) !== MAGIC) return refused("damaged")
    const [name, kdf, options] = [reader.text(), reader.text(), reader.string()]
    if (reader.uint32() !== 1) return refused("damaged")
    const [blob, data] = [reader.string(), reader.string()]
    const tag = reader.rest
    if (name === undefined || options === undefined || blob === undefined || data === undefined)
        return refused("damaged")
    const type = new SshReader(blob).text()
    if (type !== "ssh-ed25519" && type !== "ssh-rsa") return refused(type === undefined ? "damaged" : "signs-only")
    const cipher = CIPHERS.get(name)
    if (cipher === undefined || (kdf !== "none" && kdf !== "bcrypt")) return refused("cipher")
    if (data.length % cipher.block !== 0 || tag.length !== cipher.tag || (kdf === "none") !== (cipher.key === 0)) {
        return refused("damaged")
    }
    const key = kdf === "none" ? { ok: true as const, value: new Uint8Array(0) } : derive(options, passphrase, cipher)
    if (!key.ok) return key
    const sealed = joined(data, tag)
    const opened = cipher.open(key.value.subarray(0, cipher.key), key.value.subarray(cipher.key), sealed)
    const inner = opened && innerOf(opened)
    // Two equal numbers are at the beginning so that a wrong passphrase can be told.
    if (!inner) return refused(kdf === "none" ? "damaged" : "passphrase-wrong")
    const value = keyOf(inner, blob)
    return value === undefined ? refused("damaged") : { ok: true, value }
}

function refused(code: SshPrivateRefusal): { readonly ok: false; readonly code: SshPrivateRefusal } {
    return { ok: false, code }
}

type Derived = { readonly ok: true; readonly value: Uint8Array } | ReturnType<typeof refused>

/** Key and initial value, by bcrypt. */
function derive(options: Uint8Array, passphrase: string | null, { key, iv }: Cipher): Derived {
    const reader = new SshReader(options)
    const [salt, rounds] = [reader.string(), reader.uint32()]
    if (salt === undefined || rounds === undefined || !reader.done) return refused("damaged")
    if (salt.length === 0 || salt.length > 64 || rounds === 0) return refused("damaged")
    if (rounds > MAX_ROUNDS) return refused("cipher")
    if (passphrase === null) return refused("passphrase-needed")
    const secret = new TextEncoder().encode(passphrase)
    if (secret.length === 0) return refused("passphrase-wrong")
    const value = new Uint8Array(key + iv)
    bcrypt.pbkdf(secret, secret.length, salt, salt.length, value, value.length, rounds)
    return { ok: true, value }
}

/** What comes after the two equal numbers; undefined if they are not. */
function innerOf(opened: Uint8Array): SshReader | undefined {
    const reader = new SshReader(opened)
    const [first, second] = [reader.uint32(), reader.uint32()]
    return first !== undefined && first === second ? reader : undefined
}

/** The private key, which must belong to the public one; after it a comment and 1, 2, 3 …, up to a whole block. */
function keyOf(inner: SshReader, blob: Uint8Array): SshPrivateKey | undefined {
    const type = inner.text()
    const open = decodeSshKey(blob)
    if (open === undefined || open.kind !== type) return undefined
    const key = open.kind === "ssh-rsa" ? rsaOf(inner, blob, open) : ed25519Of(inner, blob, open)
    const comment = inner.string()
    if (comment === undefined || inner.rest.some((byte, index) => byte !== ((index + 1) & 0xff))) return undefined
    return key
}

function ed25519Of(inner: SshReader, blob: Uint8Array, { point }: Extract<SshKey, { kind: "ssh-ed25519" }>) {
    const [again, pair] = [inner.string(), inner.string()]
    if (again === undefined || pair?.length !== 64) return undefined
    if (!same(again, point) || !same(pair.subarray(32), point)) return undefined
    return { kind: "ssh-ed25519" as const, blob, seed: pair.slice(0, 32), point }
}

function rsaOf(inner: SshReader, blob: Uint8Array, { modulus, exponent }: Extract<SshKey, { kind: "ssh-rsa" }>) {
    const [n, e, d] = [inner.positive(), inner.positive(), inner.positive()]
    const [qi, p, q] = [inner.positive(), inner.positive(), inner.positive()]
    if (n === undefined || e === undefined || d === undefined || qi === undefined) return undefined
    if (p === undefined || q === undefined || !same(n, modulus) || !same(e, exponent)) return undefined
    return { kind: "ssh-rsa" as const, blob, numbers: { n, e, d, qi, p, q } }
}

/** As in packets of SSH with the sequence number 0 (PROTOCOL.chacha20poly1305), without the encrypted length. */
function openChacha(key: Uint8Array, _iv: Uint8Array, data: Uint8Array): Uint8Array | null {
    const [main, nonce] = [key.subarray(0, 32), new Uint8Array(8)]
    const [text, tag] = [data.subarray(0, -16), data.subarray(-16)]
    const once = chacha20orig(main, nonce, new Uint8Array(32))
    return same(poly1305(text, once), tag) ? chacha20orig(main, nonce, text, undefined, 1) : null
}

function orNull<T>(make: () => T): T | null {
    try {
        return make()
    } catch {
        return null
    }
}

function same(one: Uint8Array, other: Uint8Array): boolean {
    return one.length === other.length && one.every((byte, index) => byte === other[index])
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(first.length + second.length)
    bytes.set(first)
    bytes.set(second, first.length)
    return bytes
}

function latin1(bytes: Uint8Array | undefined): string {
    return String.fromCharCode(...(bytes ?? []))
}
