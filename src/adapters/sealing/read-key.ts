/** Keys of knockers as they are given: understood, or refused with what to do instead. */
import type { KeyRead } from "../../core/one-time/knocker.ts"
import { parseRecipient } from "../../core/one-time/recipient.ts"
import { recipientRefusal } from "../../core/one-time/recipient-texts.ts"
import { readCertificate } from "./portable/certificate.ts"
import { openPgp } from "./portable/openpgp.ts"
import { recipientFault } from "./seal.ts"

/** What is wrong with a certificate only for now, or from now on: it stays the knocker's. */
const PASSING: readonly string[] = ["expired", "not-yet", "revoked", "no-encryption"]

/** Reads one key. `now`: milliseconds since 1970. Nothing of a text that is none is told: it may be a secret. */
export async function readKey(text: string, now: number): Promise<KeyRead> {
    const read = parseRecipient(text)
    if (!read.ok) {
        const { what, instead } = recipientRefusal(read.code)
        return { ok: false, why: `${what}: ${instead}` }
    }
    if (read.found === "key") {
        const fault = await recipientFault(read.value)
        return fault === null ? { ok: true, recipient: read.value } : { ok: false, why: fault }
    }
    const { armour } = read
    const certificate = await readCertificate(armour, now)
    if (certificate.ok) return { ok: true, recipient: certificate.value }
    const { code, detail } = certificate
    if (!PASSING.includes(code))
        return { ok: false, why: `${detail}: give the certificate as \`gpg --armor --export NAME\` prints it` }
    const { readKey: readOne } = await openPgp()
    const line = `openpgp ${(await readOne({ armoredKey: armour })).getFingerprint().toUpperCase()}`
    return { ok: true, recipient: { kind: "openpgp", line, text: armour, comment: "" }, doubt: detail }
}
