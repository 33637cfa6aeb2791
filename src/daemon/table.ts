/**
 * Our table in the kernel, looked after: put in place, opened to sources, and made again when somebody takes it away.
 * What the kernel refuses is told, and the firewall is then left alone for a moment. A grant that is refused is not made;
 * what it refuses to take back is asked for until it is gone.
 */
import { soonest } from "../core/agenda.ts"
import type { GrantGroup } from "../core/effect.ts"
import { type Address, formatAddress } from "../core/net/address.ts"
import { elementKey, type GrantElement, type Ruleset } from "../core/ruleset.ts"
import { messageOf } from "../core/thrown.ts"
import type { Firewall, FirewallResult } from "../ports/firewall.ts"
import type { Teller } from "./told.ts"

/** What the table is kept with. */
export type TableKeeping = {
    readonly firewall: Firewall
    /** Monotonic milliseconds. */
    readonly now: () => number
    readonly teller: Teller
    /** What the table should be at this moment. `held`: elements that it has, where that is known better here. */
    readonly wanted: (held?: number) => Ruleset
    /** The table was made again, without the grants that were in it. */
    readonly remade: () => void
    /** Connections have used these up. Can be called again for the same. */
    readonly used: (elements: readonly GrantElement[]) => void
    /** Somebody else may have begun to change addresses. */
    readonly translates: () => void
    /** The kernel has this table now. */
    readonly made: (wanted: Ruleset) => void
    /** `due` has changed. */
    readonly rearm: () => void
}

/**
 * After a refusal the firewall is left alone so long (ms). A refused transaction holds us up for more than 10 ms, and
 * while there are new ones the kernel sweeps no expired elements out of a full set.
 */
const REFUSED_MS = 1000
/** So often the kernel is asked what was used (ms). */
const LOOK_MS = 500
/** A table that was taken away is made again at once, but not more often than this (ms). */
const MEND_MS = 200

/** See the head of the file. */
export class Table {
    readonly #keeping: TableKeeping
    #applied = false
    #toldPlain = false
    #refusedUntil = 0
    #mended = Number.NEGATIVE_INFINITY
    #mendAt: number | null = null
    /** What must be taken back and has not been, and when to ask again. */
    readonly #owed = new Map<string, GrantElement>()
    #askAt: number | null = null
    /** When to ask what was used; null: nothing can be. */
    #lookAt: number | null = null
    #unwatch: () => void = () => {}

    constructor(keeping: TableKeeping) {
        this.#keeping = keeping
    }

    /** The kernel has the table that was wanted last. */
    get applied(): boolean {
        return this.#applied
    }

    /** By what it is kept, and whether granted sources can be led. */
    get means(): { readonly by: string; readonly leads: boolean } {
        const { firewall } = this.#keeping
        return { by: firewall.name, leads: firewall.leads() }
    }

    /** When to call `catchUp`; null: the table is there, nothing more is open in it, and nothing can be used up. */
    get due(): number | null {
        return soonest(this.trouble, this.#lookAt)
    }

    /** As `due`, for what is not as it should be alone. */
    get trouble(): number | null {
        return soonest(this.#mendAt, this.#askAt)
    }

    /** From now on something is open that a connection can use up, or nothing is. */
    await(uses: boolean): void {
        if (!uses) this.#lookAt = null
        else this.#lookAt ??= this.#keeping.now() + LOOK_MS
    }

    /** Puts the table in place and watches over it; gives the grants that were in it. Throws if the kernel refuses. */
    start(): ReturnType<Firewall["list"]> {
        const { firewall, rearm, translates } = this.#keeping
        // Asked first: whoever cannot see what is open must not change anything.
        const grants = firewall.list()
        const wanted = this.#keeping.wanted(grants.length)
        const result = firewall.apply(wanted)
        if (!result.ok) throw new Error(`the firewall refused our table: ${result.detail}`)
        this.#applied = true
        this.#keeping.made(wanted)
        this.#tellMeans()
        this.#unwatch = firewall.watch(() => {
            this.#mendAt ??= this.#mended + MEND_MS
            rearm()
        }, translates)
        return grants
    }

    /** Makes the table as it is wanted now, or as it will be. What is refused is asked for again. */
    apply(wanted: Ruleset = this.#keeping.wanted()): FirewallResult {
        const result = this.#keeping.firewall.apply(wanted)
        this.#applied = result.ok
        if (result.ok) {
            this.#tellMeans()
            this.#keeping.made(wanted)
        } else this.#askLater()
        return result
    }

    /** Once: a kernel gets no modules while it runs, or hardly ever. */
    #tellMeans(): void {
        const { firewall, teller } = this.#keeping
        if (this.#toldPlain || firewall.leads()) return
        this.#toldPlain = true
        teller.tell(
            "warning",
            "firewall: this kernel lacks nft_tproxy or nft_socket: hidden services are refused by their ports, and nobody can be led to one that listens on loopback",
        )
    }

    /** Lets the source through. False: the kernel refused, and has been told about. */
    grant(source: Address, { elements, ms }: GrantGroup): boolean {
        const { firewall, now, teller } = this.#keeping
        if (now() < this.#refusedUntil) return false
        let result = firewall.grant(elements, ms)
        if (!result.ok && result.code === "missing") {
            this.mend()
            result = firewall.grant(elements, ms)
        }
        if (result.ok) {
            for (const element of elements) this.#owed.delete(elementKey(element))
            return true
        }
        this.#refusedUntil = now() + REFUSED_MS
        teller.tell("error", `firewall: cannot let ${formatAddress(source)} through: ${result.detail}`)
        return false
    }

    /** Takes elements back. False: the kernel refused, and has been told about; it is asked again until they are gone. */
    revoke(elements: readonly GrantElement[]): boolean {
        const { firewall, teller } = this.#keeping
        const result = firewall.revoke(elements)
        if (result.ok) return true
        teller.tell("error", `firewall: cannot revoke: ${result.detail}`)
        for (const element of elements) this.#owed.set(elementKey(element), element)
        this.#askLater()
        return false
    }

    #askLater(): void {
        this.#askAt ??= this.#keeping.now() + REFUSED_MS
        this.#keeping.rearm()
    }

    /** Does what is due: makes the table again, and asks for what was refused. */
    catchUp(): void {
        const now = this.#keeping.now()
        if (this.#mendAt !== null && now >= this.#mendAt) this.mend()
        if (this.#askAt !== null && now >= this.#askAt) this.#askAgain()
        if (this.#lookAt !== null && now >= this.#lookAt) this.#look()
    }

    #look(): void {
        this.#lookAt = null
        const used = this.#keeping.firewall.uses()
        if (used.length > 0) this.#keeping.used(used)
    }

    #askAgain(): void {
        const { firewall, teller } = this.#keeping
        this.#askAt = null
        // A table that was taken away is made again by itself.
        const wanting = !this.#applied && this.#mendAt === null
        const owed = [...this.#owed.values()]
        if (wanting && !this.apply().ok) return
        if (owed.length > 0 && !firewall.revoke(owed).ok) {
            this.#askLater()
            return
        }
        this.#owed.clear()
        if (wanting || owed.length > 0) teller.tell("notice", "firewall: what was refused before is done now")
    }

    /** What the kernel lets in now; null if it does not say, which has been told about. */
    held(): GrantElement[] | null {
        try {
            return this.#keeping.firewall.list().map(({ element }) => element)
        } catch (error) {
            this.#keeping.teller.tell("error", `firewall: cannot see what is open: ${messageOf(error)}`)
            return null
        }
    }

    /** Who has come in since something is on trial; null: that cannot be seen. */
    arrivals(): ReturnType<Firewall["arrivals"]> {
        return this.#keeping.firewall.arrivals()
    }

    /** Makes the table again after somebody took it away. */
    mend(): void {
        const { now, teller, remade } = this.#keeping
        this.#mendAt = null
        this.#mended = now()
        const result = this.apply()
        if (!result.ok) {
            teller.report({ type: "table", made: false, detail: result.detail })
            this.#mendAt = this.#mended + REFUSED_MS
            return
        }
        remade()
        teller.report({ type: "table", made: true })
    }

    /** Looks after it no longer. Can be called twice. */
    unwatch(): void {
        this.#unwatch()
    }

    /** Leaves the table as `last` wants it or, if that hides nothing and nothing is open, takes it along (true). */
    leave(last: Ruleset): boolean {
        const { firewall, teller } = this.#keeping
        // What is spared may listen on loopback, where everyone is led to.
        const nothing = last.hidden.length + last.inner.length + last.spared.length === 0
        const quiet = nothing && this.held()?.length === 0
        const result = quiet ? firewall.clear() : firewall.apply(last)
        if (!result.ok) teller.tell("error", `firewall: ${result.detail}`)
        return quiet && result.ok
    }
}
