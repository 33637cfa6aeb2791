/**
 * The file that `postern hide` and `postern unhide` write, with nothing but [hide] in it. Lines, comments and order of a
 * person stay: one line is changed or added.
 */
import { codeOf, type Service } from "../knock/hit.ts"
import { formatService, parseService } from "../knock/language.ts"
import { readToml } from "../toml.ts"
import { readHide } from "./hiding.ts"

/** Its name, beside the main file. */
export const HIDE_FILE = "conf.d/hide.toml"

const HEAD = `# What is hidden, whatever the doors say: postern.toml(5), [hide]. Written by postern hide and postern unhide.
[hide]
`

/** The text with what it says of this service; null: it is written in a way that no line of it can be changed. */
export function withRule(before: string | null, service: Service, hide: boolean): string | null {
    const text = before === null || before.trim() === "" ? HEAD : before
    const lines = text.endsWith("\n") ? text.split("\n").slice(0, -1) : text.split("\n")
    const wanted = `"${formatService(service)}" = ${hide}`
    const at = lines.findIndex((line) => isRuleOf(line, service))
    const table = lines.findIndex((line) => /^\s*\[\s*hide\s*\]\s*(#.*)?$/.test(line))
    if (at !== -1) lines[at] = lines[at]!.replace(RULE, (_, margin: string) => `${margin}${wanted}`)
    else if (table !== -1) lines.splice(endOf(lines, table), 0, wanted)
    else lines.push("", "[hide]", wanted)
    const after = `${lines.join("\n")}\n`
    return says(after, service) === hide ? after : null
}

/** What a file says of a service; null: nothing, or it cannot be read. */
export function says(text: string, service: Service): boolean | null {
    const read = readToml(text)
    if (!read.ok) return null
    const { entries } = readHide(read.table["hide"] ?? {}, "")
    return entries.find(({ rule }) => codeOf(rule.service) === codeOf(service))?.rule.hide ?? null
}

const RULE = /^(\s*)["']?([\w/]+)["']?\s*=\s*(true|false)\b/

function isRuleOf(line: string, service: Service): boolean {
    const key = RULE.exec(line)?.[2]
    const read = key === undefined ? null : parseService(key)
    return read?.ok === true && codeOf(read.value) === codeOf(service)
}

/** Behind the last line of a table that says something. */
function endOf(lines: readonly string[], table: number): number {
    const rest = lines.slice(table + 1)
    const next = rest.findIndex((line) => /^\s*\[/.test(line))
    const own = next === -1 ? rest : rest.slice(0, next)
    const last = own.findLastIndex((line) => line.trim() !== "")
    return table + 1 + last + 1
}
