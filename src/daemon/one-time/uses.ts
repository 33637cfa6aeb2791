/** When knockers last used a sequence, for `status`. */

/** This knocker used a sequence of this door, at this time (milliseconds since 1970). */
export type Use = { readonly knocker: string; readonly door: string; readonly at: number }

/** The last use of each knocker at each door, the latest at the end. */
export class Uses {
    #last = new Map<string, Use>()

    /** When this knocker last used a sequence of this door; null: not that we know of. */
    at(knocker: string, door: string): number | null {
        return this.#last.get(keyOf(knocker, door))?.at ?? null
    }

    /** The latest, at most so many, the last one first. */
    latest(most: number): readonly Use[] {
        return [...this.#last.values()].slice(Math.max(0, this.#last.size - most)).reverse()
    }

    /** This has happened now. */
    note(use: Use): void {
        // At the end, wherever it was.
        this.forget(use.knocker, use.door)
        this.#last.set(keyOf(use.knocker, use.door), use)
    }

    /** There is no such knocker at this door any more. */
    forget(knocker: string, door: string): void {
        this.#last.delete(keyOf(knocker, door))
    }

    /** These have happened before all that was noted, the latest at the end. */
    recall(uses: readonly Use[]): void {
        const since = this.#last
        this.#last = new Map()
        for (const use of uses) if (!since.has(keyOf(use.knocker, use.door))) this.note(use)
        for (const use of since.values()) this.note(use)
    }
}

/** What a knocker at a door is called in tables: no name has a space in it. */
export function keyOf(knocker: string, door: string): string {
    return `${knocker} ${door}`
}
