/** The text of each named ruleset, as nftables reads it. Read the difference before you commit it. */
import { renderApply } from "../../src/adapters/firewall/render.ts"
import { SCENARIOS } from "../../test/lab/rulesets.ts"

/** One file for each ruleset. */
export const rulesetVectors: Readonly<Record<string, string>> = Object.fromEntries(
    Object.entries(SCENARIOS).map(([name, wanted]) => [`ruleset/${name}.nft`, renderApply(wanted)]),
)
