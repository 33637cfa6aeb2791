/** What there is to hear of a knockd.conf while it is read: what knockd says, what it takes without a word, what stops it. */
import type { Heard, KnockdReading } from "./conf.ts"
import type { Fault, Oddity } from "./oddities.ts"

type Here<T, Known extends string> = T extends infer One ? (One extends T ? Omit<One, Known> : never) : never

/** An oddity of the line that is read, and a mistake in it. */
export type OddityHere = Here<Oddity, "line" | "door">
export type FaultHere = Here<Fault, "line" | "door" | "message">

/** The first mistake. */
export type Stopped = Extract<KnockdReading, { readonly message: string }>

/** See the head of the file. */
export class Hearing {
    readonly oddities: Oddity[] = []
    readonly faults: Fault[] = []
    readonly #told: string[] = []
    readonly #warned: string[] = []
    /** As knockd counts, which takes the pieces of a long line for lines. */
    counted = 0
    /** As it is, from 1. */
    line = 0
    /** The door that the line stands in; null: none. */
    door: string | null = null
    stopped: Stopped | null = null
    /** Files of one-time sequences that have to be read first. */
    readonly wants = new Set<string>()

    /** This line is read now, or a piece of it. */
    begin(line: number): void {
        this.counted++
        this.line = line
    }

    /** What knockd says with `-D`. */
    say(text: string): void {
        this.#told.push(text)
    }

    /** What it says on standard error, and goes on. */
    warn(text: string): void {
        this.#warned.push(text)
    }

    /** What it says there of the configuration. */
    tell(what: string): void {
        this.say(`config: ${what}`)
    }

    odd(what: OddityHere): void {
        this.oddities.push({ line: this.line, door: this.door, ...what })
    }

    /** A mistake in the line, as knockd counts lines. */
    refuse(what: string, fault: FaultHere): void {
        this.wrong(`config: line ${this.counted}: ${what}`, fault)
    }

    /** A mistake in what the line says. */
    wrong(message: string, fault: FaultHere): void {
        this.fault({ line: this.line, door: this.door, ...fault, message })
    }

    /** The first one stops knockd. */
    fault(fault: Fault): void {
        this.faults.push(fault)
        const { line, message } = fault
        this.stopped ??= { ok: false, line, message, ...this.heard() }
    }

    heard(): Heard {
        return { oddities: this.oddities, told: this.#told, warned: this.#warned }
    }
}
