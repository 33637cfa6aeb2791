/**
 * What is answered, as data. Whoever asks for something that is not there gets one and the same answer, whatever he has
 * asked for (RFC 9110; caching as in RFC 9111).
 */

/** A file that can be answered. `modified`: milliseconds since 1970. */
export type Resource = {
    readonly type: string
    readonly bytes: Uint8Array
    readonly etag: string
    readonly modified: number
    /** Further headers. */
    readonly headers?: Readonly<Record<string, string>>
}

/** What of a request matters. */
export type Asked = {
    readonly method: string
    readonly ifNoneMatch?: string | undefined
    readonly ifModifiedSince?: string | undefined
}

/** An answer; the body of an answer to HEAD is not sent. */
export type Reply = {
    readonly status: 200 | 304 | 404 | 405 | 413 | 503
    readonly headers: Readonly<Record<string, string>>
    readonly body: Uint8Array | null
}

/** Nothing is to be seen here: neither what this is nor whose. */
const NOTHING = new TextEncoder().encode(
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>-</title><body></body></html>\n',
)
/** On every answer: caches may keep it and must ask each time; it runs nothing, says nothing and is read from anywhere. */
const ALWAYS = {
    "Cache-Control": "no-cache, no-transform",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
/** The empty page. */
const EMPTY = { ...ALWAYS, "Content-Type": "text/html; charset=utf-8" }
/** A file is not told to be of a second that is not over: it could be replaced within it, and look the same (RFC 9110, 8.8.2.2). */
const SECOND = 1000

/** What `/` is. */
export function emptyPage(): Reply {
    return { status: 200, headers: EMPTY, body: NOTHING }
}

/** What is not there. */
export function missing(): Reply {
    return { status: 404, headers: EMPTY, body: NOTHING }
}

/** Another method than GET and HEAD. */
export function wrongMethod(): Reply {
    return { status: 405, headers: { ...EMPTY, Allow: "GET, HEAD" }, body: NOTHING }
}

/** A request that brings something along: nobody needs to, so nothing of it is read. */
export function unwantedBody(): Reply {
    return { status: 413, headers: { ...EMPTY, Connection: "close" }, body: NOTHING }
}

/** It is there, and cannot be read just now. Who has its name is not told that it is gone. */
export function unreadable(): Reply {
    return { status: 503, headers: { ...EMPTY, "Retry-After": "5" }, body: NOTHING }
}

/** A file, or word that the asker has it already. `now`: milliseconds since 1970. Ranges are not for files of a few KiB. */
export function resource({ type, bytes, etag, modified, headers }: Resource, asked: Asked, now: number): Reply {
    const date = now - modified >= 2 * SECOND ? new Date(modified).toUTCString() : null
    const all = {
        ...ALWAYS,
        ...headers,
        ETag: etag,
        ...(date === null ? {} : { "Last-Modified": date }),
        "Accept-Ranges": "none",
    }
    if (isKnown(asked, etag, date)) return { status: 304, headers: all, body: null }
    return { status: 200, headers: { ...all, "Content-Type": type }, body: bytes }
}

/** RFC 9110, section 13.1: `If-None-Match` counts alone where it is given. A time counts if it is the very one we gave. */
function isKnown({ ifNoneMatch, ifModifiedSince }: Asked, etag: string, date: string | null): boolean {
    if (ifNoneMatch === undefined) return date !== null && ifModifiedSince === date
    return ifNoneMatch.split(",").some((one) => one.trim() === "*" || one.trim().replace(/^W\//, "") === etag)
}
