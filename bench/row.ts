/** What a benchmark is: a row measures its subjects in interleaved rounds; its measures make figures of the samples. */
import type { Rig } from "./rig.ts"

/** Whose figures these are. The two captures of postern are subjects of their own; the drop-in is `postern knockd`. */
export const SUBJECTS = ["postern", "packet-socket", "drop-in", "knockd"] as const
export type Subject = (typeof SUBJECTS)[number]

/** Those that goals are for. */
export const OURS: readonly Subject[] = ["postern", "packet-socket", "drop-in"]

/** As tables and pictures call them. */
export const NAMES: Readonly<Record<Subject, string>> = {
    postern: "postern",
    "packet-socket": "postern, packet socket",
    "drop-in": "postern knockd",
    knockd: "knockd",
}

/** Everything that the rounds of one subject have brought, by key: `Infinity` for what never came. */
export type Samples = Readonly<Record<string, readonly number[]>>

/** A figure with its meaning. */
export type Measure = {
    /** Unique over all rows. */
    readonly id: string
    readonly what: string
    readonly unit: "ms" | "ns" | "MB" | "%" | "/s" | ""
    /** NaN: this subject has no such figure. */
    readonly value: (samples: Samples) => number
    /** Which is better. */
    readonly better: "less" | "more"
    /** What is promised: of all of ours, unless it says of which. */
    readonly goal?: {
        readonly text: string
        readonly holds: (value: number) => boolean
        readonly of?: readonly Subject[]
    }
    /** Is it in the picture? */
    readonly drawn?: boolean
}

/** See the head of the file. */
export type Row = {
    readonly name: string
    readonly title: string
    /** How it is measured, in a sentence or two, for the table. */
    readonly how: string
    readonly subjects: readonly Subject[]
    readonly rounds: number
    readonly measures: readonly Measure[]
    /** One round of one subject. Throws if it cannot be measured; the other rounds and rows go on. */
    readonly sample: (rig: Rig, subject: Subject, round: number) => Promise<Samples>
}

/** The value below which this share of the values lies; NaN if there are none. */
export function quantile(values: readonly number[] | undefined, share: number): number {
    const sorted = (values ?? []).toSorted((a, b) => a - b)
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

export function median(values: readonly number[] | undefined): number {
    return quantile(values, 0.5)
}

/** How many never came. */
export function lost(values: readonly number[] | undefined): number {
    return values === undefined || values.length === 0
        ? Number.NaN
        : values.filter((value) => !Number.isFinite(value)).length
}

/** Those that came. */
export function came(values: readonly number[] | undefined): number[] {
    return (values ?? []).filter((value) => Number.isFinite(value))
}
