/** Bundles as they were fetched, encrypted, so that one can knock where nothing can be fetched. */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { FileKind } from "../../core/one-time/recipient.ts"
import { makeFolder, saveSecret } from "../save.ts"

/** A file that was fetched. */
export type Cached = {
    readonly file: Uint8Array
    /** What the server calls this state of it; null: nothing. */
    readonly etag: string | null
    /** When the server last said that this is how it is, in milliseconds since 1970. */
    readonly fetched: number
}

/** The files of all places. */
export type Cache = {
    /** Null: there is none, or it cannot be read. */
    readonly get: (place: string, kind: FileKind) => Cached | null
    /** Throws what the system refuses. */
    readonly put: (place: string, kind: FileKind, cached: Cached) => void
}

/** The cache in this directory. The remarks are beside each file and hold its SHA-256: they count for no other one. */
export function cacheIn(folder: string): Cache {
    const path = (place: string, kind: FileKind) => join(folder, `${place}.${kind}`)
    return {
        get(place, kind) {
            try {
                const file = readFileSync(path(place, kind))
                const { etag, fetched } = remarks(readFileSync(`${path(place, kind)}.json`, "utf8"), file)
                return { file, etag, fetched }
            } catch {
                return null
            }
        },
        put(place, kind, { file, etag, fetched }) {
            makeFolder(folder)
            saveSecret(path(place, kind), file, true)
            const said = JSON.stringify({ sha256: digest(file), etag, fetched })
            saveSecret(`${path(place, kind)}.json`, `${said}\n`, true)
        },
    }
}

/** Remarks that are not of this file, or none that can be read, say nothing: then it was fetched at no known time. */
function remarks(text: string, file: Uint8Array): Omit<Cached, "file"> {
    const read: unknown = JSON.parse(text)
    const none = { etag: null, fetched: 0 }
    if (typeof read !== "object" || read === null || !("sha256" in read) || read.sha256 !== digest(file)) return none
    const etag = "etag" in read && typeof read.etag === "string" ? read.etag : null
    return { etag, fetched: "fetched" in read && typeof read.fetched === "number" ? read.fetched : 0 }
}

function digest(bytes: Uint8Array): string {
    return createHash("sha256").update(bytes).digest("hex")
}
