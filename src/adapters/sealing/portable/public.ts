/** The public parts of private keys: what a device's owner gives to the operator. */
import { base64 } from "@scure/base"
import { identityToRecipient } from "age-encryption"
import { decodeBase64 } from "../../../core/one-time/ssh-line.ts"
import { SshReader } from "../../../core/one-time/ssh-reader.ts"
import type { Identity } from "./identity.ts"
import { isSshPrivate } from "./ssh-private.ts"

const MAGIC = "openssh-key-v1\0"

/**
 * The keys of one file as the operator's tools take them: a line each, or an armoured certificate. `file` is the text
 * of the file, `identities` what was read from it. None for what the library cannot name, such as a damaged file.
 */
export async function publicKeys(file: Uint8Array, identities: readonly Identity[]): Promise<readonly string[]> {
    const text = new TextDecoder().decode(file).trim()
    if (isSshPrivate(text)) return sshPublic(text)
    const keys: string[] = []
    for (const { key } of identities) {
        if (typeof key === "string") keys.push(await identityToRecipient(key))
        else if ("toPublic" in key) keys.push(key.toPublic().armor().replaceAll("\r\n", "\n"))
    }
    return keys
}

/** The public key stands in clear before the private one, whatever passphrase there is (PROTOCOL.key of OpenSSH). */
function sshPublic(text: string): readonly string[] {
    const bytes = decodeBase64(text.replaceAll(/-----[A-Z ]+-----|\s+/g, ""))
    if (bytes === undefined) return []
    const reader = new SshReader(bytes)
    reader.bytes(MAGIC.length)
    const skipped = [reader.text(), reader.text(), reader.string(), reader.uint32()]
    const blob = reader.string()
    const type = blob && new SshReader(blob).text()
    if (skipped.includes(undefined) || blob === undefined || type === undefined) return []
    return [`${type} ${base64.encode(blob)}`]
}
