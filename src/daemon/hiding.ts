/**
 * Hiding by hand: on trial, for a time that the kernel holds, and back. Whoever asks for it writes into the configuration
 * what is meant to last, and has it read again: here is only what must be done at once, and what became of it.
 */
import type { Connection } from "../adapters/services/connections.ts"
import type { Config } from "../core/config/config.ts"
import { hiddenServices } from "../core/config/hiding.ts"
import { codeOf, type Service } from "../core/knock/hit.ts"
import { formatService } from "../core/knock/language.ts"
import { type Address, contains, formatAddress, sameAddress } from "../core/net/address.ts"
import type { Moment } from "../core/ruleset.ts"
import { formatMs } from "../voice/reports.ts"
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
    /** Who came in by a connection that is newer than the trial, without being this host or in `always`; null: cannot be seen. */
    readonly arrived: readonly Address[] | null
}

/** See the head of the file. */
export class Hiding {
    readonly #keeping: HidingKeeping
    readonly #trials = new Trials()

    constructor(keeping: HidingKeeping) {
        this.#keeping = keeping
    }

    /** What a ruleset of this moment is made for. */
    moment(): Omit<Moment, "published"> {
        return this.#trials.moment(this.#keeping.now(), this.#keeping.uptime())
    }

    /** When to call `endDue`; null: nothing is on trial. */
    get due(): number | null {
        return this.#trials.due
    }

    /** What nobody reaches without a grant, but for trials. */
    hidden(): readonly Service[] {
        const opened = new Set(this.moment().opened.map(codeOf))
        return hiddenServices(this.#keeping.config()).filter((service) => !opened.has(codeOf(service)))
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
        const { connections, own, config } = this.#keeping
        const there = before && connections(service)
        if (before === null || there === null) return null
        const needless = config().doors.filter(({ opens }) => opens.map(codeOf).includes(codeOf(service)))
        const local = own()
        const sources = there
            .filter(({ key, made, inside }) => made && !inside && !before.has(key))
            .map(({ source }) => source)
            .filter((source) => !local.some((one) => sameAddress(one, source)))
            .filter((source) => !needless.some(({ always }) => always.some((network) => contains(network, source))))
        return [...new Map(sources.map((source) => [formatAddress(source), source])).values()]
    }

    /**
     * Hides a service on trial, for `ms`, or gives a trial that runs another end. Null, or why not: no door opens it, it is
     * hidden already, the firewall refuses.
     */
    hide(service: Service, ms: number): "service" | "hidden" | "firewall" | null {
        const { table, now, config, connections, rearm } = this.#keeping
        const code = codeOf(service)
        if (table === null || !config().doors.some(({ opens }) => opens.map(codeOf).includes(code))) return "service"
        if (this.hidden().some((one) => codeOf(one) === code)) return "hidden"
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
            const there = connections(service)
            this.#trials.begin({ ...trial, before: there && new Set(there.map(({ key }) => key)) })
        }
        this.#keeping.teller.tell("notice", `hide: ${formatService(service)} is hidden on trial, for ${formatMs(ms)}`)
        rearm()
        return null
    }

    /**
     * Ends a trial, or opens a service that the configuration hides, until that is read again. What it was; null: the
     * firewall refuses, and all is as it was.
     */
    unhide(service: Service): "trial" | "hidden" | "open" | null {
        const { table, rearm } = this.#keeping
        const code = codeOf(service)
        const trial = this.#trials.of(service)
        const hidden = this.hidden().some((one) => codeOf(one) === code)
        if (trial === null && !hidden) return "open"
        this.#trials.end(service)
        if (hidden) this.#trials.open(service)
        if (table?.apply().ok !== true) {
            this.#trials.shut(service)
            if (trial !== null) this.#trials.begin(trial)
            return null
        }
        rearm()
        const what = hidden ? "is open to everyone" : "is no longer hidden on trial"
        this.#keeping.teller.tell("notice", `hide: ${formatService(service)} ${what}`)
        return hidden ? "hidden" : "trial"
    }

    /** A configuration has come into force. */
    decided(): void {
        for (const service of this.#trials.decided(hiddenServices(this.#keeping.config())))
            this.#keeping.teller.tell("notice", `hide: ${formatService(service)} is hidden from now on`)
    }

    /** Forgets trials whose time is over. */
    endDue(): void {
        const over = this.#trials.expire(this.#keeping.now())
        if (over.length === 0) return
        for (const service of over) {
            const name = formatService(service)
            const what = "is no longer hidden on trial: nobody has confirmed it"
            this.#keeping.teller.tell("warning", `hide: ${name} ${what}`)
        }
        // The kernel has done it already; this takes away what it was done with.
        this.#keeping.table?.apply()
    }
}
