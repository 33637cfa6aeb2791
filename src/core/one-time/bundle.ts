/**
 * The text of a bundle: a knocker's upcoming one-time sequences, to lines that a person can type and back
 * (spec/bundle.md, section 1). Signing and sealing are done elsewhere.
 */
import type { Hit, Service } from "../knock/hit.ts"
import {
    formatDuration,
    formatHit,
    formatService,
    parseDuration,
    parseHit,
    parseService,
    type Read,
} from "../knock/language.ts"

/** What a bundle says. Times are milliseconds since 1970, whole seconds; keys are base64 (RFC 4648) of 32 bytes. */
export type Bundle = {
    readonly gateway: string
    readonly knocker: string
    /** Only grows. */
    readonly serial: number
    readonly made: number
    readonly until: number
    /** The gateway's keys; the first is that of now. */
    readonly keys: readonly string[]
    readonly doors: readonly BundleDoor[]
}

/** The sequences of one door, the next one first. */
export type BundleDoor = {
    readonly name: string
    /** What is open after the knock; none where a door does something else. */
    readonly opens: readonly Service[]
    /** The window, in milliseconds. */
    readonly within: number
    readonly sequences: readonly Sequence[]
}

/** What opens the door once. */
export type Sequence = { readonly counter: number; readonly hits: readonly Hit[] }

/** A bundle with the base64 of its signatures, one for each key, and the text that they sign. */
export type SignedBundle = {
    readonly bundle: Bundle
    readonly signatures: readonly string[]
    readonly signed: string
}

/** Why a text is no bundle. */
export type BundleRefusal =
    /** It does not begin as one. */
    | "not-a-bundle"
    /** A later version. */
    | "version"
    /** A line that is not as it must be: `line` counts from 1 in the text. */
    | "line"
    /** Lines are missing, come twice or in another order. */
    | "shape"

/** What reading a text gives. */
export type BundleRead =
    | { readonly ok: true; readonly value: SignedBundle }
    | { readonly ok: false; readonly code: BundleRefusal; readonly line: number }

const FIRST = "postern-bundle 1"
/** Names of gateways, knockers and doors. */
export const NAME = /^[A-Za-z0-9._:-]{1,64}$/
/** The base64 of 32 and of 64 bytes. */
const KEY = /^[A-Za-z0-9+/]{43}=$/
const SIGNATURE = /^[A-Za-z0-9+/]{86}==$/
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/
/** Widths of padding lines: short enough for any terminal. */
const PAD_WIDTH = 64

/** The text that is signed: all of a bundle but padding and signatures. */
export function formatBundle(bundle: Bundle): string {
    return [
        FIRST,
        `gateway ${bundle.gateway}`,
        `knocker ${bundle.knocker}`,
        `serial ${bundle.serial}`,
        `made ${formatMoment(bundle.made)}`,
        `until ${formatMoment(bundle.until)}`,
        ...bundle.keys.map((key) => `key ${key}`),
        ...bundle.doors.flatMap(doorLines),
        "",
    ].join("\n")
}

/** The whole: `padding` bytes that say nothing, what is signed, and the signatures. */
export function formatSigned({ signed, signatures }: Omit<SignedBundle, "bundle">, padding = 0): string {
    const lines = signatures.map((signature) => `signature ${signature}\n`)
    return `${formatPadding(padding)}${signed}${lines.join("")}`
}

/** The `hits` line of a door, without its end. */
export function formatSequence(door: string, { counter, hits }: Sequence): string {
    return `hits ${door} ${counter} ${hits.map(formatHit).join(" ")}`
}

/** Reads what `formatSigned` wrote, and nothing else. Whether a signature is right is not looked at. */
export function parseSigned(text: string): BundleRead {
    const begin = /[^ \n]/.exec(text)?.index ?? text.length
    const before = text.slice(0, begin)
    const padded = before.split("\n").length - 1
    const refuse = (code: BundleRefusal, index = 0): BundleRead => ({ ok: false, code, line: padded + index + 1 })
    if (before !== "" && !before.endsWith("\n")) return refuse("not-a-bundle")
    const body = text.slice(begin)
    const lines = body.split("\n")
    if (lines[0] !== FIRST) return refuse(/^postern-bundle \d+$/.test(lines[0]!) ? "version" : "not-a-bundle")
    const heard: Found = { doors: [], keys: [], signatures: [], sequences: new Map(), texts: new Map() }
    for (const [index, line] of lines.entries()) {
        if (index > 0 && line !== "" && !hear(heard, line)) return refuse("line", index)
    }
    const bundle = bundleOf(heard)
    if (bundle === null) return refuse("shape", lines.length - 1)
    // Whatever is written in another way than ours, or in another order, is not what was signed.
    const value = { bundle, signed: formatBundle(bundle), signatures: heard.signatures }
    return formatSigned(value) === body ? { ok: true, value } : refuse("shape", lines.length - 1)
}

type Sequences = Sequence[]

/** What lines have said so far. */
type Found = {
    /** The texts of those that come once. */
    readonly texts: Map<string, string>
    readonly keys: string[]
    readonly doors: BundleDoor[]
    readonly sequences: Map<string, Sequences>
    readonly signatures: string[]
}

/** What each line that comes once must look like. */
const ONCE: ReadonlyMap<string, RegExp> = new Map([
    ["gateway", NAME],
    ["knocker", NAME],
    ["serial", /^\d{1,16}$/],
    ["made", MOMENT],
    ["until", MOMENT],
])

/** Takes one line in. False: it is not as it must be. */
function hear(found: Found, line: string): boolean {
    const [word = "", ...rest] = line.split(" ")
    const text = rest.join(" ")
    const once = ONCE.get(word)
    if (once !== undefined) return once.test(text) && !found.texts.has(word) && found.texts.set(word, text) !== null
    if (word === "key") return KEY.test(text) && found.keys.push(text) > 0
    if (word === "signature") return SIGNATURE.test(text) && found.signatures.push(text) > 0
    if (word === "door") return hearDoor(found, rest)
    return word === "hits" && hearHits(found, rest)
}

function hearDoor({ doors, sequences }: Found, [name = "", ...rest]: readonly string[]): boolean {
    const [opens, services = "", window, duration = ""] = rest
    if (rest.length !== 4 || opens !== "opens" || window !== "within") return false
    if (!NAME.test(name) || sequences.has(name)) return false
    const read = services === "-" ? { ok: true as const, value: [] } : all(services.split(","), parseService)
    const within = parseDuration(duration)
    if (!read.ok || !within.ok) return false
    const own: Sequences = []
    sequences.set(name, own)
    return doors.push({ name, opens: read.value, within: within.value, sequences: own }) > 0
}

function hearHits({ sequences }: Found, [door = "", counter = "", ...hits]: readonly string[]): boolean {
    const own = sequences.get(door)
    const n = Number(counter)
    if (own === undefined || !/^\d{1,16}$/.test(counter) || !Number.isSafeInteger(n)) return false
    if (hits.length === 0 || hits.length > 8 || n <= (own.at(-1)?.counter ?? -1)) return false
    const read = all(hits, parseHit)
    return read.ok && own.push({ counter: n, hits: read.value }) > 0
}

/** Null: something is missing, or a number too large. */
function bundleOf({ texts, keys, doors, signatures }: Found): Bundle | null {
    const [gateway, knocker] = [texts.get("gateway"), texts.get("knocker")]
    const [serial, made, until] = [texts.get("serial"), texts.get("made"), texts.get("until")]
    if (gateway === undefined || knocker === undefined || serial === undefined) return null
    if (made === undefined || until === undefined || keys.length === 0 || signatures.length !== keys.length) return null
    const numbers = [Number(serial), Date.parse(made), Date.parse(until)] as const
    if (!numbers.every(Number.isSafeInteger)) return null
    return { gateway, knocker, serial: numbers[0], made: numbers[1], until: numbers[2], keys, doors }
}

function doorLines({ name, opens, within, sequences }: BundleDoor): string[] {
    const services = opens.length === 0 ? "-" : opens.map(formatService).join(",")
    return [
        `door ${name} opens ${services} within ${formatDuration(within)}`,
        ...sequences.map((sequence) => formatSequence(name, sequence)),
    ]
}

/** RFC 3339, in UTC, without fractions. */
function formatMoment(ms: number): string {
    return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

/** So many bytes of blank lines. */
export function formatPadding(bytes: number): string {
    const whole = `${" ".repeat(PAD_WIDTH - 1)}\n`.repeat(Math.floor(bytes / PAD_WIDTH))
    const rest = bytes % PAD_WIDTH
    return rest === 0 ? whole : `${whole}${" ".repeat(rest - 1)}\n`
}

/** All of them read, or the first refusal. */
function all<T>(texts: readonly string[], read: (text: string) => Read<T>): Read<T[]> {
    const values: T[] = []
    for (const text of texts) {
        const one = read(text)
        if (!one.ok) return one
        values.push(one.value)
    }
    return { ok: true, value: values }
}
