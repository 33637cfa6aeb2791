/**
 * Random doors, files, knocks, waits and reloads, played to the real knockd and to ours at the same time: knockd does what
 * the model of it says, with all its faults, and ours does what the model says when they are mended
 * (test/lab/knockd-model.ts). So every difference is one of the cures that are named there.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { account } from "../lab/account.ts"
import { type Case, KINDS, type Kind } from "../lab/knockd-cases.ts"
import { duel, endOrphans } from "../lab/knockd-duel.ts"
import { CURES, type Cure } from "../lab/knockd-model-doors.ts"
import { KNOCKD } from "../lab/knockd-play.ts"
import {
    burstsOf,
    cut,
    type Duel,
    isAsWanted,
    isOpening,
    nominalTimes,
    type Told,
    wantedOf,
} from "../lab/knockd-schedule.ts"
import { smallest } from "../lab/knockd-smaller.ts"
import { tell } from "../lab/knockd-tell.ts"
import { makeWire, type Wire, type WiredHost } from "../lab/knockd-wire.ts"
import { whyNoNamespaces } from "../lab/namespace.ts"

const why = whyNoNamespaces() ?? (existsSync(KNOCKD) ? null : "needs knockd (Debian package knockd)")

/**
 * `POSTERN_SEED=… POSTERN_CASES=…`: others, and more of them. `POSTERN_CASE=…`: nothing but this case, as a failure has
 * it. `POSTERN_FAULT=…`: the model of ours has this fault of knockd's, so that there is something to be found.
 */
const SEED = Number(process.env["POSTERN_SEED"] ?? 3_311)
const CASES = Number(process.env["POSTERN_CASES"] ?? 2_000)
const CASE = process.env["POSTERN_CASE"]
const FAULT = process.env["POSTERN_FAULT"]
/** So many of the traces, of a hundred, are of each kind. */
const SHARES: readonly (readonly [Kind, number])[] = [
    ["once", 8],
    ["patient", 6],
    ["reloaded", 6],
    ["crowd", 80],
]
/** Most of them wait most of the time. */
const AT_ONCE = 10
/** Whoever stands still for seconds on a busy host tells less than he should: that is played again. */
const TRIES = 3
const SHRINK_MS = 120_000

/** One that was drawn: `run` is its number among those of its kind. */
type Drawn = { readonly kind: Kind; readonly run: number; readonly is: Case }
type Hear = (one: Case) => Promise<Duel>

describe("a model with one fault more", () => {
    it("is found out, and what shows it is made as small as it gets and said", { timeout: 60_000 }, async () => {
        for (const [fault, packets] of SMALLEST) {
            const hear: Hear = (one) => Promise.resolve(byModel(one, fault))
            const found = drawn().find(({ is }) => !isAsWanted(byModel(is, fault)))!
            const message = await explain(found, hear)
            const small = caseOf(/POSTERN_CASE='(.*)' npx/.exec(message)![1]!)
            const sent = small.rounds.flatMap(({ traces }) => traces.flat()).length
            const is = [isAsWanted(byModel(small, fault)), small.doors.length, sent <= packets]
            expect([fault, ...is]).toEqual([fault, false, 1, true])
            expect(message).toContain(`POSTERN_SEED=${SEED}, ${found.kind} ${found.run}`)
        }
    })
})

/** So many packets show these faults, at one door. */
const SMALLEST = [
    ["repeats", 2],
    ["reload keeps", 3],
    ["the last sequence", 3],
    ["timeouts when they happen", 2],
] as const

describe.skipIf(why !== null)("postern knockd hears what knockd hears", () => {
    let wire: Wire
    let scratch: string
    let runs = 0
    beforeAll(() => {
        scratch = mkdtempSync(join(tmpdir(), "postern-knockd-"))
        wire = makeWire(AT_ONCE)
    })
    afterAll(async () => {
        if (scratch) endOrphans(scratch)
        await wire?.remove()
        if (scratch) rmSync(scratch, { recursive: true, force: true })
    })
    const cures = CURES.filter((one) => one !== FAULT)
    const hear = (one: Case, host: WiredHost) => duel(one, cures, host, join(scratch, `${runs++}`))

    it("in random traces, as the model of both says", { timeout: 600_000 }, async () => {
        const cases = CASE === undefined ? drawn() : [{ kind: "crowd", run: 0, is: caseOf(CASE) } as const]
        const wrong: Drawn[] = []
        let again = 0
        let next = 0
        await Promise.all(
            wire.hosts.map(async (host) => {
                // The first that is wrong is enough.
                while (next < cases.length && wrong.length === 0) {
                    const one = cases[next++]!
                    for (let attempt = 1; ; attempt++) {
                        const played = await hear(one.is, host)
                        if (isAsWanted(played)) break
                        if (attempt === TRIES) {
                            wrong.push(one)
                            break
                        }
                        again++
                    }
                }
            }),
        )
        const [first] = wrong
        if (first !== undefined) throw new Error(await explain(first, (one) => hear(one, wire.hosts[0]!)))
        if (CASE !== undefined) return
        const seen = tally(cases.map(({ is }) => is))
        const traces = cases.reduce((sum, { is }) => sum + countOf(is), 0)
        account(
            `${traces} random traces at ${cases.length} random configurations: knockd opens ${seen.openings} doors and ours ${seen.more}, as the model of both says; ${again} played again`,
        )
        account(`of the configurations: ${seen.kinds.map(([what, count]) => `${what} in ${count}`).join(", ")}`)
        account(`told apart by: ${seen.cures.map(([cure, count]) => `${cure} in ${count}`).join(", ")}`)
        expect(again).toBeLessThan(cases.length / 20)
        // What there is to see was seen, often: knocks that open, all that can happen, and each fault of knockd.
        expect(seen.openings).toBeGreaterThan(traces / 3)
        for (const [what, count] of [...seen.kinds, ...seen.cures]) expect([what, count > 0]).toEqual([what, true])
    })
})

let all: readonly Drawn[] | null = null
/** Those that wait come first: the others have all done when they have. */
function drawn(): readonly Drawn[] {
    all ??= SHARES.flatMap(([kind, share]) => {
        const wanted = Math.ceil((CASES * share) / 100)
        let count = 0
        return fc.sample(KINDS[kind], { seed: SEED, numRuns: wanted }).flatMap((uncut, run) => {
            if (count >= wanted) return []
            const is = cut(uncut)
            count += countOf(is)
            return [{ kind, run, is }]
        })
    })
    return all
}

/** The smallest that is not as the model says, what differs, and how to see it again. */
async function explain({ kind, run, is }: Drawn, hear: Hear): Promise<string> {
    const until = performance.now() + SHRINK_MS
    let last: Duel | null = null
    const isWrong = async (one: Case) => {
        const played = await hear(one)
        if (isAsWanted(played)) return false
        last = played
        return true
    }
    const drawnBy = `POSTERN_SEED=${SEED}, ${kind} ${run}`
    if (!(await isWrong(is)) || last === null) return `${drawnBy}: once, and not again: ${JSON.stringify(is)}`
    const small = await smallest(is, isWrong, () => performance.now() < until)
    const command = `POSTERN_CASE='${JSON.stringify(small)}' npx vitest run --project interop test/interop/knockd-traces.test.ts`
    return `${tell(small, last)}\nOut of ${drawnBy}. To see it again:\n${command}`
}

/** As a failure has it. */
function caseOf(text: string): Case {
    return JSON.parse(text)
}

/** As if ours had no such fault, and the model had. */
function byModel(one: Case, fault: Cure): Duel {
    const knockd = told(one, [])
    const with_ = told(
        one,
        CURES.filter((cure) => cure !== fault),
    )
    return { heard: { knockd, postern: told(one, CURES) }, wanted: { knockd, postern: with_ } }
}

function told(one: Case, cures: readonly Cure[]): Told {
    const bursts = burstsOf(one)
    return wantedOf(one, bursts, nominalTimes(one, bursts), cures)
}

/** Does this mending alone change what knockd does, or its absence what ours does? */
function shows(one: Case, cure: Cure, [bare, whole]: readonly [string, string]): boolean {
    const text = (cures: readonly Cure[]) => JSON.stringify(told(one, cures))
    return bare !== text([cure]) && whole !== text(CURES.filter((other) => other !== cure))
}

function countOf({ rounds }: Case): number {
    return Math.max(...rounds.map(({ traces }) => traces.length))
}

const opens = ({ log }: Told) => log.filter(isOpening).length
const says = (one: Told, what: RegExp) => one.log.some((line) => what.test(line))
const reloads = ({ rounds }: Case) => rounds.some(({ before }) => before.do === "reload")

/** What was reached: of all that can happen, in how many configurations. */
function tally(cases: readonly Case[]) {
    const all = cases.map((is) => ({ is, knockd: told(is, []), postern: told(is, CURES) }))
    type Seen = (typeof all)[number]
    const what: Readonly<Record<string, (one: Seen) => boolean>> = {
        "IPv6 opens": ({ knockd }) => says(knockd, /^fd00:(?!ffff).*SESAME/),
        "a Target opens": ({ is, knockd }) =>
            is.doors.some(({ name, target }) => target !== null && says(knockd, new RegExp(`: ${name}: OPEN`))),
        "flags to be absent": ({ is, knockd }) =>
            is.doors.some(({ name, flags }) => flags.includes("!") && says(knockd, new RegExp(`: ${name}: OPEN`))),
        "commands for IPv6": ({ knockd }) => knockd.programs.some((line) => line.includes(" start6 ")),
        stops: ({ knockd }) => knockd.programs.some((line) => line.endsWith(": command timeout")),
        "a window passes": ({ postern }) => says(postern, /sequence timeout/),
        "too late": ({ postern }) => says(postern, /too late/),
        "a reload": ({ is }) => reloads(is),
        "a reload with a mistake": ({ is, postern }) =>
            reloads(is) && says(postern, /syntax error: nothing has changed/),
        "a one-time sequence": ({ is, knockd }) =>
            Object.entries(is.files).some(([name, text]) => knockd.files[name] !== text),
        "the last one-time sequence": ({ postern }) => says(postern, /^no more sequences/),
        "two doors with one file": ({ is: { doors } }) =>
            doors.some(({ file }, i) => file !== null && doors.findIndex((other) => other.file === file) !== i),
    }
    const texts = all.map(({ knockd, postern }) => [JSON.stringify(knockd), JSON.stringify(postern)] as const)
    return {
        openings: all.reduce((sum, { knockd }) => sum + opens(knockd), 0),
        more: all.reduce((sum, { postern }) => sum + opens(postern), 0),
        kinds: Object.entries(what).map(([name, is]) => [name, all.filter(is).length] as const),
        cures: CURES.map((cure) => [cure, all.filter(({ is }, i) => shows(is, cure, texts[i]!)).length] as const),
    }
}
