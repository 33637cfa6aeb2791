/**
 * Openings: what opens and keeps open a door for one source, whoever wants it: a knock, a hand, an earlier daemon. What
 * ends them is in `closings.ts`, what they ask of the kernel and of programs in `lease-acts.ts`; the book is `leases.ts`.
 */
import { Closings } from "./closings.ts"
import { sameData } from "./config/changes.ts"
import { type Config, commandOf, type Door, granteesOf } from "./config/config.ts"
import type { Service } from "./knock/hit.ts"
import { LeaseActs } from "./lease-acts.ts"
import { type Giver, isOpen, knockerOf, type Lease, Leases, sameService } from "./leases.ts"
import type { Tally } from "./metrics/tally.ts"
import { type Address, contains, isAlone, type Network, overlap } from "./net/address.ts"
import type { On, OpeningEvent } from "./opening-event.ts"
import type { Outbox } from "./outbox.ts"
import type { RefusalCode } from "./report.ts"
import type { GrantElement } from "./ruleset.ts"

/** The spec's: a grant that is younger (ms) is left as it is, but for one connection's. Replayed knocks must not keep firewall and log busy. */
const FRESH_MS = 50

/** See the head of the file. Times are milliseconds that never go back. */
export class Openings {
    readonly #config: Config
    readonly #outbox: Outbox
    readonly #tally: Tally
    #leases: Leases
    #acts: LeaseActs
    #closings: Closings
    #now = 0

    constructor(config: Config, outbox: Outbox, tally: Tally) {
        this.#config = config
        this.#outbox = outbox
        this.#tally = tally
        // Every door has its numbers from the start on, in the order of the configuration.
        for (const { name } of config.doors) tally.door(name)
        this.#leases = new Leases(config)
        this.#acts = new LeaseActs(this.#leases, outbox)
        this.#closings = new Closings(this.#leases, this.#acts, outbox, tally)
    }

    /**
     * The whole, timely knock of this source at this door; `knocker`: of this one's sequence. False: it is refused for what
     * we know ourselves.
     */
    knock(door: Door, source: Address, now: number, knocker: string | null): boolean {
        this.#now = now
        const giver: Giver = { by: "knock", knocker }
        this.#tally.door(door.name).knocks++
        if (!door.sources.some((network) => contains(network, source))) {
            this.refuse(door, source, "source", now, knocker)
            return false
        }
        for (const name of door.closes) {
            const closing = this.#config.doors.find((one) => one.name === name)
            const lease = closing === undefined ? null : this.#leases.get(closing, source)
            if (lease !== null) this.#closings.close(lease, { by: "knock" }, now)
        }
        if (door.opens.length === 0 && commandOf(door, source) === null) return true
        const lease = this.#leases.claim(door, source, "knock")
        if (typeof lease === "string") {
            this.refuse(door, source, lease, now, knocker)
            return false
        }
        if (door.opens.length === 0) {
            this.#acts.start(lease, giver, now)
            return true
        }
        const left = isOpen(lease) ? lease.grant.due - now : 0
        // A one-time knock cannot be replayed, and whose it was is told. What is good for one connection may have been used
        // by now, which we hear of later: this knock is for the next one.
        const fresh = knocker === null && door.uses === null && lease.whole && now - lease.renewed < FRESH_MS
        if (fresh && left > door.for - FRESH_MS) return true
        // A knock never takes time away from what was given by hand.
        if (left > door.for) this.#acts.ask(lease, left, lease.giver, source, now)
        else this.#acts.ask(lease, door.for, giver, source, now)
        return true
    }

    /** A whole knock, of this knocker if that is known, that opens nothing. */
    refuse({ name }: Door, source: Address, code: RefusalCode, now: number, knocker: string | null = null): void {
        this.#tally.door(name).refused[code]++
        const who = knocker === null ? {} : { knocker }
        this.#outbox.tell({ type: "refused", door: name, source, code, ...who }, now)
    }

    /** Any other event. */
    step(event: OpeningEvent, now: number): void {
        this.#now = now
        switch (event.type) {
            case "granted":
                this.#granted(event)
                break
            case "denied":
                this.#denied(event)
                break
            case "unstarted":
                this.#ended(event, "unstarted")
                break
            case "ended":
                this.#ended(event, event.which === "start" ? "startEnded" : "stopEnded")
                break
            case "found":
                this.#found(event)
                break
            case "used":
                for (const element of event.elements) this.#closings.use(element, now)
                break
            case "grant":
                this.#give(event)
                break
            case "revoke":
                this.#closings.revoke(event, now)
                break
            case "expelled":
                this.#closings.expel(event, now)
                break
            case "unfinished":
                this.#unfinished(event)
                break
            case "lost":
                this.#closings.lost(now)
                break
        }
    }

    /**
     * Takes over what is open, and what runs, from a configuration that is no longer in force. A grant stays with the
     * door of its name as it is, if that opens the same services, runs the same programs, and still lets this source
     * knock; all others end now, and their stop programs run as their own door has them.
     */
    inherit(from: Openings, now: number): void {
        this.#now = now
        this.#leases = from.#leases
        this.#acts = new LeaseActs(this.#leases, this.#outbox)
        const { unused } = from.#closings
        this.#closings = new Closings(this.#leases, this.#acts, this.#outbox, this.#tally, unused)
        for (const lease of this.#leases.move(this.#config, staysWith)) {
            if (!endsByItself(lease)) this.#closings.close(lease, { by: "reload" }, now)
        }
    }

    /** Ends what the time ends. */
    expire(now: number): void {
        this.#now = now
        this.#closings.expire(now)
    }

    /** When `expire` has something to do, or null. */
    next(): number | null {
        return this.#leases.next()
    }

    /** Everything that is open, and everything that has programs under way. */
    all(): IterableIterator<Lease> {
        return this.#leases.all()
    }

    /** Is anything open whose use should be told of? */
    get awaitsUses(): boolean {
        return this.#closings.unused.size > 0
    }

    /** How many elements of the kernel all that is open needs. */
    elements(): number {
        return this.#leases.elements()
    }

    /** Elements of the kernel that no door has opened, as far as this door (or any) could and this network holds them. */
    orphans(held: readonly GrantElement[], door: Door | null, source: Network | null): readonly GrantElement[] {
        const fits = held.filter((element) => {
            if (source !== null && !overlap(source, element.source)) return false
            return door === null || door.opens.some((service) => sameService(service, element.service))
        })
        return this.#leases.orphans(fits)
    }

    #give({ door, source, ms, uid }: On<"grant">): void {
        const { name, opens } = door
        const lease = this.#leases.claim(door, source, "hand")
        if (typeof lease === "string") return
        if (opens.length > 0) {
            this.#acts.ask(lease, ms, { by: "hand", uid }, source, this.#now)
            return
        }
        this.#outbox.say({ type: "given", door: name, source, opens, ms: 0, uid })
        this.#acts.start(lease, { by: "hand", uid }, this.#now)
    }

    #granted({ lease: number }: On<"granted">): void {
        const lease = this.#leases.numbered(number)
        if (lease === null) return
        const { door } = lease
        const renewed = isOpen(lease)
        const { ms, giver, source } = lease.asked
        this.#leases.setGrant(lease, this.#now + ms)
        lease.whole = true
        this.#closings.awaitUse(lease, false)
        lease.renewed = this.#now
        if (!renewed) lease.since = this.#now
        const byHand = giver.by === "hand" && (giver !== lease.giver || !renewed)
        lease.giver = giver
        const { name, opens } = door
        const counts = this.#tally.door(name)
        const whom = isAlone(lease.network) ? {} : { network: lease.network }
        if (renewed) counts.renewed++
        else counts.opened++
        if (byHand) counts.given++
        if (byHand) this.#outbox.say({ type: "given", door: name, source, ...whom, opens, ms, uid: giver.uid })
        else
            this.#outbox.sayGrant(
                { type: "opened", door: name, source, ...whom, opens, ms, renewed, ...knockerOf(giver) },
                this.#now,
            )
        // A renewal runs nothing again, unless the stop has already undone what the start did.
        if (!renewed || commandOf(door, source)?.stop != null) this.#acts.run(lease, { type: "knock", now: this.#now })
    }

    #denied({ lease: number, code, partly }: On<"denied">): void {
        const lease = this.#leases.numbered(number)
        if (lease === null) return
        const { door, asked } = lease
        // Who asked by hand is told by other ways.
        if (asked.giver.by !== "hand") {
            this.refuse(door, asked.source, code, this.#now, knockerOf(asked.giver).knocker)
        }
        if (partly) this.#acts.restore(lease, this.#now)
        this.#leases.settle(lease)
    }

    #ended({ lease: number }: On<"ended" | "unstarted">, type: "unstarted" | "startEnded" | "stopEnded"): void {
        const lease = this.#leases.numbered(number)
        if (lease === null) return
        this.#acts.run(lease, { type, now: this.#now })
        this.#leases.settle(lease)
    }

    /** Grants that outlived the last daemon: kept if a door still opens the service, taken back otherwise. */
    #found({ grants }: On<"found">): void {
        const orphans: GrantElement[] = []
        for (const { element, left, used } of grants) {
            const door = this.#leases
                .openers(element.service)
                .find(
                    (one) =>
                        (one.uses !== null) === element.once &&
                        granteesOf(one, element.source.address).bits === element.source.bits,
                )
            if (door === undefined) orphans.push(element)
            else {
                const lease = this.#leases.take(door, element.source.address)
                // Another door of the last daemon may have opened it, or somebody by hand, who may have meant for good.
                if (!isOpen(lease)) {
                    lease.since = this.#now
                    this.#tally.door(lease.door.name).found++
                }
                lease.giver = { by: "found" }
                lease.whole = lease.door.opens.length === 1
                this.#leases.setGrant(lease, Math.max(isOpen(lease) ? lease.grant.due : 0, this.#now + left))
                this.#closings.awaitUse(lease, used)
                this.#leases.settle(lease)
            }
        }
        if (orphans.length > 0) this.#outbox.act({ type: "revoke", elements: orphans })
    }

    #unfinished({ door, source, left }: On<"unfinished">): void {
        this.#leases.resume(this.#leases.take(door, source), this.#now + left)
    }
}

/**
 * May the lease stay open at a door of its name? Whom somebody let in by hand may be someone who could not knock; and
 * what was found at start may be such a one.
 */
function staysWith({ door: old, source, giver }: Lease, door: Door): boolean {
    if (!holds(door.opens, old.opens) || !holds(old.opens, door.opens)) return false
    if (door.uses !== old.uses || !sameData(door.network, old.network)) return false
    if (!sameData(door.at, old.at) || !sameData(door.leadTo, old.leadTo)) return false
    if (!sameData(commandOf(door, source), commandOf(old, source))) return false
    return giver.by !== "knock" || door.sources.some((network) => contains(network, source))
}

/** knockd's commands end what they began, at their time, whatever has become of their door. */
function endsByItself({ door, source }: Lease): boolean {
    return door.opens.length === 0 && commandOf(door, source)?.shell === true
}

function holds(all: readonly Service[], some: readonly Service[]): boolean {
    return some.every((one) => all.some((other) => sameService(one, other)))
}
