/** The master that the desk derives with: taken, made anew where it must be, and marked after uses, one after the other. */
import { DIGESTS } from "../../adapters/system/digests.ts"
import type { Master } from "../../core/one-time/master.ts"
import { messageOf } from "../../core/thrown.ts"
import type { Store } from "../../ports/store.ts"
import type { Log } from "../log.ts"
import { isMarked, type MasterKeeping, markMaster, takeMaster } from "./master.ts"

/** What it works with. */
export type HeldMasterKeeping = {
    /** Null: there is none yet. */
    readonly store: () => Store | null
    /** The directory `state`, or why it cannot be used. */
    readonly disk: () => Promise<MasterKeeping["disk"] | string>
    /** Milliseconds since 1970. */
    readonly wall: () => number
    readonly log: Log
}

/** See the head of the file. */
export class HeldMaster {
    readonly #keeping: HeldMasterKeeping
    #now: Master | null = null
    /** One thing with the file after the other. */
    #turn: Promise<unknown> = Promise.resolve()
    #marking = false
    #stopped = false

    constructor(keeping: HeldMasterKeeping) {
        this.#keeping = keeping
    }

    /** The one that counts; null: none was taken yet. */
    get now(): Master | null {
        return this.#now
    }

    /** Sees that there is one that the journal knows all uses of. Null, or why there is none. */
    take(): Promise<string | null> {
        return this.#inTurn(() => this.#take())
    }

    /** After a use: see `markMaster`. Uses that come meanwhile are one mark. Where it fails the next use does it. */
    mark(): void {
        if (this.#marking) return
        this.#marking = true
        const mark = async () => {
            this.#marking = false
            const [store, disk] = [this.#keeping.store(), await this.#keeping.disk()]
            if (this.#stopped || this.#now === null || store === null || typeof disk === "string") return
            this.#now = await markMaster({ disk, store, digests: DIGESTS }, this.#now)
        }
        void this.#inTurn(mark).catch(() => {})
    }

    /** Marks no more. */
    stop(): void {
        this.#stopped = true
    }

    async #take(): Promise<string | null> {
        const { store: storeOf, disk: diskOf, wall, log } = this.#keeping
        const store = storeOf()
        const health = store?.health()
        if (!store || !health || health.why === "away") return health?.trouble ?? "there is no journal"
        try {
            const disk = await diskOf()
            if (typeof disk === "string") return disk
            const keeping = { disk, store, digests: DIGESTS }
            if (this.#now !== null && this.#now.made > health.since) {
                if (!isMarked(keeping, this.#now)) this.#now = await markMaster(keeping, this.#now)
                return null
            }
            const { master, renewed } = await takeMaster(keeping, wall())
            this.#now = master
            if (renewed === null) return null
            const [level, why] = RENEWED[renewed]
            log(level, `one-time: a new master was made: ${why}`)
            return null
        } catch (error) {
            return messageOf(error)
        }
    }

    #inTurn<T>(act: () => Promise<T>): Promise<T> {
        const mine = this.#turn.then(act)
        this.#turn = mine.catch(() => {})
        return mine
    }
}

const RENEWED = {
    first: ["notice", "there was none"],
    damaged: ["error", "the file of the old one was damaged. All bundles that are out are worth nothing"],
    journal: [
        "error",
        "the journal does not know everything since the old one was made. All bundles that are out are worth nothing",
    ],
} as const
