/** Who may knock with which sequences, as those see it who publish bundles and tell how things stand. */
import type { BundleDoor } from "./bundle.ts"
import type { Knocker } from "./knocker.ts"

/** How one knocker stands at one door. */
export type KnockerStanding = {
    readonly door: string
    /** The counter whose sequence is the next: so many were used or skipped. */
    readonly next: number
    /** When the knocker last used one (milliseconds since 1970), as far as trail or daemon know; null: they do not. */
    readonly used: number | null
}

/** Asked by the publisher, `status` and the control socket; `daemon/one-time/desk.ts` is it. */
export interface Desk {
    /** Null: sequences are there; else, for people, why not, or not yet. Nothing can be published then. */
    waitsFor(): string | null
    /** Everybody who has keys, by name. */
    knockers(): readonly Knocker[]
    /** Who has this name now; null: nobody. */
    knocker(name: string): Knocker | null
    /**
     * The doors that open for this knocker, each with its upcoming sequences, the next one first, without those that
     * would not count now because something listens on one of their ports. Empty: no such knocker, or `waitsFor`.
     */
    upcoming(knocker: string): readonly BundleDoor[]
    /** The counters of this knocker. */
    standing(knocker: string): readonly KnockerStanding[]
    /**
     * From now on `changed` is called when bundles are not what they were: after a use, a reload, a rotation, when
     * services come and go. `knockers`: whose; null: everybody's, and some may be gone.
     */
    hear(changed: (knockers: readonly string[] | null) => void): void
}
