/** A trail that forgets everything with its process: for tests. */
import type { AuditEntry } from "../../core/audit/entry.ts"
import { matches } from "../../core/audit/filter.ts"
import { formatLine } from "../../core/audit/line.ts"
import type { Audit } from "../../ports/audit.ts"
import { PageMaker } from "./pages.ts"

/** An empty one. `now`: milliseconds since 1970. */
export function memoryAudit(now: () => number): Audit {
    const entries: AuditEntry[] = []
    let bytes = 0
    let closed = false
    return {
        name: "memory",
        write(fact, time = now()) {
            if (closed) return
            const entry = { serial: entries.length + 1, time, ...fact }
            entries.push(entry)
            bytes += formatLine(entry).length
        },
        read({ after, last, filter }) {
            const later = entries.filter(({ serial }) => serial > after)
            const begin = last === null ? undefined : later.filter((entry) => matches(entry, filter)).at(-last)?.serial
            const from = last === 0 ? entries.length : Math.max(after, (begin ?? 1) - 1)
            const maker = new PageMaker(from, filter)
            for (const entry of later) {
                if (maker.full) return Promise.resolve(maker.page(true))
                maker.show(entry, formatLine(entry).length - 1)
            }
            return Promise.resolve(maker.page(false))
        },
        health: () => ({ serial: entries.length, bytes, waiting: 0, lost: 0, trouble: null }),
        close() {
            closed = true
            return Promise.resolve()
        },
    }
}
