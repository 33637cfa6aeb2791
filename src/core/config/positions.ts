/**
 * Where a path stands in a TOML text. The parser that knows positions is large and slow, so it is loaded only when
 * there is something to point at.
 */
import type { AST } from "toml-eslint-parser"
import type { Path } from "./issues.ts"

/** Both from 1; columns count UTF-16 units. */
type Position = { readonly line: number; readonly column: number }

/** Finds paths in one text. `key` asks for the key itself instead of its value. */
export type Locate = (path: Path, key?: boolean) => Position

type Place = { readonly key: Position; readonly value: Position }

/**
 * Prepares to find paths in a text that is valid TOML. What is not there itself (a missing key) is found at its
 * nearest parent; the file as a whole at 1:1.
 */
export async function locator(text: string): Promise<Locate> {
    const { parseTOML } = await import("toml-eslint-parser")
    const places = new Map<string, Place>()
    try {
        for (const node of parseTOML(text, { tomlVersion: "next" }).body[0].body) {
            if (node.type === "TOMLKeyValue") note(places, [], node)
            else {
                const table = { key: start(node.key), value: start(node) }
                // The first of several headers is the place of what they have in common.
                for (let i = 1; i <= node.resolvedKey.length; i++) put(places, node.resolvedKey.slice(0, i), table)
                for (const pair of node.body) note(places, node.resolvedKey, pair)
            }
        }
    } catch {
        // The two parsers disagree about this text: the message stands without its place rather than not at all.
    }
    return (path, key = false) => {
        for (let length = path.length; length > 0; length--) {
            const place = places.get(JSON.stringify(path.slice(0, length)))
            if (place) return key && length === path.length ? place.key : place.value
        }
        return { line: 1, column: 1 }
    }
}

function note(places: Map<string, Place>, base: Path, pair: AST.TOMLKeyValue): void {
    let path = base
    const value = start(pair.value)
    for (const part of pair.key.keys) {
        path = [...path, part.type === "TOMLBare" ? part.name : part.value]
        put(places, path, { key: start(part), value })
    }
    inside(places, path, pair.value)
}

function inside(places: Map<string, Place>, path: Path, node: AST.TOMLContentNode): void {
    if (node.type === "TOMLInlineTable") for (const pair of node.body) note(places, path, pair)
    if (node.type !== "TOMLArray") return
    node.elements.forEach((element, index) => {
        put(places, [...path, index], { key: start(element), value: start(element) })
        inside(places, [...path, index], element)
    })
}

function put(places: Map<string, Place>, path: Path, place: Place): void {
    const name = JSON.stringify(path)
    if (!places.has(name)) places.set(name, place)
}

function start(node: { readonly loc: AST.SourceLocation }): Position {
    return { line: node.loc.start.line, column: node.loc.start.column + 1 }
}
