/**
 * Random configurations are read by the real knockd and by us: the same lines told, the same complaints, the same first
 * mistake. What only we take knockd refuses, each time and at that line; without it both read the same. knockd is asked for an interface that is not there, so that it ends when it has read, without any network.
 */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { readKnockdFiles } from "../../src/adapters/config/knockd.ts"
import type { Oddity } from "../../src/core/knockd/oddities.ts"
import { account } from "../lab/account.ts"
import { type ConfCase, confCase, NO_INTERFACE } from "../lab/knockd-conf.ts"

const KNOCKD = "/usr/sbin/knockd"
/** `POSTERN_SEED=… POSTERN_CASES=…`: others, and more of them. */
const SEED = Number(process.env["POSTERN_SEED"] ?? 1_809)
const CASES = Number(process.env["POSTERN_CASES"] ?? 2_000)
const AT_ONCE = 2

const VECTORS = join(import.meta.dirname, "../../vectors/knockd/configurations.json")

/** One of the vectors. */
type Vector = {
    readonly name: string
    readonly conf: string
    readonly files?: Readonly<Record<string, string>>
    readonly told: readonly string[]
    readonly said: readonly string[]
    readonly refused: boolean
}

/** What came of reading: what was told with `-D`, what was said on standard error, and whether it ended there. */
type Read = { readonly told: string; readonly warned: string; readonly refused: boolean }

/** Each argument is the directory of a case; those whose names end in `-i` name the interface. */
const SCRIPT = `for case; do
    cd "$case" || exit 1
    case $case in *-i) named="-i ${NO_INTERFACE}" ;; *) named= ;; esac
    ${KNOCKD} -D $named -c knockd.conf >told 2>warned
    echo $? >status
done`

describe.skipIf(!existsSync(KNOCKD))("readKnockdConf() reads as knockd does", () => {
    let scratch: string
    beforeAll(() => {
        scratch = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "postern-knockd-"))
    })
    afterAll(() => rmSync(scratch, { recursive: true, force: true }))

    it("tells the same, complains the same, and refuses the same", { timeout: 300_000 }, async () => {
        const cases = fc.sample(confCase, { seed: SEED, numRuns: CASES })
        const folders = cases.map((one, i) => layOut(join(scratch, `${i}`), one))
        await askKnockd(folders)
        const reached = new Map<string, number>()
        const alike = new Map<ConfCase, boolean>()
        const extended: { readonly one: ConfCase; readonly folder: string; readonly plain: string }[] = []
        for (const [i, one] of cases.entries()) {
            const folder = folders[i]!
            const [theirs, ours] = [knockdRead(folder), weRead(folder)]
            const plain = withoutExtras(one, ours.oddities)
            if (plain === null) alike.set(one, same(ours.read, theirs) && !refusesOwn(one, ours))
            else extended.push({ one, folder, plain: layOut(join(scratch, `${i}-plain`), plain) })
            for (const what of kinds(theirs, ours.oddities)) reached.set(what, (reached.get(what) ?? 0) + 1)
        }
        await askKnockd(extended.map(({ plain }) => plain))
        for (const { one, folder, plain } of extended) alike.set(one, refusesExtras(one, folder, plain) === null)
        if ([...alike.values()].includes(false)) shrink(alike)
        const refused = `of which both refuse ${reached.get("refused")! - extended.length}`
        account(
            `knockd and we read ${CASES} configurations alike, ${refused}; knockd stops at what is ours in ${extended.length}`,
        )
        // What there is to read was read, often.
        for (const what of REACHED) expect([what, (reached.get(what) ?? 0) >= CASES / 200]).toEqual([what, true])
    })

    /** The same cases again, one by one: fast-check finds the smallest that differs, and says how to see it again. */
    function shrink(alike: ReadonlyMap<ConfCase, boolean>): void {
        const known = new Map([...alike].map(([one, same]) => [JSON.stringify(one), same]))
        let runs = 0
        const property = fc.property(confCase, (one) => {
            if (known.get(JSON.stringify(one)) === true) return
            const folder = layOut(join(scratch, `again-${runs++}`), one)
            const ours = weRead(folder)
            const { read, oddities } = ours
            const plain = withoutExtras(one, oddities)
            const folders = plain === null ? [folder] : [folder, layOut(join(scratch, `again-${runs++}`), plain)]
            spawnSync("/bin/sh", ["-c", SCRIPT, "sh", ...folders])
            if (plain === null) expect([read, refusesOwn(one, ours)]).toEqual([knockdRead(folder), false])
            else expect(refusesExtras(one, folder, folders[1]!)).toBe(null)
        })
        fc.assert(property, { seed: SEED, numRuns: CASES })
    }

    it("and says what the vectors say it says", () => {
        const vectors: readonly Vector[] = JSON.parse(readFileSync(VECTORS, "utf8"))
        const folders = vectors.map(({ name, conf, files = {} }) =>
            layOut(join(scratch, name), { conf, files, interfaceNamed: true }),
        )
        spawnSync("/bin/sh", ["-c", SCRIPT, "sh", ...folders])
        for (const [i, { name, told, said, refused }] of vectors.entries()) {
            const wanted = { told: lines(told), warned: lines(said), refused }
            expect([name, knockdRead(folders[i]!)]).toEqual([name, wanted])
            expect([name, weRead(folders[i]!).read]).toEqual([name, wanted])
        }
        expect(vectors.length).toBeGreaterThan(70)
    })

    it("but a directory is no configuration: knockd takes it for an empty file", () => {
        const { stdout, stderr } = spawnSync(KNOCKD, ["-D", "-i", NO_INTERFACE, "-c", scratch], { encoding: "latin1" })
        expect([stdout, stderr]).toEqual(["", expect.stringMatching(/^could not open nosuch0/)])
        expect(readKnockdFiles(scratch).conf).toEqual({ ok: false, code: "EISDIR", detail: "Is a directory" })
    })

    it("and says the same of one that is not there", () => {
        const missing = join(scratch, "missing.conf")
        const { stdout, stderr } = spawnSync(KNOCKD, ["-D", "-i", NO_INTERFACE, "-c", missing], { encoding: "latin1" })
        const { conf } = readKnockdFiles(missing)
        expect([stdout.split("\n")[0], stderr]).toEqual([
            "usage: knockd [options]",
            `${missing}: ${conf.ok ? "" : conf.detail}\n`,
        ])
    })
})

async function askKnockd(folders: readonly string[]): Promise<void> {
    const share = Math.ceil(folders.length / AT_ONCE)
    await Promise.all(
        Array.from({ length: AT_ONCE }, async (_, i) => {
            const child = spawn("/bin/sh", ["-c", SCRIPT, "sh", ...folders.slice(i * share, (i + 1) * share)])
            await once(child, "close")
        }),
    )
}

/** Null, or in what knockd and we differ beside that it refuses what is ours. `plain`: the case without that. */
function refusesExtras(one: ConfCase, folder: string, plain: string): string | null {
    const ours = weRead(folder)
    const extras = linesOf(ours.oddities)
    if (refusesOwn(one, ours)) return `refused: line ${ours.stopped}`
    const misplaced = extras.find((line) => isOurs(one.conf, line) === false)
    if (misplaced !== undefined) return `line ${misplaced}: not one of ours`
    // A line that nobody knows, in the place of the first that is ours: so does knockd see it.
    const foreign = weRead(layOut(`${folder}-foreign`, marked(one, extras.slice(0, 1), "?")))
    const theirs = knockdRead(folder)
    if (!same(foreign.read, theirs)) return `the file: ${JSON.stringify([foreign.read, theirs])}`
    if (!/^config: line \d+: syntax error$/m.test(theirs.warned)) return `not refused: ${theirs.warned}`
    const [weAlone, knockdAlone] = [weRead(plain).read, knockdRead(plain)]
    if (!same(weAlone, knockdAlone)) return `without what is ours: ${JSON.stringify([weAlone, knockdAlone])}`
    const told = weAlone.told.split("\n")
    const more = ours.read.told.split("\n").filter((line) => line !== told[0] || told.shift() === undefined)
    if (told.length > 0 || more.length !== extras.length) return `told: ${ours.read.told}`
    const strange = more.find((line) => !OURS.test(line))
    if (strange !== undefined) return `told: ${strange}`
    const { warned, refused } = ours.read
    return same({ warned, refused }, { warned: weAlone.warned, refused: weAlone.refused }) ? null : `ends otherwise`
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

/** What we tell of directives that knockd has not. */
const OURS = /^config: (?:.*: )?(?:allowduplicates$|strict$|on_start: |on_stop: |seq_cooldown: )/s

/** Is this line (from 1) one of them? Read plainly, apart from our reader; null: it is longer than knockd reads. */
function isOurs(conf: string, at: number): boolean | null {
    const whole = conf.split("\n")
    const lines = whole.map((line) => line.split("\0")[0]!.replace(/^[\t-\r ]+|[\t-\r ]+$/g, ""))
    const section = lines.slice(0, at).findLast((line) => line.startsWith("[") && line.endsWith("]"))
    const known = section === "[options]" ? IN_OPTIONS : IN_DOORS
    return whole[at - 1]!.length > 4094 ? null : known.test(lines[at - 1]!)
}

const IN_OPTIONS = /^(?:(?:allowduplicates|strict)$|on_(?:start|stop)[\t-\r ]*=)/i
const IN_DOORS = /^(?:strict$|(?:seq_)?cooldown[\t-\r ]*=)/i

/** The lines of those, from 1. */
function linesOf(oddities: readonly Oddity[]): number[] {
    return [...new Set(oddities.flatMap(({ odd, line }) => (odd === "extra" ? [line] : [])))]
}

/** The case with comments in place of those; null: it has none. */
function withoutExtras(one: ConfCase, oddities: readonly Oddity[]): ConfCase | null {
    const extras = linesOf(oddities)
    return extras.length === 0 ? null : marked(one, extras, "#")
}

/** With another first letter in these lines; nothing else moves. */
function marked(one: ConfCase, at: readonly number[], letter: string): ConfCase {
    const lines = one.conf.split("\n")
    for (const line of at) lines[line - 1] = lines[line - 1]!.replace(/[^\t-\r ]/, letter)
    return { ...one, conf: lines.join("\n") }
}

/** Do we stop at a line that is one of them? */
function refusesOwn({ conf }: ConfCase, { stopped }: OurRead): boolean {
    return stopped > 0 && isOurs(conf, stopped) === true
}

/** Makes the directory of a case; only what the configuration can name is there. */
function layOut(path: string, { conf, files, interfaceNamed }: ConfCase): string {
    const folder = interfaceNamed ? `${path}-i` : path
    mkdirSync(folder)
    writeFileSync(join(folder, "knockd.conf"), conf, "latin1")
    for (const [name, text] of Object.entries(files))
        if (conf.includes(name)) writeFileSync(join(folder, name), text, "latin1")
    return folder
}

/** What knockd said, without what comes after reading: its usage, the log file, and the interface that is not there. */
function knockdRead(folder: string): Read {
    const read = (name: string) => readFileSync(join(folder, name), "latin1")
    expect(read("status")).toBe("1\n")
    const [told = "", usage] = read("told").split("usage: knockd [options]\n")
    const warned = read("warned").replace(/^warning: cannot open logfile: .*\n/m, "")
    const refused = usage !== undefined
    const failed = `could not open ${NO_INTERFACE}: ${NO_INTERFACE}: No such device exists (No such device exists)\n`
    expect(refused || warned.endsWith(failed)).toBe(true)
    return { told, warned: refused ? warned : warned.slice(0, -failed.length), refused }
}

/** `stopped`: at this line, which has no place there; 0: nowhere. */
type OurRead = { readonly read: Read; readonly oddities: readonly Oddity[]; readonly stopped: number }

function weRead(folder: string): OurRead {
    const here = process.cwd()
    process.chdir(folder)
    try {
        const { reading } = readKnockdFiles("knockd.conf", folder.endsWith("-i") ? NO_INTERFACE : null)
        const warned = lines([...reading!.warned, ...(reading!.ok ? [] : [reading!.message])])
        const stopped = !reading!.ok && reading!.message.endsWith(": syntax error") ? reading!.line : 0
        const read = { told: lines(reading!.told), warned, refused: !reading!.ok }
        return { read, oddities: reading!.oddities, stopped }
    } finally {
        process.chdir(here)
    }
}

const lines = (all: readonly string[]) => all.map((line) => `${line}\n`).join("")

/** What a case has shown. */
function kinds({ told, warned, refused }: Read, oddities: readonly Oddity[]): Set<string> {
    const keys = [...told.matchAll(/^(?:config: )?(?:[^\n]*?: )?([a-z_0-9 ]+):/gm)].map(([, key]) => key!)
    const texts = [...warned.matchAll(/^.*$/gm)].map(([line]) => MESSAGES.find((text) => line.includes(text)) ?? "")
    return new Set([...keys, ...texts, refused ? "refused" : "read", ...oddities.map(({ odd }) => `odd ${odd}`)])
}

const MESSAGES = [
    "syntax error",
    "bad section name",
    "all directives must belong to a section",
    "unrecognized flag",
    "too many ports in knock sequence",
    "is invalid",
    "unknown protocol in knock sequence",
    "has an empty knock sequence",
    "No such file or directory",
    "Is a directory",
    "Not a directory",
    "File name too long",
    "no more sequences left",
]
const KEYS =
    "new section|log file|pid file|interface|sequence|one time sequences file|seq_timeout|cmd_timeout|tcp flag|target|" +
    "start_command|start_command_6|stop_command|stop_command_6"
const ODD = "port|rest|number|comment|long|again|options|twice|flags|unusable|extra"
/** Each in at least one of 200 cases. */
const REACHED = [
    "read",
    "refused",
    ...KEYS.split("|"),
    ...MESSAGES.filter((text) => !/directory$|too long$/.test(text)),
    ...ODD.split("|").map((odd) => `odd ${odd}`),
]
