/**
 * What is to be done and told, gathered until the shell takes it. Reports that come as often as packets do are rationed,
 * and how many were left out is told a little later.
 */
import type { Effect } from "./effect.ts"
import type { Tally } from "./metrics/tally.ts"
import { Ration } from "./ration.ts"
import type { EngineReport } from "./report.ts"

const NOTHING: readonly Effect[] = []

/** See the head of the file. Times are milliseconds, never going back. */
export class Outbox {
    readonly #tally: Tally
    #ration = new Ration()
    #effects: Effect[] = []

    /** What is left out is counted in `tally`. */
    constructor(tally: Tally) {
        this.#tally = tally
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
        this.#effects.push({ type: "report", report })
    }

    /** To be told if the ration allows. */
    tell(report: EngineReport, now: number): void {
        if (this.afford(now)) this.say(report)
    }

    /** May a report of that kind be made? Asked before it is, so that a flood makes none. */
    afford(now: number): boolean {
        if (this.#ration.afford(now)) return true
        this.#tally.omitted++
        return false
    }

    /** Tells how many were left out, once it is time to. */
    sumUp(now: number): void {
        const count = this.#ration.takeOmitted(now)
        if (count > 0) this.say({ type: "suppressed", count })
    }

    /** All of it, in order, and forgotten; almost always the same empty list. */
    take(): readonly Effect[] {
        if (this.#effects.length === 0) return NOTHING
        const taken = this.#effects
        this.#effects = []
        return taken
    }
}
