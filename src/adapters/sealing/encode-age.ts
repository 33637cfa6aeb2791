/**
 * The age format, version 1 (C2SP age.md), in one go and on Node.js's own functions: what the library does with streams in a
 * millisecond takes a fifth of it, and a gateway makes all of its files anew after each use.
 */
import { Buffer } from "node:buffer"
import { createCipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto"
import type { Stanza } from "age-encryption"

const VERSION = "age-encryption.org/v1\n"
/** The format's: bytes that are encrypted at a time, and what each such chunk grows by. */
const CHUNK = 65_536
const TAG = 16
/** The format's: before the chunks. */
const NONCE = 16
/** The format's: letters in a line of a stanza's body. Only the last line is shorter, and always there. */
const COLUMNS = 64

/** The head of a file, and its key, which must be new for each. */
export type AgeHead = { readonly head: Buffer; readonly fileKey: Uint8Array }

/** Begins a file that each of these wraps the key of. Throws what they throw. */
export function beginAge(wrappers: readonly { readonly wrapFileKey: (fileKey: Uint8Array) => Stanza[] }[]): AgeHead {
    const fileKey = randomBytes(16)
    const stanzas = wrappers.flatMap(({ wrapFileKey }) => wrapFileKey(fileKey)).map(formatStanza)
    const unauthenticated = `${VERSION}${stanzas.join("")}---`
    const mac = createHmac("sha256", derive(fileKey, new Uint8Array(0), "header"))
        .update(unauthenticated)
        .digest()
    return { head: Buffer.from(`${unauthenticated} ${unpadded(mac)}\n`, "latin1"), fileKey }
}

/** How long the file of so many bytes is. */
export function ageSize({ head }: AgeHead, plain: number): number {
    return head.length + NONCE + plain + TAG * Math.max(1, Math.ceil(plain / CHUNK))
}

/** The whole file. A head is good for one. */
export function encodeAge({ head, fileKey }: AgeHead, plain: Uint8Array): Uint8Array {
    const nonce = randomBytes(NONCE)
    const key = derive(fileKey, nonce, "payload")
    const parts = [head, nonce]
    let at = 0
    for (let n = 0; n === 0 || at < plain.length; n++, at += CHUNK)
        parts.push(...sealChunk(key, n, plain.subarray(at, at + CHUNK), at + CHUNK >= plain.length))
    return Buffer.concat(parts)
}

/** One chunk: which one it is, and whether it is the last, is in its nonce. */
function sealChunk(key: Uint8Array, n: number, chunk: Uint8Array, last: boolean): Buffer[] {
    const nonce = Buffer.alloc(12)
    nonce.writeUIntBE(n, 5, 6)
    nonce[11] = last ? 1 : 0
    const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: TAG })
    return [cipher.update(chunk), cipher.final(), cipher.getAuthTag()]
}

function formatStanza({ args, body }: Stanza): string {
    const text = unpadded(body)
    const lines = Array.from({ length: Math.floor(text.length / COLUMNS) + 1 }, (_, i) =>
        text.slice(i * COLUMNS, (i + 1) * COLUMNS),
    )
    return `-> ${args.join(" ")}\n${lines.join("\n")}\n`
}

function derive(fileKey: Uint8Array, salt: Uint8Array, label: string): Uint8Array {
    return new Uint8Array(hkdfSync("sha256", fileKey, salt, label, 32))
}

/** Base64 as this format has it (RFC 4648, without padding). */
export function unpadded(bytes: Uint8Array): string {
    return Buffer.from(bytes).toString("base64").replace(/=+$/, "")
}
