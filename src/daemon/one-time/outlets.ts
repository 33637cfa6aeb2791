/**
 * Brings each publication to its targets: each for itself, one run at a time, always the latest, and again after a while
 * where it did not work. None waits for another.
 */
import type { Files, Target } from "../../ports/target.ts"
import type { Log } from "../log.ts"

/** Ours: the first wait after a failure, and the longest (ms). */
const AGAIN_MS = 1000
const AGAIN_MOST_MS = 300_000

/** How a target stands. Times are milliseconds since 1970. */
export type OutletStanding = {
    readonly name: string
    /** When all files were there the last time; null: not since the start. */
    readonly done: number | null
    /** The serial of the publication that is there; null: not known. */
    readonly serial: number | null
    /** Why it does not work; null: it does. */
    readonly trouble: string | null
    /** Failures since the last success. */
    readonly failures: number
}

/** A publication as targets get it. */
export type Printed = { readonly serial: number; readonly files: Files }

/** What outlets run with. `wall`: milliseconds since 1970. */
export type OutletKeeping = {
    readonly wall: () => number
    readonly log: Log
    /** The first wait after a failure (ms), for tests. */
    readonly again?: number
}

/** One target with its retries. */
export class Outlet {
    readonly #target: Target
    readonly #keeping: OutletKeeping
    readonly #ending = new AbortController()
    #wanted: Printed | null = null
    #running: Promise<void> | null = null
    #timer: NodeJS.Timeout | undefined
    #standing: OutletStanding

    constructor(target: Target, keeping: OutletKeeping) {
        this.#target = target
        this.#keeping = keeping
        this.#standing = { name: target.name, done: null, serial: null, trouble: null, failures: 0 }
    }

    /** How it stands. */
    standing(): OutletStanding {
        return this.#standing
    }

    /** From now on this is what should be there. Resolves when it was tried once; it goes on trying. */
    async publish(printed: Printed): Promise<void> {
        this.#wanted = printed
        clearTimeout(this.#timer)
        while (this.#running !== null) await this.#running
        // Whoever came later has taken this one's place.
        if (this.#wanted === printed) await this.#try()
    }

    /** Ends what runs, and tries no more. */
    async stop(): Promise<void> {
        this.#ending.abort()
        clearTimeout(this.#timer)
        await this.#running
    }

    #try(): Promise<void> {
        this.#running ??= this.#once().finally(() => {
            this.#running = null
        })
        return this.#running
    }

    async #once(): Promise<void> {
        const printed = this.#wanted
        if (printed === null || this.#ending.signal.aborted) return
        const result = await this.#target.publish(printed.files, this.#ending.signal)
        if (this.#ending.signal.aborted) return
        const { log, wall } = this.#keeping
        const { name, failures, trouble } = this.#standing
        if (result.ok) {
            if (trouble !== null) log("notice", `publish: ${name}: works again`)
            this.#standing = { name, done: wall(), serial: printed.serial, trouble: null, failures: 0 }
            return
        }
        this.#standing = { ...this.#standing, trouble: result.detail, failures: failures + 1 }
        // A publication that came meanwhile may have taken files from under it: that one is tried at once.
        if (this.#wanted !== printed) return
        if (trouble !== result.detail) log("warning", `publish: ${name}: ${result.detail}: trying again`)
        const wait = Math.min((this.#keeping.again ?? AGAIN_MS) * 2 ** failures, AGAIN_MOST_MS)
        this.#timer = setTimeout(() => void this.#try(), wait).unref()
    }
}
