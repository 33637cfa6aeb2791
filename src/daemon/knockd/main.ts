/**
 * knockd's place taken: its command line, its configuration, its lines and signals, around the loop that `postern run`
 * has (spec/knockd.md).
 */
import { createHash } from "node:crypto"
import { join, resolve } from "node:path"
import { systemClock } from "../../adapters/clock/system.ts"
import type { Room } from "../../adapters/commands/lanes.ts"
import { type Surroundings, spawnCommands } from "../../adapters/commands/spawn.ts"
import { readOneTime } from "../../adapters/config/knockd.ts"
import { markUsed } from "../../adapters/config/one-time.ts"
import { rtnetlinkLinks } from "../../adapters/links/rtnetlink.ts"
import { systemdNotifier } from "../../adapters/notify/systemd.ts"
import { allServices } from "../../adapters/services/all.ts"
import { memoryStore } from "../../adapters/store/memory.ts"
import { hasCapability } from "../../adapters/system/capabilities.ts"
import type { Config, Gateway } from "../../core/config/config.ts"
import { GATEWAY } from "../../core/config/defaults.ts"
import type { KnockdConf } from "../../core/knockd/conf.ts"
import { doorsOf, type MadeDoor, rollOn } from "../../core/knockd/doors.ts"
import { interfacesName, readInterfaces } from "../../core/knockd/interfaces.ts"
import { knockdLines } from "../../core/knockd/lines.ts"
import { sequenceText } from "../../core/knockd/sequence.ts"
import { Meter } from "../../core/metrics/meter.ts"
import { formatAddress, isIPv4, parseNetwork } from "../../core/net/address.ts"
import type { Report } from "../../core/report.ts"
import { messageOf } from "../../core/thrown.ts"
import type { Commands } from "../../ports/commands.ts"
import type { Notifier } from "../../ports/notifier.ts"
import type { Services } from "../../ports/services.ts"
import type { Store } from "../../ports/store.ts"
import { Herald } from "../herald.ts"
import type { Log } from "../log.ts"
import type { Loop } from "../loop.ts"
import { trimWhenSettled } from "../settled.ts"
import { openState } from "../state.ts"
import { startLoop } from "../taking.ts"
import type { Listener } from "../told.ts"
import { type Asker, oneByOne } from "../turns.ts"
import { BeginAndEnd } from "./begin-and-end.ts"
import { environmentOf, goBehind, isBehind, takeName, tellReady } from "./behind.ts"
import { bytesOf, textOf } from "./bytes.ts"
import { DRY_RUN, DryFiles, dryLine, idleCommands } from "./dry-run.ts"
import { deniedText, missingText, waitedFor } from "./interfaces.ts"
import { Names } from "./names.ts"
import { OneTime } from "./one-time.ts"
import { Output } from "./output.ts"
import { PidFile } from "./pid-file.ts"
import { type Places, placesFrom } from "./places.ts"
import { read } from "./reading.ts"
import { HELP, type KnockdWords, readKnockdWords } from "./words.ts"

declare const POSTERN_VERSION: string

/** knockd's. */
const INTERFACE = "eth0"
const PID_FILE = "/var/run/knockd.pid"
/**
 * Ours: where stops are kept that must run whatever happens to us. A directory of its own for each that may run, and none
 * of `postern run`'s, which belongs to another user.
 */
const STATE = "/var/lib/postern-knockd"
/** Who asks for a reload: there is nobody else. */
const SIGNAL: Asker = { uid: null, gone: () => false }
/** Ours: stops that are due so soon (ms) are waited for at the end. */
const STOPS_WAITED_FOR_MS = 10_000

/** Runs it and returns the exit code, which is knockd's: the number of the signal that ended it, or 1. */
export async function knockd(argv: readonly string[]): Promise<number> {
    const reading = readKnockdWords(argv.map(textOf), process.env["POSIXLY_CORRECT"] !== undefined)
    if (reading.run === null) {
        for (const text of reading.mistakes) complain(`knockd: ${text}`)
        process.stdout.write(reading.show === "help" ? HELP : `knockd 0.8\nas done by Postern ${POSTERN_VERSION}\n`)
        return 0
    }
    const { run } = reading
    if (run.background && !isBehind()) return await goBehind(argv)
    const places = placesFrom(process.cwd())
    const first = read(run, places)
    if (run.debug) for (const line of first.told) process.stdout.write(bytesOf(`${line}\n`))
    for (const line of first.warned) complain(line)
    if (first.conf === null) {
        complain(first.message)
        if (first.help) process.stdout.write(HELP)
        return 1
    }
    if (!run.dryRun) takeName(argv)
    // Its variables are not for commands.
    const notifier = systemdNotifier(process.env, process.pid)
    try {
        return await new Knockd(run, places, first.conf, notifier).live()
    } catch (error) {
        complain(messageOf(error))
        return 1
    }
}

/** One run, from the configuration to the signal. */
class Knockd {
    readonly #words: KnockdWords
    readonly #places: Places
    readonly #clock = systemClock()
    readonly #output: Output
    readonly #interfaces: Gateway["interfaces"]
    /** The same as a text. */
    readonly #interface: string
    readonly #beginAndEnd: BeginAndEnd
    /** Null: sources are called by their addresses alone. */
    readonly #names: Names | null
    readonly #oneTime: OneTime
    /** Null: this is no dry run. */
    readonly #dry: DryFiles | null
    readonly #herald: Herald
    readonly #state = resolve(process.env["POSTERN_KNOCKD_STATE"] ?? STATE)
    #conf: KnockdConf
    #doors: ReadonlyMap<string, MadeDoor> = new Map()
    /** What the configuration calls doors; also those of before, whose stops may still run. */
    readonly #titles = new Map<string, string>()
    #loop: Loop | null = null
    #pidFile: PidFile | null = null
    #store: Store | null = null
    #rolling: NodeJS.Immediate | null = null

    constructor(words: KnockdWords, places: Places, conf: KnockdConf, notifier: Notifier) {
        this.#words = words
        this.#places = places
        this.#conf = conf
        this.#names = words.lookup ? new Names() : null
        const interfaces = readInterfaces(conf.options.interface || INTERFACE)
        if (!interfaces.ok) throw new Error(interfaces.message)
        this.#interfaces = interfaces.interfaces
        this.#interface = interfacesName(this.#interfaces)
        this.#beginAndEnd = new BeginAndEnd(
            (room) => this.#commands(room),
            (...lines) => this.#tell(...lines),
            (line) => this.#output.complain(line),
        )
        this.#dry = words.dryRun ? new DryFiles() : null
        this.#herald = new Herald({
            notifier,
            clock: systemClock(),
            status: () => `listening on ${this.#interface}`,
            trouble: () => this.#loop?.standing.trouble() ?? null,
            log: (_level, text) => this.#tell(text),
        })
        this.#output = new Output(this.#clock, words)
        this.#oneTime = new OneTime({
            mark: this.#dry?.mark ?? ((path, hits) => markUsed(places.of(path), hits)),
            log: (text) => this.#tell(text),
            // Not within the act of the knock: first its door opens. One packet can use sequences of several files.
            used: () => {
                this.#rolling ??= setImmediate(() => this.#roll())
            },
        })
    }

    async live(): Promise<number> {
        const ended = new Promise<NodeJS.Signals>((resolve) => {
            for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, resolve)
        })
        let waiting = false
        // A storm of them leaves time for packets.
        const reload = oneByOne(async () => this.#reload())
        process.on("SIGHUP", () => {
            if (this.#loop === null) waiting = true
            else void reload(SIGNAL)
        })
        const links = rtnetlinkLinks()
        if (!hasCapability("CAP_NET_RAW")) throw new Error(deniedText(this.#interface))
        const missing = missingText(this.#interfaces, links)
        if (missing !== null) throw new Error(missing)
        this.#open()
        const log: Log = (level, text) => {
            if (level === "error" || level === "warning") this.#tell(text)
            else this.#output.detail(text)
        }
        if (this.#dry !== null) this.#output.say(DRY_RUN)
        const made = doorsOf(this.#conf)
        this.#use(this.#conf, made)
        const config = this.#configOf(made)
        const state = this.#dry === null ? await this.#openState(config, log) : null
        this.#store = state === null ? this.#forgetful() : this.#kept(state)
        const { onStart } = this.#conf.options
        const first = onStart !== null && onStart !== ""
        // Before that has run no knock counts: until then there are no doors, and no stops to take over.
        const loop = startLoop(first ? { ...config, doors: [] } : config, {
            clock: this.#clock,
            log,
            listeners: [this.#listener()],
            meter: new Meter(),
            firewall: null,
            links,
            services: this.#services(log),
            commands: this.#commands(),
            store: first ? null : this.#store,
            spend: (door, source) => this.#oneTime.spend(door, source),
        })
        if (first && !(await this.#begin(loop, config, ended))) {
            return await this.#end(await ended, loop, state?.ok ? state.close : null)
        }
        this.#loop = loop
        this.#output.log(`starting up, listening on ${this.#interface}`)
        this.#output.say(`listening on ${this.#interface}...`)
        for (const text of waitedFor(this.#interfaces, links)) this.#tell(text)
        if (this.#words.background) {
            this.#writePid()
            tellReady()
        }
        this.#herald.ready()
        trimWhenSettled()
        if (waiting) void reload(SIGNAL)
        const signal = await ended
        return await this.#end(signal, loop, state?.ok ? state.close : null)
    }

    #commands(room?: Room): Commands {
        return this.#dry === null ? spawnCommands(room, this.#around()) : idleCommands()
    }

    #openState(config: Config, log: Log): ReturnType<typeof openState> {
        return openState(config, {
            now: () => this.#clock.wall(),
            // What it says of a directory that cannot be used is true of our own doors; see `#kept`.
            log: this.#words.debug ? log : () => {},
            back: () => this.#loop?.finish(),
        })
    }

    #forgetful(): Store {
        return memoryStore(() => this.#clock.wall())
    }

    /** On_Start, and only then the doors. False: we are to end already. */
    async #begin(loop: Loop, config: Config, ended: Promise<NodeJS.Signals>): Promise<boolean> {
        let signalled = false
        const cancel = ended.then(() => {
            signalled = true
        })
        await this.#beginAndEnd.run("on_start", this.#conf.options.onStart, cancel)
        if (signalled) return false
        const result = loop.reload(config, this.#store)
        if (result.ok) return true
        await loop.stop()
        await this.#beginAndEnd.run("on_stop", this.#conf.options.onStop)
        throw new Error(result.detail)
    }

    /** What commands find around them. */
    #around(): Surroundings {
        const behind = this.#words.background
        return {
            directory: behind ? "/" : process.cwd(),
            environment: environmentOf(process.env),
            output: behind ? "nowhere" : "ours",
        }
    }

    /** What listens on this host spoils no knock at a strict door; nobody else asks. */
    #services(log: Log): Services {
        let all: Services | null = null
        const look = () => {
            all ??= allServices((what) => log("warning", what))
            return all.offered()
        }
        const strict = () => [...this.#doors.values()].some(({ door }) => door.sequence?.strict === true)
        return { offered: () => (strict() ? look() : []) }
    }

    /** Where stops are kept. knockd needs no place on a disk, so where there is none its doors open all the same. */
    #kept(state: Awaited<ReturnType<typeof openState>>): Store | null {
        const health = state.ok ? (state.store?.health() ?? null) : null
        if (state.ok && health?.why !== "away") return state.store
        const why = state.ok ? health?.trouble : state.detail
        this.#tell(`stops of commands will be forgotten if this process dies: ${why ?? "nowhere to keep them"}`)
        return this.#forgetful()
    }

    async #end(signal: NodeJS.Signals, loop: Loop, close: (() => Promise<void>) | null): Promise<number> {
        this.#herald.stopping()
        this.#output.say("waiting for child processes...")
        if (this.#dry === null) await this.#stops(loop)
        await loop.stop()
        await close?.()
        await this.#beginAndEnd.run("on_stop", this.#conf.options.onStop)
        this.#output.say("closing...")
        this.#output.log("shutting down")
        this.#pidFile?.remove()
        this.#names?.close()
        await this.#output.close()
        return signal === "SIGINT" ? 2 : 15
    }

    /** Stops that are due soon run before we go: whoever stops us for good wants his doors closed. */
    async #stops(loop: Loop): Promise<void> {
        const end = this.#clock.monotonic() + STOPS_WAITED_FOR_MS
        const soon = () =>
            loop.standing.facts().leases.some(({ errand }) => {
                return errand.phase === "stopping" || (errand.phase === "started" && errand.until <= end)
            })
        while (soon() && this.#clock.monotonic() < end + STOPS_WAITED_FOR_MS)
            await new Promise((resolve) => setTimeout(resolve, 20))
    }

    /** All or nothing, as `postern run` does it. */
    async #reload(): Promise<void> {
        const { config } = this.#words
        this.#tell(`re-reading config file: ${config}`, "")
        this.#herald.reloading()
        const before = this.#logFile()
        const next = read(this.#words, this.#places)
        for (const line of next.told) this.#output.detail(line)
        for (const line of next.warned) this.#output.complain(line)
        if (next.conf === null) this.#stay(next.message)
        else this.#turn(next.conf)
        this.#herald.ready()
        // Also after a mistake: whoever asks may have put the log file elsewhere.
        if (before !== null) this.#output.say(`closing log file: ${before}`)
        const after = this.#logFile()
        if (after !== null) {
            this.#output.say(`re-opening log file: ${after}`)
            this.#output.toSyslog(`re-opening log file: ${after}`)
        }
        this.#open()
    }

    /** A one-time sequence was used: those who have its file go on with the next. */
    #roll(): void {
        this.#rolling = null
        const paths = new Set(this.#conf.doors.flatMap(({ oneTime }) => oneTime ?? []))
        let conf = this.#conf
        for (const path of paths) {
            const file = readOneTime(this.#places.of(path))
            if (!file.ok) {
                this.#fail(`${path}: ${file.detail}`)
                continue
            }
            const rolling = rollOn(conf, path, this.#dry?.text(path, file.text) ?? file.text)
            conf = rolling.conf
            for (const { name, hits, oneTime } of conf.doors) {
                if (oneTime === path) this.#output.detail(`new sequence for door ${name}: ${sequenceText(hits)}`)
            }
            this.#tell(...rolling.told)
            this.#fail(...rolling.ended)
        }
        this.#turn(conf)
    }

    #turn(conf: KnockdConf): void {
        const made = doorsOf(conf)
        const result = this.#loop!.reload(this.#configOf(made), this.#store)
        if (result.ok) this.#use(conf, made)
        else this.#stay(result.detail)
    }

    /** What was read cannot be used: knockd says so on standard error, and ends. */
    #stay(why: string): void {
        this.#output.complain(why)
        this.#tell(`${why}: nothing has changed`)
    }

    /** This is in force. */
    #use(conf: KnockdConf, made: readonly MadeDoor[]): void {
        this.#conf = conf
        this.#doors = new Map(made.map((one) => [one.door.name, one]))
        for (const { door, from } of made) this.#titles.set(door.name, from.name)
        this.#oneTime.turn(this.#doors)
    }

    #configOf(made: readonly MadeDoor[]): Config {
        const sources = this.#words.onlyIpv4 ? [parseNetwork("0.0.0.0/0")!] : null
        const doors = made.map(({ door }) => (sources === null ? door : { ...door, sources }))
        return { gateway: this.#gateway(), doors, hooks: [] }
    }

    #gateway(): Gateway {
        const name = createHash("sha256")
            .update(this.#places.resolved(this.#words.config))
            .update(`\0${this.#interface}`)
            .digest("hex")
        const state = join(this.#state, name.slice(0, 16))
        return { ...GATEWAY, interfaces: this.#interfaces, state, audit: false, capture: "packet-socket" }
    }

    #listener(): Listener {
        return (report, aloud) => {
            if (!aloud || (this.#words.onlyIpv4 && "source" in report && !isIPv4(report.source))) return
            const names = this.#names
            const lines = knockdLines(report, this.#titles, names === null ? formatAddress : (one) => names.of(one))
            if (isFailure(report)) this.#fail(...lines)
            else this.#tell(...lines)
        }
    }

    #tell(...lines: readonly string[]): void {
        for (const one of lines) {
            const line = this.#dry === null ? one : dryLine(one)
            this.#output.log(line)
            // Empty lines are of the log alone.
            if (line !== "") this.#output.say(line)
        }
    }

    /** What knockd says on standard error, and not on standard output. */
    #fail(...lines: readonly string[]): void {
        for (const line of lines) {
            this.#output.log(line)
            if (line !== "") this.#output.complain(line)
        }
    }

    #open(): void {
        if (this.#dry !== null) return
        const path = this.#logFile()
        const logFile = path === null ? null : this.#places.of(path)
        const trouble = this.#output.open({ logFile, syslog: this.#conf.options.useSyslog })
        if (trouble !== null) this.#output.complain(`warning: cannot open logfile: ${trouble}`)
    }

    #logFile(): string | null {
        return this.#conf.options.logFile ?? this.#words.logFile
    }

    #writePid(): void {
        const path = this.#conf.options.pidFile ?? this.#words.pidFile ?? PID_FILE
        this.#pidFile = new PidFile(this.#places.of(path))
        const trouble = this.#pidFile.write()
        if (trouble !== null) this.#tell(`could not create pid file ${path}: ${trouble}`)
    }
}

/** Before there is an output. */
function complain(text: string): void {
    process.stderr.write(bytesOf(`${text}\n`))
}

/** knockd says this on standard error, too. */
function isFailure(report: Report): boolean {
    if (report.type !== "program" || report.how.step !== "ended") return false
    return report.how.outcome.ended === "exit" && report.how.outcome.code !== 0
}
