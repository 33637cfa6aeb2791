/**
 * What the store knows of stop programs. A note is durable before the start program begins, moves with every renewal,
 * and is struck when the stop has run: so a stop is never lost, and runs twice only if we die while it runs or before
 * that is noted.
 */
import type { Config, Door } from "../core/config/config.ts"
import { type Address, formatAddress } from "../core/net/address.ts"
import type { Clock } from "../ports/clock.ts"
import type { Store, StoreResult } from "../ports/store.ts"
import type { Log } from "./log.ts"

/** A stop program that is still to run, in `left` milliseconds from now. */
export type Unfinished = { readonly door: Door; readonly source: Address; readonly left: number }

/** Notes of one loop, whatever its doors are. A note is of a door's name and a source; the latest lease of both has it. */
export class Notes {
    readonly #store: Store
    readonly #clock: Clock
    readonly #log: Log
    /** Whose the note is, by door and source: who had it before a reload must not strike it. */
    readonly #owners = new Map<string, number>()

    constructor(store: Store, clock: Clock, log: Log) {
        this.#store = store
        this.#clock = clock
        this.#log = log
    }

    /** Before a start program: notes when its stop would be due if the start ended now. Null, or why it could not. */
    async begin(lease: number, door: Door, source: Address): Promise<string | null> {
        this.#owners.set(keyOf(door, source), lease)
        const result = await this.#note(door, source, this.#clock.wall() + door.command!.after)
        return result.ok ? null : result.detail
    }

    /** The stop is due at `at` now (monotonic). */
    move(door: Door, source: Address, at: number): void {
        const due = this.#clock.wall() + at - this.#clock.monotonic()
        this.#tell(door, source, this.#note(door, source, due))
    }

    /** The stop of this lease has run, or there is nothing to stop. */
    strike(lease: number, door: Door, source: Address): void {
        const key = keyOf(door, source)
        if ((this.#owners.get(key) ?? lease) !== lease) return
        this.#owners.delete(key)
        this.#tell(door, source, this.#note(door, source, null))
    }

    /** What an earlier daemon did not finish. What no door of this configuration can finish is told, and struck. */
    unfinished({ doors }: Config): Unfinished[] {
        const now = this.#clock.wall()
        return this.#store.pending().flatMap(({ door: name, source, due }) => {
            const door = doors.find((d) => d.name === name)
            if (door?.command?.stop != null) {
                // However the clock has jumped: no longer than the door says.
                return [{ door, source, left: Math.min(Math.max(0, due - now), door.command.after) }]
            }
            const what = door === undefined ? "there is no such door any more" : "the door has no `stop` any more"
            const who = `${name}: ${formatAddress(source)}`
            this.#log("error", `${who}: stop was not run: ${what}: undo by hand what its start has done`)
            void this.#store.note({ door: name, source }, null)
            return []
        })
    }

    #note({ name }: Door, source: Address, due: number | null): Promise<StoreResult> {
        return this.#store.note({ door: name, source }, due === null ? null : Math.max(0, Math.round(due)))
    }

    /** An older note stays in force then: the stop runs, at worst early or once more after a restart. */
    #tell({ name }: Door, source: Address, done: Promise<StoreResult>): void {
        void done.then((result) => {
            if (result.ok) return
            const who = `${name}: ${formatAddress(source)}`
            this.#log("error", `${who}: cannot note when to run stop: ${result.detail}`)
        })
    }
}

function keyOf({ name }: Door, source: Address): string {
    return `${name} ${source.join(" ")}`
}
