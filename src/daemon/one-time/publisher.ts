/**
 * Makes all bundles anew and has them published: soon after something has changed, and on a schedule. One publication at a
 * time, in pieces, so that no packet waits for it; what changes meanwhile is in the next one. All files are made anew each
 * time, and get their names together at the end: so nobody who watches the web root learns whose sequence was used.
 */

import { signingKey } from "../../adapters/sealing/sign.ts"
import { DIGESTS } from "../../adapters/system/digests.ts"
import { withoutNames } from "../../adapters/system/durable.ts"
import type { Bundles } from "../../core/config/config.ts"
import type { Desk } from "../../core/one-time/desk.ts"
import { type GatewayKeys, signingAt } from "../../core/one-time/gateway-keys.ts"
import type { Knocker } from "../../core/one-time/knocker.ts"
import { type Edition, type PlannedFile, planFiles } from "../../core/one-time/publication.ts"
import { messageOf } from "../../core/thrown.ts"
import type { Target } from "../../ports/target.ts"
import type { Log } from "../log.ts"
import { Outlet, type OutletStanding } from "./outlets.ts"
import { inPieces } from "./pieces.ts"
import { base64, type Press } from "./press.ts"
import { printAll } from "./print.ts"
import type { Spool } from "./spool.ts"

/** Ours (ms): changes that come together are one publication. */
const TOGETHER_MS = 20
/** Ours (ms): what was wrong with keys, disk or sealing is tried again after so long. */
const AGAIN_MS = 2000

/** Ours (ms): so often it is looked whether the wall clock was set, and by how much it must be to matter. */
const LOOK_MS = 600_000
const SET_MS = 60_000

/** What it publishes with. */
export type PublisherKeeping = {
    readonly desk: Desk
    /** Of the configuration in force; null: nothing is published. */
    readonly bundles: () => Bundles | null
    /** The gateway's keys, or why there are none. */
    readonly keys: () => Promise<GatewayKeys | string>
    readonly press: Press
    readonly spool: Spool
    readonly target: (target: Bundles["publish"][number]) => Target
    /** Milliseconds since 1970. */
    readonly wall: () => number
    readonly log: Log
    /** See `AGAIN_MS` and `LOOK_MS`, for tests. */
    readonly again?: number
    readonly look?: number
}

/** How publication stands. Times are milliseconds since 1970. */
export type PublicationStanding = {
    /** Why nothing can be published now; null: it can. */
    readonly trouble: string | null
    /** The last publication since the start; null: none. */
    readonly last: {
        readonly serial: number
        readonly made: number
        readonly files: number
        readonly took: number
    } | null
    readonly targets: readonly OutletStanding[]
}

/** `brought` resolves when every target was tried once, which nobody else waits for. */
type Bringing = { readonly brought: Promise<unknown> }
const NOTHING: Bringing = { brought: Promise.resolve() }

/** See the head of the file. */
export class Publisher {
    readonly #keeping: PublisherKeeping
    #outlets = new Map<string, Outlet>()
    /** Of an earlier configuration, which still end. */
    readonly #leaving = new Set<Promise<void>>()
    #timer: NodeJS.Timeout | undefined
    #schedule: NodeJS.Timeout | undefined
    #running: Promise<void> | null = null
    /** Something has changed since the last publication began. */
    #stale = false
    /** No publication begins before this moment (performance.now()). */
    #rest = 0
    #stopped = false
    #trouble: string | null = null
    #last: PublicationStanding["last"] = null
    /** Who was to be in it, and who of them is not: none of their keys can receive. */
    #readers: readonly Knocker[] = []
    #without: ReadonlySet<string> = new Set()
    /** Recipients of whom it was said that they cannot receive. */
    readonly #refused = new Set<string>()

    constructor(keeping: PublisherKeeping) {
        this.#keeping = keeping
        keeping.desk.hear(() => this.changed())
    }

    /** How it stands. */
    standing(): PublicationStanding {
        const targets = [...this.#outlets.values()].map((outlet) => outlet.standing())
        return { trouble: this.#trouble, last: this.#last, targets }
    }

    /** Which of these knockers have a file in the last publication since the start. */
    inLast(names: Iterable<string>): ReadonlySet<string> {
        const asked = new Set(names)
        const there = this.#readers.filter(({ name }) => asked.has(name) && !this.#without.has(name))
        return new Set(there.map(({ name }) => name))
    }

    /** Something is not what it was: it is published soon. */
    changed(): void {
        this.#stale = true
        this.#soon(TOGETHER_MS)
    }

    /** Publishes now. Resolves when every target was tried once: then `standing` says how it went. */
    async publishNow(): Promise<void> {
        while (this.#running !== null) await this.#running
        this.#stale = true
        this.#rest = 0
        clearTimeout(this.#timer)
        const { brought } = await this.#begin()
        await brought
    }

    /** Ends what runs, and publishes no more. */
    async stop(): Promise<void> {
        this.#stopped = true
        clearTimeout(this.#timer)
        clearTimeout(this.#schedule)
        for (const outlet of this.#outlets.values()) this.#leave(outlet)
        await Promise.all(this.#leaving)
        await this.#running
    }

    #soon(ms: number): void {
        if (this.#stopped || this.#running !== null) return
        clearTimeout(this.#timer)
        const wait = Math.max(ms, this.#rest - performance.now())
        this.#timer = setTimeout(() => void this.#begin(), wait).unref()
    }

    /** One publication; resolves when it is made, to what resolves when every target was tried. */
    async #begin(): Promise<Bringing> {
        let bringing = NOTHING
        const begun = performance.now()
        this.#stale = false
        this.#running = this.#publish().then(
            (begun) => {
                bringing = begun
                this.#trouble = null
            },
            (error: unknown) => this.#failed(withoutNames(messageOf(error))),
        )
        await this.#running
        this.#running = null
        // As long as it took: half of what sealing can take is left to others, however many knockers there are.
        this.#rest = 2 * performance.now() - begun
        if (this.#trouble !== null) this.#soon(this.#keeping.again ?? AGAIN_MS)
        else if (this.#stale) this.#soon(TOGETHER_MS)
        this.#onSchedule()
        return bringing
    }

    #failed(detail: string): void {
        if (this.#stopped) return
        // What the desk waits for it says itself if it is trouble: at each start it waits for a moment.
        const { desk, log } = this.#keeping
        if (this.#trouble !== detail && desk.waitsFor() !== detail)
            log("error", `publish: no bundles are made: ${detail}`)
        this.#trouble = detail
        this.#stale = true
    }

    #onSchedule(): void {
        clearTimeout(this.#schedule)
        const bundles = this.#keeping.bundles()
        if (bundles === null || this.#stopped) return
        const { wall, look = LOOK_MS } = this.#keeping
        const [due, offset] = [performance.now() + bundles.every, wall() - performance.now()]
        // A host without a clock of its own may have begun in 1970: then what it published has expired before it was read.
        const isSet = () => Math.abs(wall() - performance.now() - offset) > SET_MS
        const wait = () => {
            const ms = Math.min(look, Math.max(0, due - performance.now()))
            this.#schedule = setTimeout(
                () => (performance.now() >= due || isSet() ? this.changed() : wait()),
                ms,
            ).unref()
        }
        wait()
    }

    async #publish(): Promise<Bringing> {
        const { desk, bundles: inForce, spool, press, wall } = this.#keeping
        const bundles = inForce()
        this.#turnOutlets(bundles)
        if (bundles === null) return NOTHING
        const waits = desk.waitsFor()
        if (waits !== null) throw new Error(waits)
        const keys = await this.#keeping.keys()
        if (typeof keys === "string") throw new Error(keys)
        const begun = performance.now()
        const turn = await spool.begin(wall())
        const signing = signingAt(keys, turn.made).map(({ seed }) => signingKey(seed))
        const edition: Edition = {
            gateway: bundles.gateway,
            serial: turn.serial,
            made: turn.made,
            lifetime: bundles.lifetime,
            keys: signing.map(({ key }) => base64(key)),
        }
        const readers = desk.knockers()
        const plan = await inPieces(planFiles(DIGESTS, keys.place, readers, bundles.files))
        const halves = await printAll(plan, {
            edition,
            desk,
            press,
            wall,
            signing,
            folder: spool.halves,
            changed: turn.changed,
            refused: (who, detail) => this.#tellRefused(who, detail),
            stopped: () => this.#stopped,
        }).catch(async (error: unknown) => {
            // On a full disk others need the room.
            if (!this.#stopped) await spool.clear()
            throw error
        })
        const files = await spool.finish(halves, turn)
        this.#readers = readers
        this.#without = halves.length === plan.length ? new Set() : withoutFile(plan, halves)
        this.#last = { serial: turn.serial, made: turn.made, files: halves.length, took: performance.now() - begun }
        const outlets = [...this.#outlets.values()]
        return { brought: Promise.all(outlets.map((outlet) => outlet.publish({ serial: turn.serial, files }))) }
    }

    #tellRefused(who: string, detail: string): void {
        const line = `${who}: ${detail}`
        if (this.#refused.has(line)) return
        this.#refused.add(line)
        this.#keeping.log("warning", `publish: ${line}: left out of the bundle`)
    }

    /** The targets of this configuration: those that stay go on as they were. */
    #turnOutlets(bundles: Bundles | null): void {
        const { target, wall, log } = this.#keeping
        const wanted = new Map((bundles?.publish ?? []).map((one) => [JSON.stringify(one), one]))
        const next = new Map<string, Outlet>()
        for (const [key, one] of wanted) next.set(key, this.#outlets.get(key) ?? new Outlet(target(one), { wall, log }))
        const gone = [...this.#outlets].filter(([key]) => !wanted.has(key))
        this.#outlets = next
        for (const [, outlet] of gone) this.#leave(outlet)
    }

    /** A program may take until its time is over: nobody waits for a target that is none any more. */
    #leave(outlet: Outlet): void {
        const left = outlet.stop().finally(() => this.#leaving.delete(left))
        this.#leaving.add(left)
    }
}

/** Who has none of the files that were planned for him. */
function withoutFile(plan: readonly PlannedFile[], made: readonly { readonly name: string }[]): ReadonlySet<string> {
    const there = new Set(made.map(({ name }) => name))
    const readers = new Set(plan.flatMap((file) => (file.for !== null && there.has(file.name) ? [file.for] : [])))
    return new Set(plan.flatMap((file) => (file.for === null || readers.has(file.for) ? [] : [file.for])))
}
