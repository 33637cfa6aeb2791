/**
 * A world for the engine: it owns time and sources, sends packets, carries effects out on a model of the kernel's sets
 * and jumps to deadlines. Nothing sleeps.
 */
import type { Command, Config, Door, Gateway, KnockdManner, Sequence } from "../../../src/core/config/config.ts"
import { GATEWAY } from "../../../src/core/config/defaults.ts"
import type { Effect } from "../../../src/core/effect.ts"
import { Engine } from "../../../src/core/engine.ts"
import { parseHit, parseService } from "../../../src/core/knock/language.ts"
import { Tally } from "../../../src/core/metrics/tally.ts"
import { formatAddress, parseAddress, parseNetwork } from "../../../src/core/net/address.ts"
import { ACK, ICMP, Packet, SYN, TCP, UDP } from "../../../src/core/net/packet.ts"
import { OneTimeBook } from "../../../src/core/one-time/book.ts"
import type { EngineReport } from "../../../src/core/report.ts"
import { elementKey } from "../../../src/core/ruleset.ts"

type CommandText = Omit<Command, "shell"> & { readonly shell?: boolean }
type DoorText = Partial<Omit<Door, "sequence" | "opens" | "sources" | "always" | "command" | "command6">> & {
    readonly command?: CommandText | null
    /** If not the same. */
    readonly command6?: CommandText | null
    readonly name: string
    readonly opens?: readonly string[]
    readonly sources?: readonly string[]
    /** None: the door has one-time sequences alone. */
    readonly hits?: readonly string[]
    readonly within?: number
    readonly flags?: { set: number; clear: number }
    readonly target?: readonly string[]
    /** Neither this nor `knockd`: a door of ours. */
    readonly strict?: boolean
    readonly once?: boolean
    readonly knockd?: Partial<KnockdManner>
}

function value<T>(read: { ok: true; value: T } | { ok: false; code: string }): T {
    if (!read.ok) throw new Error(read.code)
    return read.value
}

function command(text: CommandText | null | undefined): Command | null {
    return text ? { shell: false, ...text } : null
}

function sequence(door: DoorText, hits: readonly string[]): Sequence {
    return {
        hits: hits.map((text) => value(parseHit(text))),
        within: door.within ?? 15_000,
        flags: door.flags ?? { set: SYN, clear: ACK },
        target: (door.target ?? []).map((text) => parseAddress(text)!),
        strict: door.strict ?? true,
        once: door.once ?? false,
        knockd:
            door.knockd === undefined && door.strict !== false
                ? null
                : { duplicates: false, cooldown: 0, ...door.knockd },
    }
}

/** A configuration from short texts; what is left out has a plain default. */
export function config(doors: readonly DoorText[], gateway: Partial<Gateway> = {}): Config {
    return {
        gateway: { ...GATEWAY, attempts: 1024, ...gateway },
        hooks: [],
        bundles: null,
        hide: [],
        doors: doors.map((door) => ({
            for: 30_000,
            uses: null,
            network: { v4: 32, v6: 128 },
            hide: false,
            at: [],
            leadTo: [],
            always: [],
            closes: [],
            ...door,
            oneTime: door.oneTime ?? null,
            command: command(door.command),
            command6: command(door.command6 === undefined ? door.command : door.command6),
            opens: (door.opens ?? []).map((text) => value(parseService(text))),
            sources: (door.sources ?? ["0.0.0.0/0", "::/0"]).map((text) => parseNetwork(text)!),
            sequence: door.hits === undefined ? null : sequence(door, door.hits),
        })),
    }
}

/** See the head of the file. */
export class World {
    engine: Engine
    readonly tally = new Tally()
    now = 0
    /** `source service` → when the kernel forgets it. */
    readonly kernel = new Map<string, number>()
    readonly reports: EngineReport[] = []
    /** Those of them that people hear. */
    readonly aloud: EngineReport[] = []
    /** Programs asked for, as `start ssh 192.0.2.7`; they end when a test says so. */
    readonly runs: string[] = []
    /** When stop programs will run, in milliseconds from when that was said. */
    readonly dues: string[] = []
    firewallWorks = true
    /** TCP packets have all the same sequence number. */
    alike = false
    /** Doors whose one-time sequence was used. */
    readonly spent = new Set<string>()
    /** The upcoming one-time sequences, and the counters that were used. */
    readonly book = new OneTimeBook()
    readonly used = new Map<string, number>()
    /** Leases by what runs for them. */
    readonly #running = new Map<string, number[]>()
    #sequence = 1

    constructor(of: Config) {
        this.engine = new Engine(of, [11, 12], this.tally, this.book)
    }

    /** From now on the engine is of this configuration. */
    reload(of: Config): void {
        const old = this.engine
        this.engine = new Engine(of, [11, 12], this.tally, this.book)
        this.perform(this.engine.succeed(old, this.now))
    }

    /** Sends one packet per hit, `gap` ms apart. */
    knock(source: string, hits: readonly string[], gap = 10, to = "198.51.100.1"): void {
        for (const text of hits) {
            this.send(source, text, to)
            this.pass(gap)
        }
    }

    send(source: string, text: string, to = "198.51.100.1", flags = SYN): void {
        const read = parseHit(text)
        if (!read.ok) throw new Error(`${text}: ${read.code}`)
        const { protocol, port } = read.value
        const packet = new Packet()
        packet.time = this.now
        ;[packet.source0, packet.source1, packet.source2, packet.source3] = parseAddress(source)!
        ;[packet.destination0, packet.destination1, packet.destination2, packet.destination3] = parseAddress(to)!
        packet.protocol = protocol === "tcp" ? TCP : protocol === "udp" ? UDP : ICMP
        packet.port = port
        packet.flags = protocol === "tcp" ? flags : 0
        packet.sourcePort = 40_000
        packet.sequence = protocol === "udp" || this.alike ? 0 : this.#sequence++
        this.perform(this.engine.packet(packet))
    }

    /** Lets time pass, stopping at each deadline on the way. */
    pass(ms: number): void {
        const end = this.now + ms
        for (let turns = 0; ; turns++) {
            const due = this.engine.nextDeadline()
            if (due === null || due > end) break
            if (turns > 100_000) throw new Error("deadlines that never pass")
            this.now = Math.max(this.now, due)
            this.perform(this.engine.step({ type: "tick" }, this.now))
        }
        this.now = end
    }

    /** A program ends, the one of them that was asked for first; or one that nobody asked for. */
    ends(which: "start" | "stop", door: string, source: string): void {
        const run = `${which} ${door} ${source}`
        const [lease = 0] = this.#running.get(run)?.splice(0, 1) ?? []
        this.perform(this.engine.step({ type: "ended", which, lease }, this.now))
    }

    perform(effects: readonly Effect[]): void {
        for (const effect of effects) this.#do(effect)
    }

    /** What the kernel lets through now. */
    open(): string[] {
        return [...this.kernel].flatMap(([key, until]) => (until > this.now ? [key] : [])).sort()
    }

    /** Reports so far, in short, and forgotten. */
    told(): string[] {
        return this.reports.splice(0).map((report) => {
            if (report.type === "suppressed") return `suppressed ${report.count}`
            const who = formatAddress(report.source)
            if (report.type === "paused") return `paused ${who} ${report.ms}`
            const what = "stage" in report ? ` ${report.stage}/${report.of}` : ""
            const more = report.type === "opened" && report.renewed ? " again" : ""
            const why = report.type === "refused" ? ` ${report.code}` : report.type === "closed" ? ` ${report.by}` : ""
            return `${report.type}${what}${more}${why} ${report.door} ${who}`
        })
    }

    #do(effect: Effect): void {
        if (effect.type === "report") {
            this.reports.push(effect.report)
            if (effect.aloud) this.aloud.push(effect.report)
        } else if (effect.type === "run") {
            const run = `${effect.which} ${effect.door.name} ${formatAddress(effect.source)}`
            this.runs.push(run)
            this.#running.set(run, [...(this.#running.get(run) ?? []), effect.lease])
        } else if (effect.type === "due") {
            this.dues.push(`${effect.door.name} ${formatAddress(effect.source)} ${effect.at - this.now}`)
        } else if (effect.type === "spend") {
            const { door, source } = effect
            const type = this.spent.has(door) ? "unspent" : "spent"
            this.spent.add(door)
            this.perform(this.engine.step({ type, door, source }, this.now))
        } else if (effect.type === "claim") {
            const { door, source, knocker, counter } = effect
            const claim = { door, source, knocker, counter }
            const used = `${knocker} ${door}`
            const fresh = counter > (this.used.get(used) ?? -1)
            if (fresh) {
                this.used.set(used, counter)
                this.book.advance(knocker, door, counter + 1)
            }
            const event = fresh
                ? ({ ...claim, type: "claimed" } as const)
                : ({ ...claim, type: "unclaimed", code: "used" } as const)
            this.perform(this.engine.step(event, this.now))
        } else if (effect.type === "revoke") {
            for (const e of effect.elements) this.kernel.delete(elementKey(e))
        } else {
            if (this.firewallWorks) {
                for (const { elements, ms } of effect.groups) {
                    for (const e of elements) this.kernel.set(elementKey(e), this.now + ms)
                }
            }
            const { lease } = effect
            this.perform(
                this.engine.step(
                    this.firewallWorks
                        ? { type: "granted", lease }
                        : { type: "denied", lease, code: "firewall", partly: false },
                    this.now,
                ),
            )
        }
    }
}
