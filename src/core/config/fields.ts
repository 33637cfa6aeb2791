/**
 * The pieces that tables of a configuration are made of (`schema.ts`): raw TOML values in, the words of the core or a
 * problem out.
 */
import * as z from "zod"
import { parseDuration, parseService, type Read } from "../knock/language.ts"
import type { Word } from "../knock/texts.ts"
import { formatAddress, parseAddress, parseNetwork } from "../net/address.ts"
import { GATEWAY, LIMITS } from "./defaults.ts"
import type { Kind, Problem } from "./issues.ts"
import { parsePlace } from "./place.ts"
import { nearest } from "./suggest.ts"
import { isKind } from "./texts.ts"

type Limits = readonly [number, number]
type Context = { readonly issues: z.core.$ZodRawIssue[] }

/** Adds a problem at the value being read; `inside` leads further down. */
export function report(context: Context, input: unknown, problem: Problem, inside: (string | number)[] = []): void {
    context.issues.push({ code: "custom", input, path: inside, params: { problem } })
}

/** A word of the knock language. `secret`: nothing of it may be in the error. */
export function word<T>(kind: Word, parse: (text: string) => Read<T>, secret = false) {
    return z.string({ error: kind }).transform((value, context): T => {
        const result = parse(value)
        if (result.ok) return result.value
        report(context, value, { code: "refused", word: kind, refused: result, secret })
        return z.NEVER
    })
}

/** A text that becomes a value, or null if it is none. */
export function value<T extends object>(kind: Kind, parse: (text: string) => T | null, problem: Problem) {
    return z.string({ error: kind }).transform((text, context): T => {
        const result = parse(text)
        if (result !== null) return result
        report(context, text, problem)
        return z.NEVER
    })
}

/** What a door may be called. */
export const DOOR_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** The name of a door, a hook or a group. */
export const doorName = z.string({ error: "name" satisfies Kind }).check((context) => {
    if (!DOOR_NAME.test(context.value)) report(context, context.value, { code: "name" })
})

export function integer([least, most]: Limits) {
    return z.int({ error: "integer" satisfies Kind }).check((context) => {
        if (context.value < least || context.value > most)
            report(context, context.value, { code: "range", least, most })
    })
}

export function duration([least, most]: Limits) {
    return word("duration", parseDuration).check((context) => {
        if (context.value < least || context.value > most)
            report(context, context.value, { code: "duration-range", least, most })
    })
}

/** true or false. */
export const boolean = z.boolean({ error: "boolean" satisfies Kind })

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
export function list<T extends z.ZodType>(
    kind: Kind,
    item: T,
    [least, most]: Limits,
    format?: (item: z.output<T>) => string,
) {
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

/** A service, a network, an address, and a list of these. */
export const service = word("service", parseService)
export const network = value("network", parseNetwork, { code: "network" })
export const address = value("address", parseAddress, { code: "address" })
export const addresses = list("addresses", address, LIMITS.target, formatAddress)
/** `10.0.0.5`, `10.0.0.5:2222`, `[fd00::5]:2222`. */
export const place = value("place", parsePlace, { code: "place" })
/** One bit of 32: `"0x10000000"`. */
export const mark = value("mark", parseMark, { code: "mark" })
    .transform(({ bit }) => bit)
    .default(GATEWAY.mark)

/** Which bit, or null. An object, because 0 is none. */
function parseMark(text: string): { readonly bit: number } | null {
    const bit = /^0x[0-9a-f]{1,8}$/i.test(text) ? Number(text) : 0
    return Number.isInteger(Math.log2(bit)) ? { bit } : null
}
/** The name of an interface. */
export const interfaceName = z.string({ error: "interfaces" satisfies Kind }).check((context) => {
    const { value } = context
    if (value === "auto" || value === "any") report(context, value, { code: "type", kind: "interfaces" })
    else if (!/^[^\s/\0]{1,15}$/.test(value) || value === "." || value === "..")
        report(context, value, { code: "interface" })
})

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
export function argvWith(placeholders: readonly string[]) {
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

/** A value that is either `one` shape or `other`, chosen by what it is, so that its errors are those of one shape. */
export function either<A extends z.ZodType, B extends z.ZodType>(isOne: (raw: unknown) => boolean, one: A, other: B) {
    return z.unknown().transform((raw, context): z.output<A> | z.output<B> => {
        const read = isOne(raw) ? inside(context, one, raw) : inside(context, other, raw)
        return read ? read.value : z.NEVER
    })
}
