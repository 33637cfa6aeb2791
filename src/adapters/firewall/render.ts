/**
 * The wanted firewall state as nftables text, pure. Each text is one transaction. It uses nothing that nftables 1.0.2
 * does not know, and no names of protocols beyond those built in (a small host has no /etc/protocols).
 *
 * The table `inet postern` holds grants as elements with kernel timeouts: `any4`, `any6` (the source alone) and
 * `open4`, `open6` (source . protocol . port). An element of `any` opens nothing by itself; it lives as long as the
 * longest of its source's grants.
 */
import { type Address, formatAddress } from "../../core/net/address.ts"
import type { GrantElement, Ruleset } from "../../core/ruleset.ts"
import { familyOf, formatElement, formatTime, type LiveElement } from "./elements.ts"
import { grantSets, hideChains, hideSets } from "./hide.ts"
import { formatTable, TABLE, type TableSpec } from "./table.ts"
import { watchChains, watchSets } from "./watch.ts"

/** How long a source's element of `any` must live, in milliseconds; 0: not at all. */
export type SourceTime = { readonly source: Address; readonly ms: number }

/** Makes the table as wanted; live grants and watched sources stay. */
export function renderApply(wanted: Ruleset): string {
    return formatTable(tableOf(wanted))
}

/**
 * Makes the table from nothing, with these grants: for a table whose sets or chains are of another shape than ours,
 * which no command changes in place. Watched sources are lost.
 */
export function renderRebuild(wanted: Ruleset, live: readonly LiveElement[]): string {
    const longest = new Map<string, number>()
    const lines: string[] = []
    for (const { element, left } of live) {
        const family = familyOf(element.source)
        const any = `any${family} { ${formatAddress(element.source)}`
        longest.set(any, Math.max(longest.get(any) ?? 0, left))
        lines.push(`add element ${TABLE} open${family} { ${formatElement(element)}${timeoutOf(left)} }`)
    }
    for (const [any, left] of longest) {
        lines.push(`add element ${TABLE} ${any}${timeoutOf(left)} }`)
    }
    return `${renderClear()}${renderApply(wanted)}${lines.map((line) => `${line}\n`).join("")}`
}

/**
 * Lets the elements through for `ms`, and keeps their sources in `any` as told. `add` and `delete` before the real
 * `add`: no older kernel changes the timeout of an element that is there, and none deletes what is not.
 */
export function renderGrant(elements: readonly GrantElement[], ms: number, sources: readonly SourceTime[]): string {
    if (!Number.isFinite(ms) || ms <= 0) throw new RangeError(`a grant must end: ${ms} ms`)
    return transaction(elements, ms, sources)
}

/** Takes the elements back, whether they are there or not, and sets their sources' time in `any`. */
export function renderRevoke(elements: readonly GrantElement[], sources: readonly SourceTime[]): string {
    return transaction(elements, 0, sources)
}

/** As `renderRevoke` with one command per line that stands alone and fails where the element is gone already. */
export function renderDeletes(elements: readonly GrantElement[], sources: readonly SourceTime[]): string[] {
    return [
        ...elements.map((e) => `delete element ${TABLE} open${familyOf(e.source)} { ${formatElement(e)} }\n`),
        ...sources
            .filter(({ ms }) => ms === 0)
            .map(({ source }) => `delete element ${TABLE} any${familyOf(source)} { ${formatAddress(source)} }\n`),
    ]
}

/** Removes the table, whether it is there or not. */
export function renderClear(): string {
    return `add table ${TABLE}\ndelete table ${TABLE}\n`
}

/** What the table holds, as data. */
function tableOf(wanted: Ruleset): TableSpec {
    const watching = wanted.watch !== null && wanted.watch.plan.views.length > 0
    const hide = { sets: hideSets(wanted), chains: hideChains(wanted), wanted: wanted.hidden.length > 0 }
    const watch = watching
        ? { sets: watchSets(wanted.watch), chains: watchChains(wanted.watch), wanted: true }
        : { sets: watchSets(NOTHING), chains: watchChains(NOTHING), wanted: false }
    const parts = [hide, watch]
    const [present, absent] = [parts.filter((part) => part.wanted), parts.filter((part) => !part.wanted)]
    return {
        sets: [...grantSets(wanted.grants), ...present.flatMap((part) => part.sets)],
        chains: present.flatMap((part) => part.chains),
        absent: { sets: absent.flatMap((part) => part.sets), chains: absent.flatMap((part) => part.chains) },
    }
}

/** Names and shapes of what to take away, where nothing is watched. */
const NOTHING = {
    plan: {
        views: [{ flags: { set: 0, clear: 0 }, target: [], firsts: [], named: [], within: 1, doors: [] }],
        services: [],
        uniform: false,
        logGroup: 1,
        attempts: 1,
    },
    interfaces: null,
    offered: [],
}

function transaction(elements: readonly GrantElement[], ms: number, sources: readonly SourceTime[]): string {
    const changes = [
        ...elements.map((element) => ({ set: `open${familyOf(element.source)}`, key: formatElement(element), ms })),
        ...sources.map(({ source, ms }) => ({ set: `any${familyOf(source)}`, key: formatAddress(source), ms })),
    ]
    const lines = changes.flatMap(({ set, key, ms }) => [
        `add element ${TABLE} ${set} { ${key} }`,
        `delete element ${TABLE} ${set} { ${key} }`,
        ...(ms === 0 ? [] : [`add element ${TABLE} ${set} { ${key}${timeoutOf(ms)} }`]),
    ])
    return `${lines.join("\n")}\n`
}

/** Whoever wrote an element without an end meant that; ours always have one. */
function timeoutOf(ms: number): string {
    return Number.isFinite(ms) ? ` timeout ${formatTime(Math.max(1, ms))}` : ""
}
