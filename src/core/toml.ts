/** TOML texts, without what could give a secret away. */
import { parse, TomlError } from "smol-toml"

/** A text as its tables, or what is wrong with it and where (line and column from 1). */
export type Toml =
    | { readonly ok: true; readonly table: Readonly<Record<string, unknown>> }
    | { readonly ok: false; readonly detail: string; readonly line: number; readonly column: number }

/** Reads a text. Never throws. */
export function readToml(text: string): Toml {
    try {
        return { ok: true, table: parse(text, { unsafeKeyBehaviour: "throw", maxDepth: 16 }) }
    } catch (error) {
        if (!(error instanceof TomlError)) throw error
        // The message ends with an excerpt of the text, which may hold a sequence: only its first line is ours to show.
        const detail = error.message.split("\n", 1)[0]!.replace("Invalid TOML document: ", "")
        return { ok: false, detail, line: error.line, column: error.column }
    }
}
