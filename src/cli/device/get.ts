/**
 * Gets one file by HTTP, from a server that may be anybody's (spec/enrolment.md, section 3): within a time, up to a
 * size, and never from https back to http.
 */
import type { IncomingMessage, RequestOptions } from "node:http"
import { urlToHttpOptions } from "node:url"
import { errorCode } from "../knock/errors.ts"

/** What a server gave. */
export type Got =
    | { readonly ok: true; readonly file: Uint8Array; readonly etag: string | null }
    /** It is as it was when it had this `etag`. */
    | { readonly ok: true; readonly file: null }
    | { readonly ok: false; readonly code: GetRefusal; readonly detail: string }

/** Why there is no file. */
export type GetRefusal =
    /** There is none (404, 410). */
    | "absent"
    /** Another answer; `detail` has its number. */
    | "status"
    /** Too many redirections, one to nowhere, or one that gives encryption up. */
    | "redirect"
    | "too-large"
    /** Not in the time allowed. */
    | "timeout"
    /** The server's certificate. */
    | "tls"
    /** It answers, and does not speak HTTP, or has no TLS. */
    | "no-http"
    | "no-tls"
    /** It cannot be reached, or breaks off. */
    | "unreachable"
    | "interrupted"

/** How to get it. */
export type GetOptions = {
    readonly etag: string | null
    /** For all of it, in milliseconds. */
    readonly timeout: number
    /** In bytes. */
    readonly most: number
    readonly interrupted: AbortSignal
}

/** The spec's. */
const MAX_REDIRECTS = 5
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]
/** RFC 9110, section 8.8.3, in ASCII. Ours: no server needs more to name a state of a file, and more would name the device. */
const ETAG = /^(?:W\/)?"[\x21\x23-\x7e]{0,128}"$/

/** Gets it. Never throws for what network and server do. */
export async function getFile(url: string, options: GetOptions): Promise<Got> {
    const end = AbortSignal.timeout(options.timeout)
    const signal = AbortSignal.any([end, options.interrupted])
    try {
        return await follow(new URL(url), options, signal)
    } catch (error) {
        if (options.interrupted.aborted) return refuse("interrupted")
        if (end.aborted) return refuse("timeout")
        const code = errorCode(error)
        return refuse(refusalOf(code), code)
    }
}

/** Of what Node.js, OpenSSL and llhttp call their errors. */
function refusalOf(code: string): GetRefusal {
    if (code.startsWith("HPE_")) return "no-http"
    if (/EPROTO|WRONG_VERSION|PACKET_LENGTH/.test(code)) return "no-tls"
    return /CERT|_TLS_|SIGNED|SSL/.test(code) ? "tls" : "unreachable"
}

/** Throws what Node throws for a connection that fails or is given up. */
async function follow(from: URL, options: GetOptions, signal: AbortSignal): Promise<Got> {
    let url = from
    for (let n = 0; n <= MAX_REDIRECTS; n++) {
        const response = await request(url, options.etag, signal)
        const status = response.statusCode ?? 0
        if (!REDIRECTS.includes(status)) return take(response, status, options)
        response.destroy()
        const target = response.headers.location
        if (target === undefined || !URL.canParse(target, url.href)) return refuse("redirect", "to nowhere")
        const next = new URL(target, url)
        if (!/^https?:$/.test(next.protocol)) return refuse("redirect", `to ${next.protocol}`)
        if (url.protocol === "https:" && next.protocol === "http:") return refuse("redirect", "from https to http")
        if (isOurselves(next) && !isOurselves(from)) return refuse("redirect", "to this machine")
        if (next.username !== "" || next.password !== "") return refuse("redirect", "with a password")
        url = next
    }
    return refuse("redirect", `more than ${MAX_REDIRECTS}`)
}

/**
 * Does it lead to this machine itself, where a strange server has nothing to ask for? By what stands in the URL: which
 * addresses a name has is its owner's word.
 */
export function isOurselves({ hostname }: URL): boolean {
    return /^(?:(?:.*\.)?localhost\.?|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\]|\[::ffff:7f[0-9a-f]{2}:.*\])$/.test(
        hostname,
    )
}

async function request(url: URL, etag: string | null, signal: AbortSignal): Promise<IncomingMessage> {
    const { request: begin } = url.protocol === "https:" ? await import("node:https") : await import("node:http")
    const headers = {
        // Nothing that names program, version or device: these would tell whoever watches more than the file does.
        accept: "*/*",
        "accept-encoding": "identity",
        "cache-control": "no-cache",
        ...(etag === null ? {} : { "if-none-match": etag }),
    }
    const options: RequestOptions = { ...urlToHttpOptions(url), headers, signal, agent: false }
    return new Promise((resolve, reject) => {
        begin(options, resolve).on("error", reject).end()
    })
}

async function take(response: IncomingMessage, status: number, { etag, most }: GetOptions): Promise<Got> {
    if (status !== 200) {
        response.destroy()
        if (status === 304 && etag !== null) return { ok: true, file: null }
        return status === 404 || status === 410 ? refuse("absent", String(status)) : refuse("status", String(status))
    }
    const pieces: Buffer[] = []
    let size = 0
    for await (const piece of response) {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a stream without encoding gives buffers
        pieces.push(piece as Buffer)
        size += pieces.at(-1)!.length
        // Leaving the loop ends the connection.
        if (size > most) return refuse("too-large")
    }
    if (!response.complete) return refuse("unreachable", "it broke off")
    const name = response.headers.etag ?? ""
    return { ok: true, file: Buffer.concat(pieces), etag: ETAG.test(name) ? name : null }
}

function refuse(code: GetRefusal, detail = ""): Got {
    return { ok: false, code, detail }
}
