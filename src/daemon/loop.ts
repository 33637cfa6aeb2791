/**
 * The daemon's heart: hands packets and events to the engine, carries its effects out, and sleeps until the next
 * deadline. Everything it touches is a port, so tests run it with models and a simulated clock.
 */
import { soonest } from "../core/agenda.ts"
import { sameData } from "../core/config/changes.ts"
import type { Config, Door } from "../core/config/config.ts"
import type { Effect } from "../core/effect.ts"
import { Engine, type EngineEvent } from "../core/engine.ts"
import type { Service } from "../core/knock/hit.ts"
import type { Meter } from "../core/metrics/meter.ts"
import type { Address, Network } from "../core/net/address.ts"
import type { Report } from "../core/report.ts"
import { type Ruleset, wantedRuleset } from "../core/ruleset.ts"
import { messageOf } from "../core/thrown.ts"
import { planWatch, type Watching } from "../core/watch.ts"
import type { Capture } from "../ports/capture.ts"
import type { Clock } from "../ports/clock.ts"
import type { Commands } from "../ports/commands.ts"
import type { Firewall } from "../ports/firewall.ts"
import type { Links } from "../ports/links.ts"
import type { Services } from "../ports/services.ts"
import type { Store, StoreHealth } from "../ports/store.ts"
import type { Level } from "../voice/reports.ts"
import type { Log } from "./log.ts"
import { Notes } from "./notes.ts"
import { Programs } from "./programs.ts"
import { Table } from "./table.ts"
import type { Listener } from "./told.ts"

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
}

/** How a reload went: so many grants ended by it, or who refused it. */
export type Reloading =
    | { readonly ok: true; readonly ended: number }
    | { readonly ok: false; readonly code: "firewall" | "failed"; readonly detail: string }

/** After an unknown port the kernel's socket tables are looked at, at most this often (ms)… */
const LOOK_UP_MS = 1000
/** …and for no more than one part in so many of our time: some hosts are slow to tell what they publish. */
const LOOK_UP_SHARE = 100

/** What fell due so long ago (ms) and was not done never will be. */
const LATE_MS = 5000

/** See the head of the file. */
export class Loop {
    readonly #ports: LoopPorts
    readonly #seed: readonly [number, number]
    #config: Config
    #engine: Engine
    #watching: Watching
    /** Null where there is no firewall. */
    readonly #table: Table | null
    #store: Store | null
    /** Null where there is no store. */
    #notes: Notes | null
    readonly #programs: Programs
    #lookAgain = 0
    #due: number | null = null
    /** What is to be told when everything is done, and how many calls of #perform are under way. */
    readonly #lines: (() => void)[] = []
    #depth = 0
    /** The effects at work are those of a packet. */
    #knocked = false
    /** The firewall has refused something since this was last set to false. */
    #refused = false
    #stopped = false

    constructor(config: Config, ports: LoopPorts, seed: readonly [number, number]) {
        this.#ports = ports
        this.#seed = seed
        this.#config = config
        this.#engine = new Engine(config, seed, ports.meter.tally)
        this.#watching = { plan: planWatch(config), interfaces: null, offered: [] }
        this.#table = ports.firewall && this.#tableOf(ports.firewall)
        this.#store = ports.store
        this.#notes = ports.store && new Notes(ports.store, ports.clock, ports.log)
        this.#programs = new Programs({
            commands: ports.commands,
            notes: () => this.#notes,
            meter: ports.meter,
            now: () => this.#now(),
            tell: (level, text) => this.#tell(level, text),
            report: (report) => this.#report(report),
            event: (event) => this.#event(event),
        })
    }

    /**
     * Listens, then puts the table in place: a capture that is refused (another daemon has it) changes nothing. Throws
     * if the capture or the firewall refuses; then nothing listens, and the table is as it was.
     */
    start(): void {
        const { capture, links } = this.#ports
        try {
            this.#start()
        } catch (error) {
            this.#stopped = true
            capture.stop()
            links.stop()
            this.#table?.unwatch()
            throw error
        }
        this.#rearm()
    }

    #start(): void {
        const { capture, links, log } = this.#ports
        links.start(() => this.#look())
        const interfaces = this.#wantedInterfaces(this.#config)
        this.#watching = { ...this.#watching, interfaces, offered: this.#lookUp() }
        this.#event({ type: "addresses", addresses: links.current().addresses.map(({ address }) => address) })
        this.#event({ type: "offered", services: this.#watching.offered })
        capture.start(this.#watching, {
            packet: (packet) => {
                if (packet.time >= this.#lookAgain && this.#engine.isUnknown(packet)) this.#look()
                const effects = this.#engine.packet(packet)
                if (effects.length === 0) return
                this.#knocked = true
                this.#perform(effects)
                this.#knocked = false
            },
            drained: () => this.#rearm(),
            trouble: (what) => log("warning", `${capture.name}: ${what}`),
        })
        if (this.#table !== null) this.#event({ type: "found", grants: this.#table.start() })
        this.finish()
    }

    /** Takes over stop programs that an earlier daemon has left in the store: at the start, or when that can be used. */
    finish(): void {
        if (this.#stopped) return
        for (const left of this.#notes?.unfinished(this.#config) ?? []) this.#event({ type: "unfinished", ...left })
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
        const engine = new Engine(config, this.#seed, this.#ports.meter.tally)
        const watching = { ...this.#watching, plan: planWatch(config), interfaces: this.#wantedInterfaces(config) }
        const refused = this.#turn(config, watching)
        if (refused !== null) return refused
        const moved = !sameData(watching.interfaces, this.#watching.interfaces)
        const old = this.#engine
        this.#config = config
        this.#watching = watching
        this.#engine = engine
        if (moved) this.#tell("notice", `watching ${interfacesText(watching.interfaces)}`)
        const effects = engine.succeed(old, this.#now())
        const ended = effects.filter((effect) => effect.type === "report" && effect.report.type === "closed").length
        this.#perform(effects)
        if (this.#notes === null && store !== null) {
            this.#store = store
            this.#notes = new Notes(store, this.#ports.clock, this.#ports.log)
            this.finish()
        }
        this.#rearm()
        return { ok: true, ended }
    }

    /** Kernel and capture turn to another configuration, both or neither. Null, or who refused. */
    #turn(config: Config, watching: Watching): Extract<Reloading, { ok: false }> | null {
        const table = this.#table
        // The kernel passes up for both before the capture changes its mind.
        const result = table?.apply(this.#ruleset(config, watching)) ?? { ok: true }
        let refused: Extract<Reloading, { ok: false }> | null = null
        if (!result.ok) refused = { ok: false, code: "firewall", detail: result.detail }
        try {
            if (refused === null) this.#ports.capture.follow(watching)
        } catch (error) {
            const detail = `${this.#ports.capture.name}: ${messageOf(error)}`
            refused = { ok: false, code: "failed", detail }
        }
        if (refused === null || table === null) return refused
        // Also after a refusal: more than one transaction may have been needed.
        const back = table.apply()
        if (!back.ok) this.#ports.log("error", `firewall: ${back.detail}`)
        return refused
    }

    #ruleset(config: Config, watching: Watching): Ruleset {
        return wantedRuleset(config, this.#ports.capture.name === "nflog" ? watching : null)
    }

    #tableOf(firewall: Firewall): Table {
        return new Table({
            firewall,
            now: () => this.#now(),
            tell: (level, text) => this.#tell(level, text),
            report: (report) => this.#report(report),
            wanted: () => this.#ruleset(this.#config, this.#watching),
            remade: () => {
                this.#ports.meter.mended++
                this.#event({ type: "lost" })
            },
            rearm: () => this.#rearm(),
        })
    }

    /**
     * Stops listening and ends programs. What is hidden stays hidden and grants run out on time: the kernel holds both.
     * Where nothing is hidden and nothing is open the table goes too (`cleared`).
     */
    async stop(): Promise<"kept" | "cleared"> {
        if (this.#stopped) return "kept"
        this.#stopped = true
        const { capture, links, clock } = this.#ports
        capture.stop()
        links.stop()
        this.#table?.unwatch()
        clock.wake(null, () => {})
        try {
            return this.#table?.leave(wantedRuleset(this.#config, null)) ? "cleared" : "kept"
        } finally {
            await this.#programs.stop()
            this.#notes?.retry()
        }
    }

    /** The configuration in force. */
    get config(): Config {
        return this.#config
    }

    /** Which capture is at work. */
    get captureName(): Capture["name"] {
        return this.#ports.capture.name
    }

    /** What the loop and its engine know at this moment. */
    facts(): ReturnType<Engine["facts"]> & { interfaces: readonly string[] | null; offered: readonly Service[] } {
        return { ...this.#engine.facts(), interfaces: this.#watching.interfaces, offered: this.#watching.offered }
    }

    /** Live attempts, the furthest first: doors of so many of them, and how many there are. */
    attempts(most: number): ReturnType<Engine["attempts"]> {
        return this.#engine.attempts(most, this.#now())
    }

    /** Has the kernel our table as we want it? Null: there is no firewall. */
    get tableInPlace(): boolean | null {
        if (this.#table === null) return null
        return this.#table.applied && this.#table.due === null
    }

    /** How the journal is; null where there is none. */
    journal(): StoreHealth | null {
        return this.#store?.health() ?? null
    }

    /** Programs that run and that wait. */
    programs(): ReturnType<Commands["load"]> {
        return this.#ports.commands.load()
    }

    /** What became of packets in the capture. */
    packets(): ReturnType<Capture["stats"]> {
        return this.#ports.capture.stats()
    }

    /** What keeps it from its work, for whoever guards it; null: nothing. */
    trouble(): string | null {
        if (this.#stopped || !this.#ports.capture.alive()) return "packets come and nobody reads them"
        const late = this.#due !== null && this.#now() > this.#due + LATE_MS
        return late ? "what fell due was not done" : null
    }

    /** Opens a door by hand of this user, for `ms`. Null, or why it is as it was. */
    grant(door: Door, source: Address, ms: number, uid: number): "grants" | "firewall" | null {
        const effects = this.#engine.step({ type: "grant", door, source, ms, uid }, this.#now())
        if (effects.length === 0) return "grants"
        this.#refused = false
        this.#perform(effects)
        this.#rearm()
        return this.#refused ? "firewall" : null
    }

    /**
     * Ends grants by hand of this user: of this door (null: of all) and of sources in this network (null: of all), and
     * what the kernel lets in beside them. How many of each; `done` is false if the kernel did not do all of it.
     */
    revoke(door: Door | null, source: Network | null, uid: number): { grants: number; strays: number; done: boolean } {
        const held = this.#table === null ? [] : this.#table.held()
        const strays = this.#engine.strays(held ?? [], door, source)
        const effects = this.#engine.step({ type: "revoke", door, source, uid }, this.#now())
        const grants = effects.filter((effect) => effect.type === "report" && effect.report.type === "revoked").length
        this.#refused = false
        this.#perform(strays.length === 0 ? effects : [...effects, { type: "revoke", elements: strays }])
        this.#rearm()
        if (strays.length > 0) this.#report({ type: "strays", count: strays.length, uid })
        return { grants, strays: strays.length, done: held !== null && !this.#refused }
    }

    #now(): number {
        return this.#ports.clock.monotonic()
    }

    #event(event: EngineEvent): void {
        this.#perform(this.#engine.step(event, this.#now()))
        this.#rearm()
    }

    /** Acts first and tells afterwards: a line of the log must not keep a door waiting. */
    #perform(effects: readonly Effect[]): void {
        if (effects.length === 0) return
        this.#depth++
        for (const effect of effects) this.#do(effect)
        this.#depth--
        if (this.#depth === 0) for (const line of this.#lines.splice(0)) line()
    }

    #do(effect: Effect): void {
        switch (effect.type) {
            case "report":
                this.#report(effect.report, effect.aloud)
                return
            case "revoke":
                if (this.#table?.revoke(effect.elements) === false) this.#refused = true
                return
            case "grant":
                this.#grant(effect)
                return
            case "run":
                this.#programs.run(effect)
                return
            case "due":
                this.#notes?.move(effect.door, effect.source, effect.at)
                return
        }
    }

    /** What everybody hears, in its turn with what is done. */
    #report(report: Report, aloud = true): void {
        for (const listener of this.#ports.listeners) this.#inTurn(() => listener(report, aloud))
    }

    /** A line of the log, in its turn with what is done. */
    #tell(level: Level, text: string): void {
        this.#inTurn(() => this.#ports.log(level, text))
    }

    #inTurn(line: () => void): void {
        if (this.#depth > 0) this.#lines.push(line)
        else line()
    }

    #grant({ lease, source, groups }: Extract<Effect, { type: "grant" }>): void {
        for (const [done, group] of groups.entries()) {
            if (this.#table?.grant(source, group) ?? true) continue
            this.#refused = true
            if (lease !== 0) this.#event({ type: "denied", lease, code: "firewall", partly: done > 0 })
            return
        }
        if (lease === 0) return
        if (this.#knocked) {
            const age = this.#ports.capture.age()
            if (age !== null) this.#ports.meter.openings.observe(age / 1000)
        }
        this.#event({ type: "granted", lease })
    }

    /** Something about interfaces, addresses or services may have changed. */
    #look(): void {
        const { capture, links, log } = this.#ports
        const before = this.#watching
        const watching = { ...before, interfaces: this.#wantedInterfaces(this.#config), offered: this.#lookUp() }
        const { interfaces, offered } = watching
        this.#event({ type: "addresses", addresses: links.current().addresses.map(({ address }) => address) })
        const moved = !sameData(interfaces, before.interfaces)
        const changed = moved || !sameData(offered, before.offered)
        if (moved) log("notice", `watching ${interfacesText(interfaces)}`)
        if (changed) {
            this.#watching = watching
            this.#event({ type: "offered", services: offered })
            capture.follow(watching)
        }
        // What the firewall has refused is asked for again.
        if (this.#table === null || (!changed && this.#table.applied)) return
        const result = this.#table.apply()
        if (!result.ok) log("error", `firewall: ${result.detail}`)
    }

    /** What the host offers now; notes when to look again. */
    #lookUp(): readonly Service[] {
        const begun = this.#now()
        const offered = this.#ports.services.offered()
        const ended = this.#now()
        this.#lookAgain = ended + Math.max(LOOK_UP_MS, (ended - begun) * LOOK_UP_SHARE)
        return offered
    }

    #wantedInterfaces({ gateway: { interfaces } }: Config): readonly string[] | null {
        if (interfaces === "any") return null
        return interfaces === "auto" ? [...this.#ports.links.current().defaultRoutes].sort() : interfaces
    }

    #rearm(): void {
        if (this.#stopped) return
        const due = soonest(this.#engine.nextDeadline(), this.#table?.due ?? null)
        if (due === this.#due) return
        this.#due = due
        this.#ports.clock.wake(due, () => {
            this.#due = null
            const mend = this.#table?.due ?? null
            if (mend !== null && this.#now() >= mend) this.#table?.mend()
            this.#event({ type: "tick" })
        })
    }
}

/** `eth0, wg0`, or what is watched instead. */
export function interfacesText(interfaces: readonly string[] | null): string {
    if (interfaces === null) return "all interfaces"
    return interfaces.length === 0 ? "no interface: there is no default route yet" : interfaces.join(", ")
}
