/** TOML texts, without what could give a secret away. */
import { parse, TomlError } from "smol-toml"

/** A text as its tables, or what is wrong with it and where (line and column from 1). */
export type Toml =
    | { readonly ok: true; readonly table: Readonly<Record<string, unknown>> }
    | { readonly ok: false; readonly detail: string; readonly line: number; readonly column: number }

/** Ours: no file of ours needs a quarter of it. */
const MAX_DEPTH = 16

/** How many tables and lists stand in one another, as far as it matters. */
function depthOf(value: unknown, depth = 0): number {
    if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return depth
    let deepest = depth
    for (const inner of Object.values(value)) deepest = Math.max(deepest, depthOf(inner, depth + 1))
    return deepest
}

/** Reads a text. Never throws. */
export function readToml(text: string): Toml {
    try {
        const table = parse(text, { unsafeKeyBehaviour: "throw", maxDepth: MAX_DEPTH })
        if (depthOf(table) <= MAX_DEPTH) return { ok: true, table }
        // The parser bounds brackets, not the dots of a key.
        const line = text.split("\n").findIndex((one) => one.split(".", MAX_DEPTH + 1).length > MAX_DEPTH) + 1
        return { ok: false, detail: `tables in more than ${MAX_DEPTH} tables`, line: Math.max(1, line), column: 1 }
    } catch (error) {
        if (!(error instanceof TomlError)) throw error
        // The message ends with an excerpt of the text, which may hold a sequence: only its first line is ours to show.
        const detail = error.message.split("\n", 1)[0]!.replace("Invalid TOML document: ", "")
        return { ok: false, detail, line: error.line, column: error.column }
    }
}
