/**
 * Identities: the private keys that knockers have, from the text of their file, and what they read. For the command line
 * and the browser page alike. `identity-texts.ts` has the sentences.
 */
import { bech32 } from "@scure/base"
import type { Identity as Unwrapper } from "age-encryption"
import type { PrivateKey } from "openpgp"
import { MAX_FILE } from "../../../core/one-time/accept.ts"
import type { FileKind } from "../../../core/one-time/recipient.ts"
import type { Unsealed, Unsealer } from "../../../ports/sealing.ts"
import { isSshPrivate, parseSshPrivate } from "./ssh-private.ts"
import { unwrapperOf } from "./ssh-unwrappers.ts"
import { AGE_ARMOUR, unsealAge, unsealPassphrase } from "./unseal-age.ts"
import { PGP_ARMOUR, readPrivateKeys, unsealOpenPgp } from "./unseal-openpgp.ts"

/** One private key, open. What is inside is not for anybody else. */
export type Identity =
    | { readonly kind: "age" | "age-pq"; readonly key: string | Unwrapper }
    | { readonly kind: "openpgp"; readonly key: PrivateKey }

/** The keys of a file, or why there are none. */
export type IdentityRead =
    | { readonly ok: true; readonly identities: readonly Identity[] }
    | { readonly ok: false; readonly code: IdentityRefusal }

/** Every reason for which a file is refused. Nothing of the file is in it. */
export type IdentityRefusal =
    | "empty"
    | "too-long"
    /** A public key, or a file of such. */
    | "public"
    | "damaged"
    /** It has a passphrase, and none was given. */
    | "passphrase-needed"
    | "passphrase-wrong"
    /** A key of SSH that cannot receive files. */
    | "signs-only"
    /** An SSH key encrypted in a way that is no longer usual. */
    | "cipher"
    /** An SSH key in the form of OpenSSL, as OpenSSH wrote it until 2018. */
    | "pem"
    /** A key file of PuTTY. */
    | "putty"
    /** An identity of an age plug-in: only the program `age` can use it. */
    | "plugin"
    /** An OpenPGP key whose secret part is on a smartcard or was not exported: only `gpg` can use it. */
    | "elsewhere"
    /** An RSA key of SSH or one of OpenPGP, in a browser that keeps WebCrypto from this page. */
    | "no-webcrypto"
    /** None of these. */
    | "unknown"

/** Ours: the largest file of keys. */
const MAX_IDENTITY = 256 * 1024
/** Ours: the most age identities in one file. */
const MAX_KEYS = 100

const PGP_PRIVATE = "-----BEGIN PGP PRIVATE KEY BLOCK-----"
const PUBLIC = /^(age1|ssh-|ecdsa-|sk-|-----BEGIN PGP PUBLIC|---- BEGIN SSH2 PUBLIC|-----BEGIN (RSA )?PUBLIC)/

/**
 * Opens the keys of a file: age's identities (one in a line, or all in a file that is encrypted to a passphrase), an
 * OpenSSH private key, or armoured OpenPGP private keys. `passphrase`: null if there is none yet; asking once more is up
 * to the caller. Takes up to seconds where a passphrase is.
 */
export async function readIdentities(file: Uint8Array, passphrase: string | null): Promise<IdentityRead> {
    if (file.length > MAX_IDENTITY) return refused("too-long")
    const text = new TextDecoder().decode(file).trim()
    if (text === "") return refused("empty")
    if (text.startsWith(AGE_ARMOUR) || text.startsWith("age-encryption.org/v1\n")) return encrypted(file, passphrase)
    if (isSshPrivate(text)) return sshIdentity(text, passphrase)
    if (text.startsWith(PGP_PRIVATE)) return pgpIdentities(text, passphrase)
    if (text.startsWith("PuTTY-User-Key-File")) return refused("putty")
    if (/^-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/.test(text)) return refused("pem")
    if (PUBLIC.test(text)) return refused("public")
    return ageIdentities(text)
}

/** Reads files with whichever of the identities can. */
export function unsealerOf(identities: readonly Identity[]): Unsealer {
    const age = identities.flatMap((one) => (one.kind === "openpgp" ? [] : [one.key]))
    const pgp = identities.flatMap((one) => (one.kind === "openpgp" ? [one.key] : []))
    return {
        async unseal(file) {
            if (file.length > MAX_FILE) return damaged("it is larger than any bundle")
            const text = new TextDecoder().decode(file).trim()
            if (text.startsWith(AGE_ARMOUR)) return age.length > 0 ? await unsealAge(text, age) : notForUs("age or SSH")
            if (text.startsWith(PGP_ARMOUR))
                return pgp.length > 0 ? await unsealOpenPgp(text, pgp) : notForUs("OpenPGP")
            return damaged("it is neither an armoured file of age nor one of OpenPGP")
        },
    }
}

/** Which files identities read: what a client fetches. */
export function fileKinds(identities: readonly Identity[]): readonly FileKind[] {
    return [...new Set(identities.map(({ kind }) => kind))]
}

/** Browsers keep it from pages that came without https (W3C Web Cryptography API, SecureContext). */
function hasWebCrypto(): boolean {
    return typeof globalThis.crypto?.subtle?.decrypt === "function"
}

function refused(code: IdentityRefusal): IdentityRead {
    return { ok: false, code }
}

function damaged(detail: string): Unsealed {
    return { ok: false, code: "damaged", detail }
}

function notForUs(kind: string): Unsealed {
    return { ok: false, code: "not-for-us", detail: `it is encrypted to keys of ${kind}, and there is none` }
}

/** The lines of a file that `age-keygen` or `postern keygen` has written. */
function ageIdentities(text: string): IdentityRead {
    const lines = text.split(/\r?\n/).map((line) => line.trim())
    const keys = lines.filter((line) => line !== "" && !line.startsWith("#"))
    if (keys.length === 0) return refused("empty")
    if (keys.length > MAX_KEYS) return refused("too-long")
    const identities: Identity[] = []
    for (const key of keys) {
        if (key.startsWith("AGE-PLUGIN-")) return refused("plugin")
        if (PUBLIC.test(key)) return refused("public")
        const kind = kindOf(key)
        if (kind === undefined) return refused(key.startsWith("AGE-SECRET-KEY-") ? "damaged" : "unknown")
        identities.push({ kind, key })
    }
    return { ok: true, identities }
}

/** Both kinds are 32 bytes (C2SP age.md), written in upper case. */
function kindOf(key: string): "age" | "age-pq" | undefined {
    const decoded = /[a-z]/.test(key) ? undefined : bech32.decodeUnsafe(key, false)
    if (!decoded || (bech32.fromWordsUnsafe(decoded.words) || []).length !== 32) return undefined
    if (decoded.prefix === "age-secret-key-") return "age"
    return decoded.prefix === "age-secret-key-pq-" ? "age-pq" : undefined
}

async function encrypted(file: Uint8Array, passphrase: string | null): Promise<IdentityRead> {
    if (passphrase === null) return refused("passphrase-needed")
    const opened = await unsealPassphrase(file, passphrase)
    if (!opened.ok) return refused(opened.code === "not-for-us" ? "passphrase-wrong" : "damaged")
    return ageIdentities(new TextDecoder().decode(opened.text).trim())
}

function sshIdentity(text: string, passphrase: string | null): IdentityRead {
    const read = parseSshPrivate(text, passphrase)
    if (read.ok && read.value.kind === "ssh-rsa" && !hasWebCrypto()) return refused("no-webcrypto")
    return read.ok ? { ok: true, identities: [{ kind: "age", key: unwrapperOf(read.value) }] } : refused(read.code)
}

async function pgpIdentities(text: string, passphrase: string | null): Promise<IdentityRead> {
    // The library does not even load without it.
    if (!hasWebCrypto()) return refused("no-webcrypto")
    const read = await readPrivateKeys(text, passphrase)
    return read.ok ? { ok: true, identities: read.keys.map((key) => ({ kind: "openpgp", key })) } : refused(read.code)
}
