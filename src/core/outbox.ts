/**
 * What is to be done and told, gathered until the shell takes it. Reports that come as often as packets do are rationed,
 * and how many were left out is told a little later.
 */
import type { Effect } from "./effect.ts"
import type { Tally } from "./metrics/tally.ts"
import { Ration, type RationName } from "./ration.ts"
import type { EngineReport, OmittedKind } from "./report.ts"

const NOTHING: readonly Effect[] = []

/** See the head of the file. Times are milliseconds, never going back. */
export class Outbox {
    readonly #tally: Tally
    #ration: Ration
    #effects: Effect[] = []

    /** `seed`: two random 32-bit numbers, new for each start. What is left out is counted in `tally`, too. */
    constructor(seed: readonly [number, number], tally: Tally) {
        this.#tally = tally
        this.#ration = new Ration(seed)
    }

    /** Goes on with the ration of another one, and with what that has left out. */
    inherit(from: Outbox): void {
        this.#ration = from.#ration
    }

    /** When to call `sumUp`, or null. */
    get due(): number | null {
        return this.#ration.due
    }

    /** To be done. */
    act(effect: Effect): void {
        this.#effects.push(effect)
    }

    /** To be told. */
    say(report: EngineReport): void {
        this.#effects.push({ type: "report", report, aloud: true })
    }

    /** To be told if the ration allows: of somebody who knows a knock, or most of it, as often as he likes. */
    tell(
        report: Extract<EngineReport, { type: "stage" | "refused" | "paused" }>,
        now: number,
        ration: RationName = report.type === "refused" ? "refused" : "further",
    ): void {
        const [a, b, c, d] = report.source
        if (this.afford(ration, report.type, a, b, c, d, now)) this.say(report)
    }

    /** What a knock has opened or closed: whoever keeps books hears of all of it, people not quite. */
    sayGrant(report: Extract<EngineReport, { type: "opened" | "used" | "closed" }>, now: number): void {
        const [a, b, c, d] = report.source
        this.#effects.push({ type: "report", report, aloud: this.afford("grant", report.type, a, b, c, d, now) })
    }

    /** May a report about source a.b.c.d be made? Asked before it is, so that a flood makes none. */
    afford(name: RationName, kind: OmittedKind, a: number, b: number, c: number, d: number, now: number): boolean {
        if (this.#ration.afford(name, kind, a, b, c, d, now)) return true
        this.#tally.omitted++
        return false
    }

    /** Tells how many were left out, once it is time to, or if this is the last time. */
    sumUp(now: number, last = false): void {
        const omitted = this.#ration.takeOmitted(now, last)
        if (omitted !== null) this.say({ type: "suppressed", ...omitted })
    }

    /** All of it, in order, and forgotten; almost always the same empty list. */
    take(): readonly Effect[] {
        if (this.#effects.length === 0) return NOTHING
        const taken = this.#effects
        this.#effects = []
        return taken
    }
}
