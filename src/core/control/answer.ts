/** What is answered. What is not known is skipped, so that a newer daemon can say more. */
import * as z from "zod/mini"
import { type AuditEntry, readEntry } from "../audit/entry.ts"
import { publicationShape, statusShape } from "../status.ts"
import { CODES, CONTROL_VERSION, type Refused, readObject, refuse } from "./message.ts"

/** The spec's: a longer line is refused unread (characters, its end not counted). */
export const ANSWER_MOST = 4_194_304

const count = z.int().check(z.nonnegative())
const names = z.array(z.string())
const done = z.literal(true)

/** A page of the audit trail. */
const pageShape = z.object({
    /** The oldest first. What a later version says besides is not for us. */
    entries: z.pipe(
        z.array(z.unknown()),
        z.transform((entries): readonly AuditEntry[] => entries.map(readEntry).filter((entry) => entry !== null)),
    ),
    /** The serial to ask on with. */
    next: count,
    more: z.boolean(),
    /** So many on the way cannot be read. */
    missing: count,
})

/** What a reload has changed. */
const reloadedShape = z.object({
    /** Doors by name, as many as a status lists; `totals` counts all. */
    added: names,
    removed: names,
    changed: names,
    totals: z.object({ added: count, removed: count, changed: count, kept: count }),
    /** Hooks by name. */
    hooks: z.object({ added: names, removed: names, changed: names }),
    /** Knockers by name, as many as a status lists; `totals` counts all. */
    knockers: z.object({
        added: names,
        removed: names,
        changed: names,
        totals: z.object({ added: count, removed: count, changed: count }),
    }),
    /** Keys of [gateway] that say something else. */
    gateway: names,
    /** Grants that ended by it. */
    ended: count,
    /** What is unwise about the new configuration, a line for each. */
    warnings: z.array(z.string()),
})

const nullable = z.nullable(count)

/** What is published for a knocker. */
const bundleShape = z.object({
    knocker: z.string(),
    /** False: there is nobody of this name; then only the link means something. */
    known: z.boolean(),
    gateway: z.string(),
    /** Where files are found; empty: not known. */
    url: z.string(),
    /** The gateway's signing key in base64, and the knocker's place. */
    key: z.string(),
    place: z.string(),
    files: z.array(z.object({ kind: z.string(), name: z.string() })),
    /** The counter that is next, so many in the bundle, and the last use that is known of. */
    doors: z.array(z.object({ door: z.string(), next: count, left: count, used: nullable })),
    publication: publicationShape,
    /** The text of the bundle, if that was asked for. */
    text: z.nullable(z.string()),
})

const doneShape = z.discriminatedUnion("answer", [
    z.object({ ok: done, answer: z.literal("status"), status: statusShape }),
    z.object({ ok: done, answer: z.literal("metrics"), text: z.string() }),
    /** Open for `ms`, which is 0 for a door that only runs a program. */
    z.object({ ok: done, answer: z.literal("grant"), ms: count, opens: z.array(z.string()) }),
    /** So many grants ended, and so many elements were taken back that no door had opened. */
    z.object({ ok: done, answer: z.literal("revoke"), grants: count, orphans: count }),
    z.extend(pageShape, { ok: done, answer: z.literal("log") }),
    /** Before, that moment was this one. */
    z.object({ ok: done, answer: z.literal("trust"), before: count }),
    z.object({ ok: done, answer: z.literal("hide") }),
    /** What it was: `open`: not hidden; `door`: it has none, so it cannot be. */
    z.object({ ok: done, answer: z.literal("unhide"), was: z.enum(["trial", "hidden", "open", "door"]) }),
    z.extend(reloadedShape, { ok: done, answer: z.literal("reload") }),
    z.extend(bundleShape, { ok: done, answer: z.literal("bundle") }),
    z.object({ ok: done, answer: z.literal("publish"), publication: publicationShape }),
    /** The new key in base64, and until when (ms since 1970) others sign beside it. */
    z.object({ ok: done, answer: z.literal("rotate"), key: z.string(), until: count }),
])

const refusedShape = z.object({ ok: z.literal(false), code: z.string(), detail: z.string() })

/** What is answered: what was asked for, or that it is refused. */
export type Answer = Readonly<z.infer<typeof doneShape>> | Refused
/** See above. */
export type BundleShown = Readonly<z.infer<typeof bundleShape>>
/** See above. */
export type Publication = Readonly<z.infer<typeof publicationShape>>
/** See above. */
export type Reloaded = Readonly<z.infer<typeof reloadedShape>>

/** The line for an answer, without its end. */
export function encodeAnswer(answer: Answer): string {
    return JSON.stringify({ postern: CONTROL_VERSION, ...answer })
}

/** Reads a line from the daemon; one that cannot be read is a refusal, too. Never throws. */
export function decodeAnswer(line: string): Answer {
    const read = readObject(line, ANSWER_MOST)
    if (!read.ok) return read
    const answer = doneShape.safeParse(read.value)
    if (answer.success) return answer.data
    const refused = refusedShape.safeParse(read.value)
    if (!refused.success) return refuse("malformed")
    const code = CODES.find((known) => known === refused.data.code)
    // A code of a later version: what people read of it is the detail.
    return refuse(code ?? "failed", refused.data.detail)
}
