/**
 * What hides when the host starts where iptables keeps it, as files for `ipset restore -exist`, `iptables-restore
 * --noflush` and `ip6tables-restore --noflush`, in this order. Loaded where a daemon runs they put a second jump beside
 * each that is there, which it takes away again. Pure.
 */
import type { Ruleset } from "../../../core/ruleset.ts"
import { NONE, renderChains } from "./chains.ts"
import { rulesOf } from "./rules.ts"
import { constantSets, FAMILIES, renderGrantSets, renderKept } from "./sets.ts"

/** The files for this ruleset, which hides something and has nothing in it that ends by itself. */
export function renderIptablesBoot(wanted: Ruleset, leads: boolean): Readonly<Record<"sets" | "4" | "6", string>> {
    const [four, six] = FAMILIES.map((family) => renderChains(rulesOf(wanted, family, leads, true), NONE))
    return { sets: renderGrantSets(wanted.grants) + renderKept(constantSets(wanted)), 4: four!, 6: six! }
}
