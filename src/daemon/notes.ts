/**
 * What the store knows of stop programs. A note is durable before the start program begins, moves with every renewal,
 * and is struck when the stop has run: so a stop is never lost, and runs twice only if we die while it runs or before
 * that is noted.
 */
import type { Config } from "../core/config/config.ts"
import { type Address, formatAddress } from "../core/net/address.ts"
import type { Clock } from "../ports/clock.ts"
import type { Store, StoreResult } from "../ports/store.ts"
import type { Log } from "./log.ts"

/** A stop program that is still to run, in `left` milliseconds from now. */
export type Unfinished = { readonly door: number; readonly source: Address; readonly left: number }

/** Notes of one loop. Doors are numbers of `config.doors`. */
export class Notes {
    readonly #config: Config
    readonly #store: Store
    readonly #clock: Clock
    readonly #log: Log

    constructor(config: Config, store: Store, clock: Clock, log: Log) {
        this.#config = config
        this.#store = store
        this.#clock = clock
        this.#log = log
    }

    /** Before a start program: notes when its stop would be due if the start ended now. Null, or why it could not. */
    async begin(door: number, source: Address): Promise<string | null> {
        const { after } = this.#config.doors[door]!.command!
        const result = await this.#note(door, source, this.#clock.wall() + after)
        return result.ok ? null : result.detail
    }

    /** The stop is due at `at` now (monotonic). */
    move(door: number, source: Address, at: number): void {
        const due = this.#clock.wall() + at - this.#clock.monotonic()
        this.#tell(door, source, this.#note(door, source, due))
    }

    /** The stop has run, or there is nothing to stop. */
    strike(door: number, source: Address): void {
        this.#tell(door, source, this.#note(door, source, null))
    }

    /** What an earlier daemon did not finish. What no door of this configuration can finish is told, and struck. */
    unfinished(): Unfinished[] {
        const now = this.#clock.wall()
        return this.#store.pending().flatMap(({ door: name, source, due }) => {
            const door = this.#config.doors.findIndex((d) => d.name === name)
            const command = this.#config.doors[door]?.command
            if (command?.stop != null) {
                // However the clock has jumped: no longer than the door says.
                return [{ door, source, left: Math.min(Math.max(0, due - now), command.after) }]
            }
            const what = door < 0 ? "there is no such door any more" : "the door has no `stop` any more"
            const who = `${name}: ${formatAddress(source)}`
            this.#log("error", `${who}: stop was not run: ${what}: undo by hand what its start has done`)
            void this.#store.note({ door: name, source }, null)
            return []
        })
    }

    #note(door: number, source: Address, due: number | null): Promise<StoreResult> {
        const { name } = this.#config.doors[door]!
        return this.#store.note({ door: name, source }, due === null ? null : Math.max(0, Math.round(due)))
    }

    /** An older note stays in force then: the stop runs, at worst early or once more after a restart. */
    #tell(door: number, source: Address, done: Promise<StoreResult>): void {
        void done.then((result) => {
            if (result.ok) return
            const who = `${this.#config.doors[door]!.name}: ${formatAddress(source)}`
            this.#log("error", `${who}: cannot note when to run stop: ${result.detail}`)
        })
    }
}
