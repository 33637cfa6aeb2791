/**
 * Configuration texts to a Config, or to every problem they have. Pure: reading files is for others, and nothing is
 * ever half applied.
 */
import type { Service } from "../knock/hit.ts"
import type { Knocker } from "../one-time/knocker.ts"
import { readToml } from "../toml.ts"
import { readBundles } from "./bundles.ts"
import { fixedSettings } from "./changes.ts"
import { checkDoubts } from "./check.ts"
import type { Bundles, Config, Gateway } from "./config.ts"
import { GATEWAY, MAX_DOORS, MAX_HOOKS, MAX_PROBLEMS } from "./defaults.ts"
import { DOOR_NAME } from "./fields.ts"
import { checkHide, type HideEntry, readHide } from "./hiding.ts"
import { checkHost, type Lacks } from "./host.ts"
import { type Found, type Issue, isUnread, type Path, severityOf, type Trouble, unreadable } from "./issues.ts"
import { checkBundles, checkUpcoming } from "./one-time.ts"
import { issuesIn } from "./places.ts"
import { checkReach } from "./reach.ts"
import { checkHooks, checkRules, type DoorEntry, type HookEntry } from "./rules.ts"
import { doorTable, gatewayTable, hookTable } from "./schema.ts"
import { isTable, type Placed, readTable, unknownKey } from "./tables.ts"

/** One file: the main one first, then those of conf.d in the order of their names. */
export type ConfigFile = {
    /** How errors call it. */
    readonly file: string
    /** Its contents, or why there are none. */
    readonly text: string | { readonly trouble: Trouble; readonly detail: string }
    /** Permission bits, where known. */
    readonly mode?: number
}

/** What is known beside the texts. */
export type HostFacts = {
    /** Services on which something listens outside, for warnings alone; null: not known. */
    readonly listening: readonly Service[] | null
    /** Those on which something listens on loopback, where who knocks can be led to; left out: none. */
    readonly inside?: readonly Service[]
    /** What the host does not have of what is named, for warnings alone; left out: not known. */
    readonly lacks?: Lacks
    /** Reads the files of knockers, where doors (of these names) have one-time sequences; left out: nobody looks at them. */
    readonly knockers?: (bundles: Bundles, doors: ReadonlySet<string>) => Promise<KnockersRead>
    /** What the daemon runs with that shall take this configuration over: some of it must stay as it is. */
    readonly running?: Gateway
}

/** All knockers, in the order of their names (by code unit), or every problem. `issues`: also what is unwise. */
export type KnockersRead =
    | { readonly ok: true; readonly knockers: readonly Knocker[]; readonly issues: readonly Issue[] }
    | { readonly ok: false; readonly issues: readonly Issue[] }

/**
 * A configuration with what is unwise about it, or all that is wrong. Issues are in the order of their places, those of
 * knockers' files last. `knockers`: none where nobody looked.
 */
export type Reading =
    | {
          readonly ok: true
          readonly config: Config
          readonly knockers: readonly Knocker[]
          readonly issues: readonly Issue[]
      }
    | { readonly ok: false; readonly issues: readonly Issue[] }

/** Reads a configuration. Never throws on any text. */
export async function readConfig(files: readonly ConfigFile[], facts: HostFacts): Promise<Reading> {
    const parsed = parseFiles(files)
    // A [gateway] with mistakes, or one in a file that cannot be read, is not compared.
    const unread = parsed.found.some(({ problem }) => problem.code === "syntax" || isUnread(problem))
    const gateway = parsed.gatewayFile === null && !unread ? GATEWAY : parsed.gateway
    const fixed =
        facts.running && gateway && fixedSettings(facts.running, gateway, parsed.gatewayFile ?? files[0]!.file)
    const doubtsOfHost = facts.lacks === undefined ? [] : checkHost(parsed, facts.lacks)
    const { bundles } = parsed
    const oneTime = parsed.entries.flatMap(({ door }) => (door?.oneTime ? [door.name] : []))
    const asked = bundles !== null && oneTime.length > 0
    const read = asked && facts.knockers !== undefined ? await facts.knockers(bundles, new Set(oneTime)) : null
    const knockers = read?.ok === true ? read.knockers : []
    const upcoming = read?.ok === true ? checkUpcoming(parsed, knockers) : []
    const doubts = [...checkDoubts(parsed, files, facts), ...doubtsOfHost]
    const found = [...parsed.found, ...(fixed ?? []), ...upcoming, ...doubts]
    const issues = [...(await place(files, parsed.entries, bounded(found))), ...(read?.issues ?? [])]
    if (issues.some(({ severity }) => severity === "error")) return { ok: false, issues }
    const doors = parsed.entries.flatMap(({ door }) => door ?? [])
    const hooks = parsed.hooks.flatMap(({ hook }) => hook ?? [])
    const hide = parsed.hide.map(({ rule }) => rule)
    const config = { gateway: parsed.gateway ?? GATEWAY, doors, hooks, bundles, hide }
    return { ok: true, config, knockers, issues }
}

/** No more than anybody reads, errors before what is only unwise; the last says that there are more. */
function bounded(found: readonly Found[]): readonly Found[] {
    if (found.length <= MAX_PROBLEMS) return found
    const errors = found.filter(({ problem }) => severityOf(problem) === "error")
    const shown = (errors.length > 0 ? errors : found).slice(0, MAX_PROBLEMS)
    const code = errors.length > 0 ? "too-many-problems" : "too-many-doubts"
    return [...shown, { file: shown.at(-1)!.file, path: [], problem: { code, most: MAX_PROBLEMS } }]
}

/** Everything that could be understood, and every mistake. */
export type Parsed = {
    /** Null: there was none, or it had mistakes. */
    readonly gateway: Gateway | null
    /** The file of [gateway]. */
    readonly gatewayFile: string | null
    readonly entries: readonly DoorEntry[]
    readonly hooks: readonly HookEntry[]
    /** Null: there was none, or it had mistakes. */
    readonly bundles: Bundles | null
    /** The file of [bundles]. */
    readonly bundlesFile: string | null
    readonly hide: readonly HideEntry[]
    readonly found: readonly Found[]
}

function parseFiles(files: readonly ConfigFile[]): Parsed {
    const found: Found[] = []
    const entries: DoorEntry[] = []
    const hooks: HookEntry[] = []
    let gateway: Gateway | null = null
    let gatewayFile: string | null = null
    let bundles: Bundles | null = null
    let bundlesFile: string | null = null
    const hide: HideEntry[] = []
    let whole = true
    let doors = 0
    for (const { file, text } of files) {
        const add = (placed: readonly Placed[], base: Path = []) => {
            for (const one of placed) found.push({ ...one, file, path: [...base, ...one.path] })
        }
        const root = parseToml(text)
        if ("problem" in root) {
            add([root])
            whole = false
            continue
        }
        for (const [key, value] of Object.entries(root.table)) {
            if (key === "gateway") {
                if (gatewayFile !== null)
                    add([{ path: [key], key: true, problem: { code: "second-gateway", file: gatewayFile } }])
                const { value: table, problems } = readTable(gatewayTable, value, "[gateway]")
                add(problems, [key])
                if (gatewayFile === null && table) {
                    const { log_group: logGroup, socket_group: socketGroup, ...rest } = table
                    gateway = { ...rest, logGroup, socketGroup }
                }
                gatewayFile ??= file
            } else if (key === "door") {
                if (!Array.isArray(value)) add([{ path: [key], key: true, problem: { code: "type", kind: "door" } }])
                else {
                    doors += value.length
                    // Refused as a whole before any of it is looked at.
                    if (doors > MAX_DOORS) continue
                    for (const [index, raw] of value.entries()) entries.push(readDoor(raw, index, file, add))
                }
            } else if (key === "hook") {
                if (!Array.isArray(value)) add([{ path: [key], key: true, problem: { code: "type", kind: "hook" } }])
                else {
                    const room = Math.max(0, MAX_HOOKS + 1 - hooks.length)
                    for (const [index, raw] of value.slice(0, room).entries())
                        hooks.push(readHook(raw, index, file, add))
                }
            } else if (key === "bundles") {
                if (bundlesFile !== null)
                    add([{ path: [key], key: true, problem: { code: "second-bundles", file: bundlesFile } }])
                const read = readBundles(value)
                add(read.problems, [key])
                if (bundlesFile === null) bundles = read.value
                bundlesFile ??= file
            } else if (key === "hide") {
                const read = readHide(value, file)
                add(read.problems, [key])
                hide.push(...read.entries)
            } else if (found.length <= MAX_PROBLEMS) add([unknownKey([], key, "the top of a configuration")])
        }
    }
    const [main] = files
    if (doors > MAX_DOORS && main) {
        const problem = { code: "too-many-doors", most: MAX_DOORS, doors } as const
        const nothing = { entries: [], hooks: [], bundles: null, bundlesFile: null, hide: [] }
        return { gateway, gatewayFile, ...nothing, found: [{ file: main.file, path: [], problem }] }
    }
    if (whole && entries.length === 0 && main && !found.some(({ path }) => path[0] === "door"))
        found.push({ file: main.file, path: [], problem: { code: "no-doors" } })
    const broken = [
        ...checkRules(entries, whole),
        ...checkHide(hide, entries, whole),
        ...checkReach(
            entries,
            hide.map(({ rule }) => rule),
        ),
        ...checkHooks(hooks, entries, whole),
        ...checkBundles({ entries, services: gateway?.services ?? [], bundles, bundlesFile }, whole),
    ]
    return { gateway, gatewayFile, entries, hooks, bundles, bundlesFile, hide, found: [...found, ...broken] }
}

function readDoor(raw: unknown, index: number, file: string, add: (placed: Placed[], base: Path) => void): DoorEntry {
    const { value, problems } = readTable(doorTable, raw, "[[door]]")
    add(problems, ["door", index])
    const entry = { file, index, raw: isTable(raw) ? raw : {} }
    if (value === null) return { ...entry, door: null }
    const { one_time: oneTime, lead_to: leadTo, ...rest } = value
    return { ...entry, door: { ...rest, oneTime, leadTo, command6: rest.command } }
}

function readHook(raw: unknown, index: number, file: string, add: (placed: Placed[], base: Path) => void): HookEntry {
    const { value, problems } = readTable(hookTable, raw, "[[hook]]")
    add(problems, ["hook", index])
    return { file, index, raw: isTable(raw) ? raw : {}, hook: value }
}

type Root = { readonly table: Readonly<Record<string, unknown>> } | Placed

function parseToml(text: ConfigFile["text"]): Root {
    if (typeof text !== "string") return { path: [], problem: unreadable("configuration", text) }
    const read = readToml(text)
    if (read.ok) return read
    const { detail, line, column } = read
    return { path: [], problem: { code: "syntax", detail, line, column } }
}

/** Facts to issues: looks up the places, makes the sentences, and sorts by place. */
async function place(files: readonly ConfigFile[], entries: readonly DoorEntry[], found: readonly Found[]) {
    const issues: Issue[] = []
    const byFile = new Map<string, Found[]>(files.map(({ file }) => [file, []]))
    for (const one of found) byFile.get(one.file)?.push(one)
    const names = new Map(entries.map(({ file, index, raw }) => [`${index} ${file}`, raw["name"]]))
    for (const { file, text } of files) {
        const here = byFile.get(file) ?? []
        const named = (path: Path) => formatPath(path, file, names)
        issues.push(...(await issuesIn(file, typeof text === "string" ? text : null, here, named)))
    }
    return issues
}

/** `door.ssh.sequence.hits[0]`; a door without a name of its own is `door[1]`. */
function formatPath(path: Path, file: string, names: ReadonlyMap<string, unknown>): string {
    let text = ""
    path.forEach((part, depth) => {
        if (typeof part === "string") {
            text += (depth === 0 ? "" : ".") + (/^[\w-]+$/.test(part) ? part : JSON.stringify(part))
            return
        }
        const door = depth === 1 && path[0] === "door"
        const name = door && names.get(`${part} ${file}`)
        text += typeof name === "string" && DOOR_NAME.test(name) ? `.${name}` : `[${part}]`
    })
    return text
}
