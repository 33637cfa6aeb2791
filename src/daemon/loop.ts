/**
 * The daemon's heart: hands packets and events to the engine, lets its effects be carried out (`acts.ts`), and sleeps
 * until the next deadline. Everything it touches is a port, so tests run it with models and a simulated clock.
 */
import { soonest } from "../core/agenda.ts"
import type { Config, Door } from "../core/config/config.ts"
import { type Claim, Engine, type EngineEvent } from "../core/engine.ts"
import type { Meter } from "../core/metrics/meter.ts"
import type { Address, Network } from "../core/net/address.ts"
import type { Packet } from "../core/net/packet.ts"
import type { OneTimeBook } from "../core/one-time/book.ts"
import { type Moment, type Ruleset, wantedRuleset } from "../core/ruleset.ts"
import { messageOf } from "../core/thrown.ts"
import type { Watching } from "../core/watch.ts"
import type { Capture } from "../ports/capture.ts"
import type { Clock } from "../ports/clock.ts"
import type { Commands } from "../ports/commands.ts"
import type { Firewall } from "../ports/firewall.ts"
import type { Links } from "../ports/links.ts"
import type { Services } from "../ports/services.ts"
import type { Store } from "../ports/store.ts"
import { Acts } from "./acts.ts"
import { Hiding, type HidingKeeping } from "./hiding.ts"
import type { Log } from "./log.ts"
import { Notes } from "./notes.ts"
import { interfacesText, Outlook } from "./outlook.ts"
import { Programs } from "./programs.ts"
import { Standing } from "./standing.ts"
import { Table } from "./table.ts"
import { type Listener, Teller } from "./told.ts"

/** Everything the loop acts through. */
export type LoopPorts = {
    readonly capture: Capture
    /** Null where no door opens anything. */
    readonly firewall: Firewall | null
    readonly links: Links
    readonly services: Services
    readonly commands: Commands
    readonly clock: Clock
    readonly log: Log
    /** Hear what happens: what the engine reports, how programs went, what became of our table. */
    readonly listeners: readonly Listener[]
    /** Counts what happens; outlives the loop. */
    readonly meter: Meter
    /** What must survive; null where no door has a stop program and none ever had. */
    readonly store: Store | null
    /** One-time sequences: left out where there are none, as in knockd's place. */
    readonly oneTime?: OneTimeKeeping
    /** See `ActsKeeping`; left out where no sequence is good once. */
    readonly spend?: (door: string, source: Address) => boolean
    /** Hears of each ruleset that the kernel has taken. */
    readonly made?: (wanted: Ruleset) => void
    /** How long ago the host has started (ms); left out: long ago. */
    readonly uptime?: () => number
    /** See `HidingKeeping`; left out: they cannot be seen. */
    readonly connections?: HidingKeeping["connections"]
}

/** The sequences that engines look for, and who keeps which of them are used. */
export type OneTimeKeeping = {
    readonly book: OneTimeBook
    readonly claim: (claim: Claim) => void
    /** Something listens now on other ports than before. */
    readonly offered: () => void
}

/** How a reload went: so many grants ended by it, or who refused it. */
export type Reloading = { readonly ok: true; readonly ended: number } | Unturned
type Unturned = { readonly ok: false; readonly code: "firewall" | "failed"; readonly detail: string }

/** See the head of the file. */
export class Loop {
    readonly #ports: LoopPorts
    readonly #seed: readonly [number, number]
    #engine: Engine
    readonly #outlook: Outlook
    /** Null where there is no firewall. */
    readonly #table: Table | null
    #store: Store | null
    /** Null where there is no store. */
    #notes: Notes | null
    readonly #programs: Programs
    readonly #teller: Teller
    readonly #acts: Acts
    #due: number | null = null
    #stopped = false
    /** How things stand. */
    readonly standing: Standing
    /** What is hidden, and what on trial. */
    readonly hiding: Hiding

    constructor(config: Config, ports: LoopPorts, seed: readonly [number, number]) {
        this.#ports = ports
        this.#seed = seed
        const { capture, firewall, commands, clock, log, meter, store, spend = () => false } = ports
        this.#engine = new Engine(config, seed, meter.tally, ports.oneTime?.book)
        this.#outlook = new Outlook(config, ports)
        this.#store = store
        this.#notes = store && new Notes(store, clock, log)
        const teller = new Teller(log, ports.listeners)
        this.#teller = teller
        this.#table = firewall && this.#tableOf(firewall)
        this.hiding = new Hiding({
            table: this.#table,
            teller,
            now: () => this.#now(),
            uptime: ports.uptime ?? (() => Number.POSITIVE_INFINITY),
            connections: ports.connections ?? (() => null),
            own: () => ports.links.current().addresses.map(({ address }) => address),
            config: () => this.config,
            rearm: () => this.#rearm(),
        })
        const event = (happened: EngineEvent) => this.#event(happened)
        const notes = () => this.#notes
        this.#programs = new Programs({ commands, notes, meter, now: () => this.#now(), teller, event })
        const opened = () => {
            const age = capture.age()
            if (age !== null) meter.openings.observe(age / 1000)
        }
        const claim = ports.oneTime?.claim ?? ((one: Claim) => event({ ...one, type: "unclaimed", code: "state" }))
        this.#acts = new Acts({
            teller,
            table: this.#table,
            programs: this.#programs,
            notes,
            event,
            opened,
            claim,
            spend,
        })
        this.standing = new Standing({
            clock,
            capture,
            commands,
            outlook: this.#outlook,
            hiding: () => this.hiding,
            table: this.#table,
            engine: () => this.#engine,
            store: () => this.#store,
            due: () => this.#due,
            stopped: () => this.#stopped,
        })
    }

    #tableOf(firewall: Firewall): Table {
        return new Table({
            firewall,
            now: () => this.#now(),
            teller: this.#teller,
            wanted: (held) => this.#ruleset(this.config, this.#outlook.watching, held),
            remade: () => {
                this.#ports.meter.mended++
                this.#event({ type: "lost" })
            },
            used: (elements) => this.#event({ type: "used", elements }),
            // What is known already needs no look, and whoever keeps such rules changes them all the time.
            translates: () => {
                if (this.#outlook.published === null) this.#look()
            },
            made: (wanted) => this.#ports.made?.(wanted),
            rearm: () => this.#rearm(),
        })
    }

    /** The configuration in force. */
    get config(): Config {
        return this.#engine.config
    }

    /**
     * Listens, then puts the table in place: a capture that is refused (another daemon has it) changes nothing. Throws
     * if the capture or the firewall refuses; then nothing listens, and the table is as it was.
     */
    start(): void {
        try {
            this.#start()
        } catch (error) {
            this.#listenNoMore()
            throw error
        }
        this.#rearm()
    }

    #start(): void {
        const { capture, links, log } = this.#ports
        links.start(() => this.#look())
        this.#outlook.look(this.config)
        this.#seeAddresses()
        this.#event({ type: "offered", services: this.#outlook.watching.offered })
        capture.start(this.#outlook.watching, {
            packet: (packet) => this.#packet(packet),
            drained: () => this.#rearm(),
            trouble: (what) => log("warning", `${capture.name}: ${what}`),
        })
        if (this.#table !== null) this.#event({ type: "found", grants: this.#table.start() })
        this.hiding.decided()
        this.finish()
    }

    /** Takes over stop programs that an earlier daemon has left in the store: at the start, or when that can be used. */
    finish(): void {
        if (this.#stopped) return
        for (const left of this.#notes?.unfinished(this.config) ?? []) this.#event({ type: "unfinished", ...left })
    }

    #packet(packet: Packet): void {
        if (this.#outlook.isStale(packet.time) && this.#engine.isUnknown(packet)) this.#look()
        this.#acts.performKnock(this.#engine.packet(packet))
    }

    #event(event: EngineEvent): void {
        this.#acts.perform(this.#engine.step(event, this.#now()))
        this.#rearm()
    }

    /** Something about interfaces, addresses or services may have changed. */
    #look(): void {
        const { capture, log } = this.#ports
        const changed = this.#outlook.look(this.config)
        const { watching } = this.#outlook
        this.#seeAddresses()
        if (changed.interfaces) log("notice", `watching ${interfacesText(watching.interfaces)}`)
        if (changed.interfaces || changed.offered) {
            this.#event({ type: "offered", services: watching.offered })
            capture.follow(watching)
            if (changed.offered) this.#ports.oneTime?.offered()
        } else if (!changed.published && this.#table?.applied !== false) return
        // What the firewall has refused is asked for again.
        this.#applyTable()
    }

    #seeAddresses(): void {
        const { addresses } = this.#ports.links.current()
        this.#event({ type: "addresses", addresses: addresses.map(({ address }) => address) })
    }

    /** What has become of a claim, or of a knocker. */
    hear(event: Extract<EngineEvent, { type: "claimed" | "unclaimed" | "expelled" }>): void {
        if (!this.#stopped) this.#event(event)
    }

    /** Wakes up for whatever is due next. */
    #rearm(): void {
        if (this.#stopped) return
        this.#table?.await(this.#engine.awaitsUses)
        const due = soonest(this.#engine.nextDeadline(), this.#table?.due ?? null, this.hiding.due)
        if (due === this.#due) return
        this.#due = due
        this.#ports.clock.wake(due, () => {
            this.#due = null
            this.#table?.catchUp()
            this.hiding.endDue()
            this.#event({ type: "tick" })
        })
    }

    /** Opens a door by hand of this user, for `ms`. Null, or why it is as it was. */
    grant(door: Door, source: Address, ms: number, uid: number): "grants" | "firewall" | null {
        const effects = this.#engine.step({ type: "grant", door, source, ms, uid }, this.#now())
        if (effects.length === 0) return "grants"
        const done = this.#acts.performAsked(effects)
        this.#rearm()
        return done ? null : "firewall"
    }

    /**
     * Ends grants by hand of this user: of this door (null: of all) and of sources in this network (null: of all), and
     * what the kernel lets in beside them; or those alone that this knocker's sequences have opened. How many of each;
     * `done` is false if the kernel did not do all of it.
     */
    revoke(
        door: Door | null,
        source: Network | null,
        uid: number,
        knocker: string | null = null,
    ): { grants: number; orphans: number; done: boolean } {
        const held = this.#table === null ? [] : this.#table.held()
        const orphans = knocker === null ? this.#engine.orphans(held ?? [], door, source) : []
        const whose = knocker === null ? {} : { knocker }
        const effects = this.#engine.step({ type: "revoke", door, source, uid, ...whose }, this.#now())
        const grants = effects.filter((effect) => effect.type === "report" && effect.report.type === "revoked").length
        const done = this.#acts.performAsked(
            orphans.length === 0 ? effects : [...effects, { type: "revoke", elements: orphans }],
        )
        this.#rearm()
        if (orphans.length > 0) this.#teller.report({ type: "orphans", count: orphans.length, uid })
        return { grants, orphans: orphans.length, done: held !== null && done }
    }

    /**
     * Goes on with another configuration, whose fixed settings are those of this one (see `fixedSettings`): all of it or,
     * if the firewall or the capture refuses, nothing. `store` comes into use where there was none.
     */
    reload(config: Config, store: Store | null): Reloading {
        if (this.#stopped) return { ok: false, code: "failed", detail: "the daemon stops" }
        if (this.#table === null && config.doors.some(({ opens }) => opens.length > 0)) {
            return {
                ok: false,
                code: "firewall",
                detail: "there is none, and a door opens services: restart the daemon",
            }
        }
        const engine = new Engine(config, this.#seed, this.#ports.meter.tally, this.#ports.oneTime?.book)
        const watching = this.#outlook.with(config)
        const refused = this.#turn(config, watching)
        if (refused !== null) return refused
        const old = this.#engine
        this.#engine = engine
        const moved = this.#outlook.turn(watching)
        if (moved) this.#teller.tell("notice", `watching ${interfacesText(watching.interfaces)}`)
        this.hiding.decided()
        const effects = engine.succeed(old, this.#now())
        const ended = effects.filter((effect) => effect.type === "report" && effect.report.type === "closed").length
        this.#acts.perform(effects)
        if (this.#notes === null && store !== null) {
            this.#store = store
            this.#notes = new Notes(store, this.#ports.clock, this.#ports.log)
            this.finish()
        }
        this.#rearm()
        return { ok: true, ended }
    }

    /** Kernel and capture turn to another configuration, both or neither. Null, or who refused. */
    #turn(config: Config, watching: Watching): Unturned | null {
        const table = this.#table
        // The kernel passes up for both before the capture changes its mind.
        const result = table?.apply(this.#ruleset(config, watching)) ?? { ok: true }
        let refused: Unturned | null = null
        if (!result.ok) refused = { ok: false, code: "firewall", detail: result.detail }
        try {
            if (refused === null) this.#ports.capture.follow(watching)
        } catch (error) {
            const detail = `${this.#ports.capture.name}: ${messageOf(error)}`
            refused = { ok: false, code: "failed", detail }
        }
        // Also after a refusal: more than one transaction may have been needed.
        if (refused !== null) this.#applyTable()
        return refused
    }

    #applyTable(): void {
        const result = this.#table?.apply() ?? { ok: true }
        if (!result.ok) this.#ports.log("error", `firewall: ${result.detail}`)
    }

    /** `held`: elements that the kernel has, or must have. */
    #ruleset(config: Config, watching: Watching, held = this.#engine.elements()): Ruleset {
        const moment = this.#moment()
        const watch = this.#ports.capture.name === "nflog" ? watching : null
        // What was opened by hand was so until the configuration is read again.
        return wantedRuleset(config, watch, held, config === this.config ? moment : { ...moment, opened: [] })
    }

    /**
     * Stops listening and ends programs. What is hidden stays hidden and grants run out on time: the kernel holds both.
     * Where nothing is hidden and nothing is open the table goes too (`cleared`).
     */
    async stop(): Promise<"kept" | "cleared"> {
        if (this.#stopped) return "kept"
        this.#acts.perform(this.#engine.step({ type: "end" }, this.#now()))
        this.#listenNoMore()
        this.#ports.clock.wake(null, () => {})
        try {
            // Nobody is there to confirm a trial, so it ends with us.
            const last = wantedRuleset(this.config, null, this.#engine.elements(), {
                ...this.#moment(),
                trials: [],
            })
            return this.#table?.leave(last) ? "cleared" : "kept"
        } finally {
            await this.#programs.stop()
            this.#notes?.retry()
        }
    }

    #moment(): Moment {
        return { ...this.hiding.moment(), published: this.#outlook.published }
    }

    #listenNoMore(): void {
        this.#stopped = true
        this.#ports.capture.stop()
        this.#ports.links.stop()
        this.#table?.unwatch()
    }

    #now(): number {
        return this.#ports.clock.monotonic()
    }
}
