/**
 * The engine's effects, carried out in their order. The engine hears of each grant what became of it: what it wants then
 * is done at once, as a part of the same act.
 */
import type { Effect } from "../core/effect.ts"
import type { Claim, EngineEvent } from "../core/engine.ts"
import type { Address } from "../core/net/address.ts"
import type { Notes } from "./notes.ts"
import type { Programs } from "./programs.ts"
import type { Table } from "./table.ts"
import type { Teller } from "./told.ts"

/** What effects are carried out with. */
export type ActsKeeping = {
    readonly teller: Teller
    /** Null where no door opens anything. */
    readonly table: Table | null
    readonly programs: Programs
    /** Null where there is no store. */
    readonly notes: () => Notes | null
    /** The engine hears what became of a grant. */
    readonly event: (event: EngineEvent) => void
    /** What a knock has asked for is in the kernel. */
    readonly opened: () => void
    /** Uses up this knocker's one-time sequence, for good; `claimed` or `unclaimed` follows. */
    readonly claim: (claim: Claim) => void
    /** Uses up the one-time sequence that this door has; false: it was used before, or that cannot be noted. */
    readonly spend: (door: string, source: Address) => boolean
}

/** See the head of the file. */
export class Acts {
    readonly #keeping: ActsKeeping
    /** The effects at work are those of a packet. */
    #knocked = false
    /** The firewall has refused something since this was last set to false. */
    #refused = false

    constructor(keeping: ActsKeeping) {
        this.#keeping = keeping
    }

    /** Carries out what a packet, an event or the time has brought about. */
    perform(effects: readonly Effect[]): void {
        if (effects.length === 0) return
        this.#keeping.teller.afterwards(() => {
            for (const effect of effects) this.#do(effect)
        })
    }

    /** The same for a packet: how long a knock waited for its grant is measured. */
    performKnock(effects: readonly Effect[]): void {
        if (effects.length === 0) return
        this.#knocked = true
        this.perform(effects)
        this.#knocked = false
    }

    /** The same for somebody who asks by hand. False: the firewall has refused some of it. */
    performAsked(effects: readonly Effect[]): boolean {
        this.#refused = false
        this.perform(effects)
        return !this.#refused
    }

    #do(effect: Effect): void {
        const { teller, table, programs, notes, spend, event } = this.#keeping
        switch (effect.type) {
            case "report":
                teller.report(effect.report, effect.aloud)
                return
            case "spend":
                event({
                    type: spend(effect.door, effect.source) ? "spent" : "unspent",
                    door: effect.door,
                    source: effect.source,
                })
                return
            case "claim":
                this.#keeping.claim(effect)
                return
            case "revoke":
                if (table?.revoke(effect.elements) === false) this.#refused = true
                return
            case "grant":
                this.#grant(effect)
                return
            case "run":
                programs.run(effect)
                return
            case "due":
                notes()?.move(effect.door, effect.source, effect.at)
                return
        }
    }

    #grant({ lease, source, groups }: Extract<Effect, { type: "grant" }>): void {
        const { table, event, opened } = this.#keeping
        for (const [done, group] of groups.entries()) {
            if (table?.grant(source, group) ?? true) continue
            this.#refused = true
            if (lease !== 0) event({ type: "denied", lease, code: "firewall", partly: done > 0 })
            return
        }
        // A lease of no number: the book knows already.
        if (lease === 0) return
        if (this.#knocked) opened()
        event({ type: "granted", lease })
    }
}
