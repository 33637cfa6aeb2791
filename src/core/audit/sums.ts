/**
 * Keeps a flood out of the trail: of each kind so many entries at once, then so many per second. The rest is counted,
 * with the number of different sources, and becomes one entry for each kind a little later. So the trail grows by a few
 * kilobytes per second at most, whatever comes, and no kind takes the room of another.
 */
import { Budget } from "../budget.ts"
import type { AuditFact, AuditKind } from "./entry.ts"

/** Ours, for each kind. */
const BURST = 100
const PER_SECOND = 5
/** How long (ms) after the first that was counted their number is said. */
const SUM_MS = 10_000
/** Ours: so many different sources are told apart; about 100 bytes of memory each. */
const SOURCES_MOST = 4096

type Sum = { door: string | null; uid: number | null; count: number; readonly sources: Set<string>; since: number }

/** See the head of the file. `now` is monotonic, `wall` counts from 1970; both milliseconds. */
export class Sums {
    readonly #budgets = new Map<AuditKind, Budget>()
    readonly #sums = new Map<AuditKind, Sum>()
    #due: number | null = null

    /** When to call `take`; null: nothing was counted. */
    get due(): number | null {
        return this.#due
    }

    /** The fact, if it is to be written by itself; null if it was counted. */
    pass(fact: AuditFact, now: number, wall: number): AuditFact | null {
        const budget = this.#budgets.get(fact.what) ?? new Budget(BURST, PER_SECOND)
        this.#budgets.set(fact.what, budget)
        if (budget.spend(now)) return fact
        this.#count(fact, wall)
        this.#due ??= now + SUM_MS
        return null
    }

    /** What was counted so far. */
    take(): AuditFact[] {
        const facts = [...this.#sums].map(([of, { door, uid, count, sources, since }]): AuditFact => {
            return { what: "summed", of, door, uid, count, sources: sources.size, since }
        })
        this.#sums.clear()
        this.#due = null
        return facts
    }

    #count(fact: AuditFact, wall: number): void {
        const door = "door" in fact ? fact.door : null
        const uid = "uid" in fact ? (fact.uid ?? null) : null
        const sum: Sum = this.#sums.get(fact.what) ?? { door, uid, count: 0, sources: new Set(), since: wall }
        this.#sums.set(fact.what, sum)
        sum.count++
        if (sum.door !== door) sum.door = null
        if (sum.uid !== uid) sum.uid = null
        if ("source" in fact && sum.sources.size < SOURCES_MOST) sum.sources.add(fact.source)
    }
}
