/** The daemon's life: read the configuration, take the ports, run the loop, stop on a signal. */
import { uptime } from "node:os"
import { systemClock } from "../adapters/clock/system.ts"
import { spawnCommands } from "../adapters/commands/spawn.ts"
import { configFile, readConfigFiles } from "../adapters/config/files.ts"
import { type ControlOptions, type ControlServer, listenControl } from "../adapters/control/server.ts"
import { knockersBeside } from "../adapters/knockers/beside.ts"
import { rtnetlinkLinks } from "../adapters/links/rtnetlink.ts"
import { isJournal } from "../adapters/log/journal.ts"
import { openOutlet } from "../adapters/log/outlet.ts"
import { LogWriter } from "../adapters/log/writer.ts"
import { systemdNotifier } from "../adapters/notify/systemd.ts"
import { readKeyLate } from "../adapters/sealing/late.ts"
import { allServices } from "../adapters/services/all.ts"
import { connectionsTo } from "../adapters/services/connections.ts"
import type { Config } from "../core/config/config.ts"
import { type Reading, readConfig } from "../core/config/parse.ts"
import type { Claim } from "../core/engine.ts"
import { Meter } from "../core/metrics/meter.ts"
import type { Knocker } from "../core/one-time/knocker.ts"
import { messageOf } from "../core/thrown.ts"
import { EXIT, type ExitCode } from "../voice/exit.ts"
import { type Terminal, voiceOf } from "../voice/terminal.ts"
import { tellBeginning } from "./beginning.ts"
import { bootKeeper } from "./boot.ts"
import type { RunOptions } from "./command.ts"
import { answerer } from "./control.ts"
import { Herald } from "./herald.ts"
import { HOOK_ROOM, Hooks } from "./hooks.ts"
import { formatLine, type Log, lineLog } from "./log.ts"
import type { LoopPorts } from "./loop.ts"
import { measureLog, measureStore } from "./measured.ts"
import { OneTimeDesk } from "./one-time/desk.ts"
import { threadPress } from "./one-time/press-thread.ts"
import { Publishing } from "./one-time/publishing.ts"
import { recallOnce } from "./one-time/recall.ts"
import { oneTimeNow } from "./one-time/told.ts"
import { type Opening, openingOf, Refusal } from "./opening.ts"
import { howLastEnded, recorder } from "./recorder.ts"
import { type ReloadKeeping, type ReloadOutcome, reloadOnce } from "./reload.ts"
import { trimWhenSettled } from "./settled.ts"
import { openState } from "./state.ts"
import { summary } from "./status.ts"
import { logSurprises } from "./surprises.ts"
import { finely, keepOne, startLoop, takeFirewall } from "./taking.ts"
import { logReports } from "./told.ts"
import { type Asker, oneByOne } from "./turns.ts"
import { rememberWarnings } from "./warnings.ts"

declare const POSTERN_VERSION: string

/** The log's descriptor. */
const STDERR = 2
const STATE_HINT = "stop the daemon that has it, or give this one a `state` of its own"

/** Lines that nobody has read yet are offered so long at the end (ms). */
const LAST_WORDS_MS = 1000

type Reload = (asker: Asker) => Promise<ReloadOutcome | null>

/** A signal waits for nothing, and does not go away either. */
const SIGNAL: Asker = { uid: null, gone: () => false }

/** Runs the daemon until a signal ends it. Returns the exit code; problems are told before. */
export async function runDaemon(options: RunOptions, terminal: Terminal): Promise<ExitCode> {
    const clock = systemClock()
    const inJournal = isJournal(terminal.env["JOURNAL_STREAM"], STDERR)
    const form = options.log === "auto" ? (inJournal ? "journal" : "plain") : options.log
    const writer = new LogWriter(openOutlet(STDERR), {
        missed: (count, why) => formatLine(form, clock.wall(), "warning", `${count} lines were not written: ${why}`),
    })
    const write = (line: string) => writer.line(line)
    const log = lineLog(form, options.logLevel, () => clock.wall(), write)
    const opening = openingOf(form, log, voiceOf(terminal.colour, write))
    const forget = logSurprises(log, () => void writer.close(0))
    try {
        return await begin(options, terminal.env, { clock, log, opening })
    } finally {
        forget()
        await writer.close(LAST_WORDS_MS)
    }
}

type Means = Pick<LoopPorts, "clock" | "log"> & { readonly opening: Opening }

async function begin(options: RunOptions, env: Terminal["env"], { clock, log, opening }: Means): Promise<ExitCode> {
    const files = readConfigFiles(configFile(options.config, env))
    const main = files[0]!.file
    const knockers = knockersBeside(main, readKeyLate)
    const reading = await readConfig(files, { listening: null, knockers })
    for (const issue of reading.issues) if (issue.severity !== "note") opening.issue(issue)
    if (!reading.ok) {
        opening.error("the configuration has errors: nothing was started and nothing was changed")
        const forbidden = reading.issues.some(({ code }) => code === "forbidden")
        return forbidden ? EXIT.permission : EXIT.configuration
    }
    try {
        const socket = options.socket ?? (env["POSTERN_SOCKET"] || reading.config.gateway.socket)
        return await live(reading, { clock, log }, socket, { files: () => readConfigFiles(main), knockers })
    } catch (error) {
        if (error instanceof Refusal) opening.error(error.message, ...error.hints)
        else opening.error(messageOf(error))
        return error instanceof Refusal ? error.code : EXIT.failed
    }
}

async function live(
    { config, knockers }: Extract<Reading, { ok: true }>,
    ports: Pick<LoopPorts, "clock" | "log">,
    socket: string,
    read: ReloadKeeping["read"],
): Promise<ExitCode> {
    const { clock } = ports
    const started = clock.wall()
    const meter = new Meter()
    const { log: heard, latest: warnings } = rememberWarnings(measureLog(ports.log, meter), () => clock.wall())
    const hooks = new Hooks({
        // The one in force: a reload changes it. Nobody asks before `begin`.
        hooks: () => loop.config.hooks,
        commands: spawnCommands(HOOK_ROOM),
        now: () => clock.monotonic(),
        wall: () => clock.wall(),
        log: heard,
    })
    const log = hooks.overhear(heard)
    // Before anything else: whoever ends the daemon while it starts must end it cleanly, too.
    const ended = new Promise<NodeJS.Signals>((resolve) => {
        for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, resolve)
    })
    let reload: Reload | null = null
    process.on("SIGHUP", () => {
        if (reload === null)
            log("notice", "SIGHUP: the daemon has only just begun, and reads its configuration by itself")
        else void reload(SIGNAL)
    })
    const links = rtnetlinkLinks()
    const services = allServices((what) => log("warning", what))
    const commands = spawnCommands()
    // Before anything is made or changed: who has not the rights is told so.
    const firewall = takeFirewall(config, { clock, log, meter })
    const state = await openState(config, { now: () => clock.wall(), log, back: () => back() })
    if (!state.ok) throw new Refusal(EXIT.failed, state.detail, STATE_HINT)
    let store = state.store && measureStore(state.store, meter, finely)
    const desk = new OneTimeDesk({
        store: () => store,
        disk: state.disk,
        event: (event) => loop.hear(event),
        offered: () => loop.standing.facts().offered,
        wall: () => clock.wall(),
        log,
    })
    const back = () => {
        loop.finish()
        desk.again()
    }
    const oneTime = {
        book: desk.book,
        claim: (claim: Claim) => desk.claim(claim),
        offered: () => desk.offered(),
    }
    let loaded = started
    const { audit } = state
    const trail = recorder(audit, systemClock())
    const herald = new Herald({
        notifier: systemdNotifier(process.env, process.pid),
        clock: systemClock(),
        status: () => summary(loop.config, loop.standing.facts().leases),
        trouble: () => loop.standing.trouble(),
        log,
    })
    const listeners = [logReports(log, () => clock.wall()), trail.hear, () => herald.changed(), hooks.listener]
    const boot = bootKeeper(config.gateway.state, firewall, log)
    const loop = startLoop(config, {
        clock,
        log,
        listeners,
        meter,
        firewall,
        links,
        services,
        commands,
        store,
        oneTime,
        made: boot.made,
        uptime: () => uptime() * 1000,
        connections: connectionsTo,
    })
    if (firewall !== null) keepOne(firewall, log)
    const publishing = new Publishing({
        desk,
        bundles: () => loop.config.bundles,
        state: config.gateway.state,
        press: threadPress(),
        commands: spawnCommands(),
        wall: () => clock.wall(),
        log,
        note: trail.note,
    })
    const recall = recallOnce(audit, (uses) => desk.recall(uses))
    const take = (wanted: Config, all: readonly Knocker[]) => {
        desk.take(wanted, all)
        recall(wanted)
    }
    take(config, knockers)
    trail.note({ what: "started", version: POSTERN_VERSION, pid: process.pid, last: howLastEnded(state.last) })
    if (state.journal !== null) trail.note(state.journal)
    const { standing } = loop
    tellBeginning(config, standing, log)
    const keeping: ReloadKeeping = {
        loop,
        log,
        read,
        async state(wanted) {
            if (store !== null) return { ok: true, store, journal: null }
            const found = await state.need(wanted)
            if (!found.ok) return found
            if (found.journal !== null) trail.note(found.journal)
            store = found.store && measureStore(found.store, meter, finely)
            return { ...found, store }
        },
        knockers: () => desk.knockers(),
        taken: take,
        report: (report) => {
            for (const listener of listeners) listener(report, true)
        },
    }
    const reloadNow = oneByOne(async (askers) => {
        herald.reloading()
        const uids = askers.map(({ uid }) => uid)
        const outcome = await reloadOnce(keeping, uids)
        if (outcome.ok) loaded = clock.wall()
        herald.ready()
        return outcome
    })
    reload = reloadNow
    let control: ControlServer | null = null
    const clients = () => control?.clients() ?? 0
    const kept = {
        get store() {
            return store
        },
        audit,
    }
    const published = () => (loop.config.bundles === null ? null : publishing.told())
    const told = {
        started,
        loaded: () => loaded,
        warnings,
        kept,
        oneTime: () => oneTimeNow(desk, publishing),
        published,
    }
    const counted = { version: POSTERN_VERSION, meter, clients }
    const answer = answerer(
        {
            loop,
            standing,
            clock,
            ...told,
            ...counted,
            note: trail.note,
            reload: reloadNow,
            publishing,
            trusted: () => desk.again(),
        },
        log,
    )
    control = await listen(socket, config, log, answer, (code) => meter.countRefused(code))
    log("notice", "ready")
    hooks.begin()
    herald.ready()
    trimWhenSettled()
    const signal = await ended
    log("notice", `${signal}: stopping`)
    herald.stopping()
    control?.close()
    desk.stop()
    const [table] = await Promise.all([loop.stop(), hooks.stop(), publishing.stop()])
    trail.stop()
    trail.note({ what: "stopped", signal })
    await boot.stop()
    await state.close()
    log(
        "notice",
        `stopped: ${table === "kept" ? "what is hidden stays hidden, grants end on time" : "our table is gone"}`,
    )
    return signal === "SIGINT" ? EXIT.interrupted : EXIT.ok
}

/** The control socket; null where there can be none: the doors matter more. */
async function listen(
    path: string,
    { gateway }: Config,
    log: Log,
    answer: ControlOptions["answer"],
    refused: NonNullable<ControlOptions["refused"]>,
): Promise<ControlServer | null> {
    const trouble = (what: string) => log("warning", `control: ${what}`)
    const control = await listenControl({ path, group: gateway.socketGroup, answer, refused, trouble })
    if (typeof control !== "string") return control
    log("warning", `nobody can ask this daemon: ${path}: ${control}`)
    return null
}
