/**
 * One-time sequences of files, used up before their door opens: marked in the file, on the disk, and only then known as
 * used. Doors that share a file use it up together: whoever knocks opens all of them, as with knockd, and nobody again.
 */
import type { Marking } from "../../adapters/config/one-time.ts"
import type { Hit } from "../../core/knock/hit.ts"
import type { MadeDoor } from "../../core/knockd/doors.ts"
import type { Address } from "../../core/net/address.ts"

/** What it works with. */
export type OneTimeKeeping = {
    /** Marks the sequence in the file; see adapters/config/one-time.ts. */
    readonly mark: (path: string, hits: readonly Hit[]) => Marking
    readonly log: (text: string) => void
    /** The sequence that a door had is used: read the files again. */
    readonly used: () => void
}

/** See the head of the file. */
export class OneTime {
    readonly #keeping: OneTimeKeeping
    #doors: ReadonlyMap<string, MadeDoor> = new Map()
    /** Of files whose sequence of this configuration is used: by whom, and for which doors. */
    #spent = new Map<string, Use>()

    constructor(keeping: OneTimeKeeping) {
        this.#keeping = keeping
    }

    /** These doors are in force, with the sequences that their files have now. */
    turn(doors: ReadonlyMap<string, MadeDoor>): void {
        this.#doors = doors
        this.#spent = new Map()
    }

    /** Uses up what this door has. False: it was used before, or that cannot be written down. */
    spend(name: string, source: Address): boolean {
        const { mark, log, used } = this.#keeping
        const from = this.#doors.get(name)?.from
        if (from === undefined || from.oneTime === null) return false
        const use = this.#spent.get(from.oneTime)
        // The knock that opened another door with this file is the knock of this one, too; any other comes too late.
        if (use !== undefined) return use.marked && isSame(use.source, source) && isNew(use.doors, name)
        const marking = mark(from.oneTime, from.hits)
        this.#spent.set(from.oneTime, { marked: marking.ok, source, doors: new Set([name]) })
        if (!marking.ok && marking.why === "failed") log(`${from.oneTime}: cannot be marked: ${marking.detail}`)
        used()
        return marking.ok
    }
}

/** Who has used a sequence. */
type Use = { readonly marked: boolean; readonly source: Address; readonly doors: Set<string> }

function isSame(one: Address, other: Address): boolean {
    return one.every((word, i) => word === other[i])
}

function isNew(doors: Set<string>, name: string): boolean {
    return !doors.has(name) && doors.add(name).size > 0
}
