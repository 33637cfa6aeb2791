/**
 * Says how the daemon is, to whoever has started it: ready, what is open, on its way down; and that it lives, as long
 * as it really does. Sleeps until there is something to say: a daemon that nobody guards is not woken by this.
 */
import { soonest } from "../core/agenda.ts"
import type { Clock } from "../ports/clock.ts"
import type { News, Notifier } from "../ports/notifier.ts"
import type { Log } from "./log.ts"

/** The line for people changes at most so often (ms). */
const STATUS_MS = 1000
/** Ours: what kept it from its work is looked for again after so long (ms). */
const AGAIN_MS = 1000

/** What it is made with. */
export type HeraldKeeping = {
    readonly notifier: Notifier
    /** One of its own: a clock has one alarm. */
    readonly clock: Clock
    /** How things stand, in a line. */
    readonly status: () => string
    /** Null while the daemon does its work; else what keeps it from it. Asked before each sign of life. */
    readonly trouble: () => string | null
    readonly log: Log
}

/** See the head of the file. Before the first `ready` it says nothing. */
export class Herald {
    readonly #keeping: HeraldKeeping
    #phase: "starting" | "ready" | "reloading" | "stopping" = "starting"
    #said = ""
    #saidAt = 0
    /** When to say how things stand, and when to give a sign of life. */
    #statusDue: number | null = null
    #lifeDue: number | null = null
    /** Looks in a row that found something wrong. */
    #troubles = 0

    constructor(keeping: HeraldKeeping) {
        this.#keeping = keeping
    }

    /** Knocks open doors from now on; or again, after a reload. */
    ready(): void {
        if (this.#phase === "stopping") return
        this.#phase = "ready"
        const now = this.#keeping.clock.monotonic()
        const { watchdog } = this.#keeping.notifier
        // Twice in the time that is allowed, as sd_watchdog_enabled(3) recommends.
        if (watchdog !== null) this.#lifeDue ??= now + Math.max(1, Math.floor(watchdog / 2))
        this.#tell({ phase: "ready", status: this.#status(now) })
        this.#arm()
    }

    /** The configuration is being read anew. Call `ready` afterwards, however it went. */
    reloading(): void {
        if (this.#phase !== "ready") return
        this.#phase = "reloading"
        this.#tell({ phase: "reloading" })
    }

    /** Something may have changed: to be called as often as that is so. */
    changed(): void {
        if (this.#phase !== "ready" || this.#statusDue !== null) return
        this.#statusDue = Math.max(this.#keeping.clock.monotonic(), this.#saidAt + STATUS_MS)
        this.#arm()
    }

    /** The end has begun. Nothing is said after this, and the notifier is let go. */
    stopping(): void {
        if (this.#phase === "stopping") return
        this.#phase = "stopping"
        this.#keeping.clock.wake(null, () => {})
        this.#tell({ phase: "stopping", status: "stopping" })
        this.#keeping.notifier.close()
    }

    #arm(): void {
        this.#keeping.clock.wake(soonest(this.#statusDue, this.#lifeDue), () => this.#wake())
    }

    #wake(): void {
        const now = this.#keeping.clock.monotonic()
        if (this.#statusDue !== null && now >= this.#statusDue) {
            this.#statusDue = null
            const before = this.#said
            const status = this.#status(now)
            if (status !== before) this.#tell({ status })
        }
        if (this.#lifeDue !== null && now >= this.#lifeDue) {
            this.#lifeDue = now + this.#life()
        }
        this.#arm()
    }

    /**
     * No sign of life from a daemon that does not do its work: better a new one. When to look again (ms): soon, if
     * something is wrong, since whoever wakes up after a long pause may find us here before the rest has had its turn.
     */
    #life(): number {
        const half = Math.max(1, Math.floor(this.#keeping.notifier.watchdog! / 2))
        const trouble = this.#keeping.trouble()
        this.#troubles = trouble === null ? 0 : this.#troubles + 1
        if (trouble === null) this.#tell({ alive: true })
        if (this.#troubles === 2) this.#keeping.log("error", `no sign of life for the watchdog: ${trouble}`)
        return trouble === null ? half : Math.min(half, AGAIN_MS)
    }

    #status(now: number): string {
        this.#said = this.#keeping.status()
        this.#saidAt = now
        return this.#said
    }

    #tell(news: News): void {
        this.#keeping.notifier.tell(news)
    }
}
