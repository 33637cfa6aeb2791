/**
 * Gets the bundle of a place: fetched, brought by hand or from the cache, decrypted, and accepted by what this device
 * knows of the gateway (spec/bundle.md, section 3). What was accepted is kept before anybody goes by it.
 */
import { verifySignature } from "../../adapters/sealing/sign.ts"
import { DIGESTS } from "../../adapters/system/digests.ts"
import type { ProfileBundle } from "../../core/knock/profile-bundle.ts"
import { accept, MAX_FILE, type Refused } from "../../core/one-time/accept.ts"
import type { Bundle, BundleDoor } from "../../core/one-time/bundle.ts"
import { fileNameOf, parsePlace } from "../../core/one-time/place.ts"
import type { FileKind } from "../../core/one-time/recipient.ts"
import { sequenceId, type Turn, turnsOf } from "../../core/one-time/turn.ts"
import type { Unsealed } from "../../ports/sealing.ts"
import { errorCode } from "../knock/errors.ts"
import type { Cache } from "./cache.ts"
import { type GetRefusal, type Got, getFile } from "./get.ts"
import type { Keeping } from "./keeping.ts"
import type { Reading, ReadingTrouble } from "./reading.ts"

/** A gateway and a knocker, as this device knows them. */
export type Enrolment = {
    readonly bundle: ProfileBundle
    readonly keeping: Keeping
    readonly cache: Cache
    /** Opened when the first file is there, once: it may ask for a passphrase. */
    readonly reading: () => Promise<Reading | ReadingTrouble>
    /** The time, in milliseconds since 1970. */
    readonly now: () => number
    /** Go by a bundle whose time is over: this clock cannot be trusted. */
    readonly anyTime: boolean
}

/** A bundle to go by, or why there is none. */
export type Obtained =
    | { readonly ok: true; readonly bundle: Bundle; readonly fetched: number; readonly remarks: readonly Remark[] }
    | { readonly ok: false; readonly trouble: Trouble }

/** What went wrong beside the bundle: it can be gone by, but the person should know. */
export type Remark = { readonly code: "cache"; readonly detail: string }

/** Why there is no bundle. */
export type Trouble =
    | { readonly code: "get"; readonly refusal: GetRefusal; readonly detail: string; readonly url: string }
    | {
          readonly code: "unseal"
          readonly why: Extract<Unsealed, { ok: false }>["code"]
          readonly detail: string
          /** Where it came from just now; null: from a file. */
          readonly url: string | null
      }
    | { readonly code: "refused"; readonly refused: Refused }
    /** Nothing is known of what was seen before: any old bundle would pass. */
    | { readonly code: "forgotten" }
    /** What is kept cannot be read or written. */
    | { readonly code: "keeping"; readonly folder: string; readonly detail: string }
    | { readonly code: "reading"; readonly trouble: ReadingTrouble }
    | { readonly code: "no-cache" }

/** For all that is sent and received, in milliseconds. */
export const FETCH_TIMEOUT = 10_000

/** Fetches it; what has not changed since is taken from the cache. */
export async function fetchBundle(enrolment: Enrolment, timeout: number, interrupted: AbortSignal): Promise<Obtained> {
    const { bundle, cache, now } = enrolment
    const { url, place } = bundle.link
    const reading = await enrolment.reading()
    if ("trouble" in reading) return failed({ code: "reading", trouble: reading })
    let last: Trouble | null = null
    for (const kind of reading.kinds) {
        const file = `${url}${fileNameOf(DIGESTS, parsePlace(place)!, kind)}`
        const cached = cache.get(place, kind)
        const options = { etag: cached?.etag ?? null, timeout, most: MAX_FILE, interrupted }
        const got: Got = await getFile(file, options)
        if (!got.ok) {
            last = { code: "get", refusal: got.code, detail: got.detail, url: file }
            // There may be another file for this device; everything else would be the same for it.
            if (got.code === "absent") continue
            break
        }
        const fresh = {
            file: got.file ?? cached!.file,
            etag: got.file === null ? cached!.etag : got.etag,
            fetched: now(),
        }
        const read = await readBundle(enrolment, fresh.file, fresh.fetched, file)
        if (!read.ok) {
            last = read.trouble
            if (last.code === "unseal" && last.why === "not-for-us") continue
            break
        }
        return put(() => cache.put(place, kind, fresh), read)
    }
    return failed(last!)
}

/** Takes a file that came by another way. */
export async function takeBundle(enrolment: Enrolment, file: Uint8Array): Promise<Obtained> {
    const { bundle, cache, now } = enrolment
    if (file.length > MAX_FILE) return failed({ code: "get", refusal: "too-large", detail: "", url: "" })
    const read = await readBundle(enrolment, file, now())
    if (!read.ok) return read
    const kind = kindOf(file)
    // Nobody says that it is the newest there is.
    return put(() => cache.put(bundle.link.place, kind, { file, etag: null, fetched: 0 }), read)
}

/** The newest bundle of the cache. */
export async function cachedBundle(enrolment: Enrolment): Promise<Obtained> {
    const { bundle, cache } = enrolment
    const reading = await enrolment.reading()
    if ("trouble" in reading) return failed({ code: "reading", trouble: reading })
    let last: Trouble = { code: "no-cache" }
    for (const kind of reading.kinds) {
        const cached = cache.get(bundle.link.place, kind)
        if (cached === null) continue
        const read = await readBundle(enrolment, cached.file, cached.fetched)
        if (read.ok) return read
        last = read.trouble
    }
    return failed(last)
}

/** The sequences that may still open a door, as this device has used them so far: the one to knock next comes first. */
export function upcoming(keeping: Keeping, { name, sequences }: BundleDoor): readonly Turn[] {
    const past = keeping.history()
    const turns = sequences.map((sequence) => {
        const id = sequenceId(DIGESTS.sha256, name, sequence)
        return { ...sequence, id, tries: past(id).tries }
    })
    return turnsOf(turns, (id) => past(id).opened)
}

/** Decrypts and accepts. */
async function readBundle(
    enrolment: Enrolment,
    file: Uint8Array,
    fetched: number,
    url: string | null = null,
): Promise<Obtained> {
    const { link } = enrolment.bundle
    const reading = await enrolment.reading()
    if ("trouble" in reading) return failed({ code: "reading", trouble: reading })
    const opened = await reading.unsealer.unseal(file)
    if (!opened.ok) return failed({ code: "unseal", why: opened.code, detail: opened.detail, url })
    try {
        const trusted = enrolment.keeping.trusted()
        if (trusted === null) return failed({ code: "forgotten" })
        const trust = { gateway: link.gateway, knocker: link.knocker, ...trusted }
        const now = enrolment.anyTime ? null : enrolment.now()
        const accepted = accept(opened.text, trust, now, { verify: verifySignature, sha256: DIGESTS.sha256 })
        if (!accepted.ok) return failed({ code: "refused", refused: accepted.refused })
        const { bundle, trust: next } = accepted
        const newer = trusted.seen === null || bundle.serial > trusted.seen.serial
        if (newer && !enrolment.keeping.see(next.key, next.seen!))
            return failed({ code: "refused", refused: { code: "changed", serial: bundle.serial } })
        if (newer) enrolment.keeping.forget(bundle.doors.flatMap((door) => idsOf(door)))
        return { ok: true, bundle, fetched, remarks: [] }
    } catch (error) {
        return failed(keepingTrouble(enrolment, error))
    }
}

function idsOf({ name, sequences }: BundleDoor): readonly string[] {
    return sequences.map((sequence) => sequenceId(DIGESTS.sha256, name, sequence))
}

/** A cache that cannot be written does no harm today. */
function put(write: () => void, read: Extract<Obtained, { ok: true }>): Obtained {
    try {
        write()
        return read
    } catch (error) {
        return { ...read, remarks: [{ code: "cache", detail: errorCode(error) }] }
    }
}

function kindOf(file: Uint8Array): FileKind {
    return Buffer.from(file.subarray(0, 1024)).includes("-----BEGIN PGP ") ? "openpgp" : "age"
}

/** That what is seen and tried cannot be kept, for what the system said. */
export function keepingTrouble({ keeping }: Enrolment, error: unknown): Trouble {
    return { code: "keeping", folder: keeping.folder, detail: errorCode(error) }
}

function failed(trouble: Trouble): Obtained {
    return { ok: false, trouble }
}
