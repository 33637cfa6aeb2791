/**
 * What hides when the host starts, before the daemon and before the network, as files for `nft -f` or for iptables:
 * made from the ruleset of now without what belongs to a running daemon (watching, grants, trials). Loaded over the
 * table of a running daemon it changes nothing but that: it takes no set and no chain away. Pure.
 */
import type { Ruleset } from "../../core/ruleset.ts"
import type { Firewall } from "../../ports/firewall.ts"
import { formatService, formatTime } from "./elements.ts"
import { hides } from "./hide.ts"
import { renderIptablesBoot } from "./iptables/boot.ts"
import { tableOf } from "./render.ts"
import { formatTable, TABLE } from "./table.ts"

/**
 * The files' names, in the directory `state`. `grace.nft` is loaded once, when the host starts; the others whenever
 * rules may have been flushed.
 */
export const BOOT_FILES = ["hide.nft", "grace.nft", "hide.ipset", "hide.rules4", "hide.rules6"] as const

/** What is in each of them; null: it is not there. */
export type BootFiles = Readonly<Record<(typeof BOOT_FILES)[number], string | null>>

/** The files for this ruleset, kept by this firewall, which can lead, or not. */
export function renderBoot(wanted: Ruleset, { name, leads }: Pick<Firewall, "name" | "leads">): BootFiles {
    const none: BootFiles = {
        "hide.nft": null,
        "grace.nft": null,
        "hide.ipset": null,
        "hide.rules4": null,
        "hide.rules6": null,
    }
    const { grace } = wanted
    const lasting = wanted.spared.filter(({ ms }) => ms === null)
    const inner = wanted.inner.filter(({ ms }) => ms === null)
    const plain = { ...wanted, watch: null, trials: [], inner, spared: lasting }
    if (name === "iptables") {
        if (!hides(plain)) return none
        const rules = renderIptablesBoot(plain, leads())
        return {
            ...none,
            "hide.ipset": `${HEAD}${rules.sets}`,
            "hide.rules4": `${HEAD}${rules[4]}`,
            "hide.rules6": `${HEAD}${rules[6]}`,
        }
    }
    const timed = grace === null ? [] : grace.services.map((service) => ({ service, ms: grace.ms }))
    const graced = { ...plain, spared: [...lasting, ...timed] }
    if (name !== "nftables" || !hides(graced)) return none
    const { sets, chains } = tableOf(graced, leads() ? "all" : "plain")
    const elements = lasting.map(({ service }) => formatService(service))
    const table = {
        sets: sets.map((set) => (set.name === "spared" ? { ...set, elements } : set)),
        chains,
        absent: { sets: [], chains: [] },
    }
    const spared = timed.map(({ service, ms }) => `${formatService(service)} timeout ${formatTime(ms)}`)
    return {
        ...none,
        "hide.nft": `${HEAD}${formatTable(table)}`,
        "grace.nft": spared.length === 0 ? null : `${HEAD}add element ${TABLE} spared { ${spared.join(", ")} }\n`,
    }
}

const HEAD = "# Made by postern, and made again whenever what is hidden changes.\n"
