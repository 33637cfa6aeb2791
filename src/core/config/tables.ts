/** One table of a TOML file through its schema: a value, or every problem of it with its place. */
import type * as z from "zod"
import { MAX_PROBLEMS } from "./defaults.ts"
import { problemOf } from "./fields.ts"
import type { Path, Problem } from "./issues.ts"
import { KEYS, type TableName } from "./schema.ts"
import { nearest } from "./suggest.ts"

/** A problem at a place below the table that was read. */
export type Placed = { readonly path: Path; readonly key?: true; readonly problem: Problem }

/** Reads a table. `value` is null if there is any problem. */
export function readTable<T extends z.ZodType>(schema: T, raw: unknown, table: TableName) {
    const result = schema.safeParse(raw)
    if (result.success) return { value: result.data, problems: [] }
    return { value: null, problems: result.error.issues.flatMap((issue) => placedOf(issue, raw, table)) }
}

function placedOf(issue: z.core.$ZodIssue, raw: unknown, table: TableName): Placed[] {
    const path = issue.path.filter((part) => typeof part !== "symbol")
    if (issue.code === "unrecognized_keys")
        return issue.keys.slice(0, MAX_PROBLEMS).map((key) => unknownKey(path, key, table))
    const problem = problemOf(issue)
    const missing = problem.code === "type" && at(raw, path) === undefined
    return [{ path, problem: missing ? { code: "missing", kind: problem.kind } : problem }]
}

function at(raw: unknown, path: Path): unknown {
    return path.reduce(
        (value, part) => (isTable(value) ? value[part] : Array.isArray(value) ? value[Number(part)] : undefined),
        raw,
    )
}

/** Is this a TOML table? */
export function isTable(raw: unknown): raw is Readonly<Record<string, unknown>> {
    return typeof raw === "object" && raw !== null && !Array.isArray(raw)
}

/** Words of knockd.conf and slips of the pen that no edit distance finds. */
const SYNONYMS: ReadonlyMap<string, string> = new Map([
    ["seq_timeout", "within"],
    ["window", "within"],
    ["tcpflags", "flags"],
    ["ports", "hits"],
    ["port", "opens"],
    ["service", "opens"],
    ["duration", "for"],
    ["ttl", "for"],
    ["start_command", "start"],
    ["stop_command", "stop"],
    ["cmd_timeout", "after"],
    ["allow", "sources"],
    ["whitelist", "always"],
    ["options", "gateway"],
])

/** Kinds of knock that this version does not have. */
const LATER: readonly string[] = ["keys"]

/** Tables inside the one that is read. */
const INNER: ReadonlyMap<string | number | undefined, TableName> = new Map([
    ["sequence", "[door.sequence]"],
    ["one_time", "[door.one_time]"],
    ["command", "[door.command]"],
    ["network", "network of a door"],
])

/** The problem of a key that is not known: what was meant, and where it belongs. */
export function unknownKey(base: Path, key: string, top: TableName): Placed {
    const path = [...base, key]
    const table = INNER.get(base.at(-1)) ?? top
    if (table === "[[door]]" && LATER.includes(key)) return { path, key: true, problem: { code: "later", key } }
    const own = KEYS.get(table) ?? []
    const meant = SYNONYMS.get(key.toLowerCase()) ?? key
    const found = (keys: readonly string[]) => (keys.includes(meant) ? meant : nearest(key, keys))
    let near = found(own)
    let home: string | null = null
    // It may be a key of another table: the exact word first, then a near one.
    for (const [other, keys] of KEYS) {
        if (near === null && keys.includes(meant)) [near, home] = [meant, other]
    }
    for (const [other, keys] of KEYS) {
        if (near === null && found(keys) !== null) [near, home] = [found(keys), other]
    }
    return { path, key: true, problem: { code: "unknown-key", key, table, near, home } }
}
