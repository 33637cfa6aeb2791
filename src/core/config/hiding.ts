/**
 * What is hidden: `hide` of the doors, and [hide], which overrules them. That is a table of its own, so that `postern hide`
 * and `postern unhide` write one small file and need not change what a person has written.
 */
import { codeOf, type HitCode, type Service, uniqueServices } from "../knock/hit.ts"
import { parseService } from "../knock/language.ts"
import type { Config, Door, HideRule } from "./config.ts"
import type { Found } from "./issues.ts"
import type { DoorEntry } from "./rules.ts"
import { isTable, type Placed } from "./tables.ts"

/** What of a configuration says it. */
type Saying = Pick<Config, "doors" | "hide">

/** Ours: entries of [hide] in one file. */
const MOST = 1024

/** A line of [hide] where it stands; `key` as it is written. */
export type HideEntry = { readonly file: string; readonly key: string; readonly rule: HideRule }

/** Services that nobody reaches without a grant, each once. */
export function hiddenServices({ doors, hide }: Saying): Service[] {
    const said = new Map(hide.map((rule) => [codeOf(rule.service), rule.hide]))
    return uniqueServices(doors.flatMap((door) => door.opens.filter((service) => hidesIt(door, service, said))))
}

/** Services of doors that [hide] has opened to everyone: also where they listen on loopback and must be led to. */
export function unhiddenServices({ doors, hide }: Saying): Service[] {
    const opened = new Set(doors.flatMap(({ opens }) => opens.map(codeOf)))
    return hide.filter((rule) => !rule.hide && opened.has(codeOf(rule.service))).map(({ service }) => service)
}

/** Does this door keep this service from those without a grant, so that its `always` means something? */
export function hidesIn({ hide }: Pick<Config, "hide">): (door: Door, service: Service) => boolean {
    const said = new Map(hide.map((rule) => [codeOf(rule.service), rule.hide]))
    return (door, service) => hidesIt(door, service, said)
}

function hidesIt(door: Pick<Door, "hide">, service: Service, said: ReadonlyMap<HitCode, boolean>): boolean {
    return said.get(codeOf(service)) ?? door.hide
}

/** Reads [hide] of one file: what could be understood, and every problem with its place below the table. */
export function readHide(raw: unknown, file: string): { readonly entries: HideEntry[]; readonly problems: Placed[] } {
    if (!isTable(raw))
        return { entries: [], problems: [{ path: [], key: true, problem: { code: "type", kind: "hide" } }] }
    const entries: HideEntry[] = []
    const problems: Placed[] = []
    const lines = Object.entries(raw)
    if (lines.length > MOST) problems.push({ path: [], problem: { code: "count", least: 0, most: MOST } })
    for (const [key, hide] of lines.slice(0, MOST)) {
        const read = parseService(key)
        if (!read.ok) {
            const problem = { code: "refused", word: "service", refused: read, secret: false } as const
            problems.push({ path: [key], key: true, problem })
        } else if (typeof hide !== "boolean") {
            problems.push({ path: [key], problem: { code: "type", kind: "boolean" } })
        } else entries.push({ file, key, rule: { service: read.value, hide } })
    }
    return { entries, problems }
}

/**
 * What must hold between lines of [hide] and doors. `whole`: no file is missing, so a door that is not there does not
 * exist.
 */
export function checkHide(lines: readonly HideEntry[], doors: readonly DoorEntry[], whole: boolean): Found[] {
    const firsts = new Map<HitCode, HideEntry>()
    const opened = new Set(doors.flatMap(({ door }) => door?.opens.map(codeOf) ?? []))
    // A door with mistakes may be the one that opens it.
    const known = whole && doors.every(({ door }) => door !== null)
    return lines.flatMap((line): Found[] => {
        const { file, key, rule } = line
        const [code, path] = [codeOf(rule.service), ["hide", key]]
        const first = firsts.get(code)
        if (first !== undefined) return [{ file, path, key: true, problem: { code: "hidden-twice", file: first.file } }]
        firsts.set(code, line)
        if (!known || opened.has(code)) return []
        return [{ file, path, key: true, problem: { code: rule.hide ? "no-way-in" : "hide-unused" } }]
    })
}
