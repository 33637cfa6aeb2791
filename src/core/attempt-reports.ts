/**
 * What is told of attempts: how far each came, and why it went no further. As often as packets come, so the ration is
 * asked before anything is made. Doors and stages are in it; hits never are.
 */
import type { Config } from "./config/config.ts"
import type { Attempts } from "./knock/attempts.ts"
import { type HitCode, hitOf } from "./knock/hit.ts"
import type { Prefix, Wanted } from "./knock/sequence.ts"
import { wrongHit } from "./knock/wrong.ts"
import type { Address } from "./net/address.ts"
import type { Outbox } from "./outbox.ts"
import type { OmittedKind } from "./report.ts"

/** One hit can begin many doors' sequences; so many are named in the reports. */
export const DOORS_PER_REPORT = 4

/** See the head of the file. `place` is where the source stands in `attempts`; times are milliseconds. */
export class AttemptReports {
    readonly #config: Config
    readonly #attempts: Attempts
    readonly #outbox: Outbox
    /** What the packet at work has begun, at doors apart, in two arrays that no packet allocates; did it go on with anything? */
    readonly #begunPrefixes: Prefix[] = []
    readonly #begunPlaces: number[] = []
    #wentOn = false

    constructor(config: Config, attempts: Attempts, outbox: Outbox) {
        this.#config = config
        this.#attempts = attempts
        this.#outbox = outbox
    }

    /** The source's last hits begin these sequences, the first of them `age` ago. */
    advanced(prefix: Prefix, place: number, age: number, now: number): void {
        this.#wentOn = true
        this.#tellStage(prefix, place, age, now)
    }

    /** The same for a first hit at a door apart (`Rule.apart`): whether that is told, `settle` decides. */
    began(prefix: Prefix, place: number): void {
        this.#begunPrefixes.push(prefix)
        this.#begunPlaces.push(place)
    }

    /** The packet at work was the last hit of a knock. */
    goesOn(): void {
        this.#wentOn = true
    }

    /**
     * After each packet. Who goes on with one door's knock did not mean to begin another's: nobody is told of that unless it
     * goes on, too.
     */
    settle(now: number): void {
        const goesOn = this.#wentOn
        this.#wentOn = false
        if (this.#begunPlaces.length === 0) return
        for (let i = 0; i < this.#begunPlaces.length; i++) {
            if (goesOn) this.#attempts.setQuiet(this.#begunPlaces[i]!, 1)
            else this.#tellStage(this.#begunPrefixes[i]!, this.#begunPlaces[i]!, 0, now)
        }
        this.#begunPlaces.length = 0
        this.#begunPrefixes.length = 0
    }

    /** The window has passed. */
    timedOut(prefix: Prefix, place: number, now: number): void {
        const stage = prefix.codes.length
        const doors = Math.min(prefix.longer.length, DOORS_PER_REPORT)
        for (let i = 0; i < doors; i++) {
            if (!this.#afford("timeout", stage, place, now)) continue
            const { door, codes, within } = prefix.longer[i]!
            this.#outbox.say({ type: "timeout", ...this.#who(door, place), stage, of: codes.length, within })
        }
    }

    /** This hit did not go on, `after` after the last one that did. */
    spoiled(prefix: Prefix, place: number, code: HitCode, after: number, now: number): void {
        const stage = prefix.codes.length
        const doors = Math.min(prefix.longer.length, DOORS_PER_REPORT)
        for (let i = 0; i < doors; i++) {
            if (!this.#afford("spoiled", stage, place, now)) continue
            const { door, codes, oneTime } = prefix.longer[i]!
            // Of many one-time sequences that begin so nobody knows which was meant.
            const by = oneTime
                ? { what: "other" as const, protocol: hitOf(code).protocol }
                : wrongHit(codes, stage, code)
            this.#outbox.say({ type: "spoiled", ...this.#who(door, place), stage, of: codes.length, after, by })
        }
    }

    /** The right hit, `age` after the first: too late for some. */
    late(prefix: Prefix, place: number, age: number, now: number): void {
        this.#late(prefix.complete, prefix.codes.length, place, age, now)
        this.#late(prefix.longer, prefix.codes.length, place, age, now)
    }

    #tellStage(prefix: Prefix, place: number, age: number, now: number): void {
        const stage = prefix.codes.length
        const doors = Math.min(prefix.longer.length, DOORS_PER_REPORT)
        for (let i = 0; i < doors; i++) {
            const { door, codes, within } = prefix.longer[i]!
            if (age > within || !this.#afford("stage", stage, place, now)) continue
            this.#outbox.say({ type: "stage", ...this.#who(door, place), stage, of: codes.length })
        }
    }

    #late(some: readonly Wanted[], stage: number, place: number, ms: number, now: number): void {
        let told = 0
        for (let i = 0; i < some.length && told < DOORS_PER_REPORT; i++) {
            const { door, codes, within } = some[i]!
            if (ms <= within) continue
            told++
            if (!this.#afford("late", stage, place, now)) continue
            this.#outbox.say({ type: "late", ...this.#who(door, place), stage, of: codes.length, ms, within })
        }
    }

    #who(door: number, place: number): { readonly door: string; readonly source: Address } {
        return { door: this.#config.doors[door]!.name, source: this.#attempts.address(place) }
    }

    #afford(kind: OmittedKind, stage: number, place: number, now: number): boolean {
        const attempts = this.#attempts
        const a = attempts.source(place, 0)
        const b = attempts.source(place, 1)
        const c = attempts.source(place, 2)
        const d = attempts.source(place, 3)
        return this.#outbox.afford(stage < 2 ? "first" : "further", kind, a, b, c, d, now)
    }
}
