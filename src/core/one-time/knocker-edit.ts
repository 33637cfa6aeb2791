/** Changes in the file of a knocker that leave everything else as the person wrote it: comments, order, blanks. */
import type { AST } from "toml-eslint-parser"
import { formatString } from "./knocker.ts"

/** The text with these keys behind those that are there. Throws RangeError where there is no list of keys to add to. */
export async function withKeys(text: string, keys: readonly string[]): Promise<string> {
    const list = await valueAt(text, "keys")
    if (list?.type !== "TOMLArray") throw new RangeError("no list of keys")
    const [begin, end] = list.range
    const last = list.elements.at(-1)
    const from = last?.range[1] ?? begin + 1
    const tail = text.slice(from, end - 1)
    // A comma behind the last one may be there, and perhaps a comment behind that, which it must not go into.
    const bare = tail.replace(/#.*/g, (comment) => " ".repeat(comment.length))
    const at = bare.indexOf(",") < 0 ? from : from + bare.indexOf(",") + 1
    const comma = last === undefined || at !== from ? "" : ","
    const close = text.slice(at, end - 1)
    const lines = keys.map((key) => `\n    ${formatString(key)},`).join("")
    // What stands behind the last key in its line stays there.
    const [line = "", ...rest] = close.split("\n")
    const after = rest.length === 0 && line.trim() === "" ? "\n" : `\n${rest.join("\n")}`
    return `${text.slice(0, at)}${comma}${line.trimEnd()}${lines}${after.endsWith("\n") || rest.length > 0 ? after : `${after}\n`}${text.slice(end - 1)}`
}

/** The text with this generation. */
export async function withGeneration(text: string, generation: number): Promise<string> {
    const value = await valueAt(text, "generation")
    if (value === null) return `generation = ${generation}\n${text}`
    const [begin, end] = value.range
    return `${text.slice(0, begin)}${generation}${text.slice(end)}`
}

/** The value of a key at the top; null: it is not there. Throws where the text is no TOML. */
async function valueAt(text: string, name: string): Promise<AST.TOMLContentNode | null> {
    const { parseTOML } = await import("toml-eslint-parser")
    for (const node of parseTOML(text, { tomlVersion: "next" }).body[0].body) {
        if (node.type !== "TOMLKeyValue" || node.key.keys.length !== 1) continue
        const [key] = node.key.keys
        if ((key?.type === "TOMLBare" ? key.name : key?.value) === name) return node.value
    }
    return null
}
