/**
 * A profile: how a person knocks at one host. TOML, one file per host, with the same words as the gateway's
 * configuration where they mean the same:
 *
 *     host  = "gate.example.org"
 *     delay = "100ms"
 *     [[door]]
 *     name = "ssh"
 *     hits = ["32144", "21312:udp", "icmp:321"]
 *     wait = "tcp/22"
 *
 * A gateway that publishes one-time sequences has a table `[bundle]` instead of `host` and doors, or beside them: see
 * profile-bundle.ts.
 */
// The small one: a client has to start fast.
import * as z from "zod/mini"
import { nearest } from "../config/suggest.ts"
import { readToml } from "../toml.ts"
import type { Hit, Service, TcpFlags } from "./hit.ts"
import { parseDuration, parseFlags, parseHit, parseService, type Read, type Refused } from "./language.ts"
import { isDoorName, isHost, MAX_HITS, MAX_RETRIES } from "./limits.ts"
import { BUNDLE_TYPES, type BundlePart, bundleSchema, type ProfileBundle } from "./profile-bundle.ts"
import type { Word } from "./texts.ts"

/** How to knock at one host. Times are milliseconds; null: as the command line or the default says. */
export type Profile = {
    readonly host: string
    readonly delay: number | null
    readonly timeout: number | null
    readonly retries: number | null
    /** At least one, with hits, where there is no bundle. */
    readonly doors: readonly ProfileDoor[]
    /** Where one-time sequences come from; null: there are none. */
    readonly bundle: ProfileBundle | null
}

/** How to knock at one door. */
export type ProfileDoor = {
    readonly name: string
    /** None: those of the bundle. */
    readonly hits: readonly Hit[]
    /** What answers when the door is open; null: nothing that could be asked. */
    readonly wait: Service | null
    /** The flags of its TCP hits; null: a plain SYN. */
    readonly flags: TcpFlags | null
}

/** A problem of a profile and where it is. None of them holds a hit. */
export type ProfileIssue = {
    /** Keys and indices from the top, `[]` for the file as a whole. */
    readonly path: readonly (string | number)[]
    readonly problem: ProfileProblem
}

/** What can be wrong with a profile. */
export type ProfileProblem =
    | { readonly code: "syntax"; readonly line: number; readonly column: number; readonly detail: string }
    | { readonly code: "unknown-key"; readonly key: string; readonly near: string | null }
    | { readonly code: "missing" }
    | { readonly code: "type"; readonly wanted: string }
    | { readonly code: "refused"; readonly word: Word; readonly refused: Refused }
    | { readonly code: "udp-wait" }
    | { readonly code: "host" }
    | { readonly code: "name" }
    | { readonly code: "second-door"; readonly name: string }
    | { readonly code: "bundle"; readonly part: BundlePart }

/** Reads a profile. Either all of it is right, or every issue is told, in the order of the schema. */
export function parseProfile(
    text: string,
): { readonly ok: true; readonly profile: Profile } | { readonly ok: false; readonly issues: readonly ProfileIssue[] } {
    const toml = readToml(text)
    if (!toml.ok) {
        const { detail, line, column } = toml
        return bad([{ path: [], problem: { code: "syntax", line, column, detail } }])
    }
    const result = read(toml.table)
    if (!result.success) return bad(result.error.issues.flatMap(toIssues))
    const { door: doors, ...rest } = result.data
    const second = doors.findIndex(({ name }, index) => doors.findIndex((door) => door.name === name) < index)
    if (second >= 0) {
        const problem = { code: "second-door", name: doors[second]!.name } as const
        return bad([{ path: ["door", second, "name"], problem }])
    }
    return { ok: true, profile: { ...rest, doors } }
}

const bad = (issues: readonly ProfileIssue[]) => ({ ok: false, issues }) as const

/** A text that is read by the knock language. */
function word<T>(kind: Word, read: (text: string) => Read<T>) {
    return z.pipe(
        z.string(),
        z.transform((text: string, context): T => {
            const result = read(text)
            return result.ok ? result.value : refuse(context, text, { code: "refused", word: kind, refused: result })
        }),
    )
}

type Context = { readonly issues: { push: (issue: z.core.$ZodRawIssue) => unknown } }

function refuse(context: Context, input: unknown, problem: ProfileProblem): never {
    context.issues.push({ code: "custom", input, params: { problem } })
    return z.NEVER
}

const refine = (good: (text: string) => boolean, problem: ProfileProblem) =>
    z.string().check(z.refine(good, { params: { problem } }))

const optional = <T extends z.ZodMiniType>(type: T) => z._default(z.nullable(type), null)

const service = z.pipe(
    word("service", parseService),
    z.transform((value: Service, context): Service => {
        return value.protocol === "udp" ? refuse(context, value, { code: "udp-wait" }) : value
    }),
)

const hits = z.array(word("hit", parseHit)).check(z.minLength(1), z.maxLength(MAX_HITS))
const doorSchema = z.strictObject({
    name: refine(isDoorName, { code: "name" }),
    hits,
    wait: optional(service),
    flags: optional(word("flags", parseFlags)),
})

const host = refine(isHost, { code: "host" })
const common = {
    delay: optional(word("duration", parseDuration)),
    timeout: optional(word("duration", parseDuration)),
    retries: optional(z.int().check(z.minimum(0), z.maximum(MAX_RETRIES))),
}
const fixed = z.strictObject({ host, ...common, door: z.array(doorSchema).check(z.minLength(1)) })
const published = z.strictObject({
    host: z.optional(host),
    ...common,
    bundle: bundleSchema,
    door: z._default(z.array(z.extend(doorSchema, { hits: z._default(hits, []) })), []),
})

/** By the schema of its kind: what must be there depends on whether bundles say the rest. */
function read(table: Readonly<Record<string, unknown>>) {
    const options = { reportInput: true }
    if (!("bundle" in table)) {
        const { success, data, error } = fixed.safeParse(table, options)
        return success ? { success, data: { ...data, bundle: null } } : { success, error }
    }
    const { success, data, error } = published.safeParse(table, options)
    return success ? { success, data: { ...data, host: data.host ?? data.bundle.link.gateway } } : { success, error }
}

const KEYS: Readonly<Record<string, readonly string[]>> = {
    top: Object.keys(published.shape),
    door: Object.keys(doorSchema.shape),
    bundle: Object.keys(BUNDLE_TYPES),
}

const TYPES: Readonly<Record<string, string>> = {
    host: 'a host name or address, such as "gate.example.org"',
    delay: 'a duration such as "100ms", in quotes',
    timeout: 'a duration such as "5s", in quotes',
    retries: `a whole number from 0 to ${MAX_RETRIES}`,
    door: "one or more tables: [[door]], with two brackets on either side",
    name: 'a name such as "ssh"',
    hits: `a list of 1 to ${MAX_HITS} hits, such as ["PORT", "PORT:udp", "icmp:SIZE"]`,
    wait: 'a service such as "tcp/22"',
    flags: 'flags such as "fin"',
    bundle: "a table: [bundle], with one bracket on either side",
}

/** A finding of the schema as facts. What is missing looks like a wrong type to it. */
function toIssues(issue: z.core.$ZodIssue): readonly ProfileIssue[] {
    const path = issue.path.filter((step) => typeof step !== "symbol")
    if (issue.code === "unrecognized_keys") {
        const known = KEYS[String(path[0] ?? "top")]!
        return issue.keys.map((key) => ({
            path: [...path, key],
            problem: { code: "unknown-key", key, near: nearest(key, known) },
        }))
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- put there by this file alone
    if (issue.code === "custom") return [{ path, problem: issue.params!["problem"] as ProfileProblem }]
    if (issue.code === "invalid_type" && issue.input === undefined) return [{ path, problem: { code: "missing" } }]
    const key = path.findLast((step) => typeof step === "string") ?? "door"
    const types = path[0] === "bundle" && path.length > 1 ? BUNDLE_TYPES : TYPES
    const wanted = path.length === 2 && key === "door" ? "a table" : types[key]!
    return [{ path, problem: { code: "type", wanted } }]
}
