/**
 * The wanted firewall state as nftables text, pure. Each text is one transaction. It uses nothing that nftables 1.0.2
 * does not know, and no names of protocols beyond those built in (a small host has no /etc/protocols).
 *
 * The table `inet postern` holds grants as elements with kernel timeouts, which come and go by themselves (changes.ts).
 */
import { formatAddress } from "../../core/net/address.ts"
import type { Ruleset } from "../../core/ruleset.ts"
import { familyOf, formatElement, formatTime, type LiveElement } from "./elements.ts"
import { grantSets, hideChains, hideSets } from "./hide.ts"
import { formatTable, TABLE, type TableSpec } from "./table.ts"
import { forgetAll, watchChains, watchSets } from "./watch.ts"

/** Makes the table as wanted; live grants and watched sources stay. */
export function renderApply(wanted: Ruleset): string {
    return formatTable(tableOf(wanted))
}

/**
 * Makes the table from nothing, with these grants: for a table whose sets or chains are of another shape than ours,
 * which no command changes in place. Watched sources are forgotten in the open, so that no knock is spoiled by it.
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
    if (wanted.watch !== null && wanted.watch.plan.views.length > 0) {
        lines.push(`add element ${TABLE} ${forgetAll(wanted.watch)}`)
    }
    return `${renderClear()}${renderApply(wanted)}${lines.map((line) => `${line}\n`).join("")}`
}

/** Removes the table, whether it is there or not. */
export function renderClear(): string {
    return `add table ${TABLE}\ndelete table ${TABLE}\n`
}

/** What the table holds, as data. */
export function tableOf(wanted: Ruleset): TableSpec {
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
        views: [
            {
                strict: true,
                flags: { set: 0, clear: 0 },
                target: [],
                firsts: [],
                named: [],
                drawn: [],
                within: 1,
                doors: [],
                oneTime: [],
            },
        ],
        services: [],
        uniform: false,
        logGroup: 1,
        attempts: 1,
    },
    interfaces: null,
    offered: [],
}

/** Whoever wrote an element without an end meant that; ours always have one. */
function timeoutOf(ms: number): string {
    return Number.isFinite(ms) ? ` timeout ${formatTime(Math.max(1, ms))}` : ""
}
