/**
 * A web server that takes files: WebDAV (RFC 4918) or an object store. Each file is PUT below an address; what is gone is
 * DELETEd.
 */
import { PLACE } from "../../core/one-time/place.ts"
import { messageOf } from "../../core/thrown.ts"
import type { Target } from "../../ports/target.ts"
import { withoutNames } from "../system/durable.ts"
import { readTextFile } from "../system/text-file.ts"
import type { Remembered } from "./remembered.ts"

/** What it publishes with. `url` ends with a slash. */
export type PutOptions = {
    readonly url: string
    /** A file with a line `Name: value` for each header, such as Authorization; null: none. */
    readonly headers: string | null
    /** For each request (ms). */
    readonly timeout: number
    /** Which files were put there: a server need not be able to list them. */
    readonly remembered: Remembered
}

/** Ours: so many requests at once. */
const AT_ONCE = 4
/** Ours: so many letters of where a server sends us are told. */
const LOCATION_MOST = 200
/** Ours: larger than any sensible file of headers (bytes). */
const HEADERS_MOST = 65_536
/** RFC 9110, section 5: what a name and a value may consist of. */
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e]*)$/

/** What says where a request ends, and what becomes of its connection: that is for us, and another one would make it hang. */
const FRAMING = /^(connection|content-length|expect|host|keep-alive|te|trailer|transfer-encoding|upgrade)$/i

/** Publishes below this address. */
export function putTarget(options: PutOptions): Target {
    const { url, remembered } = options
    return {
        name: `put ${url}`,
        async publish({ names, read }, signal) {
            const headers = readHeaders(options.headers)
            if (typeof headers === "string") return { ok: false, detail: headers }
            const ending = new AbortController()
            const end = () => ending.abort()
            signal.addEventListener("abort", end)
            try {
                const wanted = new Set(names)
                const before = (await remembered.names()).filter((name) => PLACE.test(name))
                // Before the first request: what is there although we were killed must be known, to be deleted some day.
                await remembered.note([...new Set([...before, ...names])])
                const refused = await inParallel(names, async (name) => {
                    if (signal.aborted) return "it took too long"
                    const body = await read(name)
                    return send(url, name, { method: "PUT", headers, body }, options.timeout, ending.signal)
                })
                if (refused !== null) return { ok: false, detail: refused }
                const gone = before.filter((name) => !wanted.has(name))
                const kept = await inParallel(gone, (name) =>
                    send(url, name, { method: "DELETE", headers }, options.timeout, ending.signal),
                )
                if (kept !== null) return { ok: false, detail: kept }
                await remembered.note(names)
                return { ok: true }
            } catch (error) {
                return { ok: false, detail: withoutNames(messageOf(error)) }
            } finally {
                // The signal outlives publications, of which there are many.
                signal.removeEventListener("abort", end)
            }
        },
    }
}

/** Null, or why a request failed: then no more are sent. */
async function inParallel(
    names: readonly string[],
    act: (name: string) => Promise<string | null>,
): Promise<string | null> {
    let next = 0
    let refused: string | null = null
    const work = async () => {
        while (next < names.length && refused === null) {
            const failed = await act(names[next++]!)
            refused ??= failed
        }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    return refused
}

type Sent = {
    readonly method: "PUT" | "DELETE"
    readonly headers: readonly (readonly [string, string])[]
    readonly body?: Uint8Array
}

/** Null: it was done. Nothing of the headers is in the sentence, nor the file's name, which is somebody's address. */
async function send(
    url: string,
    name: string,
    { method, headers, body }: Sent,
    timeout: number,
    signal: AbortSignal,
): Promise<string | null> {
    const what = `${method} ${url}`
    try {
        const typed = body === undefined || headers.some(([name]) => name.toLowerCase() === "content-type")
        const type: [string, string][] = typed ? [] : [["content-type", "text/plain; charset=us-ascii"]]
        const response = await fetch(`${url}${name}`, {
            method,
            headers: [...type, ...headers.map(([name, value]): [string, string] => [name, value])],
            ...(body && { body }),
            // To another place only the operator may send us: the headers are for this one.
            redirect: "manual",
            signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
        })
        // Whatever it says, we do not wait for the end of it.
        await response.body?.cancel()
        const { status } = response
        if (response.ok || (method === "DELETE" && (status === 404 || status === 410))) return null
        // Of an address ASCII; what is none must not colour anybody's log.
        const location = response.headers
            .get("location")
            ?.replaceAll(/[^\x21-\x7e]/g, "…")
            .slice(0, LOCATION_MOST)
        if (status >= 300 && status < 400)
            return `${what}: ${status}: it is elsewhere${location === undefined ? "" : `, at ${withoutNames(location)}`}: write that address`
        return `${what}: ${status}${HINTS[status] ?? ""}`
    } catch (error) {
        if (error instanceof Error && error.name === "TimeoutError")
            return `${what}: no answer within ${timeout / 1000} s`
        const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
        // OpenSSL's own words, without where in its source they stand.
        if (cause instanceof Error && "reason" in cause && typeof cause.reason === "string")
            return `${what}: TLS: ${cause.reason}`
        return `${what}: ${withoutNames(messageOf(cause))}`
    }
}

const HINTS: Readonly<Record<number, string>> = {
    401: ": it does not know who we are: see the file of `headers`",
    403: ": it does not let us: see the file of `headers`",
    404: ": there is no such place: make it first",
    405: ": it takes no files there",
    409: ": there is no such collection: make it first",
    413: ": it takes no files of this size",
    507: ": it has no room left",
}

/** The headers of a file, or a sentence that says what is wrong, without anything of it. */
function readHeaders(file: string | null): readonly (readonly [string, string])[] | string {
    if (file === null) return []
    const { text, mode = 0 } = readTextFile(file, HEADERS_MOST)
    if (typeof text !== "string") return `${file}: cannot be read (${text.detail === "" ? text.trouble : text.detail})`
    // Its group may be the daemon's, as that of the configuration is.
    if ((mode & 0o027) !== 0) return `${file}: others can read or change it: chmod 640`
    const headers: (readonly [string, string])[] = []
    for (const [index, line] of text.split("\n").entries()) {
        if (/^\s*(#|$)/.test(line)) continue
        const [, name, value] = HEADER.exec(line.trimEnd()) ?? []
        if (name === undefined || value === undefined) return `${file}:${index + 1}: not a header, as in "Name: value"`
        if (FRAMING.test(name)) return `${file}:${index + 1}: ${name} is said by Postern: take the line out`
        headers.push([name, value])
    }
    return headers
}
