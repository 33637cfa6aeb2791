/**
 * `postern unhide`: a service is open to everyone, at once and for good. The daemon does it, or, where none runs or
 * answers, this process in its place (without-daemon.ts).
 */
import { unhiddenServices } from "../../core/config/hiding.ts"
import { hasService, type Service } from "../../core/knock/hit.ts"
import { formatService } from "../../core/knock/language.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { askOnce, daemonAt } from "../control/ask.ts"
import { type Place, readPlace, saidElsewhere, writeRule } from "./place.ts"
import { withoutDaemon } from "./without-daemon.ts"
import { tellResult } from "./words.ts"

/** What is asked for. */
export type UnhideOptions = {
    readonly service: Service
    readonly json?: true
    readonly config?: string
    readonly socket?: string
}

/** Ours: whoever does this in need does not wait longer for a daemon that hangs (ms). */
const PATIENCE_MS = 3000

/** See the head of the file. */
export async function open(options: UnhideOptions, terminal: Terminal): Promise<ExitCode> {
    const { service, json } = options
    const name = formatService(service)
    let absent = false
    let hangs = false
    const gone = () => {
        absent = true
    }
    const silent = () => {
        absent = true
        hangs = true
    }
    const daemon = daemonAt(options.socket, terminal, gone, { ms: PATIENCE_MS, tell: silent })
    try {
        // First of all: whoever does this in need is in a hurry.
        const first = await daemon.ask({ ask: "unhide", service })
        const trial = typeof first !== "number" && first.was === "trial"
        // Behind a trial is what was before it: that need not be open to everyone.
        const now = trial ? await daemon.ask({ ask: "unhide", service }) : first
        if (typeof now === "number" && !absent) return now
        const door = typeof now === "number" || now.was !== "door"
        if (!absent && door) terminal.say(`postern: ${name} is open to everyone`)
        const place = await readPlace(options.config, terminal)
        const lasting = await forGood(place, service, terminal)
        if (absent) {
            const after = lasting === EXIT.ok ? await readPlace(options.config, terminal) : place
            const done = await withoutDaemon(after, service, hangs, terminal)
            if (done !== EXIT.ok) return done
        } else if (lasting === EXIT.ok && !door && !isOpened(place, service)) {
            terminal.say(`postern: ${name}: no door opens it, so it is not hidden by postern: nothing was changed`)
        } else if (lasting === EXIT.ok) {
            const answer = await askOnce({ ask: "reload" }, options.socket, terminal)
            if (typeof answer === "number") {
                terminal.warn(
                    `${name} is open until the configuration is read again, and from then on, too`,
                    `${place.path} says so`,
                )
                return answer
            }
            if (!door) terminal.say(`postern: ${name} is open to everyone`)
        }
        if (lasting !== EXIT.ok) return lasting
        tellResult(json, service, "open", {}, terminal)
        return EXIT.ok
    } finally {
        daemon.close()
    }
}

/** Does a door open it? */
function isOpened({ config }: Place, service: Service): boolean {
    return config?.doors.some(({ opens }) => hasService(opens, service)) === true
}

/** Writes it down, unless that is there already, or no door has anything to do with it. */
async function forGood(place: Place, service: Service, terminal: Terminal): Promise<ExitCode> {
    const { config } = place
    // What cannot be read may hide it.
    if (config !== null && (!isOpened(place, service) || hasService(unhiddenServices(config), service))) return EXIT.ok
    const elsewhere = saidElsewhere(place, service)
    if (elsewhere !== null) {
        const line = `"${formatService(service)}" = true`
        terminal.error(`[hide] in ${elsewhere} hides it: it is open until that is read again`, `take ${line} out there`)
        return EXIT.configuration
    }
    return writeRule(place, service, false, terminal)
}
