/**
 * What a client refuses of what it has decrypted (spec/bundle.md, section 3, from number 3 on), in the order of that page.
 * Ed25519 and SHA-256 are arguments: the command line has them from Node.js, the browser page from elsewhere.
 */
import { hexOf } from "../hex.ts"
import { type Bundle, type BundleRefusal, parseSigned, type SignedBundle } from "./bundle.ts"
import { decodeBase64 } from "./ssh-line.ts"

/** The largest file that is looked at, in bytes (section 3, number 1): whoever fetches stops there. */
export const MAX_FILE = 1024 * 1024

/** Is this the signature of this message by this key (32 bytes)? Never throws. */
export type Verify = (key: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean

/** What is done with bytes. */
export type Checks = { readonly verify: Verify; readonly sha256: (bytes: Uint8Array) => Uint8Array }

/** What a client knows of its gateway, from its enrolment and the last bundle it accepted. */
export type Trust = {
    /** For whom it was enrolled. */
    readonly gateway: string
    readonly knocker: string
    /** The pinned key, as base64. */
    readonly key: string
    /** The newest bundle that was accepted; null: none yet. */
    readonly seen: Seen | null
}

/** What is remembered of a bundle (spec/enrolment.md, section 4): nothing that opens a door. */
export type Seen = {
    readonly serial: number
    /** The SHA-256 of what is signed (`signedBytes`), in hexadecimal. */
    readonly contents: string
}

/** A bundle to go by, and what is to be remembered of it; or why not. */
export type Accepted =
    | { readonly ok: true; readonly bundle: Bundle; readonly trust: Trust }
    | { readonly ok: false; readonly refused: Refused }

/** Why a bundle is refused. What would have been wrong after that is not said. */
export type Refused =
    /** Number 3: not a bundle, or of a later version. `line` counts from 1 in the text. */
    | { readonly code: BundleRefusal; readonly line: number }
    /** Number 4: not signed by the gateway that the client knows. */
    | { readonly code: "signature" }
    /** Number 5: made for another one than the client was enrolled for. */
    | { readonly code: "gateway" | "knocker"; readonly wanted: string; readonly found: string }
    /** Number 6: older than what was seen. */
    | { readonly code: "rolled-back"; readonly seen: number; readonly found: number }
    /** Number 6: the same serial as one that was seen, with other contents. */
    | { readonly code: "changed"; readonly serial: number }
    /** Number 7: its time is over, or this clock is wrong. */
    | { readonly code: "expired"; readonly until: number; readonly now: number }

/** What is signed: section 2. */
export function signedBytes(signed: string): Uint8Array {
    return new Uint8Array(Array.from(`postern bundle 1\0${signed}`, (letter) => letter.charCodeAt(0)))
}

/**
 * Looks at the text of a bundle at `now` (milliseconds since 1970); null: this clock cannot be trusted, and the person has
 * said to go on. A bundle that a trusted key has signed may name a new key, which is pinned from then on.
 */
export function accept(text: Uint8Array, trust: Trust, now: number | null, { verify, sha256 }: Checks): Accepted {
    const read = parseSigned(latin1(text))
    if (!read.ok) return refuse({ code: read.code, line: read.line })
    const { bundle, signed } = read.value
    if (!isSigned(read.value, trust.key, verify)) return refuse({ code: "signature" })
    for (const code of ["gateway", "knocker"] as const) {
        if (bundle[code] !== trust[code]) return refuse({ code, wanted: trust[code], found: bundle[code] })
    }
    const { serial, until } = bundle
    const seen: Seen = { serial, contents: hexOf(sha256(signedBytes(signed))) }
    if (trust.seen !== null && serial < trust.seen.serial)
        return refuse({ code: "rolled-back", seen: trust.seen.serial, found: serial })
    if (trust.seen?.serial === serial && trust.seen.contents !== seen.contents)
        return refuse({ code: "changed", serial })
    if (now !== null && now > until) return refuse({ code: "expired", until, now })
    return { ok: true, bundle, trust: { ...trust, key: bundle.keys[0]!, seen } }
}

function refuse(refused: Refused): Accepted {
    return { ok: false, refused }
}

/** By the pinned key; and by the first one, which is pinned next, so that nobody can name a key that he does not have. */
function isSigned({ bundle, signatures, signed }: SignedBundle, pinned: string, verify: Verify): boolean {
    const message = signedBytes(signed)
    const valid = (index: number) => verify(bytes(bundle.keys[index]!), message, bytes(signatures[index]!))
    const index = bundle.keys.indexOf(pinned)
    return index >= 0 && valid(index) && (index === 0 || valid(0))
}

/** A bundle is ASCII: each byte a letter, so that no other byte is read as one. */
function latin1(text: Uint8Array): string {
    const letters: string[] = []
    for (let at = 0; at < text.length; at += 4096) letters.push(String.fromCharCode(...text.subarray(at, at + 4096)))
    return letters.join("")
}

/** What is not base64 has no bytes, and verifies nothing. */
function bytes(text: string): Uint8Array {
    return decodeBase64(text) ?? new Uint8Array(0)
}
