/** A model of the firewall, with the clock passed in: what the kernel would hold, and nothing that filters. */
import { codeOf, type Service } from "../../core/knock/hit.ts"
import { type Address, contains } from "../../core/net/address.ts"
import { elementKey, type GrantElement, type Ruleset } from "../../core/ruleset.ts"
import type { Firewall, FirewallResult } from "../../ports/firewall.ts"
import { endingOf } from "./ways.ts"

/** The model, and what a test may look at and break. */
export type MemoryFirewall = Firewall & {
    /** What was applied last, or null. */
    readonly wanted: () => Ruleset | null
    /** From now on every call answers so; null: as it should. */
    readonly breakWith: (result: Extract<FirewallResult, { ok: false }> | null) => void
    /** Would strangers be refused at this service now? */
    readonly hides: (service: Service) => boolean
    /** A connection wants to begin; true: it may. */
    readonly begin: (source: Address, service: Service) => boolean
    /** Somebody else removes the table; whoever watches is told in a turn of its own. */
    readonly lose: () => void
    /** Somebody else begins to change addresses; whoever watches is told in a turn of its own. */
    readonly translate: () => void
}

/** An empty one. `now`: monotonic milliseconds. */
export function memoryFirewall(now: () => number): MemoryFirewall {
    let wanted: Ruleset | null = null
    let applied = 0
    let broken: FirewallResult | null = null
    let watcher: { readonly lost: () => void; readonly translates?: (() => void) | undefined } | null = null
    const grants = new Map<string, { readonly element: GrantElement; readonly deadline: number; used: boolean }>()

    const sweep = () => {
        for (const [key, { deadline }] of grants) if (deadline <= now()) grants.delete(key)
    }
    const noTable: FirewallResult = { ok: false, code: "missing", detail: "No such file or directory" }
    return {
        name: "memory",
        leads: () => true,
        apply(next) {
            if (broken) return broken
            wanted = next
            applied = now()
            return { ok: true }
        },
        grant(elements, ms) {
            if (broken) return broken
            if (!(ms > 0)) throw new RangeError(`not a time for a kernel timeout: ${ms} ms`)
            if (elements.length === 0) return { ok: true }
            if (wanted === null) return noTable
            sweep()
            const added = elements.filter((element) => !grants.has(elementKey(element)))
            for (const ending of new Set(added.map(({ source }) => endingOf(source)))) {
                const count = (all: readonly GrantElement[]) => all.filter((e) => endingOf(e.source) === ending).length
                const live = [...grants.values()].map(({ element }) => element)
                if (count(added) > 0 && count(live) + count(added) > wanted.grants)
                    return { ok: false, code: "full", detail: "Too many open files in system" }
            }
            for (const element of elements)
                grants.set(elementKey(element), { element, deadline: now() + ms, used: false })
            return { ok: true }
        },
        revoke(elements) {
            if (broken) return broken
            for (const element of elements) grants.delete(elementKey(element))
            return { ok: true }
        },
        list() {
            sweep()
            return [...grants.values()].map(({ element, deadline, used }) => ({
                element,
                left: deadline - now(),
                used,
            }))
        },
        uses() {
            sweep()
            return [...grants.values()].flatMap(({ element, used }) => (used ? [element] : []))
        },
        arrivals: () => null,
        clear() {
            if (broken) return broken
            wanted = null
            grants.clear()
            return { ok: true }
        },
        watch(lost, translates) {
            const mine = { lost, translates }
            watcher = mine
            return () => {
                if (watcher === mine) watcher = null
            }
        },
        lose() {
            wanted = null
            grants.clear()
            setImmediate(() => watcher?.lost())
        },
        begin(source, service) {
            sweep()
            const of = (once: boolean) =>
                [...grants.values()].filter(
                    ({ element, used }) =>
                        element.once === once &&
                        !used &&
                        codeOf(element.service) === codeOf(service) &&
                        contains(element.source, source),
                )
            if (of(false).length > 0) return true
            const [one] = of(true)
            if (one !== undefined) one.used = true
            return one !== undefined
        },
        translate: () => void setImmediate(() => watcher?.translates?.()),
        wanted: () => wanted,
        hides(service) {
            if (wanted === null) return false
            const is = (one: Service) => codeOf(one) === codeOf(service)
            const lasts = ({ service: one, ms }: { readonly service: Service; readonly ms: number | null }) =>
                is(one) && (ms === null || applied + ms > now())
            return (wanted.hidden.some(is) || wanted.trials.some(lasts)) && !wanted.spared.some(lasts)
        },
        breakWith(result) {
            broken = result
        },
    }
}
