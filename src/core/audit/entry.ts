/**
 * Entries of the audit trail (spec/audit.md): who was let in, by what right, for how long, and what happened to the
 * daemon meanwhile. Addresses and services are texts, times milliseconds since 1970. There is no field that could hold
 * a hit of a sequence or a secret.
 */
import * as z from "zod/mini"

/** Ours: texts that come from the system (why a program could not be run) are cut to so many characters. */
const TEXT_MOST = 200

const number = z.int().check(z.nonnegative())
const text = z.string()
const services = z.array(z.string())
const who = { door: text, source: text }
const nullableNumber = z.nullable(number)

/** The members of each kind of entry, beside `serial`, `time` and `what`. */
const KINDS = {
    /** A knock opened the door, or kept it open for longer. `network`: whom it lets in, if more than the source. `knocker`: `unknown` after a fixed sequence, left out where it ends. */
    opened: z.object({ ...who, network: z.optional(text), knocker: text, opens: services, until: number }),
    renewed: z.object({ ...who, network: z.optional(text), knocker: text, opens: services, until: number }),
    /** Opened by hand of a user; `until` null: the door only runs a program. */
    given: z.object({ ...who, network: z.optional(text), opens: services, until: nullableNumber, uid: number }),
    /** A connection has used up a grant that was good for one. */
    used: z.object({ ...who, knocker: z.optional(text) }),
    revoked: z.object({ ...who, knocker: z.optional(text), uid: number }),
    closed: z.object({ ...who, knocker: z.optional(text), by: z.enum(["time", "knock", "reload", "loss"]) }),
    /** The right knock, but `code`: see `RefusalCode`. */
    refused: z.object({ ...who, knocker: text, code: text }),
    /** The source's hits do not count until then. */
    paused: z.object({ source: text, until: number }),
    /** A program of the door. `detail`: exit code, signal, or why it could not be run. */
    program: z.object({
        ...who,
        which: z.enum(["start", "stop"]),
        how: z.enum(["began", "well", "exit", "signal", "timeout", "error", "crowded", "unnoted"]),
        detail: text,
    }),
    /** A user took back what no door had opened. */
    orphans: z.object({ uid: number, count: number }),
    /** Our table was taken away and made again, or could not be. */
    table: z.object({ made: z.boolean(), detail: text }),
    /** What is hidden is other than it was, or was not made so: see `HidingReport`. `until`: of a trial, or of what is spared. */
    hiding: z.object({
        how: z.enum(["trial", "lapsed", "ended", "hidden", "shown", "opened", "spared", "unspared", "refused"]),
        services,
        more: z.optional(number),
        until: z.optional(number),
        uid: z.optional(number),
        code: z.optional(text),
    }),
    /** The daemon. `last`: how the one before ended; `none`: the trail begins here. */
    started: z.object({ version: text, pid: number, last: z.enum(["clean", "crashed", "none"]) }),
    stopped: z.object({ signal: text }),
    /** The configuration was read anew; `problems` of it, if it was refused. `uid` null: a signal. `others` asked, too. */
    reloaded: z.object({
        done: z.boolean(),
        problems: number,
        uid: nullableNumber,
        others: z.optional(z.array(nullableNumber)),
    }),
    /** How the journal was found, and from when on it knows everything. */
    journal: z.object({ found: z.enum(["new", "torn", "damaged"]), since: number }),
    /** An operator decided from when on what is not known to be used may be used. */
    trust: z.object({ from: number, uid: number }),
    /**
     * A user had the daemon show the upcoming sequences of a knocker, or only where the files of one are, which nobody can
     * guess; or change the key that signs.
     */
    disclosed: z.object({ knocker: text, uid: number }),
    located: z.object({ knocker: text, uid: number }),
    rekeyed: z.object({ uid: number }),
    /** So many refusals and pauses of a flood were counted and no more. */
    suppressed: z.object({ count: number }),
    /** So many entries of this kind since then, too many to be written one by one; null: of several doors or users. */
    summed: z.object({
        of: text,
        door: z.nullable(text),
        uid: nullableNumber,
        count: number,
        sources: number,
        since: number,
    }),
    /** So many entries since then could not be written. */
    lost: z.object({ count: number, since: number }),
} as const

/** What an entry can be about. */
export type AuditKind = keyof typeof KINDS

/** What happened, before it has its place in the trail. */
export type AuditFact = {
    readonly [K in AuditKind]: { readonly what: K } & Readonly<z.infer<(typeof KINDS)[K]>>
}[AuditKind]

/** One entry. `serial` grows by one from entry to entry, for ever. */
export type AuditEntry = { readonly serial: number; readonly time: number } & AuditFact

/** All kinds, in the order of the spec. */
export const AUDIT_KINDS = Object.keys(KINDS).filter(isKind)

const head = z.object({ serial: number.check(z.positive()), time: number, what: text })

/** Is this a kind of entry? */
export function isKind(word: string): word is AuditKind {
    return Object.hasOwn(KINDS, word)
}

/** Reads an entry; null if it is none that this version knows. What is not known of it is left out. Never throws. */
export function readEntry(value: unknown): AuditEntry | null {
    const begin = head.safeParse(value)
    if (!begin.success || !isKind(begin.data.what)) return null
    const rest = KINDS[begin.data.what].safeParse(value)
    // oxlint-disable-next-line no-unsafe-type-assertion -- TypeScript does not see that kind and members belong together
    return rest.success ? ({ ...begin.data, ...rest.data } as AuditEntry) : null
}

/** A text of the system, short enough for an entry. */
export function shortText(detail: string): string {
    return detail.length > TEXT_MOST ? `${detail.slice(0, TEXT_MOST - 1)}…` : detail
}
