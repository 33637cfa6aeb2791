/** What can be asked. Requests are read to the letter: half an understood `revoke` revokes the wrong thing. */
import * as z from "zod/mini"
import { AUDIT_KINDS } from "../audit/entry.ts"
import type { AuditFilter } from "../audit/filter.ts"
import { LIMITS } from "../config/defaults.ts"
import type { Service } from "../knock/hit.ts"
import { formatService, parseService } from "../knock/language.ts"
import { type Address, formatAddress, formatNetwork, type Network, parseAddress, parseNetwork } from "../net/address.ts"
import { CONTROL_VERSION, type Refused, readObject, refuse } from "./message.ts"

/** The spec's: a longer line is refused unread (characters, its end not counted). */
export const REQUEST_MOST = 4096

/** What can be asked. */
export type Request =
    | { readonly ask: "status" }
    /** Counters and gauges, as Prometheus reads them. */
    | { readonly ask: "metrics" }
    /** Open a door without a knock; `ms` null: for as long as the door says. */
    | { readonly ask: "grant"; readonly door: string; readonly source: Address; readonly ms: number | null }
    /** End grants: of this door, of these sources, or of those that are both; two times null: all of them. */
    | {
          readonly ask: "revoke"
          readonly door: string | null
          readonly source: Network | null
          /** Of these only what this knocker's one-time sequences have opened; null: whoever has. */
          readonly knocker: string | null
      }
    /** A page of the audit trail: what came after this serial; of that, the last so many (null: all). */
    | {
          readonly ask: "log"
          readonly after: number
          readonly last: number | null
          readonly filter: AuditFilter
      }
    /** What can have been used since this moment (ms since 1970) is known from now on, or taken for known. */
    | { readonly ask: "trust"; readonly since: number }
    /** Hide a service on trial for `ms`: the kernel ends that by itself, unless the configuration hides it by then. */
    | { readonly ask: "hide"; readonly service: Service; readonly ms: number }
    /** End its trial or, where it is on none, open it to everyone until the configuration is read again. */
    | { readonly ask: "unhide"; readonly service: Service }
    /** Read the configuration again. */
    | { readonly ask: "reload" }
    /** What is or will be published for a knocker; `secret`: the text itself as well. */
    | { readonly ask: "bundle"; readonly knocker: string; readonly secret: boolean }
    /** Make all bundles anew, and publish them. */
    | { readonly ask: "publish" }
    /** Sign with a new key from now on, and with the one of now beside it for so many milliseconds. */
    | { readonly ask: "rotate"; readonly grace: number }

const name = z.string().check(z.maxLength(64))
const version = z.literal(CONTROL_VERSION)
const count = z.int().check(z.nonnegative())
/** Requests as they come over the socket. */
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
        knocker: z.optional(name),
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
        knocker: z.optional(name),
        kinds: z.optional(z.array(z.enum(AUDIT_KINDS))),
    }),
    trust: z.strictObject({ postern: version, ask: z.literal("trust"), since: count }),
    hide: z.strictObject({ postern: version, ask: z.literal("hide"), service: z.string(), for: count }),
    unhide: z.strictObject({ postern: version, ask: z.literal("unhide"), service: z.string() }),
    bundle: z.strictObject({
        postern: version,
        ask: z.literal("bundle"),
        knocker: name,
        secret: z.optional(z.literal(true)),
    }),
    publish: z.strictObject({ postern: version, ask: z.literal("publish") }),
    rotate: z.strictObject({ postern: version, ask: z.literal("rotate"), grace: count }),
} as const

/** The line for a request, without its end. */
export function encodeRequest(request: Request): string {
    const head = { postern: CONTROL_VERSION, ask: request.ask }
    switch (request.ask) {
        case "status":
        case "metrics":
        case "reload":
        case "publish":
            return JSON.stringify(head)
        case "bundle": {
            const { knocker, secret } = request
            return JSON.stringify({ ...head, knocker, ...(secret && { secret }) })
        }
        case "rotate":
            return JSON.stringify({ ...head, grace: request.grace })
        case "grant": {
            const { door, source, ms } = request
            return JSON.stringify({ ...head, door, source: formatAddress(source), ...(ms !== null && { for: ms }) })
        }
        case "revoke": {
            const { door, source, knocker } = request
            if (door === null && source === null && knocker === null) return JSON.stringify({ ...head, all: true })
            const which = {
                ...(source !== null && { source: formatNetwork(source) }),
                ...(knocker !== null && { knocker }),
            }
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
        case "hide":
            return JSON.stringify({ ...head, service: formatService(request.service), for: request.ms })
        case "unhide":
            return JSON.stringify({ ...head, service: formatService(request.service) })
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
        case "publish":
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
        case "hide": {
            const { success, data } = asks.hide.safeParse(read.value)
            if (!success) return refuse("malformed")
            const [least, most] = LIMITS.trial
            if (data.for < least || data.for > most) return refuse("for")
            const service = parseService(data.service)
            return service.ok ? { ok: true, request: { ask, service: service.value, ms: data.for } } : refuse("service")
        }
        case "unhide": {
            const { success, data } = asks.unhide.safeParse(read.value)
            if (!success) return refuse("malformed")
            const service = parseService(data.service)
            return service.ok ? { ok: true, request: { ask, service: service.value } } : refuse("service")
        }
        case "bundle": {
            const { success, data } = asks.bundle.safeParse(read.value)
            if (!success) return refuse("malformed")
            return { ok: true, request: { ask, knocker: data.knocker, secret: data.secret === true } }
        }
        case "rotate": {
            const { success, data } = asks.rotate.safeParse(read.value)
            return success ? { ok: true, request: { ask, grace: data.grace } } : refuse("malformed")
        }
        default:
            return refuse("unknown")
    }
}

function readLog(value: object): ReturnType<typeof decodeRequest> {
    const read = asks.log.safeParse(value)
    if (!read.success) return refuse("malformed")
    const { after = 0, last = null, since = null, until = null, door = null, knocker = null, kinds = null } = read.data
    const { source: text } = read.data
    const source = text === undefined ? null : parseNetwork(text)
    if (text !== undefined && source === null) return refuse("source")
    return { ok: true, request: { ask: "log", after, last, filter: { since, until, door, source, knocker, kinds } } }
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
    const { door = null, source: text = null, knocker = null, all = false } = read.data
    // Everything, or something: neither is guessed.
    if (all === (door !== null || text !== null || knocker !== null)) return refuse("malformed")
    const source = text === null ? null : parseNetwork(text)
    if (text !== null && source === null) return refuse("source")
    return { ok: true, request: { ask: "revoke", door, source, knocker } }
}
