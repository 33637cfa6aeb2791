/** Prometheus' own checker of metrics, where tools/setup.sh has fetched it. */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const FETCHED = join(import.meta.dirname, "../../build/promtool")
const PROMTOOL = existsSync(FETCHED) ? FETCHED : "promtool"

/** Why nothing can be checked here, or null. */
export function whyNoPromtool(): string | null {
    return spawnSync(PROMTOOL, ["--version"]).status === 0 ? null : "needs promtool, which could not be fetched"
}

/** What `promtool check metrics` finds: empty if the text is as it should be. */
export function checkMetrics(text: string): string {
    const { status, stdout, stderr } = spawnSync(PROMTOOL, ["check", "metrics"], { input: text, encoding: "utf8" })
    return status === 0 ? `${stdout}${stderr}`.trim() : `exit ${status}: ${stdout}${stderr}`
}

/** What `promtool check rules` says of a file of alerts. */
export function checkRules(text: string): string {
    const folder = mkdtempSync(join(tmpdir(), "postern-rules-"))
    try {
        const file = join(folder, "rules.yml")
        writeFileSync(file, text)
        const { stdout, stderr } = spawnSync(PROMTOOL, ["check", "rules", file], { encoding: "utf8" })
        return `${stdout}${stderr}`.trim()
    } finally {
        rmSync(folder, { recursive: true })
    }
}
