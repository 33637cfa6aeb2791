/**
 * `postern hide`: proof that a knock works, a trial that the kernel ends by itself, and a word of somebody who has come in
 * by a new connection. Whatever ends this process before that word: nothing is left hidden. By Ctrl-C, a hang-up or a `no`
 * the trial is ended at once; where this process or the daemon is killed the kernel ends it at its time.
 */
import { setTimeout as pause } from "node:timers/promises"
import type { Door } from "../../core/config/config.ts"
import { hiddenServices } from "../../core/config/hiding.ts"
import { hasService, type Service } from "../../core/knock/hit.ts"
import { formatService } from "../../core/knock/language.ts"
import { LISTED_MOST, type Status } from "../../core/status.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import { formatMs } from "../../voice/reports.ts"
import { outliveReader, type Terminal } from "../../voice/terminal.ts"
import { askOnce } from "../control/ask.ts"
import { type Ending, endings, exitOf } from "./endings.ts"
import { Held } from "./held.ts"
import { type Place, readPlace, saidElsewhere, tellIssues, writeRule } from "./place.ts"
import { LOOK_MS, proof } from "./proof.ts"
import { Question } from "./question.ts"
import { tellResult } from "./words.ts"

/** What is asked for. Times are milliseconds. */
export type HideOptions = {
    readonly service: Service
    readonly ms: number
    readonly wait: number
    readonly json?: true
    readonly config?: string
    readonly socket?: string
}

/** What is hidden is refused before anything is done; see the head of the file for the rest. */
export async function hideOnTrial(options: HideOptions, terminal: Terminal): Promise<ExitCode> {
    const { service } = options
    const place = await readPlace(options.config, terminal)
    const doors = doorsFor(place, service, terminal)
    if (typeof doors === "number") return doors
    if (isHidden(place, service)) {
        const answer = await askOnce({ ask: "status" }, options.socket, terminal)
        return typeof answer === "number" ? answer : tellHidden(answer.status, options, terminal)
    }
    // From here on this must live until it is over, whoever still reads what it says.
    outliveReader()
    const ended = endings()
    const daemon = new Held(options.socket, terminal)
    try {
        const knocked = await proof(daemon, doors, options, ended.signal, terminal)
        if (typeof knocked === "number") return knocked
        return await trial(daemon, knocked, options, ended.signal, terminal)
    } finally {
        ended.stop()
        daemon.close()
    }
}

/** `postern hide --confirm`: hides for good what is on trial, if somebody has come in since that began. */
export async function confirm(options: HideOptions, terminal: Terminal): Promise<ExitCode> {
    const { service, socket } = options
    const name = formatService(service)
    const place = await readPlace(options.config, terminal)
    const doors = doorsFor(place, service, terminal)
    if (typeof doors === "number") return doors
    const answer = await askOnce({ ask: "status" }, socket, terminal)
    if (typeof answer === "number") return answer
    const running = trialOf(answer.status, service)
    if (running === null && isHidden(place, service)) return tellHidden(answer.status, options, terminal)
    if (running === null) {
        terminal.error(`${name}: it is not on trial`, `begin with: postern hide ${name}`)
        return EXIT.failed
    }
    if (running.arrived?.length === 0) {
        terminal.error(
            `${name}: nobody has come in since the trial began`,
            "knock, come in by a new connection, and confirm there",
        )
        return EXIT.failed
    }
    const daemon = new Held(socket, terminal)
    try {
        return await keep(daemon, null, running.arrived ?? [], options, terminal)
    } finally {
        daemon.close()
    }
}

function doorsFor(place: Place, service: Service, terminal: Terminal): readonly Door[] | ExitCode {
    const { config, main } = place
    if (config === null) return tellIssues(place, terminal)
    const name = formatService(service)
    const doors = config.doors.filter(({ opens }) => hasService(opens, service))
    if (doors.length === 0) {
        terminal.error(
            `${name}: no door opens it, so nobody could come in`,
            `add a [[door]] with opens = ["${name}"] and a knock to ${main}, then postern reload`,
        )
        return EXIT.configuration
    }
    const elsewhere = isHidden(place, service) ? null : saidElsewhere(place, service)
    if (elsewhere === null) return doors
    terminal.error(
        `${name}: [hide] in ${elsewhere} says that it is not hidden`,
        "take that line out, then try it again",
    )
    return EXIT.configuration
}

function isHidden({ config }: Place, service: Service): boolean {
    return config !== null && hasService(hiddenServices(config), service)
}

/** The configuration hides it: does the daemon, too? It may not have read that yet, or somebody has opened it by hand. */
function tellHidden({ hiding }: Status, { service, json }: HideOptions, terminal: Terminal): ExitCode {
    const name = formatService(service)
    const { hidden = [] } = hiding ?? {}
    // Beyond so many they are not named.
    if (hidden.length < LISTED_MOST && !hidden.includes(name)) {
        terminal.error(
            `${name}: the configuration hides it, and the daemon does not`,
            "postern reload lets it read that; come in by a knock first",
        )
        return EXIT.failed
    }
    terminal.say(`postern: ${name}: it is hidden already`)
    tellResult(json, service, "hidden", { knocked: null, arrived: [] }, terminal)
    return EXIT.ok
}

function trialOf({ hiding }: Status, service: Service) {
    return hiding?.trials.find((one) => one.service === formatService(service)) ?? null
}

async function trial(
    daemon: Held,
    knocked: string,
    options: HideOptions,
    ended: Promise<Ending>,
    terminal: Terminal,
): Promise<ExitCode> {
    const { service, ms, json } = options
    const name = formatService(service)
    const begun = await daemon.ask({ ask: "hide", service, ms })
    if (typeof begun === "number") return begun
    let deadline = performance.now() + ms
    let arrived: readonly string[] | null = []
    terminal.say(`postern: ${name} is hidden on trial, for ${formatMs(ms)}; connections that are there live on`)
    terminal.say(`postern: knock, and come in by a NEW connection; there: postern hide ${name} --confirm`)
    const back = async (code: ExitCode, why: string): Promise<ExitCode> => {
        const answer = await daemon.ask({ ask: "unhide", service })
        const undone = typeof answer !== "number"
        if (undone) terminal.say(`postern: ${name} is open again: ${why}`)
        else terminal.warn(`${name}: the kernel ends the trial, in ${formatMs(ms)} at most`)
        tellResult(json, service, undone ? "open" : "trial", { knocked, arrived: arrived ?? [] }, terminal)
        return code
    }
    const question = new Question(terminal)
    try {
        for (;;) {
            const over = await Promise.race([pause(LOOK_MS, null), ended])
            if (over !== null) return await back(exitOf(over), `ended by ${over}`)
            // A daemon that hangs lets us wait, but not whoever wants to end this, and no longer than the trial lasts.
            const rest = Math.max(0, deadline + 2 * LOOK_MS - performance.now())
            const status = await Promise.race([daemon.status(), ended, pause(rest, null, { ref: false })])
            if (typeof status === "string") return await back(exitOf(status), `ended by ${status}`)
            const running = status && trialOf(status, service)
            if (status !== null && running === null && status.hiding?.hidden.includes(name) === true) {
                terminal.say(`postern: ${name}: confirmed: it is hidden from now on`)
                tellResult(json, service, "hidden", { knocked, arrived: arrived ?? [] }, terminal)
                return EXIT.ok
            }
            if (status === null ? performance.now() > deadline + LOOK_MS : running === null) {
                terminal.error(
                    `${name} is open again: nobody has confirmed it in time, or somebody has taken it back`,
                    "try it again, with a longer --for",
                )
                tellResult(json, service, "open", { knocked, arrived: arrived ?? [] }, terminal)
                return EXIT.failed
            }
            if (running !== null) {
                arrived = running.arrived
                // Somebody else may have given it another end.
                deadline = performance.now() + running.left
            }
            if (running !== null && (arrived === null || arrived.length > 0)) question.ask(name, arrived)
            if (question.answer === "no") return await back(EXIT.failed, "not confirmed")
            // While no daemon says that the trial still runs there is nothing to confirm.
            if (question.answer === "yes" && running !== null) {
                const kept = await keep(daemon, knocked, arrived ?? [], options, terminal)
                return kept === EXIT.ok ? kept : await back(kept, "it could not be written down")
            }
        }
    } finally {
        question.close()
    }
}

/** Writes it down and has the daemon read it; takes it back where it does not. */
async function keep(
    daemon: Pick<Held, "ask">,
    knocked: string | null,
    arrived: readonly string[],
    { service, json, config }: HideOptions,
    terminal: Terminal,
): Promise<ExitCode> {
    const name = formatService(service)
    const place = await readPlace(config, terminal)
    // It may have been changed meanwhile.
    const doors = doorsFor(place, service, terminal)
    if (typeof doors === "number") return doors
    const done = await writeRule(place, service, true, terminal, async () => {
        const answer = await daemon.ask({ ask: "reload" })
        if (typeof answer !== "number") return EXIT.ok
        terminal.error(`${name}: the daemon does not take it over: ${place.path} is put back as it was`)
        return answer
    })
    if (done !== EXIT.ok) return done
    terminal.say(`postern: ${name} is hidden from now on: ${place.path} says so; postern unhide ${name} takes it back`)
    tellResult(json, service, "hidden", { knocked, arrived: [...arrived] }, terminal)
    return EXIT.ok
}
