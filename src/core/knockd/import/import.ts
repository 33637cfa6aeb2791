/**
 * knockd.conf to a configuration of ours. What is written is held against our own check before anybody sees it: what is
 * an error there leaves its door out, with the reason, and what is unwise stands beside it as a risk. Pure.
 */
import { MAX_DOORS } from "../../config/defaults.ts"
import type { Issue } from "../../config/issues.ts"
import { readConfig } from "../../config/parse.ts"
import { type FoundFile, type KnockdDoor, type KnockdReading, readKnockdConf } from "../conf.ts"
import type { Oddity } from "../oddities.ts"
import { knockdText } from "../texts.ts"
import { type Draft, draftDoors } from "./door.ts"
import { type Gateway, gatewayOf } from "./gateway.ts"
import { type Risk, renderImport } from "./render.ts"
import { GRANTS_TEXT, leftText, RIGHTS_TEXT, readableText } from "./texts.ts"
import { seen } from "./writing.ts"

/** What became of a file. */
export type Imported =
    | {
          readonly ok: true
          readonly text: string
          /** How many doors are in it. */
          readonly doors: number
          /** Doors that are not, and why. */
          readonly left: readonly { readonly name: string; readonly why: string }[]
      }
    /** knockd would not start with it: the mistake, in knockd's words. */
    | { readonly ok: false; readonly message: string }

/** Where the text comes was. */
export type Origin = {
    /** As a person calls it. */
    readonly name: string
    /** Everybody on the host can read it. */
    readonly readable: boolean
}

/** Imports a knockd.conf, one character per byte. Never throws on any text. */
export async function importKnockdConf(text: string, origin: Origin): Promise<Imported> {
    const reading = readWithoutFiles(text)
    if (!reading.ok) return { ok: false, message: "message" in reading ? seen(reading.message) : "" }
    const { conf, oddities } = reading
    if (conf.doors.length > MAX_DOORS) return { ok: false, message: `more than ${MAX_DOORS} doors` }
    const gateway = gatewayOf(conf.options)
    const checked = await leaveOut(draftDoors(conf.doors), gateway)
    if (!checked.ok) return checked
    const { drafts, issues } = checked
    const odd = oddRisks(oddities, conf.doors)
    const doubts = doubtsOf(issues, drafts)
    const risks = new Map(
        drafts.map(({ name, was }) => [name, [...(odd.get(was.line) ?? []), ...(doubts.get(name) ?? [])]]),
    )
    const deeds = new Set(drafts.flatMap(({ does, out }) => (out === null ? [does.plan] : [])))
    const heads = [
        ...(deeds.has("open") ? [GRANTS_TEXT] : []),
        ...(deeds.has("run") ? [RIGHTS_TEXT] : []),
        ...(origin.readable ? [readableText(origin.name)] : []),
        ...(odd.get(0) ?? []).map(({ where, message }) => `risk: ${where}: ${message}.`),
    ]
    const left = drafts.flatMap(({ was, out }) =>
        out === null ? [] : [{ name: seen(was.name), why: seen(leftText(out)) }],
    )
    const written = renderImport(origin.name, heads, gateway, drafts, risks)
    return { ok: true, text: written, doors: drafts.length - left.length, left }
}

/** Files of one-time sequences stand for themselves: their doors are left out, whatever is in them. */
function readWithoutFiles(text: string): KnockdReading {
    const files = new Map<string, FoundFile>()
    for (;;) {
        const reading = readKnockdConf(text, files)
        if (reading.ok || !("wants" in reading)) return reading
        for (const path of reading.wants) files.set(path, { ok: true, text: "1\n" })
    }
}

type Checked =
    | { readonly ok: true; readonly drafts: readonly Draft[]; readonly issues: readonly Issue[] }
    | { readonly ok: false; readonly message: string }

/** Leaves doors out until our own check finds no error. */
async function leaveOut(all: readonly Draft[], gateway: Gateway): Promise<Checked> {
    let drafts = withoutDangling(all)
    // Each round leaves one out at least.
    for (;;) {
        if (drafts.every(({ out }) => out !== null)) return { ok: true, drafts, issues: [] }
        // Comments are not checked, and are most of it.
        const text = renderImport("", [], gateway, drafts, new Map()).replaceAll(/^#.*\n/gm, "")
        const { issues } = await readConfig([{ file: "", text }], { listening: null })
        // Which doors are wrong beyond that is seen in the next round.
        const errors = issues.filter(({ severity, code }) => severity === "error" && code !== "too-many-problems")
        if (errors.length === 0) return { ok: true, drafts, issues }
        const names = new Set(drafts.map(({ name }) => name))
        // The first error of each.
        const wrong = new Map(errors.toReversed().map((issue) => [doorOf(issue, names), issue]))
        if (wrong.has(null)) return { ok: false, message: wrong.get(null)!.message }
        drafts = withoutDangling(
            drafts.map((draft) => {
                const issue = wrong.get(draft.name)
                return issue === undefined ? draft : { ...draft, out: { left: "refused", message: issue.message } }
            }),
        )
    }
}

/** A door closes only those that are there. */
function withoutDangling(drafts: readonly Draft[]): Draft[] {
    const there = new Set(drafts.flatMap(({ name, out }) => (out === null ? [name] : [])))
    return drafts.map((draft) => {
        const { does, out } = draft
        if (does.plan !== "close" || out !== null) return draft
        const closes = does.closes.filter((name) => there.has(name))
        return closes.length === 0
            ? { ...draft, out: { left: "closes-nothing" } }
            : { ...draft, does: { ...does, closes } }
    })
}

/** The door that an issue is about. Names have dots in them: the longest that fits. */
function doorOf({ path }: Issue, names: ReadonlySet<string>): string | null {
    for (
        let name = path.replace(/^door\./, "");
        name !== "";
        name = name.slice(0, Math.max(0, name.lastIndexOf(".")))
    ) {
        if (names.has(name)) return name
    }
    return null
}

/** What our own check has against each door, by its name. */
function doubtsOf(issues: readonly Issue[], drafts: readonly Draft[]): Map<string, Risk[]> {
    const names = new Set(drafts.map(({ name }) => name))
    const risks = new Map<string, Risk[]>()
    for (const issue of issues) {
        const name = issue.severity === "warning" ? doorOf(issue, names) : null
        if (name === null) continue
        const where = issue.path.slice(`door.${name}.`.length)
        risks.set(name, [...(risks.get(name) ?? []), { where, message: issue.message }])
    }
    return risks
}

/** What knockd takes without a word, by the line of its door; 0: of the options. What a name becomes is told there. */
function oddRisks(oddities: readonly Oddity[], doors: readonly KnockdDoor[]): Map<number, Risk[]> {
    const risks = new Map<number, Risk[]>()
    let at = -1
    // Both are in the order of their lines.
    for (const oddity of oddities) {
        const { odd, line } = oddity
        // Those are told where they are taken over.
        if (odd === "again" || odd === "name" || odd === "extra") continue
        while ((doors[at + 1]?.line ?? Number.POSITIVE_INFINITY) <= line) at++
        const door = oddity.door === null ? 0 : (doors[at]?.line ?? 0)
        const risk = { where: `line ${line}`, message: knockdText({ code: "odd", oddity }) }
        risks.set(door, [...(risks.get(door) ?? []), risk])
    }
    return risks
}
