/**
 * The engine: packets and events in, effects out. It decides who may open which door; it performs nothing.
 *
 * Its state lives in flat tables that it changes in place (a flood must allocate nothing), but it has no clock, no
 * randomness and no I/O of its own: the same configuration, seed, packets and events give the same effects.
 *
 * Here are packets; what is told of attempts is in `attempt-reports.ts`, and what becomes of a whole knock is in `openings.ts`.
 */
import { soonest } from "./agenda.ts"
import { AttemptReports, DOORS_PER_REPORT } from "./attempt-reports.ts"
import type { Config, Door } from "./config/config.ts"
import { Cooldowns } from "./cooldowns.ts"
import type { Effect } from "./effect.ts"
import { codeOf, packetCode, type Service } from "./knock/hit.ts"
import { Matcher, type MatchListener } from "./knock/matcher.ts"
import { CODES, NAMED, type Prefix, roleOf, type SequenceIndex, slotOf, type Wanted } from "./knock/sequence.ts"
import type { Lease } from "./leases.ts"
import { Tally } from "./metrics/tally.ts"
import type { Address } from "./net/address.ts"
import { ICMP, type Packet, TCP, UDP } from "./net/packet.ts"
import { canSend } from "./net/sender.ts"
import { type Holder, OneTimeBook } from "./one-time/book.ts"
import type { OpeningEvent } from "./opening-event.ts"
import { Openings } from "./openings.ts"
import { Outbox } from "./outbox.ts"
import { indexView, lenientBySlot } from "./views.ts"
import { planWatch, sameViews, type View } from "./watch.ts"

/** What the shell tells the engine, beside packets. */
export type EngineEvent =
    | OpeningEvent
    /** A deadline has come (see `nextDeadline`). */
    | { readonly type: "tick" }
    /** There will be no other event: what is still to be told is told. */
    | { readonly type: "end" }
    /** The sequence of this door is used up now, by this source; or it was used before, or nobody can tell. */
    | { readonly type: "spent"; readonly door: string; readonly source: Address }
    | { readonly type: "unspent"; readonly door: string; readonly source: Address }
    /** This one-time sequence is used up now, for good, by this source; or it was before, or that cannot be kept. */
    | (Claim & { readonly type: "claimed" })
    | (Claim & { readonly type: "unclaimed"; readonly code: "used" | "state" })
    /** What this host openly offers now. */
    | { readonly type: "offered"; readonly services: readonly Service[] }
    /** The addresses of this host now. */
    | { readonly type: "addresses"; readonly addresses: readonly Address[] }

/** Whose one-time sequence, and which, was knocked by this source. */
export type Claim = {
    readonly door: string
    readonly source: Address
    readonly knocker: string
    readonly counter: number
}

/** An attempt at one door, for `status`: how far it is, and how much of the window (ms) is left. */
export type LiveAttempt = {
    readonly door: string
    readonly source: Address
    readonly stage: number
    readonly of: number
    readonly left: number
}

const NOTHING: readonly Effect[] = []

/** See the head of the file. Times are whole milliseconds on one monotonic clock. */
export class Engine {
    readonly config: Config
    readonly #views: readonly View[]
    /** Those that look at every hit; and for hits that the others look at, which of them do. */
    readonly #strict: readonly number[]
    readonly #lenient: ReadonlyMap<number, readonly number[]>
    readonly #indexes: readonly SequenceIndex[]
    readonly #matcher: Matcher
    readonly #outbox: Outbox
    readonly #reports: AttemptReports
    readonly #openings: Openings
    readonly #cooldowns: Cooldowns
    readonly #tally: Tally
    readonly #book: OneTimeBook
    /** Which hits are services of doors or openly offered: no hits at all. */
    #served = new Uint8Array(CODES)
    /** Some view looks at another address than this host's own. */
    readonly #targeted: boolean
    /** Whoever looks at nothing but loopback hears nobody but this host. */
    readonly #local: boolean
    #offered: readonly Service[] = []
    #addresses: readonly Address[] = []
    #now = 0
    /** The latest packet's own time, IPv4 and IPv6: behind #now when packets had to wait, as after a stop. */
    readonly #hitAt = new Float64Array(2)

    /**
     * `seed`: two random 32-bit numbers, new for each start. What happens is counted in `tally`; the upcoming one-time
     * sequences are in `book`, which others change. Both outlive engines.
     */
    constructor(config: Config, seed: readonly [number, number], tally = new Tally(), book = new OneTimeBook()) {
        this.config = config
        this.#tally = tally
        this.#book = book
        const { interfaces } = config.gateway
        this.#local = Array.isArray(interfaces) && interfaces.every((name) => name === "lo")
        this.#views = planWatch(config).views
        this.#indexes = this.#views.map((view) => indexView(config, view, book))
        this.#strict = this.#views.flatMap((view, i) => (view.strict ? [i] : []))
        this.#lenient = lenientBySlot(this.#views)
        this.#targeted = this.#views.some((view) => view.target.length > 0)
        this.#outbox = new Outbox(seed, tally)
        this.#openings = new Openings(config, this.#outbox, tally)
        this.#cooldowns = new Cooldowns(config.doors)
        const listener: MatchListener = {
            recognised: (wanted, place, hash) => {
                this.#reports.goesOn()
                if (wanted.oneTime) this.#claim(wanted.codes.length, hash, place)
                else this.#knock(wanted, this.#matcher.attempts.address(place))
            },
            advanced: (prefix, place, age) => this.#advanced(prefix, place, age),
            timedOut: (prefix, place) => {
                tally.timedOut++
                this.#reports.timedOut(prefix, place, this.#now)
            },
            spoiled: (prefix, place, code, after) => {
                tally.spoiled++
                this.#reports.spoiled(prefix, place, code, after, this.#now)
            },
            late: (prefix, place, age) => this.#reports.late(prefix, place, age, this.#now),
            paused: (place, ms) => {
                tally.pauses++
                this.#outbox.tell({ type: "paused", source: this.#matcher.attempts.address(place), ms }, this.#now)
            },
        }
        this.#matcher = new Matcher(this.#indexes, config.gateway.attempts, seed, listener, tally.hits)
        this.#reports = new AttemptReports(config, this.#matcher.attempts, this.#outbox)
        this.#serve()
    }

    /**
     * Takes over from the engine of another configuration, which is not to be used any more: what is open, what runs and
     * what sources have sent goes on as far as the same doors are there. Returns what must be done about the rest.
     * Nothing opens: a sequence that earlier hits happen to complete is recognised by its last hit alone.
     */
    succeed(old: Engine, now: number): readonly Effect[] {
        this.#now = Math.max(old.#now, now)
        this.#hitAt.set(old.#hitAt)
        this.#addresses = old.#addresses
        this.#offered = old.#offered
        this.#serve()
        this.#outbox.inherit(old.#outbox)
        const views = sameViews(old.config, old.#views, this.config, this.#views)
        this.#matcher.inherit(old.#matcher, views, this.#now)
        this.#openings.inherit(old.#openings, this.#now)
        this.#cooldowns.inherit(old.#cooldowns)
        return this.#outbox.take()
    }

    /** A packet for this host or for a view's target. Returns what to do; almost always the same empty list. */
    packet(packet: Packet): readonly Effect[] {
        const { source0, source1, source2, source3 } = packet
        if (!this.#local && !canSend(source0, source1, source2, source3)) {
            this.#tally.impossible++
            return NOTHING
        }
        this.#now = Math.max(this.#now, packet.time)
        // Not #now: hits that waited in a queue are still as far apart as they came. Each family has its own queue.
        const family = source0 === 0 && source2 === 0xffff ? 0 : 1
        const at = Math.max(this.#hitAt[family]!, packet.time)
        this.#hitAt[family] = at
        const code = packetCode(packet)
        const slot = slotOf(code)
        const mark = packet.protocol === UDP ? 0 : markOf(packet.sourcePort, packet.sequence)
        for (const view of this.#strict) {
            // knockd knows no pings: they spoil nothing of its doors.
            if (packet.protocol === ICMP && this.#indexes[view]!.apart) continue
            // A port that a sequence names counts even if something listens there: otherwise the knock was deaf.
            if (this.#served[slot] !== 0 && (roleOf(this.#indexes[view]!, slot) & NAMED) === 0) continue
            if (!this.#sees(this.#views[view]!, packet)) continue
            this.#matcher.hit(view, source0, source1, source2, source3, code, mark, at)
        }
        const lenient = this.#lenient.size === 0 ? undefined : this.#lenient.get(slot)
        if (lenient !== undefined) {
            for (const view of lenient) {
                if (!this.#sees(this.#views[view]!, packet)) continue
                this.#matcher.hit(view, source0, source1, source2, source3, code, mark, at)
            }
        }
        this.#reports.settle(this.#now)
        return this.#outbox.take()
    }

    /** Any other event. */
    step(event: EngineEvent, now: number): readonly Effect[] {
        this.#now = Math.max(this.#now, now)
        if (event.type === "tick") this.#tick()
        else if (event.type === "end") this.#outbox.sumUp(this.#now, true)
        else if (event.type === "spent" || event.type === "unspent") this.#spent(event)
        else if (event.type === "claimed" || event.type === "unclaimed") this.#claimed(event)
        else if (event.type === "offered") {
            this.#offered = event.services
            this.#serve()
        } else if (event.type === "addresses") this.#addresses = event.addresses
        else this.#openings.step(event, this.#now)
        return this.#outbox.take()
    }

    /** When to send the next `tick`, or null: sleep until something happens. */
    nextDeadline(): number | null {
        return soonest(this.#matcher.next(), this.#openings.next(), this.#outbox.due)
    }

    /** Is this a packet to a port of no sequence and of no service we know of? Then a new service may be there. */
    isUnknown(packet: Packet): boolean {
        const slot = slotOf(packetCode(packet))
        return this.#served[slot] === 0 && this.#indexes.every((index) => (roleOf(index, slot) & NAMED) === 0)
    }

    /** Live attempts, the furthest first: `most` of them, each with up to four doors, and how many there are. */
    attempts(most: number, now: number): { readonly live: readonly LiveAttempt[]; readonly total: number } {
        const { total, places } = this.#matcher.attempts.furthest(most)
        const live = places.flatMap((place) => {
            const { prefix, began } = this.#matcher.standing(place)
            return prefix.longer.slice(0, DOORS_PER_REPORT).map(({ door, codes, within }) => ({
                door: this.config.doors[door]!.name,
                source: this.#matcher.attempts.address(place),
                stage: prefix.codes.length,
                of: codes.length,
                left: Math.max(0, began + within - now),
            }))
        })
        return { live, total }
    }

    /** See `Openings.elements`. */
    elements(): number {
        return this.#openings.elements()
    }

    /** Is anything open for one connection, so that `used` should be said when there was one? */
    get awaitsUses(): boolean {
        return this.#openings.awaitsUses
    }

    /** See `Openings.orphans`. */
    orphans(...about: Parameters<Openings["orphans"]>): ReturnType<Openings["orphans"]> {
        return this.#openings.orphans(...about)
    }

    /** Numbers for `status`: leases, remembered sources, and what became of hits. */
    facts(): { leases: readonly Lease[]; sources: number; room: number; counts: Readonly<Matcher["counts"]> } {
        const { attempts, counts } = this.#matcher
        return { leases: [...this.#openings.all()], sources: attempts.used, room: attempts.capacity, counts }
    }

    #advanced(prefix: Prefix, place: number, age: number): void {
        this.#tally.stages[prefix.codes.length]!++
        const { apart } = this.#indexes[this.#matcher.attempts.view(place)]!
        if (apart && prefix.codes.length === 1) this.#reports.began(prefix, place)
        else this.#reports.advanced(prefix, place, age, this.#now)
    }

    #sees(view: View, packet: Packet): boolean {
        if (packet.protocol === TCP) {
            const { set, clear } = view.flags
            if ((packet.flags & set) !== set || (packet.flags & clear) !== 0) return false
        }
        if (!this.#targeted) return true
        if (view.target.length > 0) return isOneOf(view.target, packet)
        // Packets for other hosts reach us because another view wants them.
        return isOneOf(this.#addresses, packet)
    }

    #tick(): void {
        this.#matcher.expire(this.#now)
        this.#openings.expire(this.#now)
        this.#outbox.sumUp(this.#now)
    }

    /** The right knock of a fixed sequence. */
    #knock(wanted: Wanted, source: Address): void {
        const door = this.config.doors[wanted.door]!
        const cooldown = this.#cooldowns.ask(door, source, this.#now)
        if (cooldown !== "over") {
            // Whoever plays a game sends hundreds of such knocks a second: told once.
            if (cooldown === "first") this.#openings.refuse(door, source, "cooldown", this.#now)
            else this.#tally.door(door.name).refused.cooldown++
            return
        }
        if (door.sequence!.once) this.#outbox.act({ type: "spend", door: door.name, source })
        else this.#whole(door, source, wanted.codes.length, null)
    }

    /** The right knock of one-time sequences: the last hits of this place, so many, folded. */
    #claim(length: number, hash: number, place: number): void {
        const { attempts } = this.#matcher
        const source = attempts.address(place)
        // Two sequences can be equal by chance, even of one member: then the later one is used up, and so both are.
        const latest = new Map<string, Holder>()
        for (const holder of this.#book.holders(length, hash, attempts, place)) {
            const key = `${holder.knocker} ${holder.door}`
            if (holder.counter > (latest.get(key)?.counter ?? -1)) latest.set(key, holder)
        }
        for (const holder of latest.values()) this.#outbox.act({ type: "claim", source, ...holder })
    }

    /** What has become of a claim. */
    #claimed(event: Extract<EngineEvent, { type: "claimed" | "unclaimed" }>): void {
        const { door: name, source, knocker } = event
        const door = this.config.doors.find((one) => one.name === name)
        if (door === undefined || door.oneTime === null) return
        if (event.type === "claimed") this.#whole(door, source, door.oneTime.length, knocker)
        else this.#openings.refuse(door, source, event.code, this.#now, knocker)
    }

    /** What has become of a sequence that is good once. */
    #spent({ type, door: name, source }: Extract<EngineEvent, { type: "spent" | "unspent" }>): void {
        const door = this.config.doors.find((one) => one.name === name)
        if (door === undefined || door.sequence === null) return
        if (type === "spent") this.#whole(door, source, door.sequence.hits.length, null)
        else this.#openings.refuse(door, source, "used", this.#now)
    }

    #whole(door: Door, source: Address, of: number, knocker: string | null): void {
        // In knockd's place no other line says that the door has opened.
        const ration = (door.sequence?.knockd ?? null) === null ? "further" : "whole"
        this.#outbox.tell({ type: "stage", door: door.name, source, stage: of, of }, this.#now, ration)
        if (this.#openings.knock(door, source, this.#now, knocker)) this.#cooldowns.begin(door, source, this.#now)
    }

    #serve(): void {
        this.#served = new Uint8Array(CODES)
        for (const door of this.config.doors)
            for (const service of door.opens) this.#served[slotOf(codeOf(service))] = 1
        for (const service of [...this.config.gateway.services, ...this.#offered])
            this.#served[slotOf(codeOf(service))] = 1
    }
}

function isOneOf(addresses: readonly Address[], packet: Packet): boolean {
    for (const [a, b, c, d] of addresses) {
        if (packet.destination3 !== d || packet.destination2 !== c) continue
        if (packet.destination1 === b && packet.destination0 === a) return true
    }
    return false
}

/** What a retransmission has in common with its first, folded; never 0. */
function markOf(sourcePort: number, sequence: number): number {
    return Math.imul(sequence ^ Math.imul(sourcePort, 0x9e3779b1), 0x85ebca6b) | 1
}
