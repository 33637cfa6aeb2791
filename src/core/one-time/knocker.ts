/** Who gets one-time sequences, as the operator's file about them says (spec/one-time.md, section 1). */

import { DOOR_NAME } from "../config/fields.ts"
import { type Found, type Issue, type Path, type Trouble, unreadable } from "../config/issues.ts"
import { issuesIn } from "../config/places.ts"
import { knockerTable } from "../config/schema.ts"
import { nearest } from "../config/suggest.ts"
import { readTable } from "../config/tables.ts"
import { readToml } from "../toml.ts"
import type { Recipient } from "./recipient.ts"

/** Who knocked, where nobody can tell: a fixed sequence is the same for all who know it. So nobody may be called so. */
export const UNKNOWN_KNOCKER = "unknown"

/** Ours: larger than any sensible file of a knocker (bytes); certificates with many signatures fit in. */
export const MAX_KNOCKER_FILE = 262_144

/** A person or device with keys. */
export type Knocker = {
    readonly name: string
    /** Any of these keys reads the bundle; at least one. */
    readonly recipients: readonly Recipient[]
    /** The doors that open for them, by name; null: all that have one-time sequences. */
    readonly doors: readonly string[] | null
    /** How often the operator has had the sequences made anew. */
    readonly generation: number
    /** Whatever the operator wants to remember. */
    readonly comment: string
}

/** The file of a knocker: NAME.toml. */
export type KnockerFile = {
    readonly name: string
    /** How errors call it. */
    readonly file: string
    /** Its contents, or why there are none. */
    readonly text: string | { readonly trouble: Trouble; readonly detail: string }
    /** Permission bits, where known. */
    readonly mode?: number
}

/** A knocker with what is unwise about the file, or all that is wrong with it. */
export type KnockerRead =
    | { readonly ok: true; readonly knocker: Knocker; readonly issues: readonly Issue[] }
    | { readonly ok: false; readonly issues: readonly Issue[] }

/**
 * Understands one key; `why` says what is wrong with it and what to take instead. `doubt`: a key that cannot receive files
 * now, such as an expired certificate, though it is one.
 */
export type ReadKey = (text: string) => KeyRead | Promise<KeyRead>
/** See above. */
export type KeyRead =
    | { readonly ok: true; readonly recipient: Recipient; readonly doubt?: string }
    | { readonly ok: false; readonly why: string }

/** The knocker of a file; null: files of this name hold none. */
export function knockerName(file: string): string | null {
    const name = file.endsWith(".toml") ? file.slice(0, -".toml".length) : ""
    return isKnockerName(name) ? name : null
}

/** May a knocker be called so? `unknown` is whoever knows a fixed sequence, in the audit trail and for programs. */
export function isKnockerName(name: string): boolean {
    return DOOR_NAME.test(name) && name !== UNKNOWN_KNOCKER
}

/** The name of the file of a knocker. */
export function fileOfKnocker(name: string): string {
    return `${name}.toml`
}

/** Reads the file of a knocker. Every problem is told, at its place; nothing throws on any text. */
export async function parseKnocker({ name, file, text, mode }: KnockerFile, readKey: ReadKey): Promise<KnockerRead> {
    const found: Omit<Found, "file">[] = []
    const knocker = typeof text === "string" ? await read(name, text, readKey, found) : null
    if (typeof text !== "string") found.push({ path: [], problem: unreadable("knocker", text) })
    if (mode !== undefined && (mode & 0o022) !== 0) found.push({ path: [], problem: { code: "writable" } })
    const issues = await issuesIn(file, typeof text === "string" ? text : null, found, formatPath)
    const wrong = issues.some(({ severity }) => severity === "error")
    return knocker === null || wrong ? { ok: false, issues } : { ok: true, knocker, issues }
}

/** The doors of a knocker that are not among those with one-time sequences, as problems of the file. */
export function strangeDoors(knocker: Pick<Knocker, "doors">, doors: ReadonlySet<string>): Omit<Found, "file">[] {
    return (knocker.doors ?? []).flatMap((name, index) =>
        doors.has(name)
            ? []
            : [{ path: ["doors", index], problem: { code: "knocker-door", name, near: nearest(name, [...doors]) } }],
    )
}

/** How a path in such a file is called. */
export function formatPath(path: Path): string {
    return path.reduce<string>(
        (text, part) => (typeof part === "number" ? `${text}[${part}]` : text === "" ? part : `${text}.${part}`),
        "",
    )
}

/** Null: it is no TOML, or there are problems. */
async function read(
    name: string,
    text: string,
    readKey: ReadKey,
    found: Omit<Found, "file">[],
): Promise<Knocker | null> {
    const toml = readToml(text)
    if (!toml.ok) {
        const { detail, line, column } = toml
        found.push({ path: [], problem: { code: "syntax", detail, line, column } })
        return null
    }
    const { value, problems } = readTable(knockerTable, toml.table, "a knocker's file")
    found.push(...problems)
    const keys = toml.table["keys"]
    const recipients: Recipient[] = []
    const lines = new Set<string>()
    // The raw list, so that a mistake elsewhere hides none here.
    for (const [index, key] of (Array.isArray(keys) ? keys : []).entries()) {
        if (typeof key !== "string") continue
        const one = await readKey(key)
        const path = ["keys", index]
        if (!one.ok) found.push({ path, problem: { code: "key", why: one.why } })
        else if (lines.has(one.recipient.line)) found.push({ path, problem: { code: "listed-twice" } })
        else {
            if (one.doubt !== undefined) found.push({ path, problem: { code: "key-unusable", why: one.doubt } })
            recipients.push(one.recipient)
            lines.add(one.recipient.line)
        }
    }
    return value && { ...value, name, recipients }
}

/** What is written of a knocker. */
export type KnockerText = Omit<Knocker, "name" | "recipients"> & { readonly keys: readonly string[] }

/** The file of a knocker as a person would write it. */
export function formatKnocker({ keys, doors, generation, comment }: KnockerText): string {
    return [
        ...(comment === "" ? [] : [`comment = ${formatString(comment)}`]),
        ...(generation === 0 ? [] : [`generation = ${generation}`]),
        ...(doors === null ? [] : [`doors = [${doors.map(formatString).join(", ")}]`]),
        "keys = [",
        ...keys.map((key) => `    ${formatString(key)},`),
        "]",
        "",
    ].join("\n")
}

/** TOML 1.0: a basic string, of several lines where the text has some. */
export function formatString(text: string): string {
    const escaped = text.replaceAll(/[\\"]|(?!\n)[\p{Cc}\u007f]/gu, (letter) => {
        if (letter === "\\" || letter === '"') return `\\${letter}`
        return `\\u${letter.codePointAt(0)!.toString(16).padStart(4, "0")}`
    })
    return text.includes("\n") ? `"""\n${escaped}"""` : `"${escaped}"`
}
