/**
 * What the command line and the daemon say to each other (spec/control.md): one JSON object a line, each with the
 * version of this language. Reading never throws, whatever comes over the socket; what cannot be read is a refusal with
 * a code. Requests are read to the letter, because half an understood `revoke` revokes the wrong thing; in answers,
 * what is not known is skipped, so that a newer daemon can say more.
 */
import * as z from "zod/mini"
import { AUDIT_KINDS, type AuditEntry, readEntry } from "./audit/entry.ts"
import type { AuditFilter } from "./audit/filter.ts"
import { LIMITS } from "./config/defaults.ts"
import { type Address, formatAddress, formatNetwork, type Network, parseAddress, parseNetwork } from "./net/address.ts"
import { type Status, statusShape } from "./status.ts"

/** The spec's: the version of the language. */
const CONTROL_VERSION = 1
/** The spec's: a longer line is refused unread (characters, its end not counted). */
export const REQUEST_MOST = 4096
export const ANSWER_MOST = 4_194_304

/** What can be asked. */
export type Request =
    | { readonly ask: "status" }
    /** Counters and gauges, as Prometheus reads them. */
    | { readonly ask: "metrics" }
    /** Open a door without a knock; `ms` null: for as long as the door says. */
    | { readonly ask: "grant"; readonly door: string; readonly source: Address; readonly ms: number | null }
    /** End grants: of this door, of these sources, or of those that are both; two times null: all of them. */
    | { readonly ask: "revoke"; readonly door: string | null; readonly source: Network | null }
    /** A page of the audit trail: what came after this serial; of that, the last so many (null: all). */
    | {
          readonly ask: "log"
          readonly after: number
          readonly last: number | null
          readonly filter: AuditFilter
      }
    /** What can have been used since this moment (ms since 1970) is known from now on, or taken for known. */
    | { readonly ask: "trust"; readonly since: number }
    /** Read the configuration again. */
    | { readonly ask: "reload" }

/** Why something is not done. */
const CODES = [
    /** The line is too long, not JSON, or not a message of this language. */
    "too-long",
    "malformed",
    /** Another version, or a question that this version has not. */
    "version",
    "unknown",
    /** As many clients as there may be are connected. */
    "busy",
    /** The other side of the socket is neither root, nor the daemon's user, nor in the socket's group. */
    "denied",
    /** There is no such door, or there is nothing that it could open. */
    "door",
    "nothing",
    /** Not an address (grant) or network (revoke); not a time that a grant can have. */
    "source",
    "for",
    /** The configuration has errors, or changes what cannot change while the daemon runs: `detail` has a line for each. */
    "configuration",
    /** As many grants are open as are allowed; the firewall refused. */
    "grants",
    "firewall",
    /** There is no audit trail; there is no journal. */
    "audit",
    "journal",
    /** The daemon stops, or something is wrong with it. */
    "failed",
] as const

/** One of them. */
export type ControlCode = (typeof CODES)[number]

/** A refusal; `detail` is for people, and may be empty. */
export type Refused = { readonly ok: false; readonly code: ControlCode; readonly detail: string }

/** What is answered. */
export type Answer =
    | { readonly ok: true; readonly answer: "status"; readonly status: Status }
    | { readonly ok: true; readonly answer: "metrics"; readonly text: string }
    /** Open for `ms`, which is 0 for a door that only runs a program. */
    | { readonly ok: true; readonly answer: "grant"; readonly ms: number; readonly opens: readonly string[] }
    /** So many grants ended, and so many elements were taken back that no door had opened. */
    | { readonly ok: true; readonly answer: "revoke"; readonly grants: number; readonly strays: number }
    | ({ readonly ok: true; readonly answer: "log" } & LogPage)
    /** Before, that moment was this one. */
    | { readonly ok: true; readonly answer: "trust"; readonly before: number }
    | ({ readonly ok: true; readonly answer: "reload" } & Reloaded)
    | Refused

/** Entries, the oldest first; `next`: the serial to ask on with; `missing`: so many on the way cannot be read. */
export type LogPage = {
    readonly entries: readonly AuditEntry[]
    readonly next: number
    readonly more: boolean
    readonly missing: number
}

/** What a reload has changed. */
export type Reloaded = z.infer<typeof reloadedShape>

const name = z.string().check(z.maxLength(64))
const version = z.literal(CONTROL_VERSION)
const count = z.int().check(z.nonnegative())
const envelope = z.object({ postern: z.unknown(), ask: z.optional(z.unknown()) })
const asks = {
    status: z.strictObject({ postern: version, ask: z.literal("status") }),
    metrics: z.strictObject({ postern: version, ask: z.literal("metrics") }),
    reload: z.strictObject({ postern: version, ask: z.literal("reload") }),
    grant: z.strictObject({
        postern: version,
        ask: z.literal("grant"),
        door: name,
        source: z.string(),
        for: z.optional(z.number()),
    }),
    revoke: z.strictObject({
        postern: version,
        ask: z.literal("revoke"),
        door: z.optional(name),
        source: z.optional(z.string()),
        all: z.optional(z.literal(true)),
    }),
    log: z.strictObject({
        postern: version,
        ask: z.literal("log"),
        after: z.optional(count),
        last: z.optional(count),
        since: z.optional(count),
        until: z.optional(count),
        door: z.optional(name),
        source: z.optional(z.string()),
        kinds: z.optional(z.array(z.enum(AUDIT_KINDS))),
    }),
    trust: z.strictObject({ postern: version, ask: z.literal("trust"), since: count }),
} as const
const refusal = z.object({ ok: z.literal(false), code: z.string(), detail: z.string() })
const names = z.array(z.string())
const reloadedShape = z.object({
    /** Doors by name, as many as a status lists; `totals` counts all. */
    added: names,
    removed: names,
    changed: names,
    totals: z.object({ added: count, removed: count, changed: count, kept: count }),
    /** Grants that ended by it. */
    ended: count,
    /** What is unwise about the new configuration, a line for each. */
    warnings: z.array(z.string()),
})
const answers = z.discriminatedUnion("answer", [
    z.object({ ok: z.literal(true), answer: z.literal("status"), status: statusShape }),
    z.object({ ok: z.literal(true), answer: z.literal("metrics"), text: z.string() }),
    z.object({ ok: z.literal(true), answer: z.literal("grant"), ms: count, opens: z.array(z.string()) }),
    z.object({ ok: z.literal(true), answer: z.literal("revoke"), grants: count, strays: count }),
    z.object({
        ok: z.literal(true),
        answer: z.literal("log"),
        entries: z.array(z.unknown()),
        next: count,
        more: z.boolean(),
        missing: count,
    }),
    z.object({ ok: z.literal(true), answer: z.literal("trust"), before: count }),
    z.extend(reloadedShape, { ok: z.literal(true), answer: z.literal("reload") }),
])

/** A refusal as a value. */
export function refuse(code: ControlCode, detail = ""): Refused {
    return { ok: false, code, detail }
}

/** The line for a request, without its end. */
export function encodeRequest(request: Request): string {
    const head = { postern: CONTROL_VERSION, ask: request.ask }
    switch (request.ask) {
        case "status":
        case "metrics":
        case "reload":
            return JSON.stringify(head)
        case "grant": {
            const { door, source, ms } = request
            return JSON.stringify({ ...head, door, source: formatAddress(source), ...(ms !== null && { for: ms }) })
        }
        case "revoke": {
            const { door, source } = request
            if (door === null && source === null) return JSON.stringify({ ...head, all: true })
            const which = source === null ? {} : { source: formatNetwork(source) }
            return JSON.stringify({ ...head, ...(door !== null && { door }), ...which })
        }
        case "log": {
            const { after, last, filter } = request
            const { source, ...plain } = filter
            const wanted = { after, last, ...plain, source: source && formatNetwork(source) }
            // What does not matter is left out.
            const said = Object.entries(wanted).filter(([, value]) => value !== null && value !== 0)
            return JSON.stringify({ ...head, ...(last === 0 && { last }), ...Object.fromEntries(said) })
        }
        case "trust":
            return JSON.stringify({ ...head, since: request.since })
    }
}

/** Reads a line from a client. Never throws. */
export function decodeRequest(line: string): { readonly ok: true; readonly request: Request } | Refused {
    const read = readObject(line, REQUEST_MOST)
    if (!read.ok) return read
    const { ask } = read.value
    switch (ask) {
        case "status":
        case "metrics":
        case "reload":
            return asks[ask].safeParse(read.value).success ? { ok: true, request: { ask } } : refuse("malformed")
        case "grant":
            return readGrant(read.value)
        case "revoke":
            return readRevoke(read.value)
        case "log":
            return readLog(read.value)
        case "trust": {
            const { success, data } = asks.trust.safeParse(read.value)
            return success ? { ok: true, request: { ask, since: data.since } } : refuse("malformed")
        }
        default:
            return refuse("unknown")
    }
}

function readLog(value: object): ReturnType<typeof decodeRequest> {
    const read = asks.log.safeParse(value)
    if (!read.success) return refuse("malformed")
    const { after = 0, last = null, since = null, until = null, door = null, source: text, kinds = null } = read.data
    const source = text === undefined ? null : parseNetwork(text)
    if (text !== undefined && source === null) return refuse("source")
    return { ok: true, request: { ask: "log", after, last, filter: { since, until, door, source, kinds } } }
}

function readGrant(value: object): ReturnType<typeof decodeRequest> {
    const read = asks.grant.safeParse(value)
    if (!read.success) return refuse("malformed")
    const { door, for: ms = null } = read.data
    const source = parseAddress(read.data.source)
    if (source === null) return refuse("source")
    const [least, most] = LIMITS.for
    if (ms !== null && !(Number.isInteger(ms) && ms >= least && ms <= most)) return refuse("for")
    return { ok: true, request: { ask: "grant", door, source, ms } }
}

function readRevoke(value: object): ReturnType<typeof decodeRequest> {
    const read = asks.revoke.safeParse(value)
    if (!read.success) return refuse("malformed")
    const { door = null, source: text = null, all = false } = read.data
    // Everything, or something: neither is guessed.
    if (all === (door !== null || text !== null)) return refuse("malformed")
    const source = text === null ? null : parseNetwork(text)
    if (text !== null && source === null) return refuse("source")
    return { ok: true, request: { ask: "revoke", door, source } }
}

/** The line for an answer, without its end. */
export function encodeAnswer(answer: Answer): string {
    return JSON.stringify({ postern: CONTROL_VERSION, ...answer })
}

/** Reads a line from the daemon; one that cannot be read is a refusal, too. Never throws. */
export function decodeAnswer(line: string): Answer {
    const read = readObject(line, ANSWER_MOST)
    if (!read.ok) return read
    const answer = answers.safeParse(read.value)
    if (answer.success) {
        if (answer.data.answer !== "log") return answer.data
        // What a later version says besides is not for us.
        const entries = answer.data.entries.map(readEntry).filter((entry) => entry !== null)
        return { ...answer.data, entries }
    }
    const refused = refusal.safeParse(read.value)
    if (!refused.success) return refuse("malformed")
    const code = CODES.find((known) => known === refused.data.code)
    // A code of a later version: what people read of it is the detail.
    return refuse(code ?? "failed", refused.data.detail)
}

type Read = { readonly ok: true; readonly value: Readonly<Record<string, unknown>> } | Refused

/** The object of a line, if it speaks this version. */
function readObject(line: string, most: number): Read {
    if (line.length > most) return refuse("too-long")
    let value: unknown
    try {
        value = JSON.parse(line)
    } catch {
        return refuse("malformed")
    }
    const read = envelope.safeParse(value)
    if (!read.success) return refuse("malformed")
    if (read.data.postern !== CONTROL_VERSION) return refuse("version", `this side speaks version ${CONTROL_VERSION}`)
    return { ok: true, value: Object.fromEntries(Object.entries(value ?? {})) }
}
