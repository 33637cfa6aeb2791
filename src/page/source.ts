/** What the person gave as the bundle: an enrolment link, by which it can be fetched, or the file itself. */
import { hmac } from "@noble/hashes/hmac.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { MAX_FILE } from "../core/one-time/accept.ts"
import type { Digests } from "../core/one-time/derive.ts"
import { type EnrolmentLink, type LinkRefusal, parseLink } from "../core/one-time/link.ts"
import { fileNameOf, parsePlace } from "../core/one-time/place.ts"
import type { FileKind } from "../core/one-time/recipient.ts"

/** Both from a library that runs in browsers. */
export const digests: Digests = { sha256, hmac: (key, bytes) => hmac(sha256, key, bytes) }

/** Ours: how long a fetch may take (ms). */
const FETCH_MOST = 20_000

/** A link, or the bytes of a file. */
export type Source =
    | { readonly from: "link"; readonly link: EnrolmentLink }
    | { readonly from: "file"; readonly file: Uint8Array }

/** Reads what was pasted. */
export function readSource(text: string): Source | LinkRefusal {
    if (/^\s*-----BEGIN (?:AGE|PGP)/.test(text)) return { from: "file", file: new TextEncoder().encode(text) }
    const read = parseLink(text)
    return read.ok ? { from: "link", link: read.link } : read.code
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

/** What was fetched, or why not, as a sentence. */
export type Fetched = { readonly ok: true; readonly file: Uint8Array } | { readonly ok: false; readonly detail: string }

/** Fetches the knocker's file for keys of this kind. */
export async function fetchFile(link: EnrolmentLink, kind: FileKind): Promise<Fetched> {
    const place = parsePlace(link.place)
    if (place === null) return { ok: false, detail: "This link is damaged." }
    const host = new URL(link.url).host
    const options = { credentials: "omit", referrerPolicy: "no-referrer", cache: "no-cache" } as const
    try {
        const url = `${link.url}${fileNameOf(digests, place, kind)}`
        const answer = await fetch(url, { ...options, signal: AbortSignal.timeout(FETCH_MOST) })
        if (answer.status === 404) return { ok: false, detail: `${host} has no bundle for a key of this kind (yet).` }
        if (!answer.ok) return { ok: false, detail: `${host} answers with an error (${answer.status}).` }
        const file = await bounded(answer)
        return file === null
            ? { ok: false, detail: "What was fetched is too large to be a bundle." }
            : { ok: true, file }
    } catch {
        const hint = "Open the link's address in another tab, save the file, and give it here."
        return {
            ok: false,
            detail: `${host} cannot be reached from here, or does not let pages read its files. ${hint}`,
        }
    }
}

/** The body; null if it is larger than any bundle: no more of it is read then. */
async function bounded(answer: Response): Promise<Uint8Array | null> {
    const parts: Uint8Array[] = []
    let size = 0
    const reader = answer.body?.getReader()
    for (;;) {
        const part = await reader?.read()
        if (part === undefined || part.done) break
        size += part.value.length
        if (size > MAX_FILE) {
            await reader?.cancel()
            return null
        }
        parts.push(part.value)
    }
    return new Uint8Array(await new Blob(parts.map((part) => part.slice())).arrayBuffer())
}

/** Links that were passed on by programs may have come to be escaped. */
function decoded(text: string): string {
    try {
        return decodeURIComponent(text)
    } catch {
        return text
    }
}
