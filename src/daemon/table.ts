/**
 * Our table in the kernel, looked after: put in place, opened to sources, and made again when somebody takes it away.
 * What the kernel refuses is told, and the firewall is then left alone for a moment.
 */
import type { GrantGroup } from "../core/effect.ts"
import { type Address, formatAddress } from "../core/net/address.ts"
import type { GrantElement, Ruleset } from "../core/ruleset.ts"
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
    /** `due` has changed. */
    readonly rearm: () => void
}

/**
 * After a refusal the firewall is left alone so long (ms). A refused transaction holds us up for more than 10 ms, and
 * while there are new ones the kernel sweeps no expired elements out of a full set.
 */
const REFUSED_MS = 1000
/** A table that was taken away is made again at once, but not more often than this (ms). */
const MEND_MS = 200

/** See the head of the file. */
export class Table {
    readonly #keeping: TableKeeping
    #applied = false
    #refusedUntil = 0
    #mended = Number.NEGATIVE_INFINITY
    #due: number | null = null
    #unwatch: () => void = () => {}

    constructor(keeping: TableKeeping) {
        this.#keeping = keeping
    }

    /** The kernel has the table that was wanted last. */
    get applied(): boolean {
        return this.#applied
    }

    /** When to call `mend`; null: the table is there. */
    get due(): number | null {
        return this.#due
    }

    /** Puts the table in place and watches over it; gives the grants that were in it. Throws if the kernel refuses. */
    start(): ReturnType<Firewall["list"]> {
        const { firewall, rearm } = this.#keeping
        // Asked first: whoever cannot see what is open must not change anything.
        const grants = firewall.list()
        const result = this.apply(this.#keeping.wanted(grants.length))
        if (!result.ok) throw new Error(`the firewall refused our table: ${result.detail}`)
        this.#unwatch = firewall.watch(() => {
            this.#due ??= this.#mended + MEND_MS
            rearm()
        })
        return grants
    }

    /** Makes the table as it is wanted now, or as it will be. */
    apply(wanted: Ruleset = this.#keeping.wanted()): FirewallResult {
        const result = this.#keeping.firewall.apply(wanted)
        this.#applied = result.ok
        return result
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
        if (result.ok) return true
        this.#refusedUntil = now() + REFUSED_MS
        teller.tell("error", `firewall: cannot let ${formatAddress(source)} through: ${result.detail}`)
        return false
    }

    /** Takes elements back. False: the kernel refused, and has been told about. */
    revoke(elements: readonly GrantElement[]): boolean {
        const result = this.#keeping.firewall.revoke(elements)
        if (!result.ok) this.#keeping.teller.tell("error", `firewall: cannot revoke: ${result.detail}`)
        return result.ok
    }

    /** What the kernel lets in now; null if it does not say, which has been told about. */
    held(): GrantElement[] | null {
        try {
            return this.#keeping.firewall.list().map(({ element }) => element)
        } catch (error) {
            this.#keeping.teller.tell("error", `firewall: cannot see what is open: ${String(error)}`)
            return null
        }
    }

    /** Makes the table again after somebody took it away. */
    mend(): void {
        const { now, teller, remade } = this.#keeping
        this.#due = null
        this.#mended = now()
        const result = this.apply()
        if (!result.ok) {
            teller.report({ type: "table", made: false, detail: result.detail })
            this.#due = this.#mended + REFUSED_MS
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
        const quiet = last.hidden.length === 0 && firewall.list().length === 0
        const result = quiet ? firewall.clear() : firewall.apply(last)
        if (!result.ok) teller.tell("error", `firewall: ${result.detail}`)
        return quiet && result.ok
    }
}
