/**
 * What ends a lease (by the time, a hand, a closing knock, a reload, the loss of our table) or uses it up, and what that
 * asks of kernel and programs.
 */
import type { LeaseActs } from "./lease-acts.ts"
import { elementOf, isOpen, knockerOf, type Lease, type Leases } from "./leases.ts"
import type { Tally } from "./metrics/tally.ts"
import { overlap } from "./net/address.ts"
import type { On } from "./opening-event.ts"
import type { Outbox } from "./outbox.ts"
import type { GrantElement } from "./ruleset.ts"

/** Why a lease ends before its time. */
type Ending = { readonly by: "knock" | "reload" | "loss" } | { readonly by: "hand"; readonly uid: number }

/** See the head of the file. Times are milliseconds that never go back. */
export class Closings {
    readonly #leases: Leases
    readonly #acts: LeaseActs
    readonly #outbox: Outbox
    readonly #tally: Tally
    /** Open for one connection, and none has come. */
    readonly unused: Set<Lease>

    /** `unused`: from before. */
    constructor(leases: Leases, acts: LeaseActs, outbox: Outbox, tally: Tally, unused: Iterable<Lease> = []) {
        this.#leases = leases
        this.#acts = acts
        this.#outbox = outbox
        this.#tally = tally
        this.unused = new Set(unused)
    }

    /** Ends what the time ends. */
    expire(now: number): void {
        for (let lease = this.#leases.takeEnded(now); lease; lease = this.#leases.takeEnded(now)) {
            this.#tally.door(lease.door.name).closed.time++
            const { door, source, giver } = lease
            this.#outbox.sayGrant({ type: "closed", door: door.name, source, by: "time", ...knockerOf(giver) }, now)
            this.unused.delete(lease)
            this.#leases.settle(lease)
        }
        for (let lease = this.#leases.takeStop(now); lease; lease = this.#leases.takeStop(now)) {
            this.#acts.run(lease, { type: "tick", now })
            this.#leases.settle(lease)
        }
    }

    /** Ends a lease before its time: by a closing knock, a reload, or this user's hand. */
    close(lease: Lease, why: Ending, now: number): void {
        const { source, errand } = lease
        const { name } = lease.door
        const who = knockerOf(lease.giver)
        const open = isOpen(lease)
        if (open) {
            this.#tally.door(name).closed[why.by]++
            this.unused.delete(lease)
            this.#leases.setGrant(lease, Number.POSITIVE_INFINITY)
            if (lease.door.uses === null) this.#acts.restore(lease, now)
            else this.#takeUse(lease, why, now)
        }
        const waits = errand.phase === "started" || errand.phase === "starting"
        if (why.by !== "hand") {
            if (open) this.#outbox.sayGrant({ type: "closed", door: name, source, by: why.by, ...who }, now)
        } else if (open || waits) {
            this.#outbox.say({ type: "revoked", door: name, source, uid: why.uid, ...who })
        }
        this.#acts.run(lease, { type: "revoke", now })
        this.#leases.settle(lease)
    }

    /**
     * Ends what is good for one connection. Doors that open the same service to this source share the one use: for the
     * kernel to let the others keep it, in a time of their own, would be to give it again.
     */
    #takeUse(lease: Lease, why: Ending, now: number): void {
        const elements = lease.door.opens.map((service) => elementOf(lease, service))
        this.#outbox.act({ type: "revoke", elements })
        for (const other of elements.flatMap((element) => this.#leases.sharing(element))) this.close(other, why, now)
    }

    /** Ends what somebody who may wants to end. */
    revoke({ door, source, uid, knocker }: On<"revoke">, now: number): void {
        for (const lease of this.#leases.all()) {
            if (knocker !== undefined && !isOf(lease, knocker)) continue
            if (door !== null && lease.door.name !== door.name) continue
            if (source === null || overlap(source, lease.network)) this.close(lease, { by: "hand", uid }, now)
        }
    }

    /** Ends what this knocker's sequences have opened, at this door or (null) at all. */
    expel({ knocker, door }: On<"expelled">, now: number): void {
        for (const lease of this.#leases.all()) {
            if (!isOf(lease, knocker) || (door !== null && lease.door.name !== door)) continue
            this.close(lease, { by: "reload" }, now)
        }
    }

    /** The firewall was emptied: what is open is let through again, as far as nobody can have used it up. */
    lost(now: number): void {
        for (const lease of this.#leases.all()) {
            if (!isOpen(lease) || !lease.whole) continue
            // Whether it was used, only the kernel knew: nobody comes in twice by one knock.
            if (lease.door.uses !== null) {
                this.close(lease, { by: "loss" }, now)
                continue
            }
            const { source } = lease
            const groups = this.#leases.groups(lease, lease.grant.due, now)
            this.#outbox.act({ type: "grant", lease: 0, source, groups })
        }
    }

    /** One connection, or none yet, has used up the lease. */
    awaitUse(lease: Lease, used: boolean): void {
        lease.used = used
        if (!used && lease.door.uses !== null) this.unused.add(lease)
        else this.unused.delete(lease)
    }

    /** A connection has used this element up. */
    use(element: GrantElement, now: number): void {
        for (const lease of this.#leases.sharing(element)) {
            if (!element.once || lease.used) continue
            this.awaitUse(lease, true)
            const { door, source, giver } = lease
            this.#tally.door(door.name).used++
            this.#outbox.sayGrant({ type: "used", door: door.name, source, ...knockerOf(giver) }, now)
        }
    }
}

/** Was this opened by a one-time sequence of this knocker? */
function isOf({ giver }: Lease, knocker: string): boolean {
    return giver.by === "knock" && giver.knocker === knocker
}
