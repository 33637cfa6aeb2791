/**
 * Hooks: programs that hear what happens. They come after everything else: they run beside the programs of doors, never
 * before, so few at once and so many per second, and what there is no room for is counted and said in the next call.
 * A hook that hangs or fails hurts nobody but itself.
 */
import { Budget } from "../core/budget.ts"
import type { Hook, HookEvent } from "../core/config/config.ts"
import { formatService } from "../core/knock/language.ts"
import { formatAddress, formatNetwork } from "../core/net/address.ts"
import type { Report } from "../core/report.ts"
import type { CommandOutcome, Commands } from "../ports/commands.ts"
import { type Level, outcomeText, reportText } from "../voice/reports.ts"
import type { Log } from "./log.ts"
import type { Listener } from "./told.ts"
import { isTrouble } from "./warnings.ts"

/** Ours: hooks running and calls waiting, of all hooks and of one. One call of a hook at a time, in order. */
export const HOOK_ROOM = { running: 4, waiting: 64, groupRunning: 1, groupWaiting: 16 }
/** Ours: calls of one hook at once, then per second. */
const CALLS = [20, 1] as const
/** Ours: lines about one hook's failures at once, then per second. */
const COMPLAINTS = [3, 1 / 60] as const

/** What hooks are run with. */
export type HooksKeeping = {
    /** Those in force: asked anew each time. */
    readonly hooks: () => readonly Hook[]
    /** For hooks alone, with HOOK_ROOM. */
    readonly commands: Commands
    /** Monotonic milliseconds; milliseconds since 1970. */
    readonly now: () => number
    readonly wall: () => number
    /** Must not be heard by hooks: a hook that fails would call itself. */
    readonly log: Log
}

/** What a hook is told: as one line of JSON on its standard input. */
type Call = {
    readonly event: HookEvent
    readonly level: Level
    readonly text: string
    readonly door?: string
    readonly source?: string
    readonly [fact: string]: unknown
}

/** What is remembered of one hook, by its name. */
type Account = { readonly calls: Budget; readonly complaints: Budget; omitted: number }

/** See the head of the file. */
export class Hooks {
    readonly #keeping: HooksKeeping
    readonly #accounts = new Map<string, Account>()
    #heeded = false

    constructor(keeping: HooksKeeping) {
        this.#keeping = keeping
    }

    /** Hears reports. */
    readonly listener: Listener = (report) => {
        if (!this.#heeded || this.#keeping.hooks().length === 0) return
        const call = callOf(report, this.#keeping.wall())
        if (call !== null) this.#call(call)
    }

    /** A log that does what `log` does, and tells hooks of trouble. */
    overhear(log: Log): Log {
        return (level, text, facts) => {
            log(level, text, facts)
            if (isTrouble(level, facts)) this.#call({ event: "trouble", level, text })
        }
    }

    /** From now on: a daemon that does not come to be ready says so to whoever has started it. */
    begin(): void {
        this.#heeded = true
    }

    /** Ends those that run, and begins no others. */
    stop(): Promise<void> {
        this.#heeded = false
        return this.#keeping.commands.stop()
    }

    #call(call: Call): void {
        if (!this.#heeded) return
        for (const hook of this.#keeping.hooks()) {
            if (!hook.on.includes(call.event)) continue
            if (hook.doors !== null && (call.door === undefined || !hook.doors.includes(call.door))) continue
            this.#run(hook, call)
        }
    }

    #run(hook: Hook, call: Call): void {
        const { commands, now, wall } = this.#keeping
        const account = this.#account(hook.name)
        const { omitted } = account
        const facts = { version: 1, time: new Date(wall()).toISOString(), hook: hook.name, ...call, omitted }
        const { event, door = "", source = "", text } = call
        const values: Readonly<Record<string, string>> = { event, door, source, text }
        const argv = hook.run.map((word) =>
            word.replace(/\{(event|door|source|text)\}/g, (_, key: string) => values[key]!),
        )
        const queued =
            account.calls.spend(now()) &&
            commands.run(
                {
                    lane: hook.name,
                    group: hook.name,
                    argv,
                    input: `${JSON.stringify(facts)}\n`,
                    timeout: hook.timeout,
                    output: (line) => this.#keeping.log("debug", `hook ${hook.name}: ${line}`),
                },
                (outcome) => this.#ended(hook, outcome),
            )
        account.omitted = queued ? 0 : omitted + 1
        if (!queued && omitted === 0)
            this.#complain(hook.name, "calls are left out: it is too slow, or too much happens")
    }

    #ended(hook: Hook, outcome: CommandOutcome): void {
        if (outcome.ended === "exit" && outcome.code === 0) return
        this.#complain(hook.name, outcomeText(outcome))
    }

    #complain(name: string, what: string): void {
        if (!this.#account(name).complaints.spend(this.#keeping.now())) return
        this.#keeping.log("warning", `hook ${name}: ${what}`)
    }

    #account(name: string): Account {
        const known = this.#accounts.get(name)
        if (known !== undefined) return known
        const made = { calls: new Budget(...CALLS), complaints: new Budget(...COMPLAINTS), omitted: 0 }
        // Names go with reloads; as many as any configuration has are remembered.
        for (const old of this.#accounts.keys()) {
            if (!this.#keeping.hooks().some((hook) => hook.name === old)) this.#accounts.delete(old)
        }
        this.#accounts.set(name, made)
        return made
    }
}

/** Which reports hooks hear; of what is wrong with the host they hear by the log. */
const EVENTS: Readonly<Partial<Record<Report["type"], HookEvent>>> = {
    opened: "grant",
    given: "grant",
    used: "end",
    closed: "end",
    revoked: "end",
    refused: "refusal",
    paused: "refusal",
    hiding: "hiding",
}

/** What hooks hear of a report; null: nothing. */
function callOf(report: Report, wall: number): Call | null {
    const event = EVENTS[report.type]
    if (event === undefined) return null
    const { type, source, ...facts } = "source" in report ? report : { ...report, source: null }
    const network = "network" in report ? { network: formatNetwork(report.network) } : {}
    const opens = "opens" in report ? { opens: report.opens.map(formatService) } : {}
    const services = "services" in report ? { services: report.services.map(formatService) } : {}
    return {
        event,
        report: type,
        ...reportText(report, wall),
        ...facts,
        ...network,
        ...opens,
        ...services,
        ...(source === null ? {} : { source: formatAddress(source) }),
    }
}
