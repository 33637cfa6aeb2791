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
import { KNOCKD, type Outcome, type Played, play, type Scenario } from "../lab/knockd-play.ts"
import { makeWire, type Wire } from "../lab/knockd-wire.ts"
import { whyNoNamespaces } from "../lab/namespace.ts"

const why = whyNoNamespaces() ?? (existsSync(KNOCKD) ? null : "needs knockd (Debian package knockd)")

/** In which we are not knockd, and why. */
const IMPROVEMENTS: Readonly<Record<string, string>> = {
    "doors apart":
        "each door looks for its own sequence: hits of other doors neither end a knock nor keep one from beginning",
    "sources apart": "knockd forgets the knocks of everybody when its oldest one ends; nobody can disturb another",
    repeats: "a hit that comes twice, as systems and browsers send them, is one hit: knockd fails the knock",
    "a wrong hit begins anew": "the hit that a knock failed by may be the first of the next: knockd loses it",
    "why a knock failed": "knockd says nothing of it, and whoever knocks has no way to know",
    "timeouts when they happen": "knockd tells of one when the next packet comes, of anybody",
    milliseconds: "knockd counts whole seconds: a window of 5 s is one of 4.1 s for who begins late in a second",
    "one start": "knockd starts again while open, and then its first stop closes the door under the second knock",
    "own frames":
        "a frame for another host's hardware address is none of ours: the host itself would not take it, either",
    "bad lines": "knockd marks a line that is no sequence instead of the one used, which then works again",
    "lines alike": "knockd takes lines whose first halves are alike for the same, and marks the wrong one of them",
    "the last sequence": "knockd crashes when the last one-time sequence is used, and takes all doors with it",
    "the next sequence from its beginning": "knockd goes on with the next sequence where the one before was left",
    "one-time sequences by IPv6": "knockd still listens for the ports of the first one",
    "reload keeps": "half a knock goes on over a SIGHUP: knockd forgets it, and its next hit may begin another",
    "reload refuses": "with a mistake in its new configuration knockd ends; ours goes on with what it has, and says so",
    addresses: "knockd knows those that its interface had at the start: ours follows them",
    "any interface": "knockd hears nothing, or every packet to everywhere, on an interface any",
    "interfaces come back": "knockd ends when its interface goes, with an exit code that says that all is well",
    "several interfaces": "knockd can listen on one",
    "priority tags": "knockd does not look behind the tag of a frame that has a priority and no VLAN; the system does",
    "extension headers": "knockd does not look behind those of IPv6",
    "wished for": "directives that knockd's users have asked for: it refuses a file that has one",
    "no children": "stops of commands are ours to run: knockd's wait in processes that a signal ends",
}

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
