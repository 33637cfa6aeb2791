/** When one-time sequences were used before this daemon began, as the audit trail has it, for `status`. */
import { type AuditFilter, EVERYTHING } from "../../core/audit/filter.ts"
import type { Config } from "../../core/config/config.ts"
import type { Audit } from "../../ports/audit.ts"
import type { Use } from "./uses.ts"

const USES: AuditFilter = { ...EVERYTHING, kinds: ["opened", "refused"] }
/** A refusal for one of these reasons has used nothing up. */
const UNUSED: readonly string[] = ["used", "state"]

/**
 * The last use of each knocker at each door, in the order of their times: as far back as the trail goes, a page at a time.
 * Rejects if it cannot be read.
 */
export async function recallUses(audit: Pick<Audit, "read">): Promise<readonly Use[]> {
    const uses = new Map<string, Use>()
    for (let after = 0, more = true; more; ) {
        const page = await audit.read({ after, last: null, filter: USES })
        for (const entry of page.entries) {
            if (entry.what !== "opened" && entry.what !== "refused") continue
            const { knocker, door, time: at } = entry
            // Whoever knocked a fixed sequence is not known.
            if (knocker === "unknown" || (entry.what === "refused" && UNUSED.includes(entry.code))) continue
            const key = `${knocker} ${door}`
            uses.delete(key)
            uses.set(key, { knocker, door, at })
        }
        ;({ next: after, more } = page)
    }
    return [...uses.values()]
}

/**
 * Has them recalled once: as soon as there is a configuration with bundles, at the start or after a reload. What cannot be
 * read is in the log of the trail itself, and only `status` tells of uses.
 */
export function recallOnce(
    audit: Pick<Audit, "read"> | null,
    recall: (uses: readonly Use[]) => void,
): (config: Pick<Config, "bundles">) => void {
    let done = audit === null
    return ({ bundles }) => {
        if (done || audit === null || bundles === null) return
        done = true
        void recallUses(audit).then(recall, () => {})
    }
}
