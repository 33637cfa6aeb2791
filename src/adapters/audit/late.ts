/** A trail whose directory cannot be used yet: what it is told waits for that in a bounded queue. */
import type { AuditFact } from "../../core/audit/entry.ts"
import type { Audit } from "../../ports/audit.ts"
import { QUEUE_MOST } from "./file.ts"

/** One, and how it hears what became of its directory. */
export type LateAudit = {
    readonly audit: Audit
    /** It can be written from now on: what waits is passed on. A text: it never can, and why. */
    readonly come: (found: Audit | string) => void
}

/** See the head of the file. `now`: milliseconds since 1970. `trouble`: why it cannot be used, at this moment. */
export function lateAudit(now: () => number, trouble: () => string): LateAudit {
    let trail: Audit | null = null
    let never: string | null = null
    let closed = false
    let waiting: { readonly fact: AuditFact; readonly time: number }[] = []
    let lost = { count: 0, since: 0 }
    const lose = (count: number, time: number) => {
        lost = { count: lost.count + count, since: lost.count === 0 ? time : lost.since }
    }
    const why = () => never ?? trouble()
    return {
        audit: {
            name: "file",
            write(fact, time = now()) {
                if (trail !== null) trail.write(fact, time)
                else if (closed) return
                else if (never === null && waiting.length < QUEUE_MOST) waiting.push({ fact, time })
                else lose(1, time)
            },
            read: (query) => trail?.read(query) ?? Promise.reject(new Error(why())),
            health() {
                const early = { serial: 0, bytes: 0, waiting: waiting.length, lost: 0, trouble: why() }
                const health = trail?.health() ?? early
                return { ...health, lost: health.lost + lost.count }
            },
            close() {
                closed = true
                return trail?.close() ?? Promise.resolve()
            },
        },
        come(found) {
            const facts = waiting
            waiting = []
            if (typeof found === "string") {
                never = found
                if (facts.length > 0) lose(facts.length, facts[0]!.time)
                return
            }
            trail = found
            for (const { fact, time } of facts) found.write(fact, time)
            if (lost.count > 0) found.write({ what: "lost", ...lost })
        },
    }
}
