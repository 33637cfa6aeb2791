/**
 * The shape of a configuration, table by table: raw TOML values in, the words of the core out. Every key is named
 * here once; what is said about several keys or doors together is in `rules.ts`.
 */
import * as z from "zod"
import { formatService, parseDuration, parseFlags, parseHit, parseService, type Read } from "../knock/language.ts"
import type { Word } from "../knock/texts.ts"
import { formatAddress, formatNetwork, parseAddress, parseNetwork } from "../net/address.ts"
import { DOOR, GATEWAY, HOOK, LIMITS } from "./defaults.ts"
import type { Kind, Problem } from "./issues.ts"
import { nearest } from "./suggest.ts"
import { isKind } from "./texts.ts"

type Limits = readonly [number, number]
type Context = { readonly issues: z.core.$ZodRawIssue[] }

/** Adds a problem at the value being read; `inside` leads further down. */
function report(context: Context, input: unknown, problem: Problem, inside: (string | number)[] = []): void {
    context.issues.push({ code: "custom", input, path: inside, params: { problem } })
}

/** A word of the knock language. `secret`: nothing of it may be in the error. */
function word<T>(kind: Word, parse: (text: string) => Read<T>, secret = false) {
    return z.string({ error: kind }).transform((value, context): T => {
        const result = parse(value)
        if (result.ok) return result.value
        report(context, value, { code: "refused", word: kind, refused: result, secret })
        return z.NEVER
    })
}

/** A text that becomes a value, or null if it is none. */
function value<T extends object>(kind: Kind, parse: (text: string) => T | null, problem: Problem) {
    return z.string({ error: kind }).transform((text, context): T => {
        const result = parse(text)
        if (result !== null) return result
        report(context, text, problem)
        return z.NEVER
    })
}

/** What a door may be called. */
export const DOOR_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

const doorName = z.string({ error: "name" satisfies Kind }).check((context) => {
    if (!DOOR_NAME.test(context.value)) report(context, context.value, { code: "name" })
})

function integer([least, most]: Limits) {
    return z.int({ error: "integer" satisfies Kind }).check((context) => {
        if (context.value < least || context.value > most)
            report(context, context.value, { code: "range", least, most })
    })
}

function duration([least, most]: Limits) {
    return word("duration", parseDuration).check((context) => {
        if (context.value < least || context.value > most)
            report(context, context.value, { code: "duration-range", least, most })
    })
}

const boolean = z.boolean({ error: "boolean" satisfies Kind })

/** Reads a value inside another. Its problems are added where they belong; null if there are any. */
function inside<T extends z.ZodType>(context: Context, schema: T, raw: unknown, path: (string | number)[] = []) {
    const result = schema.safeParse(raw)
    if (result.success) return { value: result.data }
    for (const issue of result.error.issues)
        report(context, raw, problemOf(issue), [...path, ...issue.path.filter((part) => typeof part !== "symbol")])
    return null
}

/** The problem of a single value: our own, or that it has the wrong type, whose name is then the message. */
export function problemOf(issue: z.core.$ZodIssue): Problem {
    if (issue.code !== "custom") {
        if (!isKind(issue.message)) throw new Error(`a schema without a kind: ${issue.message}`)
        return { code: "type", kind: issue.message }
    }
    const problem: Problem = issue.params!["problem"]
    return problem
}

/**
 * A list of so many; with `format`, no two that read alike. Zod's own array would not look at the list as a whole when
 * an item is wrong, and then not every problem is told at once.
 */
function list<T extends z.ZodType>(kind: Kind, item: T, [least, most]: Limits, format?: (item: z.output<T>) => string) {
    return z.array(z.unknown(), { error: kind }).transform((raws, context): z.output<T>[] => {
        const { length } = raws
        if (length < least || length > most) report(context, raws, { code: "count", least, most })
        const texts = new Set<string>()
        // Of what is too long anyway enough is looked at to find what else is wrong, and not all of it.
        const values = raws.slice(0, most * 2).map((raw, index) => {
            const read = inside(context, item, raw, [index])
            if (!read) return z.NEVER
            const text = format?.(read.value)
            if (text !== undefined && texts.has(text)) report(context, raw, { code: "listed-twice" }, [index])
            if (text !== undefined) texts.add(text)
            return read.value
        })
        return values
    })
}

const service = word("service", parseService)
const network = value("network", parseNetwork, { code: "network" })
const address = value("address", parseAddress, { code: "address" })
const addresses = list("addresses", address, LIMITS.target, formatAddress)
const interfaceName = z.string({ error: "interfaces" satisfies Kind }).check((context) => {
    const { value } = context
    if (value === "auto" || value === "any") report(context, value, { code: "type", kind: "interfaces" })
    else if (!/^[^\s/\0]{1,15}$/.test(value) || value === "." || value === "..")
        report(context, value, { code: "interface" })
})

/** Placeholders that are replaced in each argument of a door's command, and of a hook. */
const PLACEHOLDERS = ["source", "door", "knocker"]
const HOOK_PLACEHOLDERS = ["event", "door", "source", "text"]

/** An argument of a program, with these placeholders. */
function argumentWith(placeholders: readonly string[]) {
    return z.string({ error: "argument" satisfies Kind }).check((context) => {
        const { value } = context
        if (value.includes("\0")) report(context, value, { code: "argument" })
        const there = placeholders.map((name) => `{${name}}`)
        // knockd's only token: whoever moves from there writes it out of habit.
        if (value.includes("%IP%"))
            report(context, value, { code: "placeholder", name: "%IP%", near: "{source}", there })
        for (const [found, inner] of value.matchAll(/\{([A-Za-z]\w*)\}/g)) {
            if (placeholders.includes(inner!)) continue
            const near = nearest(inner!, placeholders)
            report(context, value, { code: "placeholder", name: found, near: near && `{${near}}`, there })
        }
    })
}

/** A program and its arguments. */
function argvWith(placeholders: readonly string[]) {
    const argument = argumentWith(placeholders)
    const program = argument.check((context) => {
        if (!context.value.startsWith("/")) report(context, context.value, { code: "relative", kind: "program" })
    })
    return z.array(z.unknown(), { error: "arguments" satisfies Kind }).transform((raws, context): string[] => {
        const [least, most] = LIMITS.arguments
        if (raws.length < least || raws.length > most) report(context, raws, { code: "count", least, most })
        return raws
            .slice(0, most * 2)
            .map((raw, index) => inside(context, index === 0 ? program : argument, raw, [index])?.value ?? z.NEVER)
    })
}

const argv = argvWith(PLACEHOLDERS)

/** A value that is either `one` shape or `other`, chosen by what it is, so that its errors are those of one shape. */
function either<A extends z.ZodType, B extends z.ZodType>(isOne: (raw: unknown) => boolean, one: A, other: B) {
    return z.unknown().transform((raw, context): z.output<A> | z.output<B> => {
        const read = isOne(raw) ? inside(context, one, raw) : inside(context, other, raw)
        return read ? read.value : z.NEVER
    })
}

/** [gateway] */
export const gatewayTable = z.strictObject(
    {
        interfaces: either(
            (raw) => !Array.isArray(raw),
            z.literal(["auto", "any"], { error: "interfaces" satisfies Kind }),
            list("interfaces", interfaceName, LIMITS.interfaces, (text) => text),
        ).default(GATEWAY.interfaces),
        state: z
            .string({ error: "path" satisfies Kind })
            .check((context) => {
                if (!/^\/[^\0]*$/.test(context.value))
                    report(context, context.value, { code: "relative", kind: "directory" })
            })
            .default(GATEWAY.state),
        audit: boolean.default(GATEWAY.audit),
        socket: z
            .string({ error: "path" satisfies Kind })
            .check((context) => {
                if (!/^\/[^\0]*$/.test(context.value))
                    report(context, context.value, { code: "relative", kind: "file" })
            })
            .default(GATEWAY.socket),
        socket_group: doorName.nullable().default(GATEWAY.socketGroup),
        capture: z
            .literal(["auto", "nflog", "packet-socket"], { error: "capture" satisfies Kind })
            .default(GATEWAY.capture),
        services: list("services", service, LIMITS.services, formatService).default([]),
        uniform: boolean.default(GATEWAY.uniform),
        log_group: integer(LIMITS.logGroup).default(GATEWAY.logGroup),
        attempts: integer(LIMITS.attempts)
            .check((context) => {
                const [least, most] = LIMITS.attempts
                const near = 2 ** Math.round(Math.log2(context.value))
                if (context.value >= least && context.value <= most && near !== context.value)
                    report(context, context.value, { code: "power-of-two", near })
            })
            .default(GATEWAY.attempts),
        grants: integer(LIMITS.grants).default(GATEWAY.grants),
    },
    { error: "gateway" satisfies Kind },
)

/** [door.sequence] */
const sequenceTable = z.strictObject(
    {
        // A bare number is a TCP port: `hits = [32144]` is what many write first, and can mean nothing else.
        hits: list(
            "hits",
            z.preprocess((raw) => (typeof raw === "number" ? String(raw) : raw), word("hit", parseHit, true)),
            LIMITS.hits,
        ),
        within: duration(LIMITS.within).default(DOOR.within),
        flags: word("flags", parseFlags).default(DOOR.flags),
        target: either(
            (raw) => typeof raw === "string",
            address.transform((one) => [one]),
            addresses,
        ).default([]),
    },
    { error: "sequence" satisfies Kind },
)

/** [door.command] */
const commandTable = z.strictObject(
    {
        start: argv,
        stop: argv.nullable().default(null),
        after: duration(LIMITS.after).default(DOOR.after),
        timeout: duration(LIMITS.timeout).default(DOOR.timeout),
    },
    { error: "command" satisfies Kind },
)

/** [[door]] */
export const doorTable = z.strictObject(
    {
        name: doorName,
        opens: list("services", service, LIMITS.opens, formatService).default([]),
        for: duration(LIMITS.for).default(DOOR.for),
        hide: boolean.default(DOOR.hide),
        sources: list("networks", network, LIMITS.networks, formatNetwork).default([...DOOR.sources]),
        always: list("networks", network, LIMITS.always, formatNetwork).default([]),
        closes: list("doors", z.string({ error: "name" satisfies Kind }), LIMITS.closes, (text) => text).default([]),
        // Of a door of ours every wrong hit spoils the knock: there is no key for it.
        sequence: sequenceTable.transform((sequence) => ({ ...sequence, strict: true, once: false, knockd: null })),
        // Of programs of ours every argument is one: there is no key for knockd's way.
        command: commandTable
            .transform((command) => ({ ...command, shell: false }))
            .nullable()
            .default(null),
    },
    { error: "door" satisfies Kind },
)

/** [[hook]] */
export const hookTable = z.strictObject(
    {
        name: doorName,
        on: list(
            "events",
            z.literal(["grant", "end", "refusal", "trouble"], { error: "events" satisfies Kind }),
            LIMITS.events,
            (text) => text,
        ),
        doors: list("doors", z.string({ error: "name" satisfies Kind }), LIMITS.hookDoors, (text) => text)
            .nullable()
            .default(null),
        run: argvWith(HOOK_PLACEHOLDERS),
        timeout: duration(LIMITS.hookTimeout).default(HOOK.timeout),
    },
    { error: "hook" satisfies Kind },
)

/** The file of a knocker. What its keys are is looked at where they are understood. */
export const knockerTable = z.strictObject(
    {
        keys: list("keys", z.string({ error: "key" satisfies Kind }), LIMITS.keys),
        doors: list("doors", z.string({ error: "name" satisfies Kind }), LIMITS.knockerDoors, (text) => text)
            .nullable()
            .default(null),
        generation: integer(LIMITS.generation).default(0),
        comment: z.string({ error: "text" satisfies Kind }).default(""),
    },
    { error: "knocker" satisfies Kind },
)

/** A table, as errors call it. */
export type TableName =
    | "[gateway]"
    | "[[door]]"
    | "[[hook]]"
    | "[door.sequence]"
    | "[door.command]"
    | "the top of a configuration"
    | "a knocker's file"

/** The keys of each table. */
export const KEYS: ReadonlyMap<TableName, readonly string[]> = new Map([
    ["[gateway]", Object.keys(gatewayTable.shape)],
    ["[[door]]", Object.keys(doorTable.shape)],
    ["[door.sequence]", Object.keys(sequenceTable.shape)],
    ["[door.command]", Object.keys(commandTable.shape)],
    ["[[hook]]", Object.keys(hookTable.shape)],
    ["the top of a configuration", ["gateway", "door", "hook"]],
    ["a knocker's file", Object.keys(knockerTable.shape)],
])
