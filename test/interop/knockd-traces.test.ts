/**
 * Random doors and knocks, played to the real knockd and to ours at the same time: knockd does what the model of it
 * says, with all its faults, and ours does what the model says when they are mended (test/lab/knockd-model.ts). So every
 * difference is one of the cures that are named there.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { account } from "../lab/account.ts"
import { CURES, type Cure, type ModelDoor, type ModelPacket, modelLines } from "../lab/knockd-model.ts"
import { KNOCKD } from "../lab/knockd-play.ts"
import { makeWire, type Wire, type WiredHost } from "../lab/knockd-wire.ts"
import { POSTERN } from "../lab/lab.ts"
import { whyNoNamespaces } from "../lab/namespace.ts"

const why = whyNoNamespaces() ?? (existsSync(KNOCKD) ? null : "needs knockd (Debian package knockd)")

/** `POSTERN_SEED=… POSTERN_CASES=…`: others, and more of them. */
const SEED = Number(process.env["POSTERN_SEED"] ?? 3_311)
const CASES = Number(process.env["POSTERN_CASES"] ?? 2_000)
/** Traces that one start of both daemons hears at most, each from sources of its own. */
const TRACES = 30
const AT_ONCE = 4
const PATIENCE_MS = 30_000
/** The lines of ours are rationed: so many come whatever happens, and so many of them of a first hit of one source. */
const LINES = 90
const FIRSTS = 4
const SHRINK_MS = 120_000

/** The door that tells that all has been heard, and who knocks there. */
const END = { name: "end", hits: ["9:udp"], syn: false } satisfies ModelDoor
const LAST: ModelPacket = { source: "10.255.0.1", hit: "9:udp", syn: true, mark: 0 }

/** One packet of a trace: from the trace's source of this number; `again` sends an earlier one again. */
type Sent = { readonly from: number; readonly hit: string; readonly syn: boolean; readonly again: boolean }
type Trace = readonly Sent[]
type Case = { readonly doors: readonly ModelDoor[]; readonly traces: readonly Trace[] }

const hit = fc.constantFrom("1000", "2000", "3000", "1000:udp", "4000")
const sequence = fc.array(hit, { minLength: 1, maxLength: 4 })
const door = fc.record({ hits: sequence, syn: fc.boolean() })
const doors: fc.Arbitrary<readonly ModelDoor[]> = fc
    .array(door, { minLength: 1, maxLength: 4 })
    .map((all) => all.map((one, i) => ({ ...one, name: `door${i}` })))

const noise = fc.record({
    from: fc.constantFrom(0, 0, 0, 1),
    hit: fc.oneof({ weight: 5, arbitrary: hit }, { weight: 1, arbitrary: fc.constant("5000") }),
    syn: fc.constantFrom(true, true, true, false),
    again: fc.boolean(),
})
/** Whole knocks of the doors at hand, one packet of which may come twice, two at once, and packets of any kind. */
const traceOf = (all: readonly ModelDoor[]): fc.Arbitrary<Trace> => {
    const knock = fc.record({
        which: fc.nat(all.length - 1),
        from: fc.constantFrom(0, 0, 1),
        twice: fc.option(fc.nat(3)),
    })
    const piece = fc.oneof(
        {
            weight: 3,
            arbitrary: knock.map(({ which, from, twice }) =>
                all[which]!.hits.flatMap((one, i) => {
                    const packet = { from, hit: one, syn: true, again: false }
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
                        return one === undefined ? [] : [{ from, hit: one, syn: true, again: false }]
                    }),
                ),
            ),
        },
        { weight: 2, arbitrary: noise.map((one) => [one]) },
    )
    return fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.flat())
}
const oneCase: fc.Arbitrary<Case> = doors
    .chain((all) =>
        fc.record({
            doors: fc.constant(all),
            traces: fc.array(traceOf(all), { minLength: 1, maxLength: TRACES, size: "max" }),
        }),
    )
    .map(cut)

/** As many of its traces as can be told in full. */
function cut({ doors: all, traces }: Case): Case {
    const lines = (some: readonly Trace[]) => expected({ doors: all, traces: some }).postern
    const quiet = traces.filter((trace) => {
        const firsts = lines([trace]).filter((line) => /tage 1(:|$)/.test(line))
        return [0, 1].every((from) => firsts.filter((line) => line.startsWith(`10.${100 + from}.`)).length <= FIRSTS)
    })
    let count = quiet.length
    while (lines(quiet.slice(0, count)).length > LINES) count--
    return { doors: all, traces: quiet.slice(0, count) }
}

/** What both said, and what they should have. */
type Heard = { readonly knockd: readonly string[]; readonly postern: readonly string[] }

describe.skipIf(why !== null)("postern knockd hears what knockd hears", () => {
    let wire: Wire
    let scratch: string
    let runs = 0
    beforeAll(() => {
        scratch = mkdtempSync(join(tmpdir(), "postern-knockd-"))
        wire = makeWire(AT_ONCE)
    })
    afterAll(async () => {
        await wire?.remove()
        if (scratch) rmSync(scratch, { recursive: true, force: true })
    })

    it("in random traces, as the model of both says", { timeout: 600_000 }, async () => {
        const cases: Case[] = []
        let traces = 0
        for (const one of fc.sample(oneCase, { seed: SEED, numRuns: Math.ceil(CASES / 4) })) {
            if (traces < CASES) cases.push(one)
            if (traces < CASES) traces += one.traces.length
        }
        let wrong = 0
        let opened = 0
        let more = 0
        await Promise.all(
            wire.hosts.map(async (host, lane) => {
                for (let index = lane; index < cases.length; index += AT_ONCE) {
                    const heard = await hear(cases[index]!, host)
                    const wanted = expected(cases[index]!)
                    if (!isAsWanted(heard, wanted)) wrong++
                    opened += wanted.knockd.filter(isOpening).length
                    more += wanted.postern.filter(isOpening).length
                }
            }),
        )
        if (wrong > 0) await shrink()
        expect(wrong).toBe(0)
        account(
            `${traces} random traces at ${cases.length} random configurations: knockd opens ${opened} doors and ours ${more}, as the model of both says`,
        )
        // What there is to see was seen, often: knocks that open, and each fault of knockd.
        expect(opened).toBeGreaterThan(traces / 4)
        for (const cure of CURES)
            expect([cure, cases.filter((one) => shows(one, cure)).length > cases.length / 10]).toEqual([cure, true])
    })

    /** fast-check finds the smallest that is not as the model says, and says how to see it again. */
    async function shrink(): Promise<void> {
        const property = fc.asyncProperty(oneCase, async (one) => {
            const [heard, wanted] = [await hear(one, wire.hosts[0]!), expected(one)]
            if (!isAsWanted(heard, wanted)) expect(heard).toEqual(wanted)
        })
        await fc.assert(property, { seed: SEED, numRuns: CASES, interruptAfterTimeLimit: SHRINK_MS })
    }

    async function hear(one: Case, host: WiredHost): Promise<Heard> {
        const folders = ["knockd", "postern"].map((name) => join(scratch, `${runs++}-${name}`))
        const programs = [[KNOCKD], [POSTERN, "knockd"]]
        const children = folders.map((folder, i) => {
            mkdirSync(folder)
            writeFileSync(join(folder, "conf"), `[options]\nlogfile = ${folder}/log\n${confOf(one.doors)}`)
            const env = { ...process.env, POSTERN_KNOCKD_STATE: join(folder, "state") }
            return host.namespace.start([...programs[i]!, "-i", "lan0", "-c", join(folder, "conf")], {
                env,
                stdio: "ignore",
            })
        })
        const until = async (text: string) => {
            const end = performance.now() + PATIENCE_MS
            while (!folders.every((folder) => read(folder).includes(text))) {
                if (performance.now() > end) throw new Error(`no "${text}": ${folders.map(read).join("\n")}`)
                await pause(10)
            }
        }
        try {
            await until("starting up")
            await host.burst(
                packetsOf(one.traces).map(({ source, hit: send, syn, mark }) => ({
                    send,
                    from: source,
                    flags: syn ? "syn" : "ack",
                    mark,
                })),
            )
            await until(`${LAST.source}: end: OPEN SESAME`)
        } finally {
            for (const child of children) child.kill("SIGKILL")
        }
        const [knockd, postern] = folders.map((folder) => linesOf(read(folder)))
        for (const folder of folders) rmSync(folder, { recursive: true, force: true })
        return { knockd: knockd!, postern: postern! }
    }
})

const read = (folder: string) => (existsSync(join(folder, "log")) ? readFileSync(join(folder, "log"), "utf8") : "")

function confOf(all: readonly ModelDoor[]): string {
    const sections = [...all, END].map(({ name, hits, syn }) =>
        [`[${name}]`, `sequence = ${hits.join(",")}`, "seq_timeout = 600", ...(syn ? ["tcpflags = syn"] : [])].join(
            "\n",
        ),
    )
    return `${sections.join("\n")}\n`
}

/** Every trace has sources of its own. A packet that is sent again has the mark of the last one that was like it. */
function packetsOf(traces: readonly Trace[]): ModelPacket[] {
    const packets: ModelPacket[] = []
    traces.forEach((trace, number) => {
        for (const { from, hit: wanted, syn, again } of trace) {
            const source = `10.${100 + from}.0.${number + 1}`
            const before = packets.findLast((one) => one.source === source && one.hit === wanted)
            const mark = again && before !== undefined ? before.mark : packets.length + 1
            packets.push({ source, hit: wanted, syn, mark })
        }
    })
    return [...packets, LAST]
}

function expected({ doors: all, traces }: Case): Heard {
    const lines = (cures: readonly Cure[]) => modelLines([...all, END], packetsOf(traces), new Set(cures))
    return { knockd: lines([]), postern: lines(CURES) }
}

/** Does this mending alone change what knockd says? */
function shows({ doors: all, traces }: Case, cure: Cure): boolean {
    const lines = (cures: readonly Cure[]) => modelLines([...all, END], packetsOf(traces), new Set(cures)).join("\n")
    return lines([]) !== lines([cure]) && lines(CURES) !== lines(CURES.filter((one) => one !== cure))
}

function isAsWanted(heard: Heard, wanted: Heard): boolean {
    return JSON.stringify(heard) === JSON.stringify(wanted)
}

const isOpening = (line: string) => line.endsWith(": OPEN SESAME")

function linesOf(log: string): string[] {
    const lines = log.split("\n").map((line) => line.replace(/^\[[^\]]*\] /, "").replace(/\d+ ms later/, "N ms later"))
    return lines.filter((line) => line !== "" && !line.startsWith("starting up"))
}
