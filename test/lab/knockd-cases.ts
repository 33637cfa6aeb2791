/**
 * Random doors, files of one-time sequences, packets, waits and reloads, for the real knockd and for ours: whole knocks
 * mixed with what disturbs them, since packets by chance open nothing.
 */
import fc from "fast-check"
import { commandText, flagsFit, type ModelCommand, type ModelDoor } from "./knockd-model-doors.ts"
import { BAD_PORT } from "./knockd-one-time.ts"

/** One packet of a trace: from the trace's source of this number; `again` sends an earlier one again. */
export type Sent = {
    readonly from: number
    readonly to: string
    readonly hit: string
    readonly flags: string
    readonly again: boolean
}
/** All that comes from its sources. */
export type Trace = readonly Sent[]

/** What is done before the packets of a round. */
export type Before =
    | { readonly do: "nothing" }
    /** Sends them so many milliseconds after those of the round before. */
    | { readonly do: "wait"; readonly ms: number }
    /** SIGHUP with these doors; null: with a mistake. */
    | { readonly do: "reload"; readonly doors: readonly ModelDoor[] | null }

/** Packets of all traces, at once. A trace goes on in the next round: its number is its place in the list. */
export type Round = { readonly before: Before; readonly traces: readonly Trace[] }

/** What is played to both. `late`: it begins late in a second of the clock. */
export type Case = {
    readonly doors: readonly ModelDoor[]
    readonly files: Readonly<Record<string, string>>
    readonly rounds: readonly Round[]
    readonly late: boolean
}

/** Sources of a trace; the last is one of IPv6. */
export const SOURCES = 3
const SIX = 2
/** An address of the host that is not the first, and ones that are none of its own. */
const [FIRST4, SECOND4, OTHER4, FIRST6, OTHER6] = ["10.77.0.1", "10.77.0.3", "10.77.0.99", "fd77::1", "fd77::99"]
/** Seconds: nobody waits so long; of which a test waits for the end; and the same for commands. */
const [NEVER, SOON] = [600, 2]
const [CMD_NEVER, CMD_SOON] = [60, 1]
/** Milliseconds: more than the window; less, but two seconds of the clock later if it began late in one. */
const [PAST, WITHIN] = [2_400, 1_150]

const hit = fc.constantFrom("1000", "2000", "3000", "1000:udp", "4000")
const sequence = fc.array(hit, { minLength: 1, maxLength: 4 })
const few = <T>(usual: T, ...rare: T[]): fc.Arbitrary<T> =>
    fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...rare) })
const flags = fc.constantFrom("", "", "", "syn", "syn", "syn", "syn,!ack", "!rst", "fin", "syn,ack", "psh,!syn,!urg")
const target = few<string | null>(null, FIRST4, SECOND4, OTHER4, FIRST6)

const plainDoor: fc.Arbitrary<Omit<ModelDoor, "name">> = fc.record({
    hits: sequence,
    file: fc.constant(null),
    flags,
    target,
    seqTimeout: fc.constant(NEVER),
    start: few<ModelCommand>(null, "start", "start", ""),
    start6: few<ModelCommand>(null, "start6", ""),
    stop: few<ModelCommand>(null, "stop", ""),
    stop6: few<ModelCommand>(null, "stop6", ""),
    cmdTimeout: fc.constant(CMD_NEVER),
})
const named = (all: readonly Omit<ModelDoor, "name">[]): ModelDoor[] =>
    all.map((one, i) => ({ ...one, name: `door${i}` }))
const doorsOf = (one: fc.Arbitrary<Omit<ModelDoor, "name">>, maxLength: number) =>
    fc.array(one, { minLength: 1, maxLength }).map(named)

/** A packet that this door takes for this hit. */
function rightFor(door: ModelDoor, wanted: string, from: number, to: number): Sent {
    const six = door.target?.includes(":") === true || (door.target === null && from === SIX)
    const own = six ? FIRST6 : [FIRST4, FIRST4, SECOND4][to]!
    const fitting = FLAGS.find((one) => flagsFit(door.flags, { hit: wanted, flags: one }))!
    return { from: six ? SIX : from % SIX, to: door.target ?? own, hit: wanted, flags: fitting, again: false }
}
const FLAGS = ["syn", "syn,ack", "fin,syn", "psh,ack", "rst"]

const noise = fc
    .record({
        from: fc.constantFrom(0, 0, 0, 1, SIX),
        to: fc.constantFrom(0, 0, 0, 1, 2),
        hit: fc.oneof({ weight: 5, arbitrary: hit }, { weight: 1, arbitrary: fc.constant("5000") }),
        flags: fc.constantFrom("syn", "syn", "syn", ...FLAGS, "ack"),
        again: fc.boolean(),
    })
    .map(
        (one): Sent => ({
            ...one,
            to: one.from === SIX ? [FIRST6, FIRST6, OTHER6][one.to]! : [FIRST4, SECOND4, OTHER4][one.to]!,
        }),
    )

/** Whole knocks of the doors at hand, one packet of which may come twice, two at once, and packets of any kind. */
function traceOf(all: readonly ModelDoor[]): fc.Arbitrary<Trace> {
    const knock = fc.record({
        which: fc.nat(all.length - 1),
        from: fc.constantFrom(0, 0, 0, 1, SIX),
        to: fc.nat(2),
        twice: fc.option(fc.nat(3)),
        // As of one who begins, or ends, in another round.
        part: fc.constantFrom([0, 4], [0, 4], [0, 4], [0, 4], [0, 1], [0, 2], [1, 4], [2, 4]),
    })
    const piece = fc.oneof(
        {
            weight: 4,
            arbitrary: knock.map(({ which, from, to, twice, part }) =>
                all[which]!.hits.slice(...part).flatMap((one, i) => {
                    const packet = rightFor(all[which]!, one, from, to)
                    return i === twice ? [packet, { ...packet, again: true }] : [packet]
                }),
            ),
        },
        // Two at once.
        {
            weight: 2,
            arbitrary: fc.tuple(fc.nat(all.length - 1), fc.nat(all.length - 1)).map((pair) =>
                [0, 1, 2, 3].flatMap((i) =>
                    pair.flatMap((which, from) => {
                        const one = all[which]!.hits[i]
                        return one === undefined ? [] : [rightFor(all[which]!, one, from, 0)]
                    }),
                ),
            ),
        },
        { weight: 2, arbitrary: noise.map((one) => [one]) },
    )
    return fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.flat())
}

const NOTHING: Before = { do: "nothing" }
const round = (before: fc.Arbitrary<Before>, all: readonly ModelDoor[], minLength: number, maxLength: number) =>
    fc.record({ before, traces: fc.array(traceOf(all), { minLength, maxLength, size: "max" }) })

/** Many at once, and nothing else happens. */
const crowd = (most: number): fc.Arbitrary<Case> =>
    doorsOf(plainDoor, 4).chain((doors) =>
        fc.record({
            doors: fc.constant(doors),
            files: fc.constant({}),
            rounds: fc.tuple(round(fc.constant(NOTHING), doors, 1, most)),
            late: fc.constant(false),
        }),
    )

/** One who is at the first door when the first round ends, and goes on with it in the second. */
function interrupted(door: ModelDoor, after: number, [first, second, ...rest]: readonly Round[]): Round[] {
    const whole = door.hits.map((wanted) => rightFor(door, wanted, 0, 0))
    const parts = [whole.slice(0, after), whole.slice(after)]
    const [one, two] = [first!, second!].map(({ before, traces }, i) => ({ before, traces: [parts[i]!, ...traces] }))
    return [one!, two!, ...rest]
}
const interruption = fc.integer({ min: 1, max: 2 })

/** Windows that pass, or that knockd alone takes for passed, and stops that are due. */
const patient: fc.Arbitrary<Case> = fc
    .tuple(doorsOf(plainDoor, 3), fc.constantFrom(PAST, PAST, WITHIN), fc.boolean())
    .chain(([some, ms, two]) => {
        const doors = some.map((one, i) => ({
            ...one,
            seqTimeout: i === 0 || two ? SOON : NEVER,
            // One at least has something to stop.
            ...(i === 0 ? ({ start: "start", stop: "stop" } as const) : {}),
            // Ours knows when a stop is due: whoever waits less than that must not see it.
            cmdTimeout: ms === PAST ? CMD_SOON : CMD_NEVER,
        }))
        const next = round(fc.constant<Before>({ do: "wait", ms }), doors, 1, 6)
        return fc.record({
            doors: fc.constant(doors),
            files: fc.constant({}),
            rounds: fc
                .tuple(
                    interruption,
                    round(fc.constant(NOTHING), doors, 1, 6),
                    fc.array(next, { minLength: 1, maxLength: 2 }),
                )
                .map(([after, first, rest]) => interrupted(doors[0]!, after, [first, ...rest])),
            late: fc.constant(ms === WITHIN),
        })
    })

/** Other doors after a SIGHUP, the same again, or a mistake. */
const reloaded: fc.Arbitrary<Case> = doorsOf(plainDoor, 3).chain((doors) => {
    const change = fc.record({
        which: fc.nat(doors.length - 1),
        hits: sequence,
        how: fc.constantFrom("same", "changed", "changed", "gone", "more", "mistake"),
        more: plainDoor,
    })
    const changed = change.map(({ which, hits, how, more }) => {
        if (how === "mistake") return null
        if (how === "changed") return doors.map((one, i) => (i === which ? { ...one, hits } : one))
        if (how === "gone" && doors.length > 1) return doors.filter((_, i) => i !== which)
        return how === "more" ? [...doors, { ...more, name: "more" }] : doors
    })
    return changed.chain((after) =>
        fc.record({
            doors: fc.constant(doors),
            files: fc.constant({}),
            rounds: fc
                .tuple(
                    interruption,
                    round(fc.constant(NOTHING), doors, 1, 6),
                    round(fc.constant<Before>({ do: "reload", doors: after }), after ?? doors, 1, 6),
                )
                .map(([half, first, rest]) => interrupted(doors[0]!, half, [first, rest])),
            late: fc.constant(false),
        }),
    )
})

const oneTimeLine = fc.oneof(
    {
        weight: 6,
        arbitrary: fc.tuple(fc.constantFrom(" ", " ", ""), sequence).map(([blank, hits]) => `${blank}${hits.join()}`),
    },
    { weight: 1, arbitrary: fc.constantFrom("# comment", "", "#1000,2000") },
    { weight: 1, arbitrary: fc.constantFrom(` ${BAD_PORT}`, `1000,${BAD_PORT}`) },
)
const oneTimeFile = fc
    .tuple(fc.array(oneTimeLine, { maxLength: 3 }), sequence)
    .map(([lines, last]) => `${[...lines, ` ${last.join()}`].join("\n")}\n`)

/** One-time sequences, used one after another, some until none is left, by several clients at several doors. */
const once: fc.Arbitrary<Case> = fc
    .record({
        a: oneTimeFile,
        b: oneTimeFile,
        first: plainDoor,
        second: fc.constantFrom("alone", "alone", "alone", "shares", "b", "b"),
        other: plainDoor,
        reload: few(false, true),
        spare: few(true, false),
    })
    .chain(({ a, b, first, second, other, reload, spare }) => {
        const one = { ...first, hits: [], file: "a", name: "door0" }
        const two = {
            ...(second === "shares" ? first : other),
            hits: [],
            file: second === "b" ? "b" : "a",
            name: "door1",
        }
        const doors: ModelDoor[] = [one, ...(second === "alone" ? [] : [two]), { ...other, name: "door2" }]
        const more = spare ? " 4000,2000:udp\n" : ""
        const files: Record<string, string> = second === "b" ? { a: a + more, b: b + more } : { a: a + more }
        // Each of these is knocked at one time after another, as if it were a door's only sequence.
        const lines = doors.flatMap((door) =>
            door.file === null ? [door] : sequencesOf(door.file === "a" ? a : b).map((hits) => ({ ...door, hits })),
        )
        const knock = fc.record({
            from: fc.constantFrom(0, 0, 1, SIX, SIX),
            // A part of the next one before, by another: what it means changes when this one is used.
            early: fc.option(fc.record({ from: fc.constantFrom(0, 1), count: fc.constantFrom(1, 2) }), { freq: 3 }),
            again: few(false, true),
            tail: few(false, true),
        })
        const traces = fc.tuple(...lines.map(() => knock)).map((how) =>
            how.map(({ from, early, again, tail }, i): Trace => {
                const [line, next] = [lines[i]!, lines[i + 1] ?? lines[i]!]
                const whole = line.hits.map((wanted) => rightFor(line, wanted, from, 0))
                const before =
                    early === null
                        ? []
                        : line.hits.slice(0, early.count).map((wanted) => rightFor(line, wanted, early.from, 0))
                const after =
                    tail || early !== null
                        ? next.hits.slice(1).map((wanted) => rightFor(next, wanted, early?.from ?? from, 0))
                        : []
                return [...before, ...whole, ...(again ? whole : []), ...after]
            }),
        )
        return traces.chain((all) => {
            const half = Math.ceil(all.length / 2)
            const silent = all.map((): Trace => [])
            const rounds: Round[] = reload
                ? [
                      { before: NOTHING, traces: all.slice(0, half) },
                      { before: { do: "reload", doors }, traces: [...silent.slice(0, half), ...all.slice(half)] },
                  ]
                : [{ before: NOTHING, traces: all }]
            return fc.constant({ doors, files, rounds, late: false })
        })
    })

/** What they are of. */
export const KINDS = { crowd: crowd(40), patient, reloaded, once } as const
export type Kind = keyof typeof KINDS

/** The sequences of such a file that nobody has used. */
function sequencesOf(file: string): string[][] {
    const lines = file.split("\n").map((line) => line.trim())
    return lines.filter((line) => line !== "" && !/^#|99999/.test(line)).map((line) => line.split(","))
}

const key = (name: string, value: string | number | null) => (value === null ? [] : [`${name} = ${value}`])

const command = (door: ModelDoor, name: string, value: ModelCommand) =>
    key(name, value === null ? null : commandText(door, value))

/** The configuration as knockd has it. */
export function confOf(all: readonly ModelDoor[]): string {
    const sections = all.map((door) =>
        [
            `[${door.name}]`,
            door.file === null ? `sequence = ${door.hits.join()}` : `one_time_sequences = @DIR@/${door.file}`,
            `seq_timeout = ${door.seqTimeout}`,
            ...key("tcpflags", door.flags === "" ? null : door.flags),
            ...key("target", door.target),
            ...command(door, "start_command", door.start),
            ...command(door, "start_command_6", door.start6),
            ...command(door, "stop_command", door.stop),
            ...command(door, "stop_command_6", door.stop6),
            `cmd_timeout = ${door.cmdTimeout}`,
        ].join("\n"),
    )
    return `[options]\nlogfile = @DIR@/log\n${sections.join("\n")}\n`
}
