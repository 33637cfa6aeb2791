/**
 * Public keys that bundles are encrypted to (spec/bundle.md, section 4), from the text that people have of them. What is
 * no such key is refused by name; `recipient-texts.ts` has the sentences.
 */
import { bech32 } from "@scure/base"
import { parseSshLine } from "./ssh-line.ts"

/** Which kinds of key can receive files. */
export type RecipientKind = "age" | "age-pq" | "ssh-ed25519" | "ssh-rsa" | "openpgp"

/** One public key of a knocker. */
export type Recipient = {
    readonly kind: RecipientKind
    /** What stands for the key where sequences are derived: the key as text without comment; `openpgp FINGERPRINT`. */
    readonly line: string
    /** The key as it is given to those who encrypt: the same text, or an armoured OpenPGP certificate. */
    readonly text: string
    /** What people call it: the comment of an SSH key, the user of a certificate; "" if nothing is said. */
    readonly comment: string
}

/** A file of its own for each: what is encrypted as one (spec/bundle.md, section 5). */
export type FileKind = "age" | "age-pq" | "openpgp"

/** The file that a key of this kind can read. */
export function fileKindOf(kind: RecipientKind): FileKind {
    return kind === "openpgp" || kind === "age-pq" ? kind : "age"
}

/** What a text turned out to be. A certificate has to be looked into by a library: `adapters/sealing/openpgp.ts`. */
export type RecipientRead =
    | { readonly ok: true; readonly found: "key"; readonly value: Recipient }
    | { readonly ok: true; readonly found: "certificate"; readonly armour: string }
    | RecipientRefused

/** A text that is no key which can receive files. Nothing of the text is in it: it may be a secret. */
export type RecipientRefused = { readonly ok: false; readonly code: RecipientRefusal }

/** Every reason for which a text is refused. */
export type RecipientRefusal =
    /** Nothing there. */
    | "empty"
    /** More than MAX_KEY_TEXT characters. */
    | "too-long"
    /** A private key, of whatever kind: somebody's secret. */
    | "private"
    /** The beginning of a key, and then a mistake: a letter too many, too few or exchanged. */
    | "damaged"
    /** An ECDSA key of SSH. */
    | "ecdsa"
    /** A key of SSH that lives on a security key (FIDO). */
    | "security-key"
    /** A DSA key of SSH. */
    | "dsa"
    /** A certificate of SSH. */
    | "ssh-certificate"
    /** An SSH key of another kind. */
    | "ssh-other"
    /** An RSA key of fewer than MIN_RSA bits. */
    | "small"
    /** An RSA key of more than MAX_RSA bits. */
    | "large"
    /** A recipient of an age plug-in or of a hardware key. */
    | "plugin"
    /** An SSH key in the form of RFC 4716, as PuTTY writes it. */
    | "putty"
    /** A key as OpenSSL writes it. */
    | "pem"
    /** Something of OpenPGP that is no certificate. */
    | "openpgp-other"
    /** Several keys, or something more in a further line. */
    | "several"
    /** None of these. */
    | "unknown"

/** Ours: the longest text of one key. Certificates with many signatures are long. */
export const MAX_KEY_TEXT = 256 * 1024
/** Ours: the most recipients of one file. Whoever reads one tries them in turn. */
export const MAX_RECIPIENTS = 256
/** How many bytes the recipients of age have (C2SP age.md): X25519, and X25519 with ML-KEM-768. */
const AGE_BYTES = 32
const AGE_PQ_BYTES = 1216

const CERTIFICATE = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
const CERTIFICATE_END = "-----END PGP PUBLIC KEY BLOCK-----"
/** What only secrets hold, wherever it stands. */
const PRIVATE = /AGE-SECRET-KEY-|AGE-PLUGIN-|PRIVATE KEY|PuTTY-User-Key-File/i

/**
 * Reads one key: an age recipient, a line as in `id_ed25519.pub` or `authorized_keys` (with options or without), or an
 * armoured OpenPGP certificate. Blanks and line feeds around it do not matter.
 */
export function parseRecipient(given: string): RecipientRead {
    if (given.length > MAX_KEY_TEXT) return refused("too-long")
    if (PRIVATE.test(given)) return refused("private")
    const text = given.trim()
    if (text === "") return refused("empty")
    if (text.startsWith(CERTIFICATE)) return certificate(text)
    if (text.startsWith("-----BEGIN PGP ")) return refused("openpgp-other")
    if (text.startsWith("---- BEGIN SSH2 ")) return refused("putty")
    if (text.startsWith("-----BEGIN ")) return refused("pem")
    if (/[\r\n]/.test(text)) return refused("several")
    return /^age1/i.test(text) ? ageRecipient(text) : parseSshLine(text)
}

/**
 * The keys of a text that holds several, each with the line it begins in, from 1: one in a line, as in
 * `authorized_keys`, in `https://…/NAME.keys` and in age's files of recipients, and certificates of many lines. Empty
 * lines and those that begin with # are left out.
 */
export function splitKeys(text: string): readonly { readonly line: number; readonly text: string }[] {
    const keys: { line: number; text: string }[] = []
    let block: { line: number; lines: string[] } | null = null
    for (const [index, raw] of text.split(/\r?\n/).entries()) {
        const line = raw.trim()
        block ??= line.startsWith("-----BEGIN ") ? { line: index + 1, lines: [] } : null
        if (block !== null) {
            block.lines.push(raw)
            if (!line.startsWith("-----END ")) continue
            keys.push({ line: block.line, text: block.lines.join("\n") })
            block = null
        } else if (line !== "" && !line.startsWith("#")) keys.push({ line: index + 1, text: line })
    }
    // What never ends is one text, to be refused as damaged.
    if (block !== null) keys.push({ line: block.line, text: block.lines.join("\n") })
    return keys
}

function refused(code: RecipientRefusal): RecipientRefused {
    return { ok: false, code }
}

function certificate(text: string): RecipientRead {
    const end = text.indexOf(CERTIFICATE_END)
    if (end < 0) return refused("damaged")
    return text.length === end + CERTIFICATE_END.length
        ? { ok: true, found: "certificate", armour: `${text.replaceAll("\r\n", "\n")}\n` }
        : refused("several")
}

/** Plug-ins and hardware keys put a name of theirs between `age1` and the next `1`. */
function ageRecipient(text: string): RecipientRead {
    // Also upper case is bech32, but not a recipient.
    const decoded = /[A-Z]/.test(text) ? undefined : bech32.decodeUnsafe(text, false)
    const prefix = decoded?.prefix ?? text.slice(0, text.lastIndexOf("1"))
    if (prefix !== "age" && prefix !== "age1pq") {
        return refused(/^age1[a-z0-9._+-]+$/i.test(prefix) ? "plugin" : "damaged")
    }
    const bytes = decoded ? bech32.fromWordsUnsafe(decoded.words) : undefined
    const kind = prefix === "age" ? "age" : "age-pq"
    if (!bytes || bytes.length !== (kind === "age" ? AGE_BYTES : AGE_PQ_BYTES)) return refused("damaged")
    return { ok: true, found: "key", value: { kind, line: text, text, comment: "" } }
}

/** The age recipient of a public key of X25519, 32 bytes. */
export function recipientOfX25519(key: Uint8Array): Recipient {
    const line = bech32.encode("age", bech32.toWords(key), false)
    return { kind: "age", line, text: line, comment: "" }
}
