/** Plays a case to the real knockd and to ours at the same time: both hear the same frames. */
import type { ChildProcess } from "node:child_process"
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import type { Case } from "./knockd-cases.ts"
import type { Cure } from "./knockd-model-doors.ts"
import { childrenOf, KNOCKD, PROGRAM_LINES } from "./knockd-play.ts"
import {
    type Burst,
    burstsOf,
    configurationOf,
    type Duel,
    type Heard,
    inOrder,
    isClear,
    isTimeout,
    mistaken,
    type Told,
    wantedOf,
} from "./knockd-schedule.ts"
import type { WiredHost } from "./knockd-wire.ts"
import { POSTERN } from "./lab.ts"

const PATIENCE_MS = 30_000
/** How long what should come is waited for before it is said that it has not. */
const EXPECTED_MS = 5_000
/** How often one is played again whose packets were held up for so long that either answer would be right. */
const TRIES = 8
/** Where in a second of the clock a late one begins (ms). */
const LATE_MS = 890

/**
 * See the head of the file. `cures`: of what is mended in ours, all that the model knows; `scratch` is a directory that is
 * not there yet. Throws if either of them does not start, or hears nothing.
 */
export async function duel(one: Case, cures: readonly Cure[], host: WiredHost, scratch: string): Promise<Duel> {
    const bursts = burstsOf(one)
    for (let attempt = 1; ; attempt++) {
        const played = await playOnce(one, cures, bursts, host, `${scratch}-${attempt}`)
        if (played !== null) return played
        if (attempt === TRIES) throw new Error("packets are held up again and again")
    }
}

/** Null: nobody can say what either should have done, since its packets were held up. */
async function playOnce(
    one: Case,
    cures: readonly Cure[],
    bursts: readonly Burst[],
    host: WiredHost,
    scratch: string,
): Promise<Duel | null> {
    mkdirSync(scratch)
    const knockd = new Fighter([KNOCKD], one, host, join(scratch, "knockd"))
    const postern = new Fighter([POSTERN, "knockd"], one, host, join(scratch, "postern"))
    const both = [knockd, postern]
    const times: (readonly [number, number])[] = []
    const wanted = (some: readonly Burst[], at: readonly number[]): Heard => ({
        knockd: wantedOf(one, some, at, []),
        postern: wantedOf(one, some, at, cures),
    })
    try {
        await Promise.all(both.map((fighter) => fighter.until(() => fighter.log().includes("starting up"))))
        for (const burst of bursts) {
            const { before } = burst
            if (times.length > 0) {
                if (before.do === "wait") await pause(Math.max(0, times.at(-1)![0] + before.ms - Date.now()))
                // What the round before asked for has come, so that all that comes now is of this one.
                const some = [...bursts.slice(0, times.length), NO_PACKETS]
                const due = wanted(some, [...times.map(([from]) => from), Date.now()])
                await Promise.all([knockd.expect(dueBefore(due.knockd)), postern.expect(dueBefore(due.postern))])
            } else if (one.late) await untilLate()
            if (before.do === "reload") {
                const conf = before.doors === null ? mistaken(one.doors).conf : configurationOf(before.doors)
                await Promise.all(both.map((fighter) => fighter.reload(conf)))
            }
            const packets = burst.packets.map(({ source, to, hit, flags, mark }) => ({
                send: hit,
                from: source,
                to,
                flags,
                mark,
            }))
            times.push(await host.burst(packets))
            await Promise.all(both.map((fighter) => fighter.heard(burst.last)))
        }
        if (!isClear(one, bursts, times, cures)) return null
        const at = times.map(([from]) => from)
        const all = wanted(bursts, at)
        await Promise.all([
            knockd.expect(dueOf(all.knockd, all.knockd.commands)),
            postern.expect(dueOf(all.postern, all.postern.commands)),
        ])
        const last = bursts.at(-1)!.last
        const heard = { knockd: knockd.told(last, all.knockd), postern: postern.told(last, all.postern) }
        return { heard: inAnyOrder(heard), wanted: inAnyOrder(all) }
    } finally {
        for (const fighter of both) fighter.end()
    }
}

const inAnyOrder = ({ knockd, postern }: Heard): Heard => ({
    knockd: { ...knockd, log: inOrder(knockd.log, false) },
    postern: { ...postern, log: inOrder(postern.log, true) },
})

/** How many lines there should be: of commands, of those who run them, and in the log. */
type Due = { readonly commands: number; readonly programs: number; readonly lines: number }

const dueOf = ({ log, programs }: Told, commands: Told["commands"]): Due => ({
    commands: commands.flat().length,
    programs: programs.length,
    lines: log.length,
})

/** The same before another burst: of the last one are those that come later. */
const dueBefore = (told: Told): Due => ({ ...dueOf(told, told.commands.slice(0, -1)), programs: 0 })

const NO_PACKETS: Burst = { before: { do: "nothing" }, packets: [], last: [] }

async function untilLate(): Promise<void> {
    await pause((1000 + LATE_MS - (Date.now() % 1000)) % 1000)
}

/** Ends what a knockd that crashed has left waiting for its stop: all programs that were started in this directory. */
export function endOrphans(scratch: string): void {
    for (const pid of readdirSync("/proc").map(Number).filter(Boolean)) {
        try {
            const environment = readFileSync(`/proc/${pid}/environ`, "latin1")
            if (environment.includes(`POSTERN_KNOCKD_STATE=${scratch}/`)) process.kill(pid, "SIGKILL")
        } catch {
            // It has ended, or has no environment.
        }
    }
}

/** One of the two. */
class Fighter {
    readonly #folder: string
    readonly #files: readonly string[]
    readonly #child: ChildProcess
    /** How many commands had been run, and how many lines told, when each burst was over. */
    readonly #counts: number[] = []
    readonly #tolds: number[] = []
    #ended = false

    constructor(program: readonly string[], one: Case, host: WiredHost, folder: string) {
        this.#folder = folder
        this.#files = Object.keys(one.files)
        mkdirSync(folder)
        for (const [name, text] of Object.entries(one.files)) writeFileSync(join(folder, name), text)
        this.#write(configurationOf(one.doors))
        const out = openSync(join(folder, "out"), "a")
        const env = { ...process.env, POSTERN_KNOCKD_STATE: join(folder, "state"), LC_ALL: "C" }
        const argv = [...program, "-v", "-i", "lan0", "-c", join(folder, "conf")]
        this.#child = host.namespace.start(argv, { env, stdio: ["ignore", out, "ignore"] })
        closeSync(out)
        this.#child.once("exit", () => {
            this.#ended = true
        })
    }

    log(): string {
        return this.#read("log")
    }

    /** Until this is so, or it has ended. */
    async until(isSo: () => boolean, patience = PATIENCE_MS): Promise<void> {
        const end = performance.now() + patience
        while (!isSo() && !this.#ended) {
            if (performance.now() > end) throw new Error(`${this.#folder}: nothing comes: ${this.log()}`)
            await pause(20)
        }
    }

    /** Until these sources have knocked, or it has ended. */
    async heard(sources: readonly string[]): Promise<void> {
        await this.until(() => sources.every((source) => this.log().includes(`${source}: end: OPEN SESAME`)))
    }

    /** Until so much has been done, or it does not come. */
    async expect({ commands, programs, lines }: Due): Promise<void> {
        const end = performance.now() + EXPECTED_MS
        let seen = ""
        const isThere = () => {
            // Nothing new is not read again: many are played at a time.
            const sizes = ["cmd", "log"].map((name) => this.#size(name)).join(" ")
            if (sizes === seen) return false
            seen = sizes
            if (this.#commands().length < commands) return false
            const all = this.#lines()
            const run = all.filter((line) => PROGRAM_LINES.test(line)).length
            return run >= programs && all.length - run >= lines
        }
        while (!isThere() && performance.now() < end) await pause(20)
        this.#counts.push(this.#commands().length)
        this.#tolds.push(this.#told().length)
    }

    async reload(conf: string): Promise<void> {
        this.#write(conf)
        if (this.#ended) return
        this.#child.kill("SIGHUP")
        const isDone = () =>
            this.#read("out").includes("re-opening log file") || this.log().includes("nothing has changed")
        await this.until(isDone)
    }

    /** What came of it until these sources knocked; of one that ended, until its last words. */
    told(last: readonly string[], wanted: Told): Told {
        const told = this.#told()
        const ends = last.map((source) => `${source}: end: OPEN SESAME`)
        const end = told.findLastIndex((line) => ends.includes(line))
        // Windows that pass later are no part of it.
        const log = told.filter((line, i) => i < end || !isTimeout(line))
        const commands = this.#commands()
        return {
            // What it still does on its way to its crash is nobody's business.
            log: wanted.alive ? log : log.slice(0, wanted.log.length),
            lines: this.#tolds.slice(0, -1).map((count) => (wanted.alive ? count : Math.min(count, wanted.log.length))),
            programs: this.#lines()
                .filter((line) => PROGRAM_LINES.test(line))
                .sort(),
            commands: this.#counts.map((count, i) => commands.slice(this.#counts[i - 1] ?? 0, count).sort()),
            files: Object.fromEntries(this.#files.map((name) => [name, this.#read(name)])),
            alive: !this.#ended,
        }
    }

    end(): void {
        if (this.#ended) return
        const children = childrenOf(this.#child.pid!)
        this.#child.kill("SIGKILL")
        // Those of knockd that wait for their stop.
        for (const pid of children) {
            try {
                process.kill(pid, "SIGKILL")
            } catch {
                // It has just ended.
            }
        }
    }

    #commands(): string[] {
        return this.#read("cmd").split("\n").filter(Boolean)
    }

    #told(): string[] {
        return this.#lines().filter((line) => !PROGRAM_LINES.test(line))
    }

    #lines(): string[] {
        const lines = this.log().replace(/\n$/, "").split("\n")
        const plain = lines.flatMap((line, i) => {
            if (line === "" && i > 0) return []
            return [`${line.replace(/^\[[^\]]*\] /, "")}${lines[i + 1] === "" ? "\n" : ""}`]
        })
        return plain
            .map((line) => line.replaceAll(this.#folder, "@DIR@").replace(/\d+ ms /g, "N ms "))
            .filter((line) => !line.startsWith("starting up"))
    }

    #write(conf: string): void {
        writeFileSync(join(this.#folder, "conf"), conf.replaceAll("@DIR@", this.#folder))
    }

    #size(name: string): number {
        return statSync(join(this.#folder, name), { throwIfNoEntry: false })?.size ?? 0
    }

    #read(name: string): string {
        const path = join(this.#folder, name)
        return existsSync(path) ? readFileSync(path, "latin1") : ""
    }
}
