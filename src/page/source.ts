/** What the person gave as the bundle: an enrolment link, by which it can be fetched, or the file itself. */
import { hmac } from "@noble/hashes/hmac.js"
import { sha256 } from "@noble/hashes/sha2.js"
import type { Digests } from "../core/one-time/derive.ts"
import { type EnrolmentLink, type LinkRefusal, parseLink } from "../core/one-time/link.ts"

/** Both from a library that runs in browsers. */
export const digests: Digests = { sha256, hmac: (key, bytes) => hmac(sha256, key, bytes) }

/** A link, or the bytes of a file. */
export type Source =
    | { readonly from: "link"; readonly link: EnrolmentLink }
    | { readonly from: "file"; readonly file: Uint8Array }

/** Reads what was pasted. */
export function readSource(text: string): Source | LinkRefusal {
    if (/^\s*-----BEGIN (?:AGE|PGP)/.test(text)) return { from: "file", file: new TextEncoder().encode(text) }
    // Mail breaks long lines; a link has no blanks.
    const line = text.replaceAll(/\s+/g, "")
    const read = parseLink(line)
    if (read.ok) return { from: "link", link: read.link }
    // An address without all that stands behind the # of a link.
    return read.code === "not-a-link" && /^https?:\/\/./i.test(line) ? "shape" : read.code
}

/**
 * The link that this page was opened with: behind its own `#`, or the address itself, where the page is served beside
 * the bundles. Null: none.
 */
export function linkOfAddress(address: string): string | null {
    const at = address.indexOf("#")
    if (at < 0) return null
    const behind = decoded(address.slice(at + 1))
    if (parseLink(behind).ok) return behind
    const beside = address.slice(0, at).replace(/[^/]*$/, "") + address.slice(at)
    return parseLink(beside).ok ? beside : null
}

/** Links that were passed on by programs may have come to be escaped. */
function decoded(text: string): string {
    try {
        return decodeURIComponent(text)
    } catch {
        return text
    }
}
