/** What the engine makes of the views of a configuration, once: what to look for in each, and who looks at a hit. */
import type { Config } from "./config/config.ts"
import { codeOf } from "./knock/hit.ts"
import { indexSequences, type Rule, type SequenceIndex, slotOf, type Wanted } from "./knock/sequence.ts"
import type { OneTimeBook } from "./one-time/book.ts"
import type { View } from "./watch.ts"

/** The sequences of a view, ready to be looked up. */
export function indexView(config: Config, view: View, book: OneTimeBook): SequenceIndex {
    const wanted = view.doors.map((door): Wanted => {
        const { hits, within } = config.doors[door]!.sequence!
        return { door, codes: hits.map(codeOf), within }
    })
    const doors = view.oneTime.map((door) => {
        const { name, oneTime } = config.doors[door]!
        return { door, name, length: oneTime!.length, within: oneTime!.within }
    })
    return indexSequences(wanted, ruleOf(config, view), doors.length === 0 ? null : { book, doors })
}

/** How the doors of a view are recognised: all alike. */
function ruleOf({ doors }: Config, { strict, doors: [first = -1] }: View): Rule {
    const manner = doors[first]?.sequence?.knockd ?? null
    return { strict, apart: manner !== null, duplicates: manner?.duplicates === true }
}

/** Which views that are not strict look at the hit at each slot. */
export function lenientBySlot(views: readonly View[]): Map<number, number[]> {
    const bySlot = new Map<number, number[]>()
    views.forEach(({ strict, named }, view) => {
        if (strict) return
        for (const slot of named.map(slotOf)) bySlot.set(slot, [...(bySlot.get(slot) ?? []), view])
    })
    return bySlot
}
