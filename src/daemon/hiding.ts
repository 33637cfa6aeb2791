/**
 * Hiding by hand: on trial, for a time that the kernel holds, and back. Whoever asks for it writes into the configuration
 * what is meant to last, and has it read again: here is only what must be done at once, and what became of it.
 */
import type { Connection } from "../adapters/services/connections.ts"
import { soonest } from "../core/agenda.ts"
import type { Config } from "../core/config/config.ts"
import { hiddenServices, unhiddenServices } from "../core/config/hiding.ts"
import { codeOf, hasService, type Service } from "../core/knock/hit.ts"
import { type Address, contains, formatAddress, sameAddress } from "../core/net/address.ts"
import type { HidingChange, HidingRefusal } from "../core/report.ts"
import type { Moment } from "../core/ruleset.ts"
import type { Table } from "./table.ts"
import type { Teller } from "./told.ts"
import { Trials } from "./trials.ts"

/** What it is done with. */
export type HidingKeeping = {
    /** Null where there is no firewall. */
    readonly table: Table | null
    readonly teller: Teller
    /** Monotonic milliseconds. */
    readonly now: () => number
    /** How long ago the host has started (ms). */
    readonly uptime: () => number
    /** Connections to a service of this host, at this moment; null: they cannot be seen. */
    readonly connections: (service: Service) => readonly Connection[] | null
    /** This host's addresses. */
    readonly own: () => readonly Address[]
    /** The configuration in force. */
    readonly config: () => Config
    /** `due` has changed. */
    readonly rearm: () => void
}

/** A trial, as people are told of it. */
export type TrialNow = {
    readonly service: Service
    /** Milliseconds left, and since it began. */
    readonly left: number
    readonly age: number
    /**
     * Who came in by a connection that is newer than the trial, without being this host or in `always`; null: cannot be
     * seen.
     */
    readonly arrived: readonly Address[] | null
}

/** Ours: so many services are named where more change at once. */
const NAMED_MOST = 100

/** See the head of the file. */
export class Hiding {
    readonly #keeping: HidingKeeping
    readonly #trials = new Trials()
    /** What the configuration in force hides; null: none was ever in force. */
    #decided: readonly Service[] | null = null
    /** When the time after the start of the host is over (monotonic ms); null: it is, or there is none. */
    #spared: number | null = null

    constructor(keeping: HidingKeeping) {
        this.#keeping = keeping
    }

    /** What a ruleset of this moment is made for. */
    moment(): Omit<Moment, "published"> {
        return this.#trials.moment(this.#keeping.now(), this.#keeping.uptime())
    }

    /** When to call `endDue`; null: nothing is on trial or spared. */
    get due(): number | null {
        return soonest(this.#trials.due, this.#spared)
    }

    /** What nobody reaches without a grant, but for trials. */
    hidden(): readonly Service[] {
        const opened = new Set(this.moment().opened.map(codeOf))
        return hiddenServices(this.#keeping.config()).filter((service) => !opened.has(codeOf(service)))
    }

    /** How many services are hidden for good, on trial, or spared after the start of the host. */
    counts(): { lasting: number; trial: number; spared: number } {
        const hidden = this.hidden().length
        const [lasting, spared] = this.#spared === null ? [hidden, 0] : [0, hidden]
        return { lasting, trial: this.#trials.running().length, spared }
    }

    /** What is on trial. */
    trials(): TrialNow[] {
        const now = this.#keeping.now()
        return this.#trials.running().map((trial) => ({
            service: trial.service,
            left: Math.max(0, trial.due - now),
            age: now - trial.since,
            arrived: this.#arrived(trial.service, trial.before),
        }))
    }

    #arrived(service: Service, before: ReadonlySet<string> | null): Address[] | null {
        const { own, config } = this.#keeping
        const there = before && this.#connections(service)
        if (before === null || there === null) return null
        const needless = config().doors.filter(({ opens }) => hasService(opens, service))
        const local = own()
        const sources = there
            .filter(({ key, made, inside }) => made && !inside && !before.has(key))
            .map(({ source }) => source)
            .filter((source) => !local.some((one) => sameAddress(one, source)))
            .filter((source) => !needless.some(({ always }) => always.some((network) => contains(network, source))))
        return [...new Map(sources.map((source) => [formatAddress(source), source])).values()]
    }

    /**
     * Hides a service on trial by hand of this user, for `ms`, or gives a trial that runs another end. Null, or why not.
     */
    hide(service: Service, ms: number, uid: number): HidingRefusal | null {
        const refused = this.#hide(service, ms)
        if (refused === null) this.#report([service], { how: "trial", ms, uid })
        else this.#report([service], { how: "refused", asked: "hide", code: refused, uid })
        return refused
    }

    #hide(service: Service, ms: number): HidingRefusal | null {
        const { table, now, rearm } = this.#keeping
        if (table === null || !this.#isOpened(service)) return "service"
        if (hasService(this.hidden(), service)) return "hidden"
        const earlier = this.#trials.of(service)
        const trial = { service, since: earlier?.since ?? now(), due: now() + ms, before: earlier?.before ?? null }
        this.#trials.begin(trial)
        if (!table.apply().ok) {
            this.#trials.end(service)
            if (earlier !== null) this.#trials.begin(earlier)
            table.apply()
            return "firewall"
        }
        // Looked at now that nobody else can have come in: what is there has begun before.
        if (earlier === null) {
            const there = this.#connections(service)
            this.#trials.begin({ ...trial, before: there && new Set(there.map(({ key }) => key)) })
        }
        rearm()
        return null
    }

    /**
     * By hand of this user: ends a trial; without one it opens the service to everyone, until the configuration is read
     * again, also where that does not hide it: what listens on loopback is reached by nobody who is not led to it. What it
     * was: `door`: no door opens it, so nothing was done. Null: the firewall refuses, and all is as it was.
     */
    unhide(service: Service, uid: number): "trial" | "hidden" | "open" | "door" | null {
        const was = this.#unhide(service)
        if (was === null) this.#report([service], { how: "refused", asked: "unhide", code: "firewall", uid })
        if (was === "trial") this.#report([service], { how: "ended", uid })
        if (was === "hidden" || was === "open") this.#report([service], { how: "opened", uid })
        return was
    }

    #unhide(service: Service): "trial" | "hidden" | "open" | "door" | null {
        const { table, config, rearm } = this.#keeping
        const trial = this.#trials.of(service)
        if (trial === null && !this.#isOpened(service)) return "door"
        const hidden = hasService(this.hidden(), service)
        if (trial === null && hasService([...unhiddenServices(config()), ...this.moment().opened], service))
            return "open"
        this.#trials.end(service)
        if (trial === null) this.#trials.open(service)
        if (table?.apply().ok !== true) {
            this.#trials.shut(service)
            if (trial !== null) this.#trials.begin(trial)
            return null
        }
        rearm()
        return trial !== null ? "trial" : hidden ? "hidden" : "open"
    }

    /** The connections to it, as far as the firewall or the sockets of this host tell; null: they cannot be seen. */
    #connections(service: Service): readonly Connection[] | null {
        const came = this.#keeping.table?.arrivals() ?? null
        if (came === null) return this.#keeping.connections(service)
        return came
            .filter((one) => codeOf(one.service) === codeOf(service))
            .map(({ key, source }) => ({ key, source, made: true, inside: false }))
    }

    /** Is there a door to it? */
    #isOpened(service: Service): boolean {
        return this.#keeping.config().doors.some(({ opens }) => hasService(opens, service))
    }

    /** The first configuration is in force, or another one. */
    decided(): void {
        const { config, now, uptime } = this.#keeping
        const hidden = hiddenServices(config())
        const before = this.#decided
        this.#trials.decided(hidden)
        this.#decided = hidden
        if (before !== null) {
            this.#report(without(hidden, before), { how: "hidden" })
            this.#report(without(before, hidden), { how: "shown" })
        }
        const left = (config().gateway.grace ?? 0) - uptime()
        const spared = this.#spared !== null
        this.#spared = left > 0 ? now() + left : null
        if (left > 0 && !spared) this.#report(hidden, { how: "spared", ms: Math.round(left) })
    }

    /** Forgets trials whose time is over, and the time after the start of the host when that is over. */
    endDue(): void {
        const { table, now, config } = this.#keeping
        const over = this.#trials.expire(now())
        const hides = this.#spared !== null && this.#spared <= now()
        if (over.length === 0 && !hides) return
        if (hides) this.#spared = null
        // The kernel has done it already; this takes away what it was done with.
        table?.apply()
        this.#report(over, { how: "lapsed" })
        if (hides) this.#report(hiddenServices(config()), { how: "unspared" })
    }

    #report(services: readonly Service[], change: HidingChange): void {
        if (services.length === 0) return
        const more = services.length > NAMED_MOST ? { more: services.length - NAMED_MOST } : {}
        this.#keeping.teller.report({ type: "hiding", services: services.slice(0, NAMED_MOST), ...more, ...change })
    }
}

function without(services: readonly Service[], others: readonly Service[]): Service[] {
    const codes = new Set(others.map(codeOf))
    return services.filter((service) => !codes.has(codeOf(service)))
}
