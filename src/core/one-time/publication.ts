/**
 * What a gateway publishes (spec/bundle.md): which files, for whom, in which order, and what is in each. Pure: signing,
 * sealing and writing are done elsewhere.
 */
import type { Bundle, BundleDoor } from "./bundle.ts"
import type { Digests } from "./derive.ts"
import type { Knocker } from "./knocker.ts"
import { dummyNameOf, fileNameOf, placeOf } from "./place.ts"
import { type FileKind, fileKindOf, type Recipient } from "./recipient.ts"

/** A file to make. */
export type PlannedFile = {
    readonly name: string
    readonly kind: FileKind
    /** The name of the knocker whose it is; null: nobody's, there to fill the web root up. */
    readonly for: string | null
}

/** In which order files of one kind after the other are made where names do not matter. */
const FILE_KINDS: readonly FileKind[] = ["age", "age-pq", "openpgp"]

/**
 * All files of a publication in the order of their names, which says nothing of whose they are: a file for each knocker
 * and kind of his keys, and as many of nobody as make them `least`. A step at a time: with many knockers it takes seconds.
 */
export function* planFiles(
    digests: Digests,
    placeKey: Uint8Array,
    knockers: readonly Pick<Knocker, "name" | "recipients">[],
    least: number,
): Generator<void, readonly PlannedFile[], void> {
    // Sorted letter by letter: all at once takes longer than packets can wait.
    const byLetter = new Map<string, PlannedFile[]>()
    const plan = (file: PlannedFile) => {
        const same = byLetter.get(file.name[0]!)
        if (same === undefined) byLetter.set(file.name[0]!, [file])
        else same.push(file)
    }
    let count = 0
    for (const { name, recipients } of knockers) {
        const place = placeOf(digests, placeKey, name)
        for (const kind of kindsOf(recipients)) {
            plan({ name: fileNameOf(digests, place, kind), kind, for: name })
            count++
        }
        yield
    }
    for (let n = 0; n < least - count; n++) {
        plan({ name: dummyNameOf(digests, placeKey, n), kind: "age", for: null })
        yield
    }
    const files: PlannedFile[] = []
    for (const letter of [...byLetter.keys()].toSorted()) {
        files.push(...byLetter.get(letter)!.sort((a, b) => (a.name < b.name ? -1 : 1)))
        yield
    }
    return files
}

/** The kinds of file that these keys can read. */
export function kindsOf(recipients: readonly Recipient[]): readonly FileKind[] {
    return FILE_KINDS.filter((kind) => readersOf(recipients, kind).length > 0)
}

/** Those of these keys that can read a file of this kind. */
export function readersOf(recipients: readonly Recipient[], kind: FileKind): readonly Recipient[] {
    return recipients.filter((one) => fileKindOf(one.kind) === kind)
}

/** What all bundles of one publication have in common. Times are milliseconds. */
export type Edition = {
    readonly gateway: string
    readonly serial: number
    readonly made: number
    readonly lifetime: number
    /** The gateway's public keys in base64, that of now first. */
    readonly keys: readonly string[]
}

/** The bundle of a knocker. */
export function bundleOf(edition: Edition, knocker: string, doors: readonly BundleDoor[]): Bundle {
    const { gateway, serial, made, lifetime, keys } = edition
    return { gateway, knocker, serial, made, until: wholeSeconds(made + lifetime), keys, doors }
}

/** The serial of the next publication: it grows even where what was the last one is not known, or a clock goes back. */
export function nextSerial(last: number | null, now: number): number {
    return Math.max((last ?? -1) + 1, Math.floor(now / 1000))
}

/** Ours: a time of the last publication that is further ahead (ms) is that of a clock which was wrong. */
const AHEAD_MOST = 86_400_000

/** The time that all files of a publication say: a later one than the last, so that whoever compares times copies them. */
export function nextChanged(last: number | null, now: number): number {
    const changed = wholeSeconds(now)
    return last === null || last - changed > AHEAD_MOST ? changed : Math.max(last + 1000, changed)
}

/** The same moment without fractions of a second. */
export function wholeSeconds(ms: number): number {
    return Math.floor(ms / 1000) * 1000
}
