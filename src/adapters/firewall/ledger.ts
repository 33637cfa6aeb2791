/**
 * Until when each source's grants last, as far as this process knows: the element of a source in `any4`/`any6` must
 * live as long as the longest of its grants, and a shorter grant for another service must not cut it off. Asking the
 * kernel each time would cost as much as the grant itself; so what others put into the sets while we run can lose its
 * source's element when we change that source. Bounded by the grant sets: what has ended is swept.
 */
import { formatSource, type Network } from "../../core/net/address.ts"
import { elementKey, type GrantElement } from "../../core/ruleset.ts"
import type { LiveElement, SourceTime } from "./elements.ts"

type Entry = { readonly source: Network; readonly deadlines: Map<string, number> }

/** Deadlines by source and element. Times are milliseconds; `now` is monotonic. */
export class Ledger {
    #entries = new Map<string, Entry>()
    #sweepAt = 64

    /** Forgets all and takes over what the kernel holds. */
    load(live: readonly LiveElement[], now: number): void {
        this.#entries = new Map()
        for (const { element, left } of live) this.#set(element, now + left)
    }

    /** How long the sources of these elements must live, if each element lasted for `ms` (0: is taken back). */
    sources(elements: readonly GrantElement[], ms: number, now: number): SourceTime[] {
        const times = new Map<string, SourceTime>()
        const changed = new Set(elements.map(elementKey))
        for (const { source } of elements) {
            const key = formatSource(source)
            let longest = ms
            for (const [other, deadline] of this.#entries.get(key)?.deadlines ?? []) {
                if (!changed.has(other)) longest = Math.max(longest, deadline - now)
            }
            times.set(key, { source, ms: longest })
        }
        return [...times.values()]
    }

    /** Notes what the kernel has done. */
    note(elements: readonly GrantElement[], ms: number, now: number): void {
        for (const element of elements) this.#set(element, now + ms)
        if (this.#entries.size >= this.#sweepAt) this.#sweep(now)
    }

    /** Has this element been let through, and not ended yet? */
    holds(element: GrantElement, now: number): boolean {
        const entry = this.#entries.get(formatSource(element.source))
        return (entry?.deadlines.get(elementKey(element)) ?? 0) > now
    }

    #set(element: GrantElement, deadline: number): void {
        const key = formatSource(element.source)
        const entry = this.#entries.get(key) ?? { source: element.source, deadlines: new Map() }
        entry.deadlines.set(elementKey(element), deadline)
        this.#entries.set(key, entry)
    }

    #sweep(now: number): void {
        for (const [key, { deadlines }] of this.#entries) {
            for (const [one, deadline] of deadlines) if (deadline <= now) deadlines.delete(one)
            if (deadlines.size === 0) this.#entries.delete(key)
        }
        this.#sweepAt = Math.max(64, this.#entries.size * 2)
    }
}
