/**
 * What came back from the asked port against what came back from two closed ones. Where the two closed ones do not
 * agree the probe says nothing; where they do, the asked port must answer like them.
 */
import type { Reply } from "./normalise.ts"

/** What came back of one probe from each port. */
export type Answers = {
    readonly here: readonly Reply[]
    readonly closed: readonly [readonly Reply[], readonly Reply[]]
}

/** A part of the answers that is another one here. */
export type Difference = { readonly part: string; readonly here: string; readonly closed: string }

/** What a probe has shown. `void`: two closed ports differ, too. */
export type Verdict =
    | { readonly type: "same"; readonly answered: boolean }
    | { readonly type: "void" }
    | { readonly type: "differs"; readonly differences: readonly Difference[] }

/** Compares the answers to one probe. */
export function compare({ here, closed: [first, second] }: Answers): Verdict {
    if (differences(first, second).length > 0) return { type: "void" }
    const found = differences(here, first)
    return found.length === 0 ? { type: "same", answered: first.length > 0 } : { type: "differs", differences: found }
}

/** So often a probe is repeated that shows a difference: packets get lost, and hosts do other things. */
const TRIES = 3

/**
 * What the verdicts on one probe, one try after another, come to; null: it is to be tried again. Alike answers settle it at
 * once, anything else when it was seen twice alike. What differs each time in another way differs, too; what is sometimes
 * this and sometimes that says nothing.
 */
export function settle(tries: readonly Verdict[]): Verdict | null {
    const last = tries.at(-1)
    if (last === undefined) return null
    const text = JSON.stringify(last)
    if (last.type === "same" || tries.filter((one) => JSON.stringify(one) === text).length > 1) return last
    if (tries.length < TRIES) return null
    return tries.every(({ type }) => type === "differs") ? last : { type: "void" }
}

/** Part by part, or the answers as a whole where they are not as many or not of the same kind. */
function differences(here: readonly Reply[], closed: readonly Reply[]): Difference[] {
    const whole = { part: "answer", here: summaryOf(here), closed: summaryOf(closed) }
    if (here.length !== closed.length) return [whole]
    return here.flatMap((one, index) => {
        const other = closed[index]!
        const names = one.fields.map(([name]) => name)
        if (names.join() !== other.fields.map(([name]) => name).join()) return [whole]
        return one.fields.flatMap(([name, value], at) => {
            const there = other.fields[at]![1]
            return value === there ? [] : [{ part: name, here: value, closed: there }]
        })
    })
}

function summaryOf(replies: readonly Reply[]): string {
    return replies.length === 0 ? "none" : replies.map(({ summary }) => summary).join(", ")
}
