/**
 * Services that are hidden on trial, until when, and those that somebody has opened by hand until the configuration is read
 * again. The kernel holds each trial with a timeout of its own; what is here is for whoever asks, and for a ruleset that is
 * applied meanwhile, which gives the element the time that it has left. So nothing here has to live for a trial to end.
 */
import { soonest } from "../core/agenda.ts"
import { codeOf, type HitCode, type Service } from "../core/knock/hit.ts"
import type { Moment } from "../core/ruleset.ts"

/** One trial. `due`, `since`: monotonic milliseconds. `before`: connections of then, by key; null: not known. */
export type Trial = {
    readonly service: Service
    readonly since: number
    readonly due: number
    readonly before: ReadonlySet<string> | null
}

/** See the head of the file. Times are monotonic milliseconds. */
export class Trials {
    readonly #running = new Map<HitCode, Trial>()
    readonly #opened = new Map<HitCode, Service>()

    /** Begins a trial, or puts another in its place. */
    begin(trial: Trial): void {
        this.#running.set(codeOf(trial.service), trial)
    }

    /** The trial of a service. */
    of(service: Service): Trial | null {
        return this.#running.get(codeOf(service)) ?? null
    }

    /** Ends a trial before its time, if there is one. */
    end(service: Service): void {
        this.#running.delete(codeOf(service))
    }

    /** Opens a service to everyone, whatever the configuration says. */
    open(service: Service): void {
        this.#opened.set(codeOf(service), service)
    }

    /** Takes `open` back. */
    shut(service: Service): void {
        this.#opened.delete(codeOf(service))
    }

    /** A configuration is in force that hides these; trials of others go on. */
    decided(hidden: readonly Service[]): void {
        this.#opened.clear()
        for (const service of hidden) this.end(service)
    }

    /** Those whose time is over, which are forgotten now. */
    expire(now: number): Service[] {
        const over = this.running().flatMap(({ service, due }) => (due <= now ? [service] : []))
        for (const service of over) this.end(service)
        return over
    }

    /** When the next one is over; null: none runs. */
    get due(): number | null {
        return soonest(...this.running().map(({ due }) => due))
    }

    /** What runs. */
    running(): Trial[] {
        return [...this.#running.values()]
    }

    /** What a ruleset of this moment is made for. `uptime`: of the host. */
    moment(now: number, uptime: number): Omit<Moment, "published"> {
        const trials = this.running().flatMap(({ service, due }) => (due > now ? [{ service, ms: due - now }] : []))
        return { trials, opened: [...this.#opened.values()], uptime }
    }
}
