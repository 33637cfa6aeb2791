/**
 * The desk: it derives everybody's upcoming sequences and puts them into the book that engines look into, and it keeps,
 * before a door opens, that a sequence is used. See `Desk` for what others ask of it.
 *
 * Sequences are made in pieces, so that packets are looked at in between; until they are there, and while `state` cannot be
 * used, the doors open by their fixed sequences alone.
 */
import { DIGESTS } from "../../adapters/system/digests.ts"
import type { Config } from "../../core/config/config.ts"
import type { Claim, EngineEvent } from "../../core/engine.ts"
import { codeOf, hitOf, type Service } from "../../core/knock/hit.ts"
import { OneTimeBook } from "../../core/one-time/book.ts"
import type { BundleDoor } from "../../core/one-time/bundle.ts"
import { counterName, doorKey, knockerKey, sequenceAt } from "../../core/one-time/derive.ts"
import type { Desk, KnockerStanding } from "../../core/one-time/desk.ts"
import type { Knocker } from "../../core/one-time/knocker.ts"
import { messageOf } from "../../core/thrown.ts"
import { HeldMaster, type HeldMasterKeeping } from "./held-master.ts"
import { identityOf, isServed, mayOpen, type OneTimeDoor, oneTimeDoors } from "./members.ts"
import { keyOf, type Use, Uses } from "./uses.ts"

/** Ours: sequences are made for so long (ms) at a time. */
const PIECE_MS = 4
/** Ours: a state that cannot be used is tried again after so long (ms). */
const AGAIN_MS = 2000

/** What it works with. */
export type DeskKeeping = HeldMasterKeeping & {
    /** The engine hears what became of claims, and who has gone. */
    readonly event: (event: Extract<EngineEvent, { type: "claimed" | "unclaimed" | "expelled" }>) => void
    /** What the host openly offers now. */
    readonly offered: () => readonly Service[]
    /** Lets others have their turn. */
    readonly pause?: () => Promise<void>
}

/** How one knocker among all stands at one door; `left`: so many sequences open it now. */
export type MemberStanding = KnockerStanding & { readonly knocker: string; readonly left: number }

/** See the head of the file. */
export class OneTimeDesk implements Desk {
    readonly book = new OneTimeBook()
    readonly #keeping: DeskKeeping
    #config: Config | null = null
    #doors: ReadonlyMap<string, OneTimeDoor> = new Map()
    #knockers: ReadonlyMap<string, Knocker> = new Map()
    readonly #master: HeldMaster
    /** Of members of the book: what their sequences were made of. */
    readonly #made = new Map<string, string>()
    readonly #uses = new Uses()
    readonly #listeners: ((knockers: readonly string[] | null) => void)[] = []
    #waits: string | null = "sequences are being made"
    /** One run of `#build` at a time is the one that counts. */
    #run = 0
    #again: NodeJS.Timeout | undefined
    #told = ""
    #stopped = false

    constructor(keeping: DeskKeeping) {
        this.#keeping = keeping
        this.#master = new HeldMaster(keeping)
    }

    /**
     * This configuration is in force, with these knockers. Whoever has gone opens nothing from now on, and what he has
     * opened ends; the sequences of those who are new come soon.
     */
    take(config: Config, knockers: readonly Knocker[]): void {
        this.#config = config
        this.#doors = oneTimeDoors(config)
        this.#knockers = new Map(knockers.map((knocker) => [knocker.name, knocker]))
        this.#expel()
        void this.#begin()
    }

    /** The state can be used now, or an operator has said from when on its journal is trusted. */
    again(): void {
        if (this.#config !== null) void this.#begin()
    }

    /** Uses a sequence up: the engine hears `claimed` once that is durable, else `unclaimed`. */
    claim(claim: Claim): void {
        void this.#claim(claim).catch((error: unknown) => {
            this.#keeping.log("error", `one-time: ${messageOf(error)}`)
            this.#keeping.event({ ...plain(claim), type: "unclaimed", code: "state" })
        })
    }

    /** Something else listens on this host. */
    offered(): void {
        if (this.#waits === null && this.#doors.size > 0) this.#tell(null)
    }

    /** Makes nothing any more. */
    stop(): void {
        this.#stopped = true
        this.#master.stop()
        this.#run++
        clearTimeout(this.#again)
    }

    waitsFor(): string | null {
        return this.#waits
    }

    /** For `status`. */
    numbers(): { waitsFor: string | null; knockers: number; sequences: number } {
        return { waitsFor: this.#waits, knockers: this.#knockers.size, sequences: this.book.size }
    }

    knockers(): readonly Knocker[] {
        return [...this.#knockers.values()]
    }

    knocker(name: string): Knocker | null {
        return this.#knockers.get(name) ?? null
    }

    upcoming(name: string): readonly BundleDoor[] {
        const knocker = this.#knockers.get(name)
        if (knocker === undefined || this.#waits !== null) return []
        const served = new Set(this.#keeping.offered().map(codeOf))
        return [...this.#doors.values()].flatMap(({ door, window }): BundleDoor[] => {
            const first = mayOpen(knocker, door.name) ? this.book.first(name, door.name) : null
            if (first === null) return []
            const sequences = Array.from({ length: window }, (_, i) => {
                const codes = this.book.sequence(name, door.name, first + i)
                return codes === null || isServed(codes, served) ? [] : [{ counter: first + i, hits: codes.map(hitOf) }]
            })
            return [{ name: door.name, opens: door.opens, within: door.oneTime!.within, sequences: sequences.flat() }]
        })
    }

    standing(name: string): readonly KnockerStanding[] {
        return [...this.#doors.keys()].flatMap((door): KnockerStanding[] => {
            const next = this.book.first(name, door)
            return next === null ? [] : [{ door, next, used: this.#uses.at(name, door) }]
        })
    }

    /** For `status`: at most so many knockers at doors, who used a sequence last first, then the others by name. */
    members(most: number): { listed: readonly MemberStanding[]; total: number } {
        const served = new Set(this.#keeping.offered().map(codeOf))
        const listed: MemberStanding[] = []
        const list = (knocker: string, door: string, used: number | null) => {
            const next = this.book.first(knocker, door)
            if (next === null) return
            const left = this.#waits === null ? this.book.countWithout(knocker, door, served) : 0
            listed.push({ knocker, door, next, used, left })
        }
        for (const { knocker, door, at } of this.#uses.latest(most)) list(knocker, door, at)
        for (const knocker of this.#knockers.keys()) {
            if (listed.length >= most) break
            for (const door of this.#doors.keys())
                if (listed.length < most && this.#uses.at(knocker, door) === null) list(knocker, door, null)
        }
        return { listed, total: this.book.membership }
    }

    /** Uses of before the start, the last one of each member, the latest at the end. */
    recall(uses: readonly Use[]): void {
        this.#uses.recall(
            uses.filter((use) => {
                const knocker = this.#knockers.get(use.knocker)
                return knocker !== undefined && this.#doors.has(use.door) && mayOpen(knocker, use.door)
            }),
        )
    }

    hear(changed: (knockers: readonly string[] | null) => void): void {
        this.#listeners.push(changed)
    }

    /** Takes those out of the book who are not to be there, or not so. */
    #expel(): void {
        for (const { knocker: name, door } of this.book.members()) {
            const knocker = this.#knockers.get(name)
            const stays = knocker !== undefined && this.#doors.has(door) && mayOpen(knocker, door)
            if (stays && this.#made.get(keyOf(name, door)) === this.#wanted(knocker, door)) continue
            this.book.leave(name, door)
            this.#made.delete(keyOf(name, door))
            if (stays) continue
            this.#uses.forget(name, door)
            this.#keeping.event({ type: "expelled", knocker: name, door })
        }
    }

    #wanted(knocker: Knocker, door: string): string {
        return `${this.#doors.get(door)!.shape} ${this.#master.now?.made ?? ""} ${identityOf(knocker)}`
    }

    /** Sees that there is a master, and that everybody's sequences are in the book. */
    async #begin(): Promise<void> {
        const run = ++this.#run
        clearTimeout(this.#again)
        if (this.#doors.size === 0) {
            this.#ready()
            return
        }
        this.#waits ??= "sequences are being made"
        const trouble = await this.#master.take()
        if (run !== this.#run || this.#stopped) return
        if (trouble !== null) {
            this.#wait(trouble)
            return
        }
        this.#expel()
        if (await this.#build(run)) this.#ready()
    }

    #wait(trouble: string): void {
        this.#waits = trouble
        if (this.#told !== trouble)
            this.#keeping.log("error", `one-time: ${trouble}: doors open by no one-time sequence until this is mended`)
        this.#told = trouble
        this.#again = setTimeout(() => void this.#begin(), AGAIN_MS).unref()
    }

    #ready(): void {
        if (this.#told !== "") this.#keeping.log("notice", "one-time: sequences open doors again")
        this.#told = ""
        this.#waits = null
        this.#tell(null)
    }

    /** Makes what is missing. False: another run has begun meanwhile. */
    async #build(run: number): Promise<boolean> {
        const { pause = () => new Promise<void>((resolve) => void setImmediate(resolve)) } = this.#keeping
        for (const [length, rows] of this.#rows()) this.book.reserve(length, rows)
        let until = performance.now() + PIECE_MS
        for (const knocker of this.#knockers.values()) {
            for (const name of this.#doors.keys()) {
                if (performance.now() > until) {
                    await pause()
                    if (run !== this.#run) return false
                    until = performance.now() + PIECE_MS
                }
                if (mayOpen(knocker, name) && !this.#made.has(keyOf(knocker.name, name))) this.#join(knocker, name)
            }
        }
        return true
    }

    /** How many sequences there will be of each length. */
    #rows(): Map<number, number> {
        const rows = new Map<number, number>()
        for (const { length, window } of this.#doors.values())
            rows.set(length, (rows.get(length) ?? 0) + window * this.#knockers.size)
        return rows
    }

    #join(knocker: Knocker, name: string): void {
        const { length, window } = this.#doors.get(name)!
        const key = this.#key(knocker, name)
        const first = (this.#keeping.store()?.raised(counterName(DIGESTS, key)) ?? -1) + 1
        this.book.join({ knocker: knocker.name, door: name, length, window }, first)
        for (let n = first; n <= lastOf(first + window - 1); n++) this.#put(knocker.name, name, key, n)
        this.#made.set(keyOf(knocker.name, name), this.#wanted(knocker, name))
    }

    #put(knocker: string, name: string, key: Uint8Array, counter: number): void {
        const { pool, length } = this.#doors.get(name)!
        this.book.put(knocker, name, counter, sequenceAt(DIGESTS, key, pool, length, counter).map(codeOf))
    }

    #key(knocker: Knocker, door: string): Uint8Array {
        return doorKey(DIGESTS, knockerKey(DIGESTS, this.#master.now!.key, knocker), door)
    }

    async #claim(claim: Claim): Promise<void> {
        const { door: name, knocker: who, counter } = claim
        const { store: storeOf, event, log, wall } = this.#keeping
        const refuse = (code: "used" | "state") => event({ ...plain(claim), type: "unclaimed", code })
        const [store, knocker, master] = [storeOf(), this.#knockers.get(who), this.#master.now]
        if (store === null || knocker === undefined || master === null) {
            refuse("state")
            return
        }
        const made = this.#made.get(keyOf(who, name))
        const key = this.#key(knocker, name)
        const result = await store.raise(counterName(DIGESTS, key), counter, master.made)
        if (this.#stopped) return
        if (!result.ok) {
            if (result.code !== "used") log("error", `one-time: ${who} at ${name} was not let in: ${result.detail}`)
            refuse(result.code === "used" ? "used" : "state")
            // The journal was told to trust less than it did: then this master is too old.
            if (result.code === "unsure") void this.#begin()
            return
        }
        this.#follow(who, name, key, counter)
        // Who has gone meanwhile, or has other keys now, is not let in.
        if (made === undefined || this.#made.get(keyOf(who, name)) !== made) {
            refuse("used")
            this.#tell([who])
            return
        }
        this.#uses.note({ knocker: who, door: name, at: wall() })
        event({ ...plain(claim), type: "claimed" })
        this.#tell([who])
        this.#master.mark()
    }

    /**
     * This counter of this key is used: those after it are accepted. A reload may have made the same sequences anew
     * while the journal was written, and then the book had it again; or others, which it has nothing to do with.
     */
    #follow(who: string, name: string, key: Uint8Array, counter: number): void {
        const [knocker, first] = [this.#knockers.get(who), this.book.first(who, name)]
        if (knocker === undefined || first === null) return
        if (counterName(DIGESTS, this.#key(knocker, name)) !== counterName(DIGESTS, key)) return
        this.book.advance(who, name, counter + 1)
        const { window } = this.#doors.get(name)!
        const from = Math.max(first + window, counter + 1)
        for (let n = from; n <= lastOf(counter + window); n++) this.#put(who, name, key, n)
    }

    #tell(knockers: readonly string[] | null): void {
        for (const listener of this.#listeners) listener(knockers)
    }
}

/** No counter is larger than what the journal can hold (spec/journal.md): behind the last one there are no sequences. */
function lastOf(counter: number): number {
    return Math.min(counter, Number.MAX_SAFE_INTEGER)
}

function plain({ door, source, knocker, counter }: Claim): Claim {
    return { door, source, knocker, counter }
}
