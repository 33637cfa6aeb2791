/**
 * The book of what is open: one lease per door and source, with the end of its grant and the state of its programs.
 * Bounded: a knock that finds the book full is refused. It can hold more than it may, after a configuration that allows
 * less: then what is open ends on its time, and nothing is added until there is room. The kernel ends grants by itself;
 * the book knows when, so that people are told, programs are stopped and two doors to one service do not cut each other
 * short.
 *
 * Who knows a knock can take many addresses, most easily those of an IPv6 network, so each network has a share of the
 * book and no more.
 */
import { Agenda, soonest } from "./agenda.ts"
import { type Config, commandOf, type Door, granteesOf } from "./config/config.ts"
import type { GrantGroup } from "./effect.ts"
import { type Errand, type ErrandEvent, stepErrand } from "./errand.ts"
import { codeOf, type HitCode, type Service } from "./knock/hit.ts"
import { type Address, type Network, networkOf } from "./net/address.ts"
import { elementKey, type GrantElement } from "./ruleset.ts"

/** The spec's: the part of the book that one source or one IPv6 /64 can have, and one IPv6 /48; four at least. */
const SHARE = 16
const WIDE_SHARE = 4
const LEAST_SHARE = 4

/**
 * How somebody came in: by a knock (whose; null: of a fixed sequence, which anybody could know), by hand (whose: a user's
 * number), or before this daemon began.
 */
export type Giver =
    | { readonly by: "knock"; readonly knocker: string | null }
    | { readonly by: "found" }
    | { readonly by: "hand"; readonly uid: number }

/** One door, open (or with programs under way) for one source. */
export class Lease {
    /** By this number effects and events speak of it, whatever becomes of its door. */
    readonly number: number
    /** The door as it was when this lease was made, or since a reload kept it. */
    door: Door
    /** Who came first: by this address programs are run and stopped. */
    readonly source: Address
    /** Whom the grant is for: the source alone, or its network. */
    readonly network: Network
    /** The grant's end (ms); Infinity: none is open. */
    readonly grant = { due: Number.POSITIVE_INFINITY, lease: this as Lease }
    /** Every service of the door is open, as far as we know: not so if only some were found in the kernel at start. */
    whole = true
    /** It was good for one connection, and one has used it up. */
    used = false
    /** Since when (ms), and how. */
    since = 0
    /** When the kernel was last given the time that it has now (ms). */
    renewed = 0
    giver: Giver = { by: "knock", knocker: null }
    /** What the firewall has been asked for, and has not answered yet: for how long (ms), and how. */
    asked: { readonly ms: number; readonly giver: Giver; readonly source: Address }
    errand: Errand = { phase: "idle" }
    /** When to run the stop program, or when the errand's rest is over (ms); Infinity: not by the clock. */
    readonly stop = { due: Number.POSITIVE_INFINITY, lease: this as Lease }

    constructor(number: number, door: Door, source: Address) {
        this.number = number
        this.door = door
        this.source = source
        this.network = granteesOf(door, source)
        this.asked = { ms: 0, giver: this.giver, source }
    }
}

/** See the head of the file. */
export class Leases {
    #room: number
    #made = 0
    /** By number. */
    readonly #leases = new Map<number, Lease>()
    /** The same by door and source, but for those whose door is gone. */
    readonly #current = new Map<string, Lease>()
    /** How many of them each network has. */
    readonly #shares = new Map<string, number>()
    /** By service: the doors that open it. */
    #openers: ReadonlyMap<HitCode, readonly Door[]>
    readonly #grants = new Agenda<Lease["grant"]>()
    readonly #stops = new Agenda<Lease["stop"]>()

    constructor(config: Config) {
        this.#room = config.gateway.grants
        this.#openers = openersOf(config.doors)
    }

    /** The lease of this door for this source or its network, if there is one. */
    get(door: Door, source: Address): Lease | null {
        return this.#current.get(keyOf(door.name, granteesOf(door, source))) ?? null
    }

    /** The lease of this number, if it is still in the book. */
    numbered(number: number): Lease | null {
        return this.#leases.get(number) ?? null
    }

    /**
     * The lease of this door for this source, made if need be. Or why not: the book is full, or this source's network
     * has its share of it, which is asked only for knocks.
     */
    claim(door: Door, source: Address, by: "knock" | "hand"): Lease | "grants" | "share" {
        const known = this.get(door, source)
        if (known !== null) return known
        if (this.#leases.size >= this.#room) return "grants"
        const most = (part: number) => Math.max(LEAST_SHARE, Math.floor(this.#room / part))
        const full = networksOf(source).some(
            (name, i) => (this.#shares.get(name) ?? 0) >= most(i === 0 ? SHARE : WIDE_SHARE),
        )
        return by === "knock" && full ? "share" : this.take(door, source)
    }

    /** As `claim`, for what an earlier daemon has opened or begun: that is there, however full the book is. */
    take(door: Door, source: Address): Lease {
        const known = this.get(door, source)
        if (known !== null) return known
        for (const name of networksOf(source)) this.#shares.set(name, (this.#shares.get(name) ?? 0) + 1)
        const lease = new Lease(++this.#made, door, source)
        this.#leases.set(lease.number, lease)
        this.#current.set(keyOf(door.name, lease.network), lease)
        return lease
    }

    /** Strikes the lease out if nothing is open and nothing runs. */
    settle(lease: Lease): void {
        if (isOpen(lease) || lease.errand.phase !== "idle") return
        if (!this.#leases.delete(lease.number)) return
        for (const name of networksOf(lease.source)) {
            const left = this.#shares.get(name)! - 1
            if (left > 0) this.#shares.set(name, left)
            else this.#shares.delete(name)
        }
        const key = keyOf(lease.door.name, lease.network)
        if (this.#current.get(key) === lease) this.#current.delete(key)
    }

    /**
     * From now on the book is of another configuration. A lease goes with the door of its name if `keeps` says so;
     * the others are returned. They are no door's any more, and stay in the book until nothing of them is open or runs.
     */
    move({ doors, gateway }: Config, keeps: (lease: Lease, door: Door) => boolean): Lease[] {
        this.#openers = openersOf(doors)
        this.#room = gateway.grants
        const byName = new Map(doors.map((door) => [door.name, door]))
        const left: Lease[] = []
        for (const [key, lease] of this.#current) {
            const door = byName.get(lease.door.name)
            if (door !== undefined && keeps(lease, door)) {
                lease.door = door
            } else {
                this.#current.delete(key)
                left.push(lease)
            }
        }
        return left
    }

    /** Opens the lease, or keeps it open, until `due`; Infinity closes it. */
    setGrant(lease: Lease, due: number): void {
        this.#grants.set(lease.grant, due)
    }

    /** Moves the lease's programs on; returns the program to run now, if any. */
    stepErrand(lease: Lease, event: ErrandEvent): "start" | "stop" | null {
        const command = commandOf(lease.door, lease.source)
        if (command === null) return null
        const plan = { stop: command.stop !== null, after: command.after, eager: command.shell }
        const { errand, run } = stepErrand(lease.errand, event, plan)
        lease.errand = errand
        const waits = errand.phase === "started" || errand.phase === "resting"
        this.#stops.set(lease.stop, waits ? errand.until : Number.POSITIVE_INFINITY)
        return run
    }

    /** Goes on with the programs of a door whose start ran before this daemon began: stop is due at `until`. */
    resume(lease: Lease, until: number): void {
        lease.errand = { phase: "started", until }
        this.#stops.set(lease.stop, until)
    }

    /** A grant whose time is over, taken off the agenda; null when there is none. */
    takeEnded(now: number): Lease | null {
        return this.#grants.take(now)?.lease ?? null
    }

    /** A lease whose stop program is due, or whose rest is over; null when there is none. */
    takeStop(now: number): Lease | null {
        return this.#stops.take(now)?.lease ?? null
    }

    /** When the next grant or stop is due, or null. */
    next(): number | null {
        return soonest(this.#grants.next(), this.#stops.next())
    }

    /** How many elements of the kernel all that is open needs. */
    elements(): number {
        let count = 0
        for (const lease of this.all()) if (isOpen(lease)) count += lease.door.opens.length
        return count
    }

    /** Of what the kernel holds, that which no open lease accounts for. */
    orphans(held: readonly GrantElement[]): GrantElement[] {
        const known = new Set<string>()
        for (const lease of this.all()) {
            if (!isOpen(lease)) continue
            for (const service of lease.door.opens) known.add(elementKey(elementOf(lease, service)))
        }
        return held.filter((element) => !known.has(elementKey(element)))
    }

    /** The doors that open this service. */
    openers(service: Service): readonly Door[] {
        return this.#openers.get(codeOf(service)) ?? []
    }

    /** All leases. */
    all(): IterableIterator<Lease> {
        return this.#leases.values()
    }

    /**
     * What the kernel must hold for the services of `door` if this lease ended at `due`: another door may keep a
     * service open for longer. Services that nobody keeps open are in no group.
     */
    groups(lease: Lease, due: number, now: number): GrantGroup[] {
        const byTime = new Map<number, GrantElement[]>()
        for (const service of lease.door.opens) {
            const ms = Math.max(due, this.#latest(lease, service)) - now
            if (ms <= 0) continue
            const elements = byTime.get(ms) ?? []
            elements.push(elementOf(lease, service))
            byTime.set(ms, elements)
        }
        return [...byTime].map(([ms, elements]) => ({ ms, elements }))
    }

    /** The open leases that have this element of the kernel, of however many doors. */
    sharing(element: GrantElement): Lease[] {
        return this.openers(element.service).flatMap((door) => {
            const lease = this.get(door, element.source.address)
            if (lease === null || !isOpen(lease)) return []
            return elementKey(elementOf(lease, element.service)) === elementKey(element) ? [lease] : []
        })
    }

    /** The latest end of another lease of this source that opens the same service; 0: none. */
    #latest(lease: Lease, service: Service): number {
        let latest = 0
        for (const other of this.sharing(elementOf(lease, service)))
            if (other !== lease) latest = Math.max(latest, other.grant.due)
        return latest
    }
}

/** The element of the kernel that lets a lease's source through to one of its door's services. */
export function elementOf({ network, door }: Lease, service: Service): GrantElement {
    return { source: network, service, once: door.uses !== null }
}

/** Is a grant of this lease open? */
export function isOpen(lease: Lease): boolean {
    return lease.grant.due !== Number.POSITIVE_INFINITY
}

/** Who knocked, for reports: nothing where nobody knows. */
export function knockerOf(giver: Giver): { readonly knocker?: string } {
    return giver.by === "knock" && giver.knocker !== null ? { knocker: giver.knocker } : {}
}

/** Are these the same service? */
export function sameService(a: Service, b: Service): boolean {
    return a.port === b.port && a.protocol === b.protocol
}

/** The networks whose leases are counted: the source or its /64, then for IPv6 its /48. */
function networksOf(source: Address): readonly string[] {
    const [a, b, c] = source
    const own = networkOf(source)
    return a === 0 && b === 0 && c === 0xffff ? [own] : [own, `${a} ${b >>> 16} wide`]
}

function openersOf(doors: readonly Door[]): ReadonlyMap<HitCode, readonly Door[]> {
    const openers = new Map<HitCode, Door[]>()
    for (const door of doors) {
        for (const code of door.opens.map(codeOf)) {
            const known = openers.get(code)
            if (known === undefined) openers.set(code, [door])
            else known.push(door)
        }
    }
    return openers
}

function keyOf(what: string, { address, bits }: Network): string {
    return `${what} ${address.join(" ")} ${bits}`
}
