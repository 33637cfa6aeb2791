/**
 * What the store knows of stop programs. A note is durable before the start program begins, moves with every renewal,
 * and is struck when the stop has run: so a stop is never lost, and runs twice only if we die while it runs or before
 * that is noted.
 */
import { type Config, commandOf, type Door } from "../core/config/config.ts"
import { type Address, formatAddress } from "../core/net/address.ts"
import type { StopKey } from "../core/store/record.ts"
import type { Clock } from "../ports/clock.ts"
import type { Store, StoreResult } from "../ports/store.ts"
import type { Log } from "./log.ts"

/** A stop program that is still to run, in `left` milliseconds from now. */
export type Unfinished = { readonly door: Door; readonly source: Address; readonly left: number }

/** What the store is to know of a stop. `failed`: it has refused to. */
type Wish = { readonly stop: StopKey; readonly due: number | null; failed: boolean }

/** Notes of one loop, whatever its doors are. A note is of a door's name and a source; the latest lease of both has it. */
export class Notes {
    readonly #store: Store
    readonly #clock: Clock
    readonly #log: Log
    /** Whose the note is, by door and source: who had it before a reload must not strike it. */
    readonly #owners = new Map<string, number>()
    /** What was asked for last and is not durable, by door and source. */
    readonly #wishes = new Map<string, Wish>()

    constructor(store: Store, clock: Clock, log: Log) {
        this.#store = store
        this.#clock = clock
        this.#log = log
    }

    /**
     * Before a start program: notes when its stop would be due if the start ended now. Null, or why it could not; then
     * it is as if nobody had asked.
     */
    async begin(lease: number, door: Door, source: Address): Promise<string | null> {
        const key = keyOf(door, source)
        const [owner, wish] = [this.#owners.get(key), this.#wishes.get(key)]
        this.#owners.set(key, lease)
        const result = await this.#note(door, source, this.#clock.wall() + commandOf(door, source)!.after)
        if (result.ok) return null
        putBack(this.#owners, key, owner)
        putBack(this.#wishes, key, wish)
        return result.detail
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
            const command = door && commandOf(door, source)
            if (door !== undefined && command?.stop != null) {
                // However the clock has jumped: no longer than the door says.
                return [{ door, source, left: Math.min(Math.max(0, due - now), command.after) }]
            }
            const what = door === undefined ? "there is no such door any more" : "the door has no `stop` any more"
            const who = `${name}: ${formatAddress(source)}`
            this.#log("error", `${who}: stop was not run: ${what}: undo by hand what its start has done`)
            void this.#store.note({ door: name, source }, null)
            return []
        })
    }

    /**
     * Asks again for what a broken or full disk has refused. Done by itself as soon as the disk takes anything, and at
     * the end: else the next daemon runs a stop that has run.
     */
    retry(): void {
        for (const [key, wish] of this.#wishes) if (wish.failed) void this.#ask(key, { ...wish, failed: false })
    }

    #note({ name }: Door, source: Address, due: number | null): Promise<StoreResult> {
        const rounded = due === null ? null : Math.max(0, Math.round(due))
        return this.#ask(keyOf({ name }, source), { stop: { door: name, source }, due: rounded, failed: false })
    }

    async #ask(key: string, wish: Wish): Promise<StoreResult> {
        this.#wishes.set(key, wish)
        const result = await this.#store.note(wish.stop, wish.due)
        if (!result.ok) wish.failed = true
        else {
            if (this.#wishes.get(key) === wish) this.#wishes.delete(key)
            this.retry()
        }
        return result
    }

    /** Until the store takes it an older note stays in force: the stop runs, at worst early or once more after a restart. */
    #tell({ name }: Door, source: Address, done: Promise<StoreResult>): void {
        void done.then((result) => {
            if (result.ok) return
            const who = `${name}: ${formatAddress(source)}`
            this.#log("error", `${who}: cannot note when to run stop: ${result.detail}`)
        })
    }
}

function putBack<T>(map: Map<string, T>, key: string, value: T | undefined): void {
    if (value === undefined) map.delete(key)
    else map.set(key, value)
}

function keyOf({ name }: Pick<Door, "name">, source: Address): string {
    return `${name} ${source.join(" ")}`
}
