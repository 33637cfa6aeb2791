/** OpenPGP certificates as recipients: looked into by the library, at a given time. */
import type { Key, Subkey } from "openpgp"
import type { Recipient } from "../../../core/one-time/recipient.ts"
import { openPgp } from "./openpgp.ts"

/** A recipient, and when that ends (Infinity: never). */
export type CertificateRead =
    | { readonly ok: true; readonly value: Recipient; readonly until: number }
    | CertificateRefused

/** Why it can receive nothing: a sentence that names it. */
export type CertificateRefused = { readonly ok: false; readonly code: CertificateRefusal; readonly detail: string }

/** Every reason for which a certificate is refused. */
export type CertificateRefusal =
    | "damaged"
    /** More than one certificate in the armour. */
    | "several"
    | "private"
    /** So many users, subkeys or signatures that it takes seconds to verify them. */
    | "too-large"
    | "revoked"
    | "expired"
    /** Made in the future: one of the clocks is wrong. */
    | "not-yet"
    /** No subkey for encryption that is neither expired, revoked nor of a kind that is no longer safe. */
    | "no-encryption"

/** Ours: the most parts of a certificate. Verifying one takes milliseconds. */
const MAX_PACKETS = 500

/** Reads an armoured certificate and asks whether files can be encrypted to it at `now` (milliseconds since 1970). */
export async function readCertificate(armour: string, now: number): Promise<CertificateRead> {
    const read = await readValidKey(armour, now)
    if (!read.ok) return read
    const { key, until } = read
    const line = `openpgp ${key.getFingerprint().toUpperCase()}`
    return { ok: true, value: { kind: "openpgp", line, text: armour, comment: userOf(key) }, until }
}

/** The same as the library has it. Signatures in it are verified; what others have certified is not looked at. */
export async function readValidKey(
    armour: string,
    now: number,
): Promise<CertificateRefused | { readonly ok: true; readonly key: Key; readonly until: number }> {
    const { readKeys } = await openPgp()
    const keys = await readKeys({ armoredKeys: armour }).catch(() => null)
    const [key] = keys ?? []
    if (keys === null || key === undefined) return refused("damaged", "this OpenPGP certificate is damaged")
    if (keys.length > 1)
        return refused("several", "there are several OpenPGP certificates in one: give each for itself")
    if (key.isPrivate()) return refused("private", "this is a private key of OpenPGP, which must not leave its owner")
    const name = nameOf(key)
    if (key.toPacketList().length > MAX_PACKETS) {
        return refused(
            "too-large",
            `${name} has very many parts: \`gpg --export-options export-minimal --armor --export\` leaves most out`,
        )
    }
    const date = new Date(now)
    const until = await key.getExpirationTime()
    if (await key.isRevoked(undefined, undefined, date)) return refused("revoked", `${name} is revoked`)
    if (key.getCreationTime().getTime() > now) return refused("not-yet", `${name} is made in the future`)
    if (until instanceof Date && until.getTime() <= now) {
        return refused("expired", `${name} has expired on ${until.toISOString().slice(0, 10)}`)
    }
    const subkey = await key.getEncryptionKey(undefined, date).catch(() => null)
    if (subkey === null) return refused("no-encryption", await whyNot(key, name, date))
    return { ok: true, key, until: Math.min(numberOf(until), await endOf(subkey, date)) }
}

function refused(code: CertificateRefusal, detail: string): CertificateRefused {
    return { ok: false, code, detail }
}

async function whyNot(key: Key, name: string, date: Date): Promise<string> {
    const ends = await Promise.all(key.subkeys.map((subkey) => endOf(subkey, date)))
    const last = Math.max(...ends)
    if (last <= date.getTime() && last > 0) {
        return `the encryption subkey of ${name} has expired on ${new Date(last).toISOString().slice(0, 10)}`
    }
    return `${name} has no valid subkey for encryption of a kind that is safe`
}

/** When a subkey expires: Infinity if never, 0 if it is not valid at all. */
async function endOf(subkey: Key | Subkey, date: Date): Promise<number> {
    return numberOf(await ("mainKey" in subkey ? subkey.getExpirationTime(date) : subkey.getExpirationTime()))
}

function numberOf(time: Date | number | null): number {
    return time instanceof Date ? time.getTime() : (time ?? 0)
}

/** "the certificate of Anna <anna@example.org> (ABCD…)". */
export function nameOf(key: Key): string {
    const user = userOf(key)
    return `the certificate ${user === "" ? "" : `of ${user} `}(${key.getFingerprint().toUpperCase()})`
}

/** The first user of a certificate, as it can be shown in a terminal. */
function userOf(key: Key): string {
    const [user = ""] = key.getUserIDs()
    return user.replace(/[^\x20-\x7e\u00a1-\uffff]/g, "").slice(0, 100)
}
