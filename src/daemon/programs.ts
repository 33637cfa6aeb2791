/**
 * The programs of doors, run: the words of an argument vector filled in, a stop noted before its start begins, what came
 * of it told. One by one for each door and source, and bounded: see the port.
 */
import { Budget } from "../core/budget.ts"
import { commandOf } from "../core/config/config.ts"
import type { Effect } from "../core/effect.ts"
import type { EngineEvent } from "../core/engine.ts"
import { shellText } from "../core/knockd/shell.ts"
import type { Meter } from "../core/metrics/meter.ts"
import { formatAddress, networkOf } from "../core/net/address.ts"
import { UNKNOWN_KNOCKER } from "../core/one-time/knocker.ts"
import type { ProgramReport } from "../core/report.ts"
import type { Commands } from "../ports/commands.ts"
import type { Notes } from "./notes.ts"
import type { Teller } from "./told.ts"

/** What programs are run with. */
export type ProgramsKeeping = {
    readonly commands: Commands
    /** Null where there is no store. */
    readonly notes: () => Notes | null
    readonly meter: Meter
    /** Monotonic milliseconds. */
    readonly now: () => number
    /** What programs print, and how they went. */
    readonly teller: Teller
    /** The engine hears how programs went. */
    readonly event: (event: EngineEvent) => void
}

type Run = Extract<Effect, { type: "run" }>

/** See the head of the file. */
export class Programs {
    readonly #keeping: ProgramsKeeping
    /** Reports of programs that were not run: a flood of whole knocks must not fill the log with them. */
    readonly #complaints = new Budget(10, 1)
    #stopped = false

    constructor(keeping: ProgramsKeeping) {
        this.#keeping = keeping
    }

    /** Runs one. A start whose stop could be forgotten does not begin before that is noted. */
    run(effect: Run): void {
        const { which, lease, door, source } = effect
        const notes = this.#keeping.notes()
        if (which === "stop" || notes === null || commandOf(door, source)?.stop == null) {
            this.#launch(effect)
            return
        }
        void notes.begin(lease, door, source).then((trouble) => {
            if (trouble === null && !this.#stopped) {
                this.#launch(effect)
                return
            }
            if (trouble === null) notes.strike(lease, door, source)
            if (this.#stopped) return
            this.#report({
                type: "program",
                door: door.name,
                source,
                which,
                how: { step: "unnoted", detail: trouble ?? "" },
            })
            this.#keeping.event({ type: "unstarted", lease })
        })
    }

    /** Ends those that run, and begins no others. */
    stop(): Promise<void> {
        this.#stopped = true
        return this.#keeping.commands.stop()
    }

    #launch({ which, lease, door, source, knocker }: Run): void {
        const { commands, teller, event } = this.#keeping
        const { name } = door
        const command = commandOf(door, source)
        const address = formatAddress(source)
        const who = `${name}: ${address}`
        const about = { type: "program", door: name, source, which } as const
        // A fixed sequence says nothing about who knocked.
        const values = new Map([
            ["source", address],
            ["door", name],
            ["knocker", knocker ?? UNKNOWN_KNOCKER],
        ])
        const fill = (argument: string) =>
            command?.shell === true
                ? argument.replaceAll("%IP%", address)
                : argument.replace(/\{(source|door|knocker)\}/g, (_, key: string) => values.get(key)!)
        const words = (which === "start" ? command?.start : command?.stop)?.map(fill)
        if (words === undefined) throw new Error(`door ${name} has no ${which} program`)
        const argv = command?.shell === true ? words.map(shellText) : words
        const queued = commands.run(
            {
                lane: who,
                group: networkOf(source),
                must: which === "stop",
                argv,
                timeout: command!.timeout,
                output: (line) => teller.tell("info", `${who}: ${which}: ${line}`),
                late: (detail) =>
                    teller.tell("warning", `${who}: ${which}: cannot be run yet, and is tried again: ${detail}`),
            },
            (outcome) => {
                this.#report({ ...about, how: { step: "ended", outcome } })
                // A stop that we end because we end is run again by the next daemon.
                if (which === "stop" && (!this.#stopped || outcome.ended === "exit"))
                    this.#keeping.notes()?.strike(lease, door, source)
                if (!this.#stopped) event({ type: "ended", which, lease })
            },
        )
        if (queued) {
            const program = (command?.shell === true ? words.at(-1) : words[0]) ?? ""
            this.#report({ ...about, how: { step: "began", program } })
            return
        }
        this.#report({ ...about, how: { step: "crowded" } })
        if (command?.stop != null) this.#keeping.notes()?.strike(lease, door, source)
        event({ type: "unstarted", lease })
    }

    #report(about: ProgramReport): void {
        const { meter, now, teller } = this.#keeping
        meter.countProgram(about)
        const { step } = about.how
        if ((step === "crowded" || step === "unnoted") && !this.#complaints.spend(now())) return
        teller.report(about)
    }
}
