import type { Subject } from "./row.ts"

/** What a knock opens. */
export const PORTS: Readonly<Record<Subject, number>> = {
    postern: 2201,
    "packet-socket": 2201,
    "drop-in": 2202,
    knockd: 2202,
}

/** The hits of the first door: those that the knocker and the floods send. */
export const HITS: readonly number[] = [27_001, 21_502, 24_003]

/** The hits of the n-th door (0 is the first): no two of ten thousand doors begin alike. */
export function hitsOf(door: number): readonly number[] {
    return door === 0 ? HITS : [10_000 + door, 40_000 + door, 30_000 + door]
}
