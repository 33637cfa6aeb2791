/**
 * The wanted firewall state as nftables text, pure. Each text is one transaction. It uses nothing that nftables 1.0.2
 * does not know, and no names of protocols beyond those built in (a small host has no /etc/protocols).
 *
 * The table `inet postern` holds grants as elements with kernel timeouts, which come and go by themselves (changes.ts).
 */
import { formatAddress, parseAddress } from "../../core/net/address.ts"
import type { Ruleset } from "../../core/ruleset.ts"
import { formatElement, formatTime, type LiveElement } from "./elements.ts"
import { grantSets, hideChains, hideSets, hides } from "./hide.ts"
import { onceSets } from "./once.ts"
import { piecesChain } from "./pieces.ts"
import { formatTable, TABLE, type TableSpec } from "./table.ts"
import { forgetAll, watchChains, watchSets } from "./watch.ts"
import { ALONE, endingOf, waysOf } from "./ways.ts"

/**
 * What of nftables the kernel has. `all`: everything that this file writes; `plain`: it lacks nft_tproxy or nft_socket,
 * so hidden services are refused by their ports and nobody is led (hide.ts).
 */
export type KernelMeans = "all" | "plain"

/** Makes the table as wanted; live grants and watched sources stay. */
export function renderApply(wanted: Ruleset, means: KernelMeans = "all"): string {
    return formatTable(tableOf(wanted, means))
}

/**
 * Makes the table from nothing, with these grants: for a table whose sets or chains are of another shape than ours,
 * which no command changes in place. Watched sources are forgotten in the open, so that no knock is spoiled by it.
 */
export function renderRebuild(wanted: Ruleset, live: readonly LiveElement[], means: KernelMeans = "all"): string {
    const longest = new Map<string, number>()
    const lines: string[] = []
    for (const { element, left } of carried(live, wanted)) {
        const ending = endingOf(element.source)
        const any = `any${ending} { ${formatAddress(element.source.address)}`
        longest.set(any, Math.max(longest.get(any) ?? 0, left))
        const set = `${element.once ? "once" : "open"}${ending}`
        lines.push(`add element ${TABLE} ${set} { ${formatElement(element)}${timeoutOf(left)} }`)
    }
    for (const [any, left] of longest) {
        lines.push(`add element ${TABLE} ${any}${timeoutOf(left)} }`)
    }
    if (wanted.watch !== null && wanted.watch.plan.views.length > 0) {
        lines.push(`add element ${TABLE} ${forgetAll(wanted.watch)}`)
    }
    return `${renderClear()}${renderApply(wanted, means)}${lines.map((line) => `${line}\n`).join("")}`
}

/** Of these grants those that a table made from nothing can hold, and should. */
export function carried(live: readonly LiveElement[], wanted: Ruleset): LiveElement[] {
    const endings = new Set(waysOf(wanted).map(({ ending }) => ending))
    // A used one would be good for another connection.
    return live.filter(
        ({ element, used }) =>
            !used && !(element.once && wanted.once === null) && endings.has(endingOf(element.source)),
    )
}

/** Removes the table, whether it is there or not. */
export function renderClear(): string {
    return `add table ${TABLE}\ndelete table ${TABLE}\n`
}

/** What the table holds, as data. */
export function tableOf(wanted: Ruleset, means: KernelMeans = "all"): TableSpec {
    const watching = wanted.watch !== null && wanted.watch.plan.views.length > 0
    const hiding = hides(wanted)
    const ways = waysOf(wanted)
    const sets = [
        ...onceSets(wanted, ways),
        ...(hiding ? hideSets(wanted) : []),
        ...(watching ? watchSets(wanted.watch) : []),
    ]
    const chains = [
        ...(hiding ? hideChains(wanted, ways, means === "all") : []),
        ...(watching ? watchChains(wanted.watch) : []),
    ]
    return {
        sets: [...grantSets(wanted.grants, ways), ...sets],
        chains,
        absent: { sets: without(EVERY.sets, sets), chains: without(EVERY.chains, chains) },
    }
}

function without<T extends { readonly name: string }>(all: readonly T[], some: readonly T[]): T[] {
    return all.filter(({ name }) => !some.some((one) => one.name === name))
}

/** Watches next to nothing: for the names and shapes of what is taken away where nothing is watched. */
const LITTLE = {
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

/** Hides in every way, for the same. */
const SOME: Parameters<typeof hideSets>[0] = {
    hidden: [{ protocol: "tcp", port: 1 }],
    trials: [{ service: { protocol: "udp", port: 1 }, ms: 1 }],
    spared: [],
    always: [],
    inner: ["192.0.2.1", "2001:db8::1"].map((text) => ({
        address: parseAddress(text)!,
        service: { protocol: "tcp", port: 1 },
        ms: null,
    })),
    behind: ["192.0.2.1", "2001:db8::1"].map((text) => ({
        address: parseAddress(text)!,
        service: { protocol: "tcp", port: 1 },
    })),
    leads: ["192.0.2.1", "2001:db8::1"].map((text) => ({
        service: { protocol: "tcp", port: 1 },
        to: parseAddress(text)!,
        port: 1,
    })),
    published: [{ protocol: "tcp", port: 1 }],
    mark: 1,
}

/** Every set and chain that can be there beside those of grants, by name and shape. */
const EVERY = {
    sets: [...onceSets({ grants: 1, once: 1 }, ALONE), ...hideSets(SOME), ...watchSets(LITTLE)],
    chains: [...hideChains({ ...SOME, once: 1 }, ALONE, true), piecesChain(), ...watchChains(LITTLE)],
}

/** Whoever wrote an element without an end meant that; ours always have one. */
function timeoutOf(ms: number): string {
    return Number.isFinite(ms) ? ` timeout ${formatTime(Math.max(1, ms))}` : ""
}
