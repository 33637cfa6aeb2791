/**
 * Scenarios of vectors/knockd/scenarios.json, played to the real knockd and to ours: both run on one host and hear the
 * same frames at the same time, each with a directory, a log and files of its own.
 */
import type { ChildProcess } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import type { Packets, WiredHost } from "./knockd-wire.ts"
import { POSTERN } from "./lab.ts"

export const KNOCKD = "/usr/sbin/knockd"

/** What is done to both daemons, in turn. Times are milliseconds. */
export type Step =
    | Packets
    /** One packet for each port from the first to the last, without a pause. */
    | { readonly scan: readonly [number, number] }
    | { readonly wait: number }
    /** Waits until both have nothing more to say. */
    | { readonly settle: true }
    /** Waits until so far into a second of the clock. */
    | { readonly second: number }
    /** Both logs get this line here. */
    | { readonly mark: string }
    | { readonly signal: NodeJS.Signals }
    | { readonly signalChildren: NodeJS.Signals }
    /** Writes another configuration. */
    | { readonly configuration: string }
    /** Writes another text into a file of the scenario, in place: name and text. */
    | { readonly file: readonly [string, string] }
    /** A shell's words, on the host. */
    | { readonly run: string }
    /** Asks both to end, and waits until they have. */
    | { readonly end: NodeJS.Signals }

/** `@DIR@` in texts is the directory of a daemon. */
export type Scenario = {
    readonly name: string
    readonly note?: string
    /** Sections, or the name of one of the configurations that several scenarios have. */
    readonly conf: string
    readonly interface?: string
    /** A shell's words, on the host, before the daemons start. */
    readonly before?: string
    readonly files?: Readonly<Record<string, string>>
    readonly steps: readonly Step[]
}

/**
 * What came of it. `log`: lines without their times, and `\n` behind those that an empty line follows; `programs`: those
 * that knockd's children write, sorted, because they come when they come; `commands`: what commands wrote, sorted.
 */
export type Outcome = {
    readonly log: readonly string[]
    readonly programs: readonly string[]
    readonly commands: readonly string[]
    /** Lines on standard error. */
    readonly said: readonly string[]
    /** Of the scenario's files, those that have changed. */
    readonly files: Readonly<Record<string, string>>
    /** It had to be ended. */
    readonly alive: boolean
    /** Its exit code, or the signal that killed it. */
    readonly end: number | string
}

const GAP_MS = 5
const READY_MS = 20_000
const ENDED_MS = 15_000
/** How late a part of a second may be. */
const SECOND_LATE_MS = 60
/** Nothing more comes, when nothing has come for so long. */
const QUIET_MS = 400

/** What became of both. */
export type Played = { readonly knockd: Outcome; readonly postern: Outcome }

/** Plays one, each daemon in a directory of its own below `scratch`. */
export async function play(scenario: Scenario, conf: string, host: WiredHost, scratch: string): Promise<Played> {
    if (scenario.before !== undefined) host.namespace.must(["sh", "-ec", scenario.before])
    const players = await startBoth(scenario, conf, host, scratch)
    for (const step of scenario.steps) await act(step, players, host)
    await Promise.all(players.map((player) => player.quiet()))
    const [knockd, postern] = await Promise.all([players[0].outcome(), players[1].outcome()])
    return { knockd, postern }
}

/** Starts both, knockd first, each in a directory of its own below `scratch`; resolves when both listen. */
export async function startBoth(
    scenario: Omit<Scenario, "conf" | "steps">,
    conf: string,
    host: WiredHost,
    scratch: string,
): Promise<readonly [Player, Player]> {
    const players = [
        new Player([KNOCKD], scenario, conf, host, join(scratch, `${scenario.name}-knockd`)),
        new Player([POSTERN, "knockd"], scenario, conf, host, join(scratch, `${scenario.name}-postern`)),
    ] as const
    await Promise.all(players.map((player) => player.ready()))
    return players
}

async function act(step: Step, players: readonly Player[], host: WiredHost): Promise<void> {
    if ("send" in step) return await host.send(step, GAP_MS)
    if ("scan" in step) {
        const [first, last] = step.scan
        const ports = Array.from({ length: last - first + 1 }, (_, i) => first + i)
        return await host.send({ send: ports.join(" ") }, 0)
    }
    if ("wait" in step) return await pause(step.wait)
    if ("second" in step) return await untilSecond(step.second)
    if ("run" in step) {
        host.namespace.must(["sh", "-ec", step.run])
        return
    }
    // What was sent before comes before.
    if (!("configuration" in step)) await Promise.all(players.map((player) => player.quiet()))
    await Promise.all(players.map((player) => player.act(step)))
}

async function untilSecond(wanted: number): Promise<void> {
    const since = () => (Date.now() + 1000 - wanted) % 1000
    while (since() > SECOND_LATE_MS) await pause(Math.max(1, 1000 - since()))
}

/** One of the two, from its start to its end. */
export class Player {
    readonly #scenario: Omit<Scenario, "conf" | "steps">
    readonly #directory: string
    readonly #child: ChildProcess
    readonly #ended: Promise<number | string>
    readonly #marks: (readonly [number, string])[] = []
    /** What an earlier run has left in the log. */
    readonly #begun: number
    #said = ""
    #end: number | string | null = null

    constructor(
        program: readonly string[],
        scenario: Omit<Scenario, "conf" | "steps">,
        conf: string,
        host: WiredHost,
        directory: string,
    ) {
        this.#scenario = scenario
        this.#directory = directory
        mkdirSync(directory, { recursive: true })
        this.#begun = this.read("log").length
        for (const [name, text] of Object.entries(scenario.files ?? {})) writeFileSync(join(directory, name), text)
        this.#write(`[options]\n logfile = @DIR@/log\n${conf}`)
        const argv = [...program, "-v", "-i", scenario.interface ?? "lan0", "-c", join(directory, "knockd.conf")]
        const env = { ...process.env, POSTERN_KNOCKD_STATE: join(directory, "state"), LC_ALL: "C" }
        this.#child = host.namespace.start(argv, { env })
        this.#child.stdout!.resume()
        this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
            this.#said += text
        })
        this.#ended = new Promise((resolve) => {
            this.#child.once("exit", (code, signal) => {
                this.#end = code ?? signal ?? "?"
                resolve(this.#end)
            })
        })
    }

    async ready(): Promise<void> {
        const end = performance.now() + READY_MS
        while (this.#end === null && !this.read("log").slice(this.#begun).includes("starting up")) {
            if (performance.now() > end) throw new Error(`${this.#directory}: it does not start: ${this.#said}`)
            await pause(10)
        }
    }

    async act(step: Exclude<Step, Packets>): Promise<void> {
        if ("mark" in step) this.#marks.push([this.read("log").length, step.mark])
        if ("signal" in step) this.#child.kill(step.signal)
        if ("signalChildren" in step) {
            for (const pid of childrenOf(this.#child.pid!)) process.kill(pid, step.signalChildren)
        }
        if ("configuration" in step) this.#write(step.configuration)
        if ("file" in step) writeFileSync(join(this.#directory, step.file[0]), step.file[1])
        if ("end" in step) {
            this.#child.kill(step.end)
            await this.#over()
        }
    }

    /** Until nothing new has been written for a while. */
    async quiet(): Promise<void> {
        let [size, since] = [-1, performance.now()]
        while (performance.now() - since < QUIET_MS) {
            const now = this.read("log").length + this.read("cmd").length
            if (now !== size) [size, since] = [now, performance.now()]
            await pause(20)
        }
    }

    async outcome(): Promise<Outcome> {
        const alive = this.#end === null
        const end = await this.stop()
        const lines = this.#lines()
        const files = Object.entries(this.#scenario.files ?? {}).filter(([name, text]) => this.read(name) !== text)
        return {
            log: lines.filter((line) => !PROGRAM_LINES.test(line)),
            programs: lines.filter((line) => PROGRAM_LINES.test(line)).sort(),
            commands: this.read("cmd").split("\n").filter(Boolean).sort(),
            said: this.#plain(this.#said)
                .split("\n")
                .filter((line) => line !== "" && line !== OF_THE_KERNEL),
            files: Object.fromEntries(files.map(([name]) => [name, this.read(name)])),
            alive,
            end,
        }
    }

    /** Its exit code, or the signal that ended it; null while it lives. */
    get end(): number | string | null {
        return this.#end
    }

    /** What it has said on standard error. */
    get said(): string {
        return this.#said
    }

    get pid(): number {
        return this.#child.pid!
    }

    /** Its own children, not theirs. */
    children(): number[] {
        return this.#end === null ? childrenOf(this.pid) : []
    }

    /** Ends it and its children without a warning, as a crash of the host does. */
    async crash(): Promise<void> {
        const all = [this.pid, ...this.children()]
        for (const pid of all) process.kill(pid, "SIGKILL")
        await this.#ended
    }

    /** How it ends when it is asked to, or "SIGKILL" if it does not. */
    async stop(): Promise<number | string> {
        this.#child.kill("SIGTERM")
        return await this.#over()
    }

    async #over(): Promise<number | string> {
        const slow = pause(ENDED_MS, null, { ref: false })
        const end = await Promise.race([this.#ended, slow])
        if (end !== null) return end
        this.#child.kill("SIGKILL")
        return await this.#ended
    }

    #write(conf: string): void {
        writeFileSync(join(this.#directory, "knockd.conf"), conf.replaceAll("@DIR@", this.#directory))
    }

    /** What is in a file of its directory; "" if there is none. */
    read(name: string): string {
        const path = join(this.#directory, name)
        return existsSync(path) ? readFileSync(path, "utf8") : ""
    }

    #lines(): string[] {
        let text = this.read("log")
        for (const [at, mark] of this.#marks.toReversed()) text = `${text.slice(0, at)}-- ${mark}\n${text.slice(at)}`
        const lines = this.#plain(text).replace(/\n$/, "").split("\n")
        return lines.flatMap((line, i) => {
            if (line === "" && i > 0) return []
            return [`${line.replace(/^\[\d{4}-\d\d-\d\d \d\d:\d\d\] /, "")}${lines[i + 1] === "" ? "\n" : ""}`]
        })
    }

    /** Without what is another each time. */
    #plain(text: string): string {
        return (
            text
                .replaceAll(this.#directory, "@DIR@")
                .replace(/\d+ ms\b/g, "N ms")
                // knockd takes a name from memory that it has not written.
                .replace(/^config: section (?!one:).*: port/gm, "config: section ?: port")
        )
    }
}

/** knockd says so of what the kernel itself sends on an interface "any", as often as that happens. */
const OF_THE_KERNEL = "IPv6 is not supported under this link-layer type"
/** What knockd's children write. */
export const PROGRAM_LINES = /: (running command: |command timeout$|command returned non-zero|command was ended)/

export function childrenOf(pid: number): number[] {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number)
}
