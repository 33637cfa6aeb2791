/**
 * Messages of OpenPGP that gpg 2.2 reads, too: version 1 of the encrypted packet (SEIPD) whatever the certificate
 * prefers, AES-256, neither compressed nor signed, without the IDs of the keys that can read it.
 */
import type { Key } from "openpgp"
import { formatPadding } from "../../core/one-time/bundle.ts"
import { paddingFor, sizeClass } from "../../core/one-time/size-class.ts"
import { filled } from "./filled.ts"
import { openPgp } from "./portable/openpgp.ts"

/** Around the literal data: version, a random block with two bytes again, and the packet with the SHA-1 (RFC 9580, 5.13.1). */
const AROUND = 1 + 18 + 22
/** The library's: letters in a line of armour. */
const LINE = 60
/** In the literal data before the text: format, length of the name, time (RFC 9580, 5.9). */
const LITERAL = 1 + 1 + 4

/** The file of a text with as much padding before it as fills the size class. All keys must be valid at `now`. */
export async function sealOpenPgp(text: Uint8Array, keys: readonly Key[], now: number): Promise<Uint8Array> {
    const { armor, createMessage, encrypt, encryptSessionKey, enums } = await openPgp()
    const date = new Date(now)
    const sessionKey = { data: crypto.getRandomValues(new Uint8Array(32)), algorithm: "aes256" } as const
    const wrapped = await encryptSessionKey({
        ...sessionKey,
        encryptionKeys: [...keys],
        wildcard: true,
        date,
        format: "binary",
    })
    // gpg wants the checksum (https://dev.gnupg.org/T7071).
    const armoured = (bytes: Uint8Array) => armor(enums.armor.message, bytes, undefined, undefined, undefined, true)
    const none = armoured(new Uint8Array(0)).length
    const sizeOf = (plain: number) => {
        const letters = 4 * Math.ceil((wrapped.length + packet(AROUND + packet(LITERAL + plain))) / 3)
        return none + letters + Math.ceil(letters / LINE)
    }
    const padding = new TextEncoder().encode(formatPadding(paddingFor(text.length, sizeOf)))
    const message = await createMessage({ binary: joined(padding, text), date })
    const body = await encrypt({ message, sessionKey, date, format: "binary" })
    return filled(armoured(joined(wrapped, body)), sizeClass(sizeOf(text.length)))
}

/** How long a packet with so many bytes in it is (RFC 9580, 4.2.1). */
function packet(bytes: number): number {
    return 1 + (bytes < 192 ? 1 : bytes < 8384 ? 2 : 5) + bytes
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(first.length + second.length)
    bytes.set(first)
    bytes.set(second, first.length)
    return bytes
}
