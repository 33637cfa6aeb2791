/** Messages of OpenPGP, read with private keys. */
import type { PrivateKey } from "openpgp"
import { MAX_FILE } from "../../../core/one-time/accept.ts"
import { MAX_RECIPIENTS } from "../../../core/one-time/recipient.ts"
import type { Unsealed } from "../../../ports/sealing.ts"
import { openPgp } from "./openpgp.ts"

/** The armour of a message. */
export const PGP_ARMOUR = "-----BEGIN PGP MESSAGE-----"

/** Private keys that are open, or why there are none. */
export type PrivateKeysRead =
    | { readonly ok: true; readonly keys: readonly PrivateKey[] }
    | { readonly ok: false; readonly code: "damaged" | "passphrase-needed" | "passphrase-wrong" | "elsewhere" }

/** Reads armoured private keys, as `gpg --armor --export-secret-keys` prints them. `passphrase`: null if there is none. */
export async function readPrivateKeys(armour: string, passphrase: string | null): Promise<PrivateKeysRead> {
    const { decryptKey, readPrivateKeys: read } = await openPgp()
    const keys = await read({ armoredKeys: armour }).catch(() => [])
    if (keys.length === 0) return { ok: false, code: "damaged" }
    const open: PrivateKey[] = []
    for (const key of keys) {
        // A key whose secret parts are on a smartcard, or were not exported, has nothing that could be opened.
        if (await holdsNothing(key)) return { ok: false, code: "elsewhere" }
        if (key.isDecrypted()) open.push(key)
        else if (passphrase === null) return { ok: false, code: "passphrase-needed" }
        else {
            const opened = await decryptKey({ privateKey: key, passphrase }).catch(() => null)
            if (opened === null) return { ok: false, code: "passphrase-wrong" }
            open.push(opened)
        }
    }
    return { ok: true, keys: open }
}

/** Reads an armoured message with any of the keys. Expired keys read what was encrypted to them. */
export async function unsealOpenPgp(file: string, keys: readonly PrivateKey[]): Promise<Unsealed> {
    const { decrypt, decryptSessionKeys, readMessage } = await openPgp()
    const config = { maxDecompressedMessageSize: MAX_FILE, allowUnauthenticatedMessages: false }
    const message = await readMessage({ armoredMessage: file, config }).catch(() => null)
    // Each is tried with each key.
    if (message === null || message.getEncryptionKeyIDs().length > MAX_RECIPIENTS) return DAMAGED
    const sessionKeys = await decryptSessionKeys({ message, decryptionKeys: [...keys], config }).catch(() => [])
    if (sessionKeys.length === 0) return { ok: false, code: "not-for-us", detail: "it is not encrypted to this key" }
    const named = sessionKeys.flatMap(({ data, algorithm }) => (algorithm === null ? [] : [{ data, algorithm }]))
    const opened = await decrypt({ message, sessionKeys: named, config, format: "binary" }).catch(() => null)
    return opened === null ? DAMAGED : { ok: true, text: opened.data }
}

const DAMAGED = { ok: false, code: "damaged", detail: "it is damaged, or was changed by somebody" } as const

/** Are all of its secret parts elsewhere? */
async function holdsNothing(key: PrivateKey): Promise<boolean> {
    const { SecretKeyPacket, SecretSubkeyPacket } = await openPgp()
    const packets = [key.keyPacket, ...key.subkeys.map(({ keyPacket }) => keyPacket)]
    const secret = packets.filter((one) => one instanceof SecretKeyPacket || one instanceof SecretSubkeyPacket)
    return secret.every((one) => one.isMissingSecretKeyMaterial())
}
