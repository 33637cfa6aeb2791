/**
 * What must hold between several keys or doors. These rules look at raw tables, so that they also speak about a door
 * with other mistakes: every problem is reported at once.
 */
import { codeOf, type Hit } from "../knock/hit.ts"
import { groupDoors } from "../watch.ts"
import type { Door, Hook } from "./config.ts"
import { MAX_HOOKS, MAX_LENGTHS, MAX_VIEWS } from "./defaults.ts"
import type { Found, Path, Problem } from "./issues.ts"
import { nearest } from "./suggest.ts"

/** A [[door]] where it stands: `door` is null if the table has mistakes of its own. */
export type DoorEntry = {
    readonly file: string
    /** Which [[door]] of its file. */
    readonly index: number
    readonly raw: Readonly<Record<string, unknown>>
    readonly door: Door | null
}

/** Ours: among so many doors the one is looked for that was meant. */
const NEAR_AMONG = 256

/** Every breach of the rules. `whole`: no file is missing, so a door that is not there does not exist. */
export function checkRules(entries: readonly DoorEntry[], whole: boolean): Found[] {
    const firsts = new Map<string, DoorEntry>()
    for (const entry of entries) {
        const { name } = entry.raw
        if (typeof name === "string" && !firsts.has(name)) firsts.set(name, entry)
    }
    return [
        ...entries.flatMap((entry) => [
            ...ofNames(entry, firsts),
            ...ofCloses(entry, firsts, whole),
            ...ofKnock(entry),
            ...ofPurpose(entry),
        ]),
        ...entries.flatMap(ofHits),
        ...ofViews(entries),
        ...ofLengths(entries),
    ]
}

/** A [[hook]] where it stands; see `DoorEntry`. */
export type HookEntry = Omit<DoorEntry, "door"> & { readonly hook: Hook | null }

/** Every breach of the rules by hooks, beside the doors that there are. */
export function checkHooks(hooks: readonly HookEntry[], doors: readonly DoorEntry[], whole: boolean): Found[] {
    const names = new Set(doors.map(({ raw }) => raw["name"]))
    const firsts = new Map<unknown, HookEntry>()
    const found: Found[] = []
    for (const entry of hooks) {
        const say = (path: Path, problem: Problem) =>
            found.push({ file: entry.file, path: ["hook", entry.index, ...path], problem })
        const { name } = entry.raw
        const first = firsts.get(name)
        if (typeof name === "string" && first !== undefined)
            say(["name"], { code: "second-hook", name, file: first.file })
        else firsts.set(name, entry)
        for (const [index, door] of list(entry.raw["doors"]).entries()) {
            if (typeof door !== "string" || names.has(door) || !whole) continue
            const near = nearest(
                door,
                [...names].slice(0, NEAR_AMONG).filter((known) => typeof known === "string"),
            )
            say(["doors", index], { code: "closes-unknown", name: door, near })
        }
    }
    const beyond = hooks[MAX_HOOKS]
    if (beyond !== undefined) {
        const problem = { code: "too-many-hooks", most: MAX_HOOKS } as const
        found.push({ file: beyond.file, path: ["hook", beyond.index], problem })
    }
    return found
}

function at({ file, index }: DoorEntry, path: Path, problem: Problem): Found {
    return { file, path: ["door", index, ...path], problem }
}

function ofNames(entry: DoorEntry, firsts: ReadonlyMap<string, DoorEntry>): Found[] {
    const { name } = entry.raw
    if (typeof name !== "string") return []
    const first = firsts.get(name)
    return first && first !== entry ? [at(entry, ["name"], { code: "second-door", name, file: first.file })] : []
}

function ofCloses(entry: DoorEntry, firsts: ReadonlyMap<string, DoorEntry>, whole: boolean): Found[] {
    return list(entry.raw["closes"]).flatMap((name, index): Found[] => {
        if (typeof name !== "string") return []
        if (name === entry.raw["name"]) return [at(entry, ["closes", index], { code: "closes-itself" })]
        if (firsts.has(name) || !whole) return []
        const others = [...firsts.keys()].slice(0, NEAR_AMONG).filter((other) => other !== entry.raw["name"])
        return [at(entry, ["closes", index], { code: "closes-unknown", name, near: nearest(name, others) })]
    })
}

function ofKnock(entry: DoorEntry): Found[] {
    const { sequence, one_time: oneTime } = entry.raw
    // What is no table at all has a message of its own.
    if (sequence !== undefined || oneTime !== undefined || Object.keys(entry.raw).length === 0) return []
    return [at(entry, ["sequence"], { code: "missing", kind: "sequence" })]
}

function ofPurpose(entry: DoorEntry): Found[] {
    const { raw } = entry
    const found: Found[] = []
    // A value of the wrong type counts as something: its own message says enough.
    const opens = raw["opens"] !== undefined && (!Array.isArray(raw["opens"]) || raw["opens"].length > 0)
    const closes = raw["closes"] !== undefined && (!Array.isArray(raw["closes"]) || raw["closes"].length > 0)
    if (!opens && !closes && raw["command"] === undefined) found.push(at(entry, [], { code: "does-nothing" }))
    if (!opens && (closes || raw["command"] !== undefined)) {
        for (const key of ["for", "uses", "network", "hide", "always", "at", "lead_to"] as const) {
            const value = raw[key]
            if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) continue
            found.push(at(entry, [key], { code: "needs-opens", key }))
        }
    }
    // A use is counted by the service: with two of them one knock would be good for two connections.
    if (raw["uses"] !== undefined && list(raw["opens"]).length > 1)
        found.push(at(entry, ["uses"], { code: "uses-one-service" }))
    const command = raw["command"]
    if (typeof command === "object" && command !== null && "after" in command && !("stop" in command))
        found.push(at(entry, ["command", "after"], { code: "needs-stop" }))
    return found
}

/** The promise that a port scan opens no door: no scanner's natural order may be a sequence. */
function ofHits(entry: DoorEntry): Found[] {
    const hits = entry.door?.sequence?.hits
    return hits && scannable(hits) ? [at(entry, ["sequence", "hits"], { code: "scannable" })] : []
}

/**
 * Would a scan send these hits one after another? Scanners go through neighbouring ports up or down, and may try each
 * port more than once. A single hit is found by every scan.
 */
export function scannable(hits: readonly Hit[]): boolean {
    const steps = hits.slice(1).map((hit, i) => codeOf(hit) - codeOf(hits[i]!))
    return steps.every((step) => step === 0 || step === 1) || steps.every((step) => step === 0 || step === -1)
}

function ofViews(entries: readonly DoorEntry[]): Found[] {
    const valid = entries.filter(({ door }) => door !== null)
    const doors = valid.map(({ door }) => door!)
    const beyond = groupDoors(doors)[MAX_VIEWS]
    const first = beyond?.doors[0] ?? beyond?.oneTime[0]
    return first === undefined ? [] : [at(valid[first]!, ["sequence"], { code: "too-many-views", most: MAX_VIEWS })]
}

function ofLengths(entries: readonly DoorEntry[]): Found[] {
    const families = [
        ["v4", "IPv4", 32],
        ["v6", "IPv6", 128],
    ] as const
    return families.flatMap(([key, family, alone]): Found[] => {
        const lengths = new Set<number>([alone])
        const beyond = entries.find(({ door }) => {
            const length = door?.network[key] ?? alone
            lengths.add(length)
            return lengths.size > 1 + MAX_LENGTHS
        })
        const problem = { code: "too-many-lengths", most: MAX_LENGTHS, family } as const
        return beyond === undefined ? [] : [at(beyond, ["network", key], problem)]
    })
}

function list(value: unknown): readonly unknown[] {
    return Array.isArray(value) ? value : []
}
