/**
 * Cooldowns: for some time after a source has opened a door its knocks there do not count (spec/knockd.md,
 * `Seq_Cooldown`). They live in memory alone: a restart ends them, a reload does not.
 */
import type { Door } from "./config/config.ts"
import type { Address } from "./net/address.ts"

/** Ours: so many are remembered over all doors. Beyond it the oldest is forgotten, and that source's knocks count again. */
export const COOLDOWNS_MOST = 16_384

/** What a knock meets: nothing; a cooldown of which nobody has been told yet; one that is known. */
export type CooldownAnswer = "over" | "first" | "again"

type Cooldown = { readonly since: number; told: boolean }

/** See the head of the file. Times are milliseconds that never go back. */
export class Cooldowns {
    /** By door and source, in the order of their beginnings. */
    #all = new Map<string, Cooldown>()
    readonly #longest: number

    constructor(doors: readonly Door[]) {
        this.#longest = doors.reduce((most, door) => Math.max(most, cooldownOf(door)), 0)
    }

    /** The source has opened the door now. */
    begin(door: Door, source: Address, now: number): void {
        if (cooldownOf(door) === 0) return
        const key = keyOf(door, source)
        this.#all.delete(key)
        for (const [oldest, { since }] of this.#all) {
            if (this.#all.size < COOLDOWNS_MOST && now - since < this.#longest) break
            this.#all.delete(oldest)
        }
        this.#all.set(key, { since: now, told: false })
    }

    /** A knock: does it count? Not before the cooldown is over, which is as long as the door now says. */
    ask(door: Door, source: Address, now: number): CooldownAnswer {
        const length = cooldownOf(door)
        if (length === 0) return "over"
        const key = keyOf(door, source)
        const cooldown = this.#all.get(key)
        if (cooldown === undefined) return "over"
        if (now - cooldown.since >= length) {
            this.#all.delete(key)
            return "over"
        }
        if (cooldown.told) return "again"
        cooldown.told = true
        return "first"
    }

    /** Goes on with those of another configuration, which is not used any more. */
    inherit(from: Cooldowns): void {
        this.#all = from.#all
    }

    /** How many are remembered. */
    get size(): number {
        return this.#all.size
    }
}

function cooldownOf(door: Door): number {
    return door.sequence?.knockd?.cooldown ?? 0
}

function keyOf({ name }: Door, source: Address): string {
    return `${name} ${source.join(" ")}`
}
