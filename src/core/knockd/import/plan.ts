/** What a door's commands come to: an opening with its end, a closing, or commands that stay commands. */
import type { Service } from "../../knock/hit.ts"
import { codeOf, uniqueServices } from "../../knock/hit.ts"
import { readFirewalld } from "./firewalld.ts"
import { readHelper } from "./helper.ts"
import { readIpset } from "./ipset.ts"
import { readIptables } from "./iptables.ts"
import type { Move, Reach, Understood, Why, Wider } from "./move.ts"
import { readNft } from "./nft.ts"
import { readUfw } from "./ufw.ts"
import { readWords } from "./words.ts"

/** What a knock does. */
export type Plan =
    | { readonly plan: "nothing" }
    | {
          readonly plan: "open"
          readonly services: readonly Service[]
          /** Milliseconds, and whose word that is; null: until somebody closes it. */
          readonly for: { readonly ms: number; readonly by: "stop" | "sleep" | "element" } | null
          readonly admit: readonly string[]
          readonly wider: readonly Wider[]
      }
    | { readonly plan: "close"; readonly services: readonly Service[]; readonly start: string }
    | {
          readonly plan: "run"
          readonly start: string
          readonly stop: string | null
          /** Milliseconds from the end of `start`; null with a `stop`: never. */
          readonly after: number | null
          readonly why: Why
      }

/** By the name of the program. */
const READERS: ReadonlyMap<string, (words: readonly string[], start: number) => Understood> = new Map([
    ...["iptables", "ip6tables"].flatMap((name) =>
        ["", "-nft", "-legacy"].map((kind) => [name + kind, readIptables] as const),
    ),
    ["nft", readNft],
    ["ufw", readUfw],
    ["firewall-cmd", readFirewalld],
    ["ipset", readIpset],
    ["knock_helper_ipt.sh", readHelper],
    ["knock_add", readHelper],
])

/** Folders that such programs are in; elsewhere something else may have their name. */
const FOLDERS = /^(\/(usr\/)?(local\/)?s?bin\/)?([^/]+)$/

/**
 * What knockd's commands come to. `start`, `stop`: as the file has them for one family, null and "" for none; `seconds`:
 * the time between them, as knockd counts it (below 0: for ever).
 */
export function readPlan(start: string | null, stop: string | null, seconds: number): Plan {
    // knockd runs no stop where there is no start.
    if (start === null || start === "") return { plan: "nothing" }
    const end = stop === "" ? null : stop
    const after = seconds < 0 ? null : seconds * 1000
    const run = (why: Why): Plan => ({ plan: "run", start, stop: end, after, why })
    const moves = readMoves(start)
    if ("why" in moves) return run(moves)
    const shape = shapeOf(moves)
    if (shape === null) return run({ why: "mixed" })
    if (shape.acts === "remove") {
        return end === null ? { plan: "close", services: shape.services, start } : run({ why: "mixed" })
    }
    const { services, admit, wider } = shape
    const opening = { plan: "open", services, admit, wider } as const
    if (end === null) return { ...opening, for: shape.for }
    if (shape.for?.by === "sleep") return run({ why: "mixed" })
    const ends = readMoves(end)
    if ("why" in ends) return run(ends)
    const closing = shapeOf(ends)
    if (closing?.acts !== "remove" || !sameServices(closing.services, services)) return run({ why: "other-stop" })
    if (after === null || (shape.for !== null && shape.for.ms < after)) return { ...opening, for: shape.for }
    return { ...opening, for: { ms: after, by: "stop" } }
}

/** Do both name the same services? */
export function sameServices(a: readonly Service[], b: readonly Service[]): boolean {
    return holdsServices(a, b) && holdsServices(b, a)
}

/** Does `a` name all that `b` names? */
export function holdsServices(a: readonly Service[], b: readonly Service[]): boolean {
    return b.every((service) => a.some((other) => codeOf(other) === codeOf(service)))
}

function readMoves(text: string): Move[] | Why {
    const words = readWords(text)
    if (!words.ok) return { why: "shell", what: words.what }
    const moves: Move[] = []
    for (const command of words.commands) {
        const move = readMove(command)
        if ("why" in move) return move
        moves.push(move)
    }
    return moves
}

function readMove(words: readonly string[]): Understood {
    let start = 0
    if (/^(\/usr\/bin\/)?sudo$/.test(words[0]!)) start = words[1] === "-n" ? 2 : 1
    const program = words[start]
    const name = FOLDERS.exec(program ?? "")?.[4] ?? ""
    if (name === "sleep" && start === 0) return readSleep(words)
    const reader = READERS.get(name)
    return reader === undefined ? { why: "program", program: program ?? words[0]! } : reader(words, start + 1)
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function readSleep([program, time = "", more]: readonly string[]): Understood {
    const [, digits, unit = "s"] = /^(\d{1,6})([smhd]?)$/.exec(time) ?? []
    if (digits === undefined || more !== undefined) return { why: "word", program: program!, word: time }
    return { move: "wait", ms: Number(digits) * UNITS[unit === "" ? "s" : unit]! }
}

type Shape =
    | { readonly acts: "remove"; readonly services: readonly Service[] }
    | (Omit<Extract<Plan, { plan: "open" }>, "plan"> & { readonly acts: "add" })

/** Openings; the same after their twins, so that no rule is there twice; the same with a pause and their twins behind. */
function shapeOf(moves: readonly Move[]): Shape | null {
    const kinds = moves.map(({ move }) => move[0]).join("")
    const reaches = (move: "add" | "remove"): Reach[] => moves.flatMap((one) => (one.move === move ? [one.reach] : []))
    const [added, removed] = [reaches("add"), reaches("remove")]
    const [opens, closes] = [added, removed].map((some) => uniqueServices(some.flatMap(({ services }) => services)))
    if (/^r+$/.test(kinds)) return { acts: "remove", services: closes! }
    const admit = added.flatMap((reach) => reach.admit ?? [])
    const shape = { acts: "add", services: opens!, admit, wider: added.flatMap(({ wider }) => wider) } as const
    if (/^r*a+$/.test(kinds) && holdsServices(opens!, closes!)) {
        const [time, ...others] = new Set(added.map(({ ms }) => ms))
        // A grant has one end.
        if (others.length > 0) return null
        return { ...shape, for: time === null || time === undefined ? null : { ms: time, by: "element" } }
    }
    const wait = moves.find(({ move }) => move === "wait")
    if (/^r*a+wr+$/.test(kinds) && wait?.move === "wait" && sameServices(opens!, closes!)) {
        return { ...shape, for: { ms: wait.ms, by: "sleep" } }
    }
    return null
}
