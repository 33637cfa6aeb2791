/**
 * Openings: what opens, keeps open and closes a door for one source, whoever wants it (a knock, a hand, the time, an
 * earlier daemon), and what that asks of the kernel and of the door's programs. The book itself is `leases.ts`.
 */

import { sameData } from "./config/changes.ts"
import { type Config, commandOf, type Door, granteesOf } from "./config/config.ts"
import type { Service } from "./knock/hit.ts"
import { elementOf, type Giver, isOpen, knockerOf, type Lease, Leases, sameService } from "./leases.ts"
import type { Tally } from "./metrics/tally.ts"
import { type Address, contains, isAlone, type Network, overlap } from "./net/address.ts"
import type { Outbox } from "./outbox.ts"
import type { RefusalCode } from "./report.ts"
import type { GrantElement } from "./ruleset.ts"

/** The spec's: a grant that is younger (ms) is left as it is. Replayed knocks must not keep firewall and log busy. */
const FRESH_MS = 50

/** What happens to openings, beside knocks and the time. */
export type OpeningEvent =
    /** A grant effect was carried out, or was not; `partly`: some of its groups were. */
    | { readonly type: "granted"; readonly lease: number }
    | { readonly type: "denied"; readonly lease: number; readonly code: RefusalCode; readonly partly: boolean }
    /** A start program was not run, because too many wait. */
    | { readonly type: "unstarted"; readonly lease: number }
    /** A program has ended, however it ended. */
    | { readonly type: "ended"; readonly which: "start" | "stop"; readonly lease: number }
    /** Grants that were found in the kernel at start, with the time they have left in milliseconds. */
    | { readonly type: "found"; readonly grants: readonly FoundGrant[] }
    /** Connections have used up these, of those that are good for one. Can be said again. */
    | { readonly type: "used"; readonly elements: readonly GrantElement[] }
    /** Somebody who may opens a door by hand, for `ms`. No effects: as many grants are open as are allowed. */
    | {
          readonly type: "grant"
          readonly door: Door
          readonly source: Address
          readonly ms: number
          readonly uid: number
      }
    /** Somebody who may ends the leases of this door (null: of all) and of sources in this network (null: of all). */
    | {
          readonly type: "revoke"
          readonly door: Door | null
          readonly source: Network | null
          readonly uid: number
          /** Only what this knocker's sequences have opened; left out: all. */
          readonly knocker?: string
      }
    /** This knocker has no keys for this door any more (null: for none): what was opened so ends. */
    | { readonly type: "expelled"; readonly knocker: string; readonly door: string | null }
    /** A stop program that an earlier daemon has left to us, due in `left` milliseconds. */
    | { readonly type: "unfinished"; readonly door: Door; readonly source: Address; readonly left: number }
    /** Somebody has emptied the firewall: whatever is open must be let through again. */
    | { readonly type: "lost" }

/** A grant in the kernel, with the time it has left in milliseconds. `used`: see `Lease`. */
export type FoundGrant = { readonly element: GrantElement; readonly left: number; readonly used: boolean }

/** Why a lease ends before its time. */
type Ending = { readonly by: "knock" | "reload" | "loss" } | { readonly by: "hand"; readonly uid: number }

type On<T extends OpeningEvent["type"]> = Extract<OpeningEvent, { type: T }>

/** See the head of the file. Times are milliseconds that never go back. */
export class Openings {
    readonly #config: Config
    readonly #outbox: Outbox
    readonly #tally: Tally
    #leases: Leases
    /** Open for one connection, and none has come. */
    readonly #unused = new Set<Lease>()
    #now = 0

    constructor(config: Config, outbox: Outbox, tally: Tally) {
        this.#config = config
        this.#outbox = outbox
        this.#tally = tally
        // Every door has its numbers from the start on, in the order of the configuration.
        for (const { name } of config.doors) tally.door(name)
        this.#leases = new Leases(config)
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
            if (lease !== null) this.#close(lease, { by: "knock" })
        }
        if (door.opens.length === 0 && commandOf(door, source) === null) return true
        const lease = this.#leases.claim(door, source, "knock")
        if (typeof lease === "string") {
            this.refuse(door, source, lease, now, knocker)
            return false
        }
        if (door.opens.length === 0) {
            this.#start(lease, giver)
            return true
        }
        const left = isOpen(lease) ? lease.grant.due - now : 0
        // A one-time knock cannot be replayed, and whose it was is told.
        const fresh = knocker === null && lease.whole && !lease.used && now - lease.renewed < FRESH_MS
        if (fresh && left > door.for - FRESH_MS) return true
        // A knock never takes time away from what was given by hand.
        if (left > door.for) this.#ask(lease, left, lease.giver, source)
        else this.#ask(lease, door.for, giver, source)
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
                for (const element of event.elements) this.#used(element)
                break
            case "grant":
                this.#give(event)
                break
            case "revoke":
                this.#revoke(event)
                break
            case "expelled":
                for (const lease of this.#leases.all()) {
                    if (!isOf(lease, event.knocker) || (event.door !== null && lease.door.name !== event.door)) continue
                    this.#close(lease, { by: "reload" })
                }
                break
            case "unfinished":
                this.#unfinished(event)
                break
            case "lost":
                this.#lost()
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
        for (const lease of from.#unused) this.#unused.add(lease)
        for (const lease of this.#leases.move(this.#config, staysWith)) {
            if (!endsByItself(lease)) this.#close(lease, { by: "reload" })
        }
    }

    /** Ends what the time ends. */
    expire(now: number): void {
        this.#now = now
        for (let lease = this.#leases.takeEnded(now); lease; lease = this.#leases.takeEnded(now)) {
            this.#tally.door(lease.door.name).closed.time++
            const { door, source, giver } = lease
            this.#outbox.sayGrant({ type: "closed", door: door.name, source, by: "time", ...knockerOf(giver) }, now)
            this.#unused.delete(lease)
            this.#leases.settle(lease)
        }
        for (let lease = this.#leases.takeStop(now); lease; lease = this.#leases.takeStop(now)) {
            this.#run(lease, { type: "tick", now })
            this.#leases.settle(lease)
        }
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
        return this.#unused.size > 0
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
            this.#ask(lease, ms, { by: "hand", uid }, source)
            return
        }
        this.#outbox.say({ type: "given", door: name, source, opens, ms: 0, uid })
        this.#start(lease, { by: "hand", uid })
    }

    #revoke({ door, source, uid, knocker }: On<"revoke">): void {
        for (const lease of this.#leases.all()) {
            if (knocker !== undefined && !isOf(lease, knocker)) continue
            if (door !== null && lease.door.name !== door.name) continue
            if (source === null || overlap(source, lease.network)) this.#close(lease, { by: "hand", uid })
        }
    }

    /** Asks the firewall; `granted` or `denied` follows. */
    #ask(lease: Lease, ms: number, giver: Giver, source: Address): void {
        lease.asked = { ms, giver, source }
        const groups = this.#leases.groups(lease, this.#now + ms, this.#now)
        this.#outbox.act({ type: "grant", lease: lease.number, source, groups })
    }

    /** Runs the program of a door that opens nothing. */
    #start(lease: Lease, giver: Giver): void {
        if (lease.errand.phase === "idle" || lease.errand.phase === "resting") lease.since = this.#now
        lease.giver = giver
        this.#run(lease, { type: "knock", now: this.#now })
        this.#leases.settle(lease)
    }

    #granted({ lease: number }: On<"granted">): void {
        const lease = this.#leases.numbered(number)
        if (lease === null) return
        const { door } = lease
        const renewed = isOpen(lease)
        const { ms, giver, source } = lease.asked
        this.#leases.setGrant(lease, this.#now + ms)
        lease.whole = true
        this.#awaitUse(lease, false)
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
        if (!renewed || commandOf(door, source)?.stop != null) this.#run(lease, { type: "knock", now: this.#now })
    }

    #denied({ lease: number, code, partly }: On<"denied">): void {
        const lease = this.#leases.numbered(number)
        if (lease === null) return
        const { door, asked } = lease
        // Who asked by hand is told by other ways.
        if (asked.giver.by !== "hand") {
            this.refuse(door, asked.source, code, this.#now, knockerOf(asked.giver).knocker)
        }
        if (partly) this.#restore(lease)
        this.#leases.settle(lease)
    }

    #ended({ lease: number }: On<"ended" | "unstarted">, type: "unstarted" | "startEnded" | "stopEnded"): void {
        const lease = this.#leases.numbered(number)
        if (lease === null) return
        this.#run(lease, { type, now: this.#now })
        this.#leases.settle(lease)
    }

    /** One connection, or none yet, has used up the lease. */
    #awaitUse(lease: Lease, used: boolean): void {
        lease.used = used
        if (!used && lease.door.uses !== null) this.#unused.add(lease)
        else this.#unused.delete(lease)
    }

    #used(element: GrantElement): void {
        for (const lease of this.#leases.sharing(element)) {
            if (!element.once || lease.used) continue
            this.#awaitUse(lease, true)
            const { door, source, giver } = lease
            this.#tally.door(door.name).used++
            this.#outbox.sayGrant({ type: "used", door: door.name, source, ...knockerOf(giver) }, this.#now)
        }
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
                this.#awaitUse(lease, used)
                this.#leases.settle(lease)
            }
        }
        if (orphans.length > 0) this.#outbox.act({ type: "revoke", elements: orphans })
    }

    #unfinished({ door, source, left }: On<"unfinished">): void {
        this.#leases.resume(this.#leases.take(door, source), this.#now + left)
    }

    #lost(): void {
        for (const lease of this.#leases.all()) {
            if (!isOpen(lease) || !lease.whole) continue
            // Whether it was used, only the kernel knew: nobody comes in twice by one knock.
            if (lease.door.uses !== null) {
                this.#close(lease, { by: "loss" })
                continue
            }
            const { source } = lease
            const groups = this.#leases.groups(lease, lease.grant.due, this.#now)
            this.#outbox.act({ type: "grant", lease: 0, source, groups })
        }
    }

    /** Ends a lease before its time: by a closing knock, a reload, or this user's hand. */
    #close(lease: Lease, why: Ending): void {
        const { source, errand } = lease
        const { name } = lease.door
        const who = knockerOf(lease.giver)
        const open = isOpen(lease)
        if (open) {
            this.#tally.door(name).closed[why.by]++
            this.#unused.delete(lease)
            this.#leases.setGrant(lease, Number.POSITIVE_INFINITY)
            if (lease.door.uses === null) this.#restore(lease)
            else this.#takeUse(lease, why)
        }
        const waits = errand.phase === "started" || errand.phase === "starting"
        if (why.by !== "hand") {
            if (open) this.#outbox.sayGrant({ type: "closed", door: name, source, by: why.by, ...who }, this.#now)
        } else if (open || waits) {
            this.#outbox.say({ type: "revoked", door: name, source, uid: why.uid, ...who })
        }
        this.#run(lease, { type: "revoke", now: this.#now })
        this.#leases.settle(lease)
    }

    /**
     * Ends what is good for one connection. Doors that open the same service to this source share the one use: for the
     * kernel to let the others keep it, in a time of their own, would be to give it again.
     */
    #takeUse(lease: Lease, why: Ending): void {
        const elements = lease.door.opens.map((service) => elementOf(lease, service))
        this.#outbox.act({ type: "revoke", elements })
        for (const other of elements.flatMap((element) => this.#leases.sharing(element))) this.#close(other, why)
    }

    /** Lets the kernel hold what the book says of this lease, and no more. */
    #restore(lease: Lease): void {
        const { source } = lease
        const kept = this.#leases.groups(lease, isOpen(lease) ? lease.grant.due : 0, this.#now)
        const left = (service: Service) =>
            kept.some(({ elements }) => elements.some((element) => sameService(element.service, service)))
        const gone = lease.door.opens.filter((service) => !left(service))
        if (gone.length > 0) {
            this.#outbox.act({ type: "revoke", elements: gone.map((service) => elementOf(lease, service)) })
        }
        if (kept.length > 0) this.#outbox.act({ type: "grant", lease: 0, source, groups: kept })
    }

    /** Moves the lease's programs on. */
    #run(lease: Lease, event: Parameters<Leases["stepErrand"]>[1]): void {
        const before = lease.stop.due
        const which = this.#leases.stepErrand(lease, event)
        const { number, door, source, stop } = lease
        if (lease.errand.phase === "started" && stop.due !== before) {
            this.#outbox.act({ type: "due", lease: number, door, source, at: stop.due })
        }
        const knocker = knockerOf(lease.giver).knocker ?? null
        if (which !== null) this.#outbox.act({ type: "run", which, lease: number, door, source, knocker })
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

/** Was this opened by a one-time sequence of this knocker? */
function isOf({ giver }: Lease, knocker: string): boolean {
    return giver.by === "knock" && giver.knocker === knocker
}

/** knockd's commands end what they began, at their time, whatever has become of their door. */
function endsByItself({ door, source }: Lease): boolean {
    return door.opens.length === 0 && commandOf(door, source)?.shell === true
}

function holds(all: readonly Service[], some: readonly Service[]): boolean {
    return some.every((one) => all.some((other) => sameService(one, other)))
}
