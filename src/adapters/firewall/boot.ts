/**
 * What hides when the host starts, before the daemon and before the network, as files for `nft -f`: made from the ruleset of
 * now without what belongs to a running daemon (watching, grants, trials). Loaded over the table of a running daemon it
 * changes nothing but that: it takes no set and no chain away. Pure.
 */
import type { Ruleset } from "../../core/ruleset.ts"
import { formatService, formatTime } from "./elements.ts"
import { hides } from "./hide.ts"
import { type KernelMeans, tableOf } from "./render.ts"
import { formatTable, TABLE } from "./table.ts"

/** `hide`: loaded whenever tables may have been flushed. `grace`: once, when the host starts; null: nothing is spared then. */
export type BootRules = { readonly hide: string; readonly grace: string | null }

/** The files' names, in the directory `state`. */
export const BOOT_FILES = { hide: "hide.nft", grace: "grace.nft" } as const

/** The files for this ruleset; null: it hides nothing. */
export function renderBoot(wanted: Ruleset, means: KernelMeans): BootRules | null {
    const { grace } = wanted
    const lasting = wanted.spared.filter(({ ms }) => ms === null)
    const timed = grace === null ? [] : grace.services.map((service) => ({ service, ms: grace.ms }))
    const inner = wanted.inner.filter(({ ms }) => ms === null)
    const plain = { ...wanted, watch: null, trials: [], inner, spared: [...lasting, ...timed] }
    if (!hides(plain)) return null
    const { sets, chains } = tableOf(plain, means)
    const elements = lasting.map(({ service }) => formatService(service))
    const table = {
        sets: sets.map((set) => (set.name === "spared" ? { ...set, elements } : set)),
        chains,
        absent: { sets: [], chains: [] },
    }
    const spared = timed.map(({ service, ms }) => `${formatService(service)} timeout ${formatTime(ms)}`)
    return {
        hide: `${HEAD}${formatTable(table)}`,
        grace: spared.length === 0 ? null : `${HEAD}add element ${TABLE} spared { ${spared.join(", ")} }\n`,
    }
}

const HEAD = "# Made by postern, and made again whenever what is hidden changes.\n"
