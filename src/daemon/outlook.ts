/**
 * What the capture looks for: the plan of the configuration, on the interfaces that it wants as they are now, without
 * what the host openly offers now.
 */
import { sameData } from "../core/config/changes.ts"
import type { Config } from "../core/config/config.ts"
import type { Service } from "../core/knock/hit.ts"
import { planWatch, type Watching } from "../core/watch.ts"
import type { Clock } from "../ports/clock.ts"
import type { Links } from "../ports/links.ts"
import type { Services } from "../ports/services.ts"

/** After an unknown port the kernel's socket tables are looked at, at most this often (ms)… */
const LOOK_UP_MS = 1000
/** …and for no more than one part in so many of our time: some hosts are slow to tell what they publish. */
const LOOK_UP_SHARE = 100

/** What is looked at. */
export type OutlookKeeping = {
    readonly links: Links
    readonly services: Services
    readonly clock: Pick<Clock, "monotonic">
}

/** See the head of the file. */
export class Outlook {
    readonly #keeping: OutlookKeeping
    #watching: Watching
    #published: readonly Service[] | null = null
    #lookAgain = 0

    /** Sees nothing yet: `look` comes first. */
    constructor(config: Config, keeping: OutlookKeeping) {
        this.#keeping = keeping
        this.#watching = { plan: planWatch(config), interfaces: null, offered: [] }
    }

    /** As it was found the last time. */
    get watching(): Watching {
        return this.#watching
    }

    /** What others published by changing destinations, the last time; null: nobody has ever changed any. */
    get published(): readonly Service[] | null {
        return this.#published
    }

    /** Looks at links and services again. What is different? */
    look(config: Config): Readonly<Record<"interfaces" | "offered" | "published", boolean>> {
        const before = this.#watching
        const [interfaces, offered] = [this.#interfaces(config), this.#offered()]
        // Who has begun to publish may begin again, also when nobody is there to hear of it.
        const published = this.#keeping.services.published() ?? (this.#published === null ? null : [])
        const turned = !sameData(published, this.#published)
        this.#published = published
        this.#watching = { ...before, interfaces, offered }
        return {
            interfaces: !sameData(interfaces, before.interfaces),
            offered: !sameData(offered, before.offered),
            published: turned,
        }
    }

    /** A port that nobody knew was hit at this time: is it worth another look? */
    isStale(time: number): boolean {
        return time >= this.#lookAgain
    }

    /** What there will be to look for with another configuration. */
    with(config: Config): Watching {
        return { ...this.#watching, plan: planWatch(config), interfaces: this.#interfaces(config) }
    }

    /** That configuration is in force. Has it other interfaces? */
    turn(watching: Watching): boolean {
        const moved = !sameData(watching.interfaces, this.#watching.interfaces)
        this.#watching = watching
        return moved
    }

    /** What the host offers now; notes when to look again. */
    #offered(): readonly Service[] {
        const { clock, services } = this.#keeping
        const begun = clock.monotonic()
        const offered = services.offered()
        const ended = clock.monotonic()
        this.#lookAgain = ended + Math.max(LOOK_UP_MS, (ended - begun) * LOOK_UP_SHARE)
        return offered
    }

    #interfaces({ gateway: { interfaces } }: Config): readonly string[] | null {
        if (interfaces === "any") return null
        return interfaces === "auto" ? [...this.#keeping.links.current().defaultRoutes].sort() : interfaces
    }
}

/** `eth0, wg0`, or what is watched instead. */
export function interfacesText(interfaces: readonly string[] | null): string {
    if (interfaces === null) return "all interfaces"
    return interfaces.length === 0 ? "no interface: there is no default route yet" : interfaces.join(", ")
}
