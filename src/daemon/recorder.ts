/** Writes into the audit trail what engine and daemon report, summed up where it comes too fast (core/audit/sums.ts). */
import type { AuditEntry, AuditFact } from "../core/audit/entry.ts"
import { factOf } from "../core/audit/fact.ts"
import { Sums } from "../core/audit/sums.ts"
import type { Audit } from "../ports/audit.ts"
import type { Clock } from "../ports/clock.ts"
import type { Listener } from "./told.ts"

/** Whoever has something for the trail. */
export type Recorder = {
    readonly hear: Listener
    /** What the daemon itself has to say. */
    readonly note: (fact: AuditFact) => void
    /** Writes what was summed up so far, and hears no more. */
    readonly stop: () => void
}

/** `clock`: for it alone, because it has one alarm. Without a trail nothing is kept. */
export function recorder(audit: Audit | null, clock: Clock): Recorder {
    if (audit === null) return { hear: () => {}, note: () => {}, stop: () => {} }
    const sums = new Sums()
    let due: number | null = null
    const say = () => {
        due = null
        for (const fact of sums.take()) audit.write(fact)
    }
    return {
        hear(report) {
            const [now, wall] = [clock.monotonic(), clock.wall()]
            const fact = factOf(report, wall)
            if (fact === null) return
            const passed = sums.pass(fact, now, wall)
            if (passed !== null) audit.write(passed, wall)
            if (sums.due === due) return
            due = sums.due
            clock.wake(due, say)
        },
        note: (fact) => audit.write(fact),
        stop() {
            clock.wake(null, () => {})
            say()
        },
    }
}

/** How the last daemon ended, by what the trail ended with. */
export function howLastEnded(last: AuditEntry | null): Extract<AuditFact, { what: "started" }>["last"] {
    if (last === null) return "none"
    return last.what === "stopped" ? "clean" : "crashed"
}
