/** What a look at a host has found, as data: for people, for scripts and for tests. */
import type { Difference, Verdict } from "./compare.ts"
import type { Probe } from "./probe.ts"
import type { Test } from "./statistic.ts"

/** What one probe has shown. */
export type Finding = { readonly probe: Probe; readonly verdict: Verdict }

/** Times of one kind of packet, compared. Medians in nanoseconds. */
export type Timing = {
    readonly what: string
    readonly samples: number
    readonly here: number
    readonly closed: number
    /** The asked port against both closed ones, and these against each other. */
    readonly test: Test
    readonly control: Test
}

/** One family. */
export type View = {
    readonly family: 4 | 6
    readonly address: string
    readonly interface: string
    readonly onLink: boolean
    /** The two closed ports. */
    readonly closed: readonly [number, number]
    readonly findings: readonly Finding[]
    /** Probes that could not be sent from here. */
    readonly leftOut: readonly Probe[]
    /** Closed ports whose resets carry the flow label of the asked port's: somebody else answers for it. */
    readonly sharedLabels: readonly number[]
    readonly timing: readonly Timing[]
}

/** Does the port answer a plain SYN as an open one does? */
export function isOpen({ findings }: View): boolean {
    return findings.some(
        ({ probe, verdict }) =>
            probe.name === "SYN" &&
            verdict.type === "differs" &&
            verdict.differences.some(({ here }) => here === "SA" || here.startsWith("tcp SA")),
    )
}

/**
 * Does nothing tell the port from a closed one, as far as was seen? Timing is told and not judged: one bad set of samples is
 * no proof.
 */
export function looksClosed(views: readonly View[]): boolean {
    return views.every((view) => view.sharedLabels.length === 0 && countOf(view).differ === 0 && saysEnough(view))
}

/** Can the port be compared at all? Not with closed ports that answer most probes each in another way. */
function saysEnough(view: View): boolean {
    const { all, void: nothing } = countOf(view)
    return 2 * nothing <= all
}

/** How many of each. */
export function countOf({ findings }: View) {
    const of = (type: Verdict["type"]) => findings.filter(({ verdict }) => verdict.type === type).length
    const answered = findings.filter(({ verdict }) => verdict.type === "same" && verdict.answered).length
    return { all: findings.length, same: of("same"), answered, differ: of("differs"), void: of("void") }
}

/** Those that tell the port from a closed one, with what differs. */
export function differing({
    findings,
}: View): { readonly probe: Probe; readonly differences: readonly Difference[] }[] {
    return findings.flatMap(({ probe, verdict }) =>
        verdict.type === "differs" ? [{ probe, differences: verdict.differences }] : [],
    )
}
