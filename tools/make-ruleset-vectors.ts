/** Writes vectors/ruleset/*.nft anew: the text of each named ruleset. Read the difference before you commit it. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { renderApply } from "../src/adapters/firewall/render.ts"
import { SCENARIOS } from "../test/lab/rulesets.ts"

const folder = join(import.meta.dirname, "..", "vectors", "ruleset")
mkdirSync(folder, { recursive: true })
for (const file of readdirSync(folder)) rmSync(join(folder, file))
for (const [name, wanted] of Object.entries(SCENARIOS)) writeFileSync(join(folder, `${name}.nft`), renderApply(wanted))
