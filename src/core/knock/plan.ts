/**
 * What a knocker sends, and when: tree -> packets to send. A host can be reached by IPv6 and by IPv4, and what comes
 * after the knock (ssh, a browser) may use either; so the whole knock goes to both, side by side at the same pace. To
 * the gateway they are two sources that do not disturb each other, and the wait is as short as with one.
 */
import type { Hit } from "./hit.ts"

/** An address family, as people and `-4`/`-6` call it. */
export type Family = 4 | 6

/** Where to send: an address as text, with its zone if it has one (`fe80::1%eth0`). */
export type Target = { readonly family: Family; readonly address: string }

/** One packet to send, `at` milliseconds after the first. `number` counts the hits of the knock from 1. */
export type PlannedHit = {
    readonly at: number
    readonly number: number
    readonly hit: Hit
    readonly target: Target
}

/**
 * The target of each wanted family: the first address of it, IPv6 before IPv4. The same targets are used for every hit
 * and for the wait, whatever the name service would answer next (round-robin names would spread one knock over hosts).
 */
export function pickTargets(addresses: readonly Target[], families: readonly Family[]): readonly Target[] {
    return ([6, 4] as const)
        .filter((family) => families.includes(family))
        .flatMap((family) => addresses.find((address) => address.family === family) ?? [])
}

/**
 * The whole knock: hit by hit, `delay` milliseconds apart, each to every target at the same time. Sorted by time, and
 * within one time by the order of the targets.
 */
export function planKnock(targets: readonly Target[], hits: readonly Hit[], delay: number): readonly PlannedHit[] {
    return hits.flatMap((hit, index) =>
        targets.map((target) => ({ at: index * delay, number: index + 1, hit, target })),
    )
}

/**
 * How long to pause before asking the service again for the `n`th time (from 0), in milliseconds: soon at first,
 * because the door opens within a few milliseconds, and never rarer than twice a second.
 */
export function pauseBefore(n: number): number {
    return Math.min(20 * 2 ** n, 500)
}

/**
 * How long to wait for an answer of the service when asking for the `n`th time (from 0), in milliseconds. A service
 * that was hidden by silence answers no packet sent before the door opened, so the first questions are short; later
 * ones leave time for slow paths.
 */
export function probeLimit(n: number): number {
    return Math.min(250 * 2 ** n, 2000)
}
