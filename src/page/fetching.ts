/** Fetches a knocker's bundle by its link. A browser says little of why that fails: sentences name what it may be. */
import { MAX_FILE } from "../core/one-time/accept.ts"
import type { EnrolmentLink } from "../core/one-time/link.ts"
import { fileNameOf, parsePlace } from "../core/one-time/place.ts"
import type { FileKind } from "../core/one-time/recipient.ts"
import { digests } from "./source.ts"
import { missingText } from "./texts.ts"

/** Ours: how long a fetch may take (ms). */
const FETCH_MOST = 20_000

/** What was fetched, or why not, as a sentence. */
export type Fetched = { readonly ok: true; readonly file: Uint8Array } | { readonly ok: false; readonly detail: string }

/** The first of the knocker's files for keys of these kinds. Where there is none, the sentence says which others there are. */
export async function fetchBundle(link: EnrolmentLink, kinds: readonly FileKind[]): Promise<Fetched> {
    const place = parsePlace(link.place)
    if (place === null) return failed("This link is damaged.")
    const get = (kind: FileKind) => fetchFile(`${link.url}${fileNameOf(digests, place, kind)}`)
    for (const kind of kinds) {
        const found = await get(kind)
        if (found !== "missing") return found
    }
    const others: FileKind[] = []
    for (const kind of KINDS.filter((one) => !kinds.includes(one))) {
        const found = await get(kind)
        if (found !== "missing" && found.ok) others.push(kind)
    }
    return failed(missingText(new URL(link.url).host, kinds, others))
}

const KINDS: readonly FileKind[] = ["age", "age-pq", "openpgp"]

function failed(detail: string): Fetched {
    return { ok: false, detail }
}

async function fetchFile(url: string): Promise<Fetched | "missing"> {
    const { host } = new URL(url)
    const signal = AbortSignal.timeout(FETCH_MOST)
    try {
        const options = { credentials: "omit", referrerPolicy: "no-referrer", cache: "no-cache" } as const
        const answer = await fetch(url, { ...options, signal })
        if (answer.status === 404) return "missing"
        if (!answer.ok) return failed(`${host} answers with an error (${answer.status}): try again later.`)
        const file = await bounded(answer)
        return file === null ? failed("What was fetched is too large to be a bundle.") : { ok: true, file }
    } catch {
        if (!navigator.onLine) return failed("This device is not connected to a network.")
        if (signal.aborted) return failed(`${host} does not answer: try again later.`)
        return failed(
            `The bundle cannot be fetched from ${host}: it cannot be reached, or this browser does not trust its certificate, or it lets no page read its files. Open ${url} in another tab to see which. If that shows the bundle, paste it here.`,
        )
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
