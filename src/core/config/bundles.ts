/** Reads [bundles] with its targets, as `parse.ts` reads the other tables. */
import type { Bundles, PublishTarget } from "./config.ts"
import { LIMITS } from "./defaults.ts"
import { bundlesTable, targetTables } from "./schema-one-time.ts"
import { isTable, type Placed, readTable } from "./tables.ts"

/** What it says, or null and every problem with its place below the table. */
export function readBundles(raw: unknown): { readonly value: Bundles | null; readonly problems: readonly Placed[] } {
    const { value: table, problems } = readTable(bundlesTable, raw, "[bundles]")
    const given = isTable(raw) ? raw["publish"] : undefined
    const targets = Array.isArray(given) ? given : []
    const found: Placed[] = [...problems]
    const [least, most] = LIMITS.publish
    if (targets.length > most) found.push({ path: ["publish"], problem: { code: "count", least, most } })
    const publish = targets.slice(0, most * 2).flatMap((target: unknown, index): PublishTarget[] => {
        const read = readTarget(target)
        for (const one of read.problems) found.push({ ...one, path: ["publish", index, ...one.path] })
        return read.value === null ? [] : [read.value]
    })
    return { value: table === null || found.length > 0 ? null : { ...table, publish }, problems: found }
}

function readTarget(raw: unknown): { readonly value: PublishTarget | null; readonly problems: readonly Placed[] } {
    const kinds = isTable(raw) ? (["directory", "put", "run"] as const).filter((kind) => kind in raw) : []
    const [kind, second] = kinds
    if (isTable(raw) && (kind === undefined || second !== undefined)) {
        return {
            value: null,
            problems: [{ path: second === undefined ? [] : [second], problem: { code: "one-target" } }],
        }
    }
    const table = "[[bundles.publish]]"
    if (kind === "put") {
        const { value, problems } = readTable(targetTables.put, raw, table)
        if (value === null) return { value, problems }
        return { value: { kind, url: value.put, headers: value.headers, timeout: value.timeout }, problems }
    }
    if (kind === "run") {
        const { value, problems } = readTable(targetTables.run, raw, table)
        return { value: value && { kind, ...value }, problems }
    }
    const { value, problems } = readTable(targetTables.directory, raw, table)
    return { value: value && { kind: "directory", ...value }, problems }
}
