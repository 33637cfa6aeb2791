/** When one-time sequences were used before this daemon began, as the audit trail has it, for `status`. */
import { type AuditFilter, EVERYTHING } from "../../core/audit/filter.ts"
import type { Audit } from "../../ports/audit.ts"

/** This knocker used a sequence of this door, at this time (milliseconds since 1970). */
export type Use = { readonly knocker: string; readonly door: string; readonly at: number }

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
