/**
 * The engine: packets and events in, effects out. It decides who may open which door; it performs nothing.
 *
 * Its state lives in flat tables that it changes in place (a flood must allocate nothing), but it has no clock, no
 * randomness and no I/O of its own: the same configuration, seed, packets and events give the same effects.
 *
 * Longer than most files here: everything that changes a lease is in one place, so that each way of opening and closing
 * (knock, hand, time, found, lost, denied) can be read beside the others.
 */
import { soonest } from "./agenda.ts"
import type { Config } from "./config/config.ts"
import type { Effect } from "./effect.ts"
import { codeOf, packetCode, type Service } from "./knock/hit.ts"
import { Matcher } from "./knock/matcher.ts"
import { CODES, indexSequences, NAMED, type Prefix, type SequenceIndex, slotOf, type Wanted } from "./knock/sequence.ts"
import { type Giver, isOpen, type Lease, Leases, sameService } from "./leases.ts"
import { type Address, contains, type Network } from "./net/address.ts"
import { type Packet, TCP, UDP } from "./net/packet.ts"
import { canSend } from "./net/sender.ts"
import { Ration } from "./ration.ts"
import type { EngineReport, RefusalCode } from "./report.ts"
import type { GrantElement } from "./ruleset.ts"
import { planWatch, type View } from "./watch.ts"

/** One hit can begin many doors' sequences; so many are named in the reports. */
const DOORS_PER_REPORT = 4
/** The spec's: a grant that is younger (ms) is left as it is. Replayed knocks must not keep firewall and log busy. */
const FRESH_MS = 50

/** What the shell tells the engine, beside packets. */
export type EngineEvent =
    /** A deadline has come (see `nextDeadline`). */
    | { readonly type: "tick" }
    /** A grant effect was carried out, or was not; `partly`: some of its groups were. */
    | { readonly type: "granted"; readonly door: number; readonly source: Address }
    | {
          readonly type: "denied"
          readonly door: number
          readonly source: Address
          readonly code: RefusalCode
          readonly partly: boolean
      }
    /** A start program was not run, because too many wait. */
    | { readonly type: "unstarted"; readonly door: number; readonly source: Address }
    /** A program has ended, however it ended. */
    | { readonly type: "ended"; readonly which: "start" | "stop"; readonly door: number; readonly source: Address }
    /** Grants that were found in the kernel at start, with the time they have left in milliseconds. */
    | { readonly type: "found"; readonly grants: readonly { readonly element: GrantElement; readonly left: number }[] }
    /** Somebody who may opens a door by hand, for `ms`. No effects: as many grants are open as are allowed. */
    | {
          readonly type: "grant"
          readonly door: number
          readonly source: Address
          readonly ms: number
          readonly uid: number
      }
    /** Somebody who may ends the leases of this door (null: of all) and of sources in this network (null: of all). */
    | { readonly type: "revoke"; readonly door: number | null; readonly source: Network | null; readonly uid: number }
    /** A stop program that an earlier daemon has left to us, due in `left` milliseconds. */
    | { readonly type: "unfinished"; readonly door: number; readonly source: Address; readonly left: number }
    /** Somebody has emptied the firewall: whatever is open must be let through again. */
    | { readonly type: "lost" }
    /** What this host openly offers now. */
    | { readonly type: "offered"; readonly services: readonly Service[] }
    /** The addresses of this host now. */
    | { readonly type: "addresses"; readonly addresses: readonly Address[] }

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
    readonly #indexes: readonly SequenceIndex[]
    readonly #matcher: Matcher
    readonly #leases: Leases
    readonly #ration = new Ration()
    /** Which hits are services of doors or openly offered: no hits at all. */
    #served = new Uint8Array(CODES)
    /** Some view looks at another address than this host's own. */
    readonly #targeted: boolean
    #addresses: readonly Address[] = []
    #effects: Effect[] = []
    #now = 0
    /** The latest packet's own time, IPv4 and IPv6: behind #now when packets had to wait, as after a stop. */
    readonly #hitAt = new Float64Array(2)

    /** `seed`: two random 32-bit numbers, new for each start. */
    constructor(config: Config, seed: readonly [number, number]) {
        this.config = config
        this.#views = planWatch(config).views
        this.#indexes = this.#views.map((view) =>
            indexSequences(
                view.doors.map((door): Wanted => {
                    const { hits, within } = config.doors[door]!.sequence!
                    return { door, codes: hits.map(codeOf), within }
                }),
            ),
        )
        this.#targeted = this.#views.some((view) => view.target.length > 0)
        this.#leases = new Leases(config)
        this.#matcher = new Matcher(this.#indexes, config.gateway.attempts, seed, {
            recognised: (wanted, place) => this.#knock(wanted, this.#source(place)),
            advanced: (prefix, place) => this.#attempt("stage", prefix, place),
            ended: (prefix, place, why) => this.#attempt(why, prefix, place),
            paused: (place, ms) => this.#tell({ type: "paused", source: this.#source(place), ms }),
        })
        this.#serve(config.gateway.services)
    }

    /** A packet for this host or for a view's target. Returns what to do; almost always the same empty list. */
    packet(packet: Packet): readonly Effect[] {
        const { source0, source1, source2, source3 } = packet
        if (!canSend(source0, source1, source2, source3)) return NOTHING
        this.#now = Math.max(this.#now, packet.time)
        // Not #now: hits that waited in a queue are still as far apart as they came. Each family has its own queue.
        const family = source0 === 0 && source2 === 0xffff ? 0 : 1
        const at = Math.max(this.#hitAt[family]!, packet.time)
        this.#hitAt[family] = at
        const code = packetCode(packet)
        const slot = slotOf(code)
        const mark = packet.protocol === UDP ? 0 : markOf(packet.sourcePort, packet.sequence)
        for (let view = 0; view < this.#views.length; view++) {
            // A port that a sequence names counts even if something listens there: otherwise the knock was deaf.
            if (this.#served[slot] !== 0 && (this.#indexes[view]!.roles[slot]! & NAMED) === 0) continue
            if (!this.#sees(this.#views[view]!, packet)) continue
            this.#matcher.hit(view, source0, source1, source2, source3, code, mark, at)
        }
        return this.#taken()
    }

    /** Any other event. */
    step(event: EngineEvent, now: number): readonly Effect[] {
        this.#now = Math.max(this.#now, now)
        switch (event.type) {
            case "tick":
                this.#tick()
                break
            case "granted":
                this.#granted(event.door, event.source)
                break
            case "denied":
                this.#denied(event)
                break
            case "unstarted":
                this.#ended(event.door, event.source, "unstarted")
                break
            case "ended":
                this.#ended(event.door, event.source, event.which === "start" ? "startEnded" : "stopEnded")
                break
            case "found":
                this.#found(event.grants)
                break
            case "grant":
                this.#give(event)
                break
            case "revoke":
                for (const lease of this.#leases.all()) {
                    if (event.door !== null && lease.door !== event.door) continue
                    if (event.source === null || contains(event.source, lease.source)) this.#close(lease, event.uid)
                }
                break
            case "unfinished":
                this.#unfinished(event)
                break
            case "lost":
                this.#lost()
                break
            case "offered":
                this.#serve([...this.config.gateway.services, ...event.services])
                break
            case "addresses":
                this.#addresses = event.addresses
                break
        }
        return this.#taken()
    }

    /** When to send the next `tick`, or null: sleep until something happens. */
    nextDeadline(): number | null {
        return soonest(this.#matcher.next(), this.#leases.next(), this.#ration.due)
    }

    /** Is this a packet to a port of no sequence and of no service we know of? Then a new service may be there. */
    isUnknown(packet: Packet): boolean {
        const slot = slotOf(packetCode(packet))
        return this.#served[slot] === 0 && this.#indexes.every((index) => (index.roles[slot]! & NAMED) === 0)
    }

    /** Live attempts, the furthest first: `most` of them, each with up to four doors, and how many there are. */
    attempts(most: number, now: number): { readonly live: readonly LiveAttempt[]; readonly total: number } {
        const { total, places } = this.#matcher.attempts.furthest(most)
        const live = places.flatMap((place) => {
            const { prefix, began } = this.#matcher.standing(place)
            return prefix.longer.slice(0, DOORS_PER_REPORT).map(({ door, codes, within }) => ({
                door: this.config.doors[door]!.name,
                source: this.#source(place),
                stage: prefix.codes.length,
                of: codes.length,
                left: Math.max(0, began + within - now),
            }))
        })
        return { live, total }
    }

    /** Elements of the kernel that no door has opened, as far as this door (or any) could and this network holds them. */
    strays(held: readonly GrantElement[], door: number | null, source: Network | null): readonly GrantElement[] {
        const opens = door === null ? null : this.config.doors[door]!.opens
        const fits = held.filter((element) => {
            if (source !== null && !contains(source, element.source)) return false
            return opens === null || opens.some((service) => sameService(service, element.service))
        })
        return this.#leases.strays(fits)
    }

    /** Numbers for `status`: leases, remembered sources, and what became of hits. */
    facts(): { leases: readonly Lease[]; sources: number; room: number; counts: Readonly<Matcher["counts"]> } {
        const { attempts, counts } = this.#matcher
        return { leases: [...this.#leases.all()], sources: attempts.used, room: attempts.capacity, counts }
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

    /** The right knock. */
    #knock({ door: index, codes }: Wanted, source: Address): void {
        const door = this.config.doors[index]!
        const of = codes.length
        this.#tell({ type: "stage", door: door.name, source, stage: of, of })
        if (!door.sources.some((network) => contains(network, source))) {
            this.#tell({ type: "refused", door: door.name, source, code: "source" })
            return
        }
        for (const name of door.closes) {
            const lease = this.#leases.get(
                this.config.doors.findIndex((d) => d.name === name),
                source,
            )
            if (lease !== null) this.#close(lease)
        }
        if (door.opens.length === 0 && door.command === null) return
        const lease = this.#leases.claim(index, source)
        if (lease === null) {
            this.#tell({ type: "refused", door: door.name, source, code: "grants" })
            return
        }
        if (door.opens.length === 0) {
            this.#start(lease, { by: "knock" })
            return
        }
        const left = isOpen(lease) ? lease.grant.due - this.#now : 0
        const fresh = lease.whole && this.#now - lease.renewed < FRESH_MS
        if (fresh && left > door.for - FRESH_MS) return
        // A knock never takes time away from what was given by hand.
        if (left > door.for) this.#ask(lease, left, lease.giver)
        else this.#ask(lease, door.for, { by: "knock" })
    }

    /** By hand. */
    #give({ door: index, source, ms, uid }: Extract<EngineEvent, { type: "grant" }>): void {
        const { name, opens } = this.config.doors[index]!
        const lease = this.#leases.claim(index, source)
        if (lease === null) return
        if (opens.length > 0) {
            this.#ask(lease, ms, { by: "hand", uid })
            return
        }
        this.#say({ type: "given", door: name, source, opens, ms: 0, uid })
        this.#start(lease, { by: "hand", uid })
    }

    /** Asks the firewall; `granted` or `denied` follows. */
    #ask(lease: Lease, ms: number, giver: Giver): void {
        lease.asked = { ms, giver }
        const groups = this.#leases.groups(lease, this.#now + ms, this.#now)
        this.#effects.push({ type: "grant", door: lease.door, source: lease.source, groups })
    }

    /** Runs the program of a door that opens nothing. */
    #start(lease: Lease, giver: Giver): void {
        if (lease.errand.phase === "idle") lease.since = this.#now
        lease.giver = giver
        this.#run(lease, { type: "knock", now: this.#now })
        this.#leases.settle(lease)
    }

    #granted(index: number, source: Address): void {
        const lease = this.#leases.get(index, source)
        if (lease === null) return
        const door = this.config.doors[index]!
        const renewed = isOpen(lease)
        const { ms, giver } = lease.asked
        this.#leases.setGrant(lease, this.#now + ms)
        lease.whole = true
        lease.renewed = this.#now
        if (!renewed) lease.since = this.#now
        const byHand = giver.by === "hand" && (giver !== lease.giver || !renewed)
        lease.giver = giver
        const { name, opens } = door
        if (byHand) this.#say({ type: "given", door: name, source, opens, ms, uid: giver.uid })
        else this.#say({ type: "opened", door: name, source, opens, ms, renewed })
        // A renewal runs nothing again, unless the stop has already undone what the start did.
        if (!renewed || door.command?.stop != null) this.#run(lease, { type: "knock", now: this.#now })
    }

    #ended(index: number, source: Address, type: "unstarted" | "startEnded" | "stopEnded"): void {
        const lease = this.#leases.get(index, source)
        if (lease === null) return
        this.#run(lease, { type, now: this.#now })
        this.#leases.settle(lease)
    }

    #denied({ door, source, code, partly }: Extract<EngineEvent, { type: "denied" }>): void {
        const lease = this.#leases.get(door, source)
        // Who asked by hand is told by other ways.
        if (lease?.asked.giver.by !== "hand")
            this.#tell({ type: "refused", door: this.config.doors[door]!.name, source, code })
        if (lease === null) return
        if (partly) this.#restore(lease)
        this.#leases.settle(lease)
    }

    /** Ends a lease before its time; `uid`: by hand of this user, else by a closing knock. */
    #close(lease: Lease, uid: number | null = null): void {
        const { source, errand } = lease
        const { name } = this.config.doors[lease.door]!
        const open = isOpen(lease)
        if (open) {
            this.#leases.setGrant(lease, Number.POSITIVE_INFINITY)
            this.#restore(lease)
        }
        if (uid === null && open) this.#say({ type: "closed", door: name, source, by: "knock" })
        const waits = errand.phase === "started" || errand.phase === "starting"
        if (uid !== null && (open || waits)) this.#say({ type: "revoked", door: name, source, uid })
        this.#run(lease, { type: "revoke", now: this.#now })
        this.#leases.settle(lease)
    }

    /** Lets the kernel hold what the book says of this lease, and no more. */
    #restore(lease: Lease): void {
        const { source } = lease
        const kept = this.#leases.groups(lease, isOpen(lease) ? lease.grant.due : 0, this.#now)
        const gone = this.config.doors[lease.door]!.opens.filter(
            (service) => !kept.some(({ elements }) => elements.some((e) => sameService(e.service, service))),
        )
        if (gone.length > 0) {
            this.#effects.push({ type: "revoke", elements: gone.map((service) => ({ source, service })) })
        }
        if (kept.length > 0) this.#effects.push({ type: "grant", door: null, source, groups: kept })
    }

    #tick(): void {
        this.#matcher.expire(this.#now)
        for (let lease = this.#leases.takeEnded(this.#now); lease; lease = this.#leases.takeEnded(this.#now)) {
            this.#say({ type: "closed", door: this.config.doors[lease.door]!.name, source: lease.source, by: "time" })
            this.#leases.settle(lease)
        }
        for (let lease = this.#leases.takeStop(this.#now); lease; lease = this.#leases.takeStop(this.#now)) {
            this.#run(lease, { type: "tick", now: this.#now })
        }
        const count = this.#ration.takeOmitted(this.#now)
        if (count > 0) this.#say({ type: "suppressed", count })
    }

    /** Grants that outlived the last daemon: kept if a door still opens the service, taken back otherwise. */
    #found(grants: readonly { readonly element: GrantElement; readonly left: number }[]): void {
        const orphans: GrantElement[] = []
        for (const { element, left } of grants) {
            const index = this.config.doors.findIndex((d) => d.opens.some((s) => sameService(s, element.service)))
            const lease = index < 0 ? null : this.#leases.claim(index, element.source)
            if (lease === null) orphans.push(element)
            else {
                // Another door of the last daemon may have opened it, or somebody by hand, who may have meant for good.
                if (!isOpen(lease)) lease.since = this.#now
                lease.giver = { by: "found" }
                lease.whole = this.config.doors[index]!.opens.length === 1
                this.#leases.setGrant(lease, Math.max(isOpen(lease) ? lease.grant.due : 0, this.#now + left))
                this.#leases.settle(lease)
            }
        }
        if (orphans.length > 0) this.#effects.push({ type: "revoke", elements: orphans })
    }

    #unfinished({ door, source, left }: Extract<EngineEvent, { type: "unfinished" }>): void {
        const lease = this.#leases.claim(door, source)
        // In a full book nobody would remember it: rather too early than never.
        if (lease === null) this.#effects.push({ type: "run", which: "stop", door, source })
        else this.#leases.resume(lease, this.#now + left)
    }

    #lost(): void {
        for (const lease of this.#leases.all()) {
            if (!isOpen(lease) || !lease.whole) continue
            const { source } = lease
            const groups = this.#leases.groups(lease, lease.grant.due, this.#now)
            this.#effects.push({ type: "grant", door: null, source, groups })
        }
    }

    #run(lease: Lease, event: Parameters<Leases["stepErrand"]>[1]): void {
        const before = lease.stop.due
        const which = this.#leases.stepErrand(lease, event)
        const { door, source, stop } = lease
        if (lease.errand.phase === "started" && stop.due !== before)
            this.#effects.push({ type: "due", door, source, at: stop.due })
        if (which !== null) this.#effects.push({ type: "run", which, door, source })
    }

    #serve(services: readonly Service[]): void {
        this.#served = new Uint8Array(CODES)
        for (const door of this.config.doors)
            for (const service of door.opens) this.#served[slotOf(codeOf(service))] = 1
        for (const service of services) this.#served[slotOf(codeOf(service))] = 1
    }

    #attempt(type: "stage" | "timeout" | "spoiled", prefix: Prefix, place: number): void {
        const stage = prefix.codes.length
        const doors = Math.min(prefix.longer.length, DOORS_PER_REPORT)
        for (let i = 0; i < doors; i++) {
            // Looked at before the report is made, so that a flood makes none.
            if (!this.#ration.afford(this.#now)) continue
            const { door, codes } = prefix.longer[i]!
            const { name } = this.config.doors[door]!
            const source = this.#source(place)
            this.#say({ type, door: name, source, stage, of: codes.length })
        }
    }

    /** A report that comes as often as packets do. */
    #tell(report: EngineReport): void {
        if (this.#ration.afford(this.#now)) this.#say(report)
    }

    #say(report: EngineReport): void {
        this.#effects.push({ type: "report", report })
    }

    #source(place: number): Address {
        const { attempts } = this.#matcher
        return [
            attempts.source(place, 0),
            attempts.source(place, 1),
            attempts.source(place, 2),
            attempts.source(place, 3),
        ]
    }

    #taken(): readonly Effect[] {
        if (this.#effects.length === 0) return NOTHING
        const taken = this.#effects
        this.#effects = []
        return taken
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
