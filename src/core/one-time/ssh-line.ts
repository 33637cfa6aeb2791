/**
 * SSH public keys: the line of `id_ed25519.pub` or `authorized_keys` (sshd(8), AUTHORIZED_KEYS FILE FORMAT), and what
 * is inside its base64 (RFC 4253, section 6.6, and RFC 8709, section 4).
 */
import { base64 } from "@scure/base"
import type { RecipientRead, RecipientRefusal } from "./recipient.ts"
import { SshReader } from "./ssh-reader.ts"

/** What an SSH public key consists of. */
export type SshKey =
    | { readonly kind: "ssh-ed25519"; readonly point: Uint8Array }
    /** Both without leading zeros. */
    | { readonly kind: "ssh-rsa"; readonly exponent: Uint8Array; readonly modulus: Uint8Array }

/** The shortest RSA key that age encrypts to, in bits, and the longest that OpenSSH knows. */
export const MIN_RSA = 2048
export const MAX_RSA = 16_384
/** Ours: exponents are 3 or 65537; whoever has another one needs no more. */
const MAX_EXPONENT_BYTES = 8

/** The longest comment that is kept, in characters. */
const MAX_COMMENT = 100

/** Key types that cannot receive files, and why. The first that fits. */
const OTHERS: readonly (readonly [RegExp, RecipientRefusal])[] = [
    [/-cert-v\d\d@openssh\.com$/, "ssh-certificate"],
    [/^sk-(ssh|ecdsa)-|^webauthn-sk-/, "security-key"],
    [/^ecdsa-sha2-/, "ecdsa"],
    [/^ssh-dss$/, "dsa"],
    [/^(ssh|rsa-sha2)-[a-z0-9@.-]+$/, "ssh-other"],
]

/** Reads one line: options if there are any, the type, the key, a comment. */
export function parseSshLine(line: string): RecipientRead {
    const words = /^(\S+)\s+(\S+)(?:\s+(.*))?$/s
    const plain = words.exec(line)
    const found = plain !== null && isType(plain[1]!) ? plain : words.exec(withoutOptions(line))
    if (found === null || !isType(found[1]!)) return refused(isType(line.trim()) ? "damaged" : "unknown")
    const [, type = "", encoded = "", comment = ""] = found
    const other = OTHERS.find(([pattern]) => pattern.test(type))
    const supported = type === "ssh-ed25519" || type === "ssh-rsa"
    if (!supported) return refused(other?.[1] ?? "unknown")
    const blob = decodeBase64(encoded)
    const key = blob && decodeSshKey(blob)
    if (key === undefined || key.kind !== type) return refused("damaged")
    if (key.kind === "ssh-rsa" && bitsOf(key.modulus) < MIN_RSA) return refused("small")
    if (key.kind === "ssh-rsa" && bitsOf(key.modulus) > MAX_RSA) return refused("large")
    const text = `${type} ${encoded}`
    return { ok: true, found: "key", value: { kind: type, line: text, text, comment: shown(comment) } }
}

/** What the base64 of a line holds; undefined if it is not exactly a key of ours. */
export function decodeSshKey(blob: Uint8Array): SshKey | undefined {
    const reader = new SshReader(blob)
    const kind = reader.text()
    if (kind === "ssh-ed25519") {
        const point = reader.string()
        return point?.length === 32 && reader.done ? { kind, point } : undefined
    }
    if (kind !== "ssh-rsa") return undefined
    const [exponent, modulus] = [reader.positive(), reader.positive()]
    if (exponent === undefined || modulus === undefined || !reader.done) return undefined
    // Even numbers make no key.
    const odd = (exponent.at(-1)! & 1) === 1 && (modulus.at(-1)! & 1) === 1
    const usual = exponent.length <= MAX_EXPONENT_BYTES && bitsOf(exponent) > 1
    return odd && usual ? { kind, exponent, modulus } : undefined
}

/** Base64 as RFC 4648 has it, or undefined. */
export function decodeBase64(text: string): Uint8Array | undefined {
    try {
        return base64.decode(text)
    } catch {
        return undefined
    }
}

function refused(code: RecipientRefusal): RecipientRead {
    return { ok: false, code }
}

function isType(word: string): boolean {
    return OTHERS.some(([pattern]) => pattern.test(word))
}

/** Options end with the first blank that is not inside quotes; \" inside quotes is a quote. */
function withoutOptions(line: string): string {
    return line.replace(/^(?:"(?:[^"\\]|\\.)*"|[^\s"])+\s+/, "")
}

/** Of a number without leading zeros. */
function bitsOf(number: Uint8Array): number {
    return number.length * 8 - Math.clz32(number[0]!) + 24
}

/** A comment is shown in terminals. */
function shown(comment: string): string {
    return comment
        .replace(/[^\x20-\x7e\u00a1-\uffff]/g, "")
        .trim()
        .slice(0, MAX_COMMENT)
}
