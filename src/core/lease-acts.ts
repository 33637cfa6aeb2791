/** What a lease asks of the kernel and of its door's programs. */
import type { Service } from "./knock/hit.ts"
import { elementOf, type Giver, isOpen, knockerOf, type Lease, type Leases, sameService } from "./leases.ts"
import type { Address } from "./net/address.ts"
import type { Outbox } from "./outbox.ts"

/** See the head of the file. Times are milliseconds that never go back. */
export class LeaseActs {
    readonly #leases: Leases
    readonly #outbox: Outbox

    constructor(leases: Leases, outbox: Outbox) {
        this.#leases = leases
        this.#outbox = outbox
    }

    /** Asks the firewall; `granted` or `denied` follows. */
    ask(lease: Lease, ms: number, giver: Giver, source: Address, now: number): void {
        lease.asked = { ms, giver, source }
        const groups = this.#leases.groups(lease, now + ms, now)
        this.#outbox.act({ type: "grant", lease: lease.number, source, groups })
    }

    /** Runs the program of a door that opens nothing. */
    start(lease: Lease, giver: Giver, now: number): void {
        if (lease.errand.phase === "idle" || lease.errand.phase === "resting") lease.since = now
        lease.giver = giver
        this.run(lease, { type: "knock", now })
        this.#leases.settle(lease)
    }

    /** Lets the kernel hold what the book says of this lease, and no more. */
    restore(lease: Lease, now: number): void {
        const { source } = lease
        const kept = this.#leases.groups(lease, isOpen(lease) ? lease.grant.due : 0, now)
        const left = (service: Service) =>
            kept.some(({ elements }) => elements.some((element) => sameService(element.service, service)))
        const gone = lease.door.opens.filter((service) => !left(service))
        if (gone.length > 0) {
            this.#outbox.act({ type: "revoke", elements: gone.map((service) => elementOf(lease, service)) })
        }
        if (kept.length > 0) this.#outbox.act({ type: "grant", lease: 0, source, groups: kept })
    }

    /** Moves the lease's programs on. */
    run(lease: Lease, event: Parameters<Leases["stepErrand"]>[1]): void {
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
