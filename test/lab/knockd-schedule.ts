/** What is sent for a case, and when; and what the model of either daemon makes of it. */
import { type Before, type Case, confOf, SOURCES } from "./knockd-cases.ts"
import { KnockdModel } from "./knockd-model.ts"
import { CURES, type Cure, type ModelDoor, type ModelPacket } from "./knockd-model-doors.ts"

/** Packets that are sent at once. The `last` sources knock at a door of their own: then all have been heard. */
export type Burst = {
    readonly before: Before
    readonly packets: readonly ModelPacket[]
    readonly last: readonly string[]
}

/** What came of a case. Texts as in `KnockdModel`; `commands`: those until each burst was over, sorted. */
export type Told = {
    readonly log: readonly string[]
    /** How many lines the log had before each burst but the first. */
    readonly lines: readonly number[]
    readonly programs: readonly string[]
    readonly commands: readonly (readonly string[])[]
    readonly files: Readonly<Record<string, string>>
    readonly alive: boolean
}
export type Heard = { readonly knockd: Told; readonly postern: Told }

/** What both said, and what they should have. */
export type Duel = { readonly heard: Heard; readonly wanted: Heard }

export function isAsWanted({ heard, wanted }: Duel): boolean {
    return JSON.stringify(heard) === JSON.stringify(wanted)
}

/** Where those knock who tell that all has been heard, by IPv4 and IPv6, and at which door. */
const OWN_OF = ["10.77.0.1", "fd77::1"]
const END: ModelDoor = {
    name: "end",
    hits: ["9:udp"],
    file: null,
    flags: "",
    target: null,
    seqTimeout: 600,
    start: null,
    start6: null,
    stop: null,
    stop6: null,
    cmdTimeout: 10,
}
/** Milliseconds between bursts, if nothing is said: as long as it usually takes. */
const USUALLY = 100
/** Of the sources of one trace: so many lines of first hits come whatever happens; and of all sources so many of each. */
const FIRSTS = 4
const LINES = 90

/** The configuration, with the door that all cases have. */
export const configurationOf = (doors: readonly ModelDoor[]) => confOf([...doors, END])

const NOTHING: Before = { do: "nothing" }

/** A configuration with a mistake, and what is said of it. */
export function mistaken(doors: readonly ModelDoor[]): { readonly conf: string; readonly mistake: string } {
    const conf = `${configurationOf(doors)}nonsense = 1\n`
    return { conf, mistake: `config: line ${conf.split("\n").length - 1}: syntax error` }
}

/** Its bursts. Wherever a one-time sequence is used one ends: nobody knocks while sequences change. */
export function burstsOf(one: Case): Burst[] {
    const bursts: Burst[] = []
    const models = [modelOf(one, []), modelOf(one, CURES)]
    const marks = new Map<string, number>()
    let [now, mark] = [one.late ? 900 : 0, 0]
    let packets: ModelPacket[] = []
    const send = (packet: ModelPacket) => {
        packets.push(packet)
        for (const model of models) model.packet(packet, now)
    }
    const end = (before: Before) => {
        const number = bursts.length + 1
        const last = [`10.255.0.${number}`, `fd00:ffff:0:${number.toString(16)}::1`]
        // Ours hears either family by itself.
        for (const [i, source] of last.entries()) send({ source, to: OWN_OF[i]!, hit: "9:udp", flags: "syn", mark: 0 })
        bursts.push({ before, packets, last })
        packets = []
        now += USUALLY
    }
    for (const round of one.rounds) {
        let { before } = round
        if (before.do === "wait") now += before.ms - USUALLY
        act(one, before, models, now)
        round.traces.forEach((trace, number) => {
            for (const { from, to, hit, flags, again } of trace) {
                const source = sourceOf(number, from)
                const key = `${source} ${hit}`
                if (!again || !marks.has(key)) marks.set(key, ++mark)
                const used = models.map((model) => model.used)
                send({ source, to, hit, flags, mark: marks.get(key)! })
                if (models.every((model, i) => model.used === used[i])) continue
                end(before)
                // Whoever has heard these has turned to the next sequence.
                end(NOTHING)
                before = NOTHING
            }
        })
        end(before)
    }
    return bursts
}

/** What the model says when bursts are sent at these times, and a while later. */
export function wantedOf(one: Case, bursts: readonly Burst[], times: readonly number[], cures: readonly Cure[]): Told {
    const model = modelOf(one, cures)
    const commands: (readonly string[])[] = []
    const lines: number[] = []
    let told = 0
    const take = () => {
        commands.push(model.commands.slice(told).sort())
        told = model.commands.length
    }
    bursts.forEach(({ before, packets }, i) => {
        const now = times[i]!
        model.tick(now)
        if (i > 0) {
            take()
            lines.push(model.log.length)
        }
        act(one, before, [model], now)
        for (const packet of packets) model.packet(packet, now)
    })
    if (times.length < bursts.length) throw new Error("a burst has no time")
    const log = [...model.log]
    model.tick(times.at(-1)! + COMMANDS_MS)
    take()
    const files = Object.fromEntries([...model.files].map(([name, file]) => [name, file.text]))
    return { log, lines, programs: [...model.programs].sort(), commands, files, alive: model.alive }
}

/** So long after the last burst what commands do is looked at: longer than the shortest time of any. */
const COMMANDS_MS = 1_500

/**
 * Lines in an order that does not depend on what nobody promises: windows that pass together are told in any order, and
 * ours hears each family by itself and turns to the next one-time sequence when it comes to it.
 */
export function inOrder(lines: readonly string[], ours: boolean): string[] {
    const kindOf = (line: string) => (ours ? KINDS_OF_LINES.findIndex((kind) => kind.test(line)) : 0)
    const sorted = KINDS_OF_LINES.flatMap((_, kind) => lines.filter((line) => kindOf(line) === kind))
    const result: string[] = []
    for (let i = 0; i < sorted.length; ) {
        let end = i + 1
        while (isTimeout(sorted[i]) && isTimeout(sorted[end])) end++
        result.push(...sorted.slice(i, end).sort())
        i = end
    }
    return result
}
const KINDS_OF_LINES = [/^[0-9.]+: /, /^fd/, /^no more|: left out$/, /^/]
export const isTimeout = (line: string | undefined) => line?.includes(": sequence timeout (") === true

/**
 * Is it the same whatever the exact times of packets were, of which is known when each burst began and ended? Where a time
 * is close to one that matters, both sides of it are looked at.
 */
export function isClear(
    one: Case,
    bursts: readonly Burst[],
    times: readonly (readonly [number, number])[],
    cures: readonly Cure[],
): boolean {
    const windows = one.doors.map(({ seqTimeout }) => seqTimeout * 1000)
    const limits = [REPEAT_MS, ...windows]
    const usual = times.map(([from]) => from)
    const others: number[][] = []
    times.forEach(([from, to], i) => {
        if (Math.floor(from / 1000) !== Math.floor(to / 1000)) others.push(usual.with(i, to))
        for (const [j, [from2, to2]] of times.entries()) {
            const [least, most] = [from2 - to - MARGIN_MS, to2 - from + MARGIN_MS]
            if (j <= i || !limits.some((limit) => least < limit && limit < most)) continue
            others.push(usual.with(i, from).with(j, from + most), usual.with(i, to).with(j, to + least))
        }
    })
    const told = (at: readonly number[]) => JSON.stringify([[], cures].map((some) => wantedOf(one, bursts, at, some)))
    return others.every((at) => told(at) === told(usual))
}
const REPEAT_MS = 1_500
const MARGIN_MS = 100

function ownLines(one: Case): readonly string[] {
    const bursts = burstsOf(one)
    return wantedOf(one, bursts, nominalTimes(one, bursts), CURES).log
}

/** Without the traces of which not all lines would be told: they are rationed. */
export function cut(one: Case): Case {
    const firsts = ownLines(one).filter(isFirst)
    const isNoisy = (number: number) =>
        Array.from({ length: SOURCES }, (_, from) => `${sourceOf(number, from)}:`).some(
            (source) => firsts.filter((line) => line.startsWith(source)).length > FIRSTS,
        )
    const quiet = silence(one, isNoisy)
    let count = Math.max(...quiet.rounds.map(({ traces }) => traces.length))
    const fits = () => {
        const all = ownLines(silence(quiet, (number) => number >= count))
        // A line of its last stage comes with that of its opening, and counts as one.
        const whole = all.filter((_, i) => isOpening(all[i + 1] ?? "")).length
        const first = all.filter((line, i) => isFirst(line) && !isOpening(all[i + 1] ?? "")).length
        return first <= LINES && all.length - first - whole <= LINES
    }
    while (count > 1 && !fits()) count--
    const rounds = silence(quiet, (number) => number >= count).rounds
    return { ...one, rounds: rounds.map((round) => ({ ...round, traces: round.traces.slice(0, count) })) }
}

/** When bursts would be sent, if all went as it should. */
export function nominalTimes({ late }: Case, bursts: readonly Burst[]): number[] {
    let now = late ? 900 : 0
    return bursts.map(({ before }, i) => {
        if (i > 0) now += before.do === "wait" ? before.ms : USUALLY
        return now
    })
}

/** The address of a source of a trace. */
function sourceOf(trace: number, from: number): string {
    // Each has a network of its own: what is told is rationed for each.
    return from === SOURCES - 1 ? `fd00:${(trace + 1).toString(16)}:0:1::1` : `10.${100 + from}.0.${trace + 1}`
}

export const isOpening = (line: string) => line.endsWith(": OPEN SESAME")
const isFirst = (line: string) => /tage 1(\)\n|:|$)/.test(line)

function silence(one: Case, isOut: (number: number) => boolean): Case {
    const rounds = one.rounds.map(({ before, traces }) => ({
        before,
        traces: traces.map((trace, number) => (isOut(number) ? [] : trace)),
    }))
    return { ...one, rounds }
}

function modelOf({ doors, files }: Case, cures: readonly Cure[]): KnockdModel {
    return new KnockdModel([...doors, END], files, cures)
}

function act({ doors }: Case, before: Before, models: readonly KnockdModel[], now: number): void {
    if (before.do !== "reload") return
    const next = before.doors === null ? null : [...before.doors, END]
    for (const model of models) model.reload(next, mistaken(doors).mistake, now)
}
