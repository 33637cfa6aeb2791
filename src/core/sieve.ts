/**
 * What a capture hands on, decided per packet without allocating: the user-space twin of the kernel rules that
 * `WatchPlan` is rendered to. A packet is wanted if it is for this host (or for a view's target), of a kind that some
 * view counts, and not to a service that never spoils a knock.
 */
import { codeOf, type HitCode, hitOf, type Service, type TcpFlags, uniqueServices } from "./knock/hit.ts"
import type { Address } from "./net/address.ts"
import { AddressSet } from "./net/address-set.ts"
import { type Packet, TCP, UDP } from "./net/packet.ts"
import type { Watching, WatchPlan } from "./watch.ts"

/** Services that are left out: what is openly offered and what doors open, unless a sequence names the port. */
export function silentServices({ plan, offered }: Pick<Watching, "plan" | "offered">): Service[] {
    const named = new Set(plan.views.flatMap((view) => view.named))
    return uniqueServices([...offered, ...plan.services])
        .filter((service) => !named.has(codeOf(service)))
        .sort((a, b) => codeOf(a) - codeOf(b))
}

/** The TCP flags that count in some view, each once. */
export function watchedFlags(plan: WatchPlan): TcpFlags[] {
    const seen = new Map(plan.views.map(({ flags }) => [(flags.set << 8) | flags.clear, flags]))
    return [...seen.values()]
}

/** The hits that count where no view looks at others; null where one does. */
export function onlyHits({ views }: WatchPlan): HitCode[] | null {
    return views.some((view) => view.strict) ? null : [...new Set(views.flatMap((view) => view.named))]
}

/** Immutable: make a new one when anything changed. */
export class Sieve {
    /** Bit 1: TCP port is of no use, bit 2: UDP port. */
    readonly #silent = new Uint8Array(65536)
    readonly #mask: Uint8Array
    readonly #set: Uint8Array
    readonly #destinations: AddressSet

    constructor(watching: Watching, local: readonly Address[]) {
        const { plan } = watching
        const only = onlyHits(plan)
        if (only !== null) this.#silent.fill(3)
        for (const { protocol, port } of only === null ? silentServices(watching) : only.map(hitOf)) {
            this.#silent[port]! ^= protocol === "tcp" ? 1 : 2
        }
        const flags = watchedFlags(plan)
        this.#set = Uint8Array.from(flags, ({ set }) => set)
        this.#mask = Uint8Array.from(flags, ({ set, clear }) => set | clear)
        this.#destinations = new AddressSet([...local, ...plan.views.flatMap((view) => view.target)])
    }

    /** Does the plan have a use for this packet? */
    wants(packet: Packet): boolean {
        const { protocol, port } = packet
        if (protocol === TCP && ((this.#silent[port]! & 1) !== 0 || !this.#counts(packet.flags))) return false
        if (protocol === UDP && (this.#silent[port]! & 2) !== 0) return false
        return this.#destinations.has(
            packet.destination0,
            packet.destination1,
            packet.destination2,
            packet.destination3,
        )
    }

    #counts(flags: number): boolean {
        for (let i = 0; i < this.#set.length; i++) if ((flags & this.#mask[i]!) === this.#set[i]) return true
        return false
    }
}
