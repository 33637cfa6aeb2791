/** The smallest case that still goes wrong, out of one that did. */
import type { Case, Round } from "./knockd-cases.ts"
import type { ModelDoor } from "./knockd-model-doors.ts"
import { OneTimeText } from "./knockd-one-time.ts"

/** Takes away what can be, for as long as it still goes wrong, until `mayGoOn` says no. */
export async function smallest(
    one: Case,
    isWrong: (some: Case) => Promise<boolean>,
    mayGoOn: () => boolean = () => true,
): Promise<Case> {
    for (const some of smaller(one)) {
        if (!mayGoOn()) return one
        if (isUsable(some) && (await isWrong(some))) return await smallest(some, isWrong, mayGoOn)
    }
    return one
}

/** No daemon begins with a file in which no sequence is left. */
function isUsable({ files }: Case): boolean {
    return Object.values(files).every((text) => new OneTimeText(text).next() !== null)
}

/** With one thing less, the most first. */
function* smaller(one: Case): Generator<Case> {
    const { rounds, doors } = one
    for (const [i] of rounds.entries()) if (rounds.length > 1) yield { ...one, rounds: begun(rounds.toSpliced(i, 1)) }
    const traces = Math.max(...rounds.map((round) => round.traces.length))
    for (const parts of [2, 4, 8, traces]) {
        const size = Math.ceil(traces / parts)
        const begins = Array.from({ length: Math.ceil(traces / size) }, (_, i) => i * size)
        if (size < traces) for (const from of begins) yield withoutTraces(one, from, from + size)
    }
    const after = rounds.flatMap(({ before }) => (before.do === "reload" ? (before.doors ?? []) : []))
    for (const name of new Set([...doors, ...after].map((door) => door.name))) {
        if (doors.some((door) => door.name !== name))
            yield withDoors(one, (all) => all.filter((door) => door.name !== name))
    }
    for (const [i, { traces: all }] of rounds.entries()) {
        for (const [j, trace] of all.entries()) {
            for (const width of [2, 1]) {
                for (const [k] of trace.entries()) yield withTrace(one, i, j, trace.toSpliced(k, width))
            }
        }
    }
    const sent = rounds.flatMap((round) => round.traces.flat())
    for (const hit of new Set(sent.map((packet) => packet.hit))) yield withoutHit(one, hit)
    for (const { name } of doors) {
        for (const change of PLAINER) {
            const next = withDoors(one, (all) =>
                all.map((door) => (door.name === name ? { ...door, ...change(door) } : door)),
            )
            if (JSON.stringify(next) !== JSON.stringify(one)) yield next
        }
    }
    for (const [name, text] of Object.entries(one.files)) {
        const lines = text.split("\n").slice(0, -1)
        for (const [i] of lines.entries()) {
            if (lines.length > 1)
                yield { ...one, files: { ...one.files, [name]: `${lines.toSpliced(i, 1).join("\n")}\n` } }
        }
    }
}

const PLAINER: readonly ((door: ModelDoor) => Partial<ModelDoor>)[] = [
    () => ({ start: null, start6: null, stop: null, stop6: null }),
    () => ({ stop: null, stop6: null }),
    () => ({ start6: null, stop6: null }),
    () => ({ flags: "" }),
    () => ({ target: null }),
    () => ({ seqTimeout: 600 }),
    ({ hits }) => (hits.length > 1 ? { hits: hits.slice(1) } : {}),
    ({ hits }) => (hits.length > 1 ? { hits: hits.slice(0, -1) } : {}),
]

/** Nothing is done before the first. */
function begun([first, ...rest]: readonly Round[]): readonly Round[] {
    return [{ ...first!, before: { do: "nothing" } }, ...rest]
}

function withoutTraces(one: Case, from: number, to: number): Case {
    return {
        ...one,
        rounds: one.rounds.map((round) => ({ ...round, traces: round.traces.toSpliced(from, to - from) })),
    }
}

function withTrace(one: Case, round: number, trace: number, packets: Round["traces"][number]): Case {
    const { before, traces } = one.rounds[round]!
    return { ...one, rounds: one.rounds.with(round, { before, traces: traces.with(trace, packets) }) }
}

/** Nobody wants it, and nobody sends it. */
function withoutHit(one: Case, hit: string): Case {
    const without = (hits: readonly string[]) => {
        const others = hits.filter((other) => other.trim() !== hit)
        return others.some((other) => other.trim() !== "") ? others : hits
    }
    const next = withDoors(one, (all) => all.map((door) => ({ ...door, hits: without(door.hits) })))
    const rounds = next.rounds.map(({ before, traces }) => ({
        before,
        traces: traces.map((trace) => trace.filter((packet) => packet.hit !== hit)),
    }))
    const files = Object.entries(one.files).map(([name, text]) => {
        const lines = text.split("\n").map((line) => without(line.split(",")).join(","))
        return [name, lines.join("\n")]
    })
    return { ...next, rounds, files: Object.fromEntries(files) }
}

function withDoors(one: Case, change: (all: readonly ModelDoor[]) => readonly ModelDoor[]): Case {
    const rounds = one.rounds.map((round): Round => {
        const { before } = round
        if (before.do !== "reload" || before.doors === null) return round
        return { ...round, before: { ...before, doors: change(before.doors) } }
    })
    return { ...one, doors: change(one.doors), rounds }
}
