/**
 * The scenarios of vectors/knockd/scenarios.json, played to the real knockd and to ours at the same time: the same
 * lines, commands, files and exit codes, or else a difference that is written down there and has a name and a reason
 * here. What knockd does is held against the record, too.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { account } from "../lab/account.ts"
import { IMPROVEMENTS } from "../lab/knockd-improvements.ts"
import { KNOCKD, type Outcome, type Played, play, type Scenario } from "../lab/knockd-play.ts"
import { makeWire, type Wire } from "../lab/knockd-wire.ts"
import { whyNoNamespaces } from "../lab/namespace.ts"

const why = whyNoNamespaces() ?? (existsSync(KNOCKD) ? null : "needs knockd (Debian package knockd)")

/** A scenario and what comes of it: with knockd, and in what with ours another thing, by which improvements. */
type Recorded = Scenario & {
    readonly knockd: Outcome
    readonly postern?: Partial<Outcome>
    readonly improvements?: readonly string[]
}

type Vectors = {
    readonly configurations: Readonly<Record<string, string>>
    readonly scenarios: readonly Recorded[]
}

const VECTORS = join(import.meta.dirname, "../../vectors/knockd/scenarios.json")
/** Most of them wait most of the time. */
const AT_ONCE = 8
/** Whoever stands still for half a second on a busy host plays another scenario: those are played again, alone. */
const TRIES = 3

describe.skipIf(why !== null)("postern knockd does what knockd does", () => {
    const { configurations, scenarios }: Vectors = JSON.parse(readFileSync(VECTORS, "utf8"))
    let wire: Wire
    let scratch: string
    beforeAll(() => {
        scratch = mkdtempSync(join(tmpdir(), "postern-knockd-"))
        wire = makeWire(AT_ONCE)
    })
    afterAll(async () => {
        await wire?.remove()
        if (scratch) rmSync(scratch, { recursive: true, force: true })
    })

    it("in every scenario, or better in a way that has a name", async () => {
        const played = new Map<string, Played>()
        const one = async (index: number, attempt: number) => {
            const scenario = scenarios[index]!
            const conf = configurations[scenario.conf] ?? scenario.conf
            const folder = mkdtempSync(join(scratch, `${attempt}-`))
            played.set(scenario.name, await play(scenario, conf, wire.hosts[index % AT_ONCE]!, folder))
        }
        const differs = ({ name, knockd, postern }: Recorded) =>
            JSON.stringify(played.get(name)) !== JSON.stringify({ knockd, postern: { ...knockd, ...postern } })

        await Promise.all(
            Array.from({ length: AT_ONCE }, async (_, lane) => {
                for (let index = lane; index < scenarios.length; index += AT_ONCE) await one(index, 1)
            }),
        )
        let again = 0
        for (let attempt = 2; attempt <= TRIES; attempt++) {
            for (const [index, scenario] of scenarios.entries()) {
                if (!differs(scenario)) continue
                again++
                await one(index, attempt)
            }
        }
        for (const { name, knockd, postern } of scenarios)
            expect([name, played.get(name)]).toEqual([name, { knockd, postern: { ...knockd, ...postern } }])
        const equal = scenarios.filter(({ postern }) => postern === undefined).length
        const others = `${scenarios.length - equal} are improvements of ${Object.keys(IMPROVEMENTS).length} kinds`
        account(`${scenarios.length} scenarios of knockd: ${equal} alike, ${others}; ${again} played again`)
    })

    it("and every difference has a name, every name a difference", () => {
        const named = scenarios.flatMap(({ improvements = [] }) => improvements)
        expect(new Set(named)).toEqual(new Set(Object.keys(IMPROVEMENTS)))
        for (const { name, postern, improvements = [] } of scenarios)
            expect([name, improvements.length > 0]).toEqual([name, postern !== undefined])
    })
})
