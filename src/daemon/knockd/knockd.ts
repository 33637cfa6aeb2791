/** One run in knockd's place, from the configuration to the signal: the loop of `postern run` in knockd's manner. */
import { resolve } from "node:path"
import { systemClock } from "../../adapters/clock/system.ts"
import type { Room } from "../../adapters/commands/lanes.ts"
import { spawnCommands } from "../../adapters/commands/spawn.ts"
import { readOneTime } from "../../adapters/config/knockd.ts"
import { markUsed } from "../../adapters/config/one-time.ts"
import { rtnetlinkLinks } from "../../adapters/links/rtnetlink.ts"
import { hasCapability } from "../../adapters/system/capabilities.ts"
import type { Config } from "../../core/config/config.ts"
import type { KnockdConf } from "../../core/knockd/conf.ts"
import { doorsOf, type MadeDoor, rollOn } from "../../core/knockd/doors.ts"
import { type InterfacesReading, interfacesName, readInterfaces } from "../../core/knockd/interfaces.ts"
import { sequenceText, withoutPort } from "../../core/knockd/sequence.ts"
import { Meter } from "../../core/metrics/meter.ts"
import type { Commands } from "../../ports/commands.ts"
import type { Notifier } from "../../ports/notifier.ts"
import type { Store } from "../../ports/store.ts"
import { Herald } from "../herald.ts"
import type { Loop } from "../loop.ts"
import { trimWhenSettled } from "../settled.ts"
import { startLoop } from "../taking.ts"
import { type Asker, oneByOne } from "../turns.ts"
import { BeginAndEnd } from "./begin-and-end.ts"
import { surroundings, tellReady } from "./behind.ts"
import { configOf, type Lasting } from "./configuration.ts"
import { DRY_RUN, DryFiles, idleCommands } from "./dry-run.ts"
import { deniedText, laterText, missingText, waitedFor } from "./interfaces.ts"
import { OneTime } from "./one-time.ts"
import { PidFile } from "./pid-file.ts"
import type { Places } from "./places.ts"
import { read } from "./reading.ts"
import { endPrograms, forgetfulStops, keepStops } from "./stops.ts"
import { strictServices } from "./strict-services.ts"
import { Telling } from "./telling.ts"
import type { KnockdWords } from "./words.ts"

/** knockd's. */
const INTERFACE = "eth0"
const PID_FILE = "/var/run/knockd.pid"
/** Ours: where stops are kept that must run whatever happens to us. None of `postern run`'s, which is another user's. */
const STATE = "/var/lib/postern-knockd"
/**
 * Ours: commands of knockd often last as long as their door is open (`open; sleep 60; close`), and it runs any number of
 * them. So more have room here than programs of our own doors.
 */
const ROOM: Room = { running: 128, waiting: 512, groupRunning: 32, groupWaiting: 128 }
/** Who asks for a reload: there is nobody else. */
const SIGNAL: Asker = { uid: null, gone: () => false }

/** See the head of the file. */
export class Knockd {
    readonly #lasting: Lasting
    readonly #clock = systemClock()
    readonly #telling: Telling
    readonly #beginAndEnd: BeginAndEnd
    readonly #oneTime: OneTime
    /** Those of doors. */
    readonly #programs: Commands
    /** Null: this is no dry run. */
    readonly #dry: DryFiles | null
    readonly #herald: Herald
    #conf: KnockdConf
    #doors: ReadonlyMap<string, MadeDoor> = new Map()
    #loop: Loop | null = null
    #pidFile: PidFile | null = null
    #store: Store | null = null
    /** A one-time sequence was used, and its door has still to go on with the next. */
    #used = false

    /** `conf`: read already. Throws if its interfaces cannot be. */
    constructor(words: KnockdWords, places: Places, conf: KnockdConf, notifier: Notifier) {
        const reading = interfacesOf(conf)
        if (!reading.ok) throw new Error(reading.message)
        const { interfaces } = reading
        this.#lasting = { words, places, interfaces, state: resolve(process.env["POSTERN_KNOCKD_STATE"] ?? STATE) }
        this.#conf = conf
        this.#telling = new Telling(words, places, conf.options, this.#clock)
        const tell = (...lines: readonly string[]) => this.#telling.tell(...lines)
        this.#beginAndEnd = new BeginAndEnd(
            (room) => this.#commands(room),
            tell,
            (line) => this.#telling.output.complain(line),
        )
        this.#dry = words.dryRun ? new DryFiles() : null
        this.#programs = this.#commands(ROOM)
        this.#herald = new Herald({
            notifier,
            clock: systemClock(),
            status: () => `listening on ${this.#interface}`,
            trouble: () => this.#loop?.standing.trouble() ?? null,
            log: (_level, text) => tell(text),
        })
        this.#oneTime = new OneTime({
            mark: this.#dry?.mark ?? ((path, hits) => markUsed(places.of(path), hits)),
            log: tell,
            // Not within the act of the knock: first its door opens. One packet can use sequences of several files.
            used: () => {
                if (this.#used) return
                this.#used = true
                setImmediate(() => this.#roll())
            },
        })
    }

    /**
     * Lives until a signal comes; the exit code. Throws what keeps it from starting. `spent`: what there is to say of
     * doors that nobody can knock at.
     */
    async live(spent: readonly string[]): Promise<number> {
        const { words, interfaces } = this.#lasting
        const { output, log } = this.#telling
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
        const missing = missingText(interfaces, links)
        if (missing !== null) throw new Error(missing)
        this.#telling.open()
        if (this.#dry !== null) output.say(DRY_RUN)
        this.#telling.fail(...spent)
        const made = doorsOf(this.#conf)
        this.#use(this.#conf, made)
        const config = configOf(made, this.#lasting)
        const stops = await this.#stops(config)
        this.#store = stops.store
        const { onStart } = this.#conf.options
        const begins = onStart !== null && onStart !== ""
        // Before that has run no knock counts: until then there are no doors, and no stops to take over.
        const loop = startLoop(begins ? { ...config, doors: [] } : config, {
            clock: this.#clock,
            log,
            listeners: [this.#telling.listener],
            meter: new Meter(),
            firewall: null,
            links,
            services: strictServices(
                () => [...this.#doors.values()].some(({ door }) => door.sequence?.strict === true),
                (what) => log("warning", what),
            ),
            commands: this.#programs,
            store: begins ? null : this.#store,
            spend: (door, source) => this.#oneTime.spend(door, source),
        })
        if (begins && !(await this.#begin(loop, config, ended))) return await this.#end(await ended, loop, stops.close)
        this.#loop = loop
        output.log(`starting up, listening on ${this.#interface}`)
        output.say(`listening on ${this.#interface}...`)
        this.#telling.tell(...waitedFor(interfaces, links))
        if (words.background) {
            this.#writePid()
            tellReady()
        }
        this.#herald.ready()
        trimWhenSettled()
        if (waiting) void reload(SIGNAL)
        return await this.#end(await ended, loop, stops.close)
    }

    get #interface(): string {
        return interfacesName(this.#lasting.interfaces)
    }

    #commands(room: Room): Commands {
        return this.#dry === null ? spawnCommands(room, surroundings(this.#lasting.words.background)) : idleCommands()
    }

    #stops(config: Config): ReturnType<typeof keepStops> | ReturnType<typeof forgetfulStops> {
        if (this.#dry !== null) return forgetfulStops(this.#clock)
        return keepStops(config, {
            clock: this.#clock,
            // What it says of a directory that cannot be used is true of our own doors, and not of knockd's.
            log: this.#lasting.words.debug ? this.#telling.log : () => {},
            tell: (line) => this.#telling.tell(line),
            back: () => this.#loop?.finish(),
        })
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

    async #end(signal: NodeJS.Signals, loop: Loop, close: () => Promise<void>): Promise<number> {
        const { output } = this.#telling
        this.#herald.stopping()
        output.say("waiting for child processes...")
        if (this.#dry === null) await endPrograms(loop.standing, this.#clock)
        // A command that takes longer, such as `open; sleep 60; close`, is not cut off in the middle.
        this.#programs.leave()
        await loop.stop()
        await close()
        await this.#beginAndEnd.run("on_stop", this.#conf.options.onStop)
        output.say("closing...")
        output.log("shutting down")
        this.#pidFile?.remove()
        await this.#telling.close()
        return signal === "SIGINT" ? 2 : 15
    }

    /** All or nothing, as `postern run` does it. */
    async #reload(): Promise<void> {
        const { words, places } = this.#lasting
        const { output } = this.#telling
        this.#telling.tell(`re-reading config file: ${words.config}`, "")
        this.#herald.reloading()
        const before = this.#telling.logFile
        const next = read(words, places)
        for (const line of next.told) output.detail(line)
        for (const line of next.warned) output.complain(line)
        if (next.conf === null) this.#stay(next.message)
        else this.#follow(next.conf, next.spent)
        this.#herald.ready()
        // Also after a mistake: whoever asks may have put the log file elsewhere.
        this.#telling.reopen(before)
    }

    /** What SIGHUP has found. `spent`: as in `live`. */
    #follow(conf: KnockdConf, spent: readonly string[]): void {
        const reading = interfacesOf(conf)
        if (!reading.ok) {
            this.#stay(reading.message)
            return
        }
        this.#telling.fail(...spent)
        this.#turn(conf)
        const later = laterText(this.#lasting.interfaces, reading.interfaces)
        if (later !== null) this.#telling.tell(later)
    }

    /** A one-time sequence was used: those who have its file go on with the next. */
    #roll(): void {
        this.#used = false
        const live = this.#conf.doors.filter(({ hits }) => hits.length > 0)
        const paths = new Set(live.flatMap(({ oneTime }) => oneTime ?? []))
        let conf = this.#conf
        for (const path of paths) {
            const file = readOneTime(this.#lasting.places.of(path))
            if (!file.ok) {
                this.#telling.fail(`${path}: ${file.detail}`)
                continue
            }
            const rolling = rollOn(conf, path, this.#dry?.text(path, file.text) ?? file.text)
            conf = rolling.conf
            for (const { name, hits, oneTime } of conf.doors) {
                if (oneTime === path && hits.length > 0) {
                    this.#telling.output.detail(`new sequence for door ${name}: ${sequenceText(hits)}`)
                }
            }
            this.#telling.tell(...rolling.told)
            this.#telling.fail(...rolling.ended)
        }
        this.#turn(conf)
    }

    #turn(conf: KnockdConf): void {
        const made = doorsOf(conf)
        const result = this.#loop!.reload(configOf(made, this.#lasting), this.#store)
        if (result.ok) this.#use(conf, made)
        else this.#stay(result.detail)
    }

    /** What was read cannot be used: knockd says so on standard error, and ends. */
    #stay(why: string): void {
        this.#telling.output.complain(why)
        this.#telling.tell(`${withoutPort(why)}: nothing has changed`)
    }

    /** This is in force. */
    #use(conf: KnockdConf, made: readonly MadeDoor[]): void {
        this.#conf = conf
        this.#doors = new Map(made.map((one) => [one.door.name, one]))
        this.#telling.turn(conf, made)
        this.#oneTime.turn(this.#doors)
    }

    #writePid(): void {
        const { words, places } = this.#lasting
        const path = this.#conf.options.pidFile ?? words.pidFile ?? PID_FILE
        this.#pidFile = new PidFile(places.of(path))
        const other = this.#pidFile.other()
        if (other !== null) {
            this.#telling.fail(`${path}: knockd runs already, as process ${other}: what both do is done twice`)
        }
        const trouble = this.#pidFile.write()
        if (trouble !== null) this.#telling.tell(`could not create pid file ${path}: ${trouble}`)
    }
}

/** Where to listen; the command line is in `conf` already, before the file. */
function interfacesOf(conf: KnockdConf): InterfacesReading {
    return readInterfaces(conf.options.interface || INTERFACE)
}
