/**
 * Services that are hidden on trial, until when, and those that somebody has opened by hand until the configuration is read
 * again. The kernel holds each trial with a timeout of its own; what is here is for whoever asks, and for a ruleset that is
 * applied meanwhile, which gives the element the time that it has left. So nothing here has to live for a trial to end.
 */
import { soonest } from "../core/agenda.ts"
import { codeOf, type HitCode, type Service } from "../core/knock/hit.ts"
import type { Moment, Trial } from "../core/ruleset.ts"

/** One trial. `due`, `since`: monotonic milliseconds. */
type Running = { readonly service: Service; readonly since: number; readonly due: number }

/** See the head of the file. Times are monotonic milliseconds. */
export class Trials {
    readonly #running = new Map<HitCode, Running>()
    readonly #opened = new Map<HitCode, Service>()

    /** Begins a trial, or gives the one that runs another end. */
    begin(service: Service, ms: number, now: number): void {
        const code = codeOf(service)
        this.#opened.delete(code)
        this.#running.set(code, { service, since: this.#running.get(code)?.since ?? now, due: now + ms })
    }

    /** Ends a trial before its time; false: there is none. */
    end(service: Service): boolean {
        return this.#running.delete(codeOf(service))
    }

    /** Opens a service to everyone, whatever the configuration says. */
    open(service: Service): void {
        this.#opened.set(codeOf(service), service)
    }

    /** Takes `open` back. */
    shut(service: Service): void {
        this.#opened.delete(codeOf(service))
    }

    /** A configuration is in force that says what is hidden: trials of what it does not hide go on. */
    decided(hidden: readonly Service[]): Service[] {
        this.#opened.clear()
        return hidden.filter((service) => this.end(service))
    }

    /** Those whose time is over, which are forgotten now. */
    expire(now: number): Service[] {
        const over = [...this.#running.values()].filter(({ due }) => due <= now).map(({ service }) => service)
        for (const service of over) this.end(service)
        return over
    }

    /** When the next one is over; null: none runs. */
    get due(): number | null {
        return soonest(...[...this.#running.values()].map(({ due }) => due))
    }

    /** What runs, with the time left and the time since it began. */
    running(now: number): (Trial & { readonly age: number })[] {
        return [...this.#running.values()].flatMap(({ service, since, due }) =>
            due > now ? [{ service, ms: due - now, age: now - since }] : [],
        )
    }

    /** What a ruleset of this moment is made for. `uptime`: of the host. */
    moment(now: number, uptime: number): Moment {
        return { trials: this.running(now), opened: [...this.#opened.values()], uptime }
    }
}
