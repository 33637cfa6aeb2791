/**
 * One-time sequences of files, used up before their door opens: marked in the file, on the disk, and only then known as
 * used. Doors that share a file use it up together.
 */
import type { Marking } from "../../adapters/config/one-time.ts"
import type { Hit } from "../../core/knock/hit.ts"
import type { MadeDoor } from "../../core/knockd/doors.ts"

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
    /** Files whose sequence of this configuration is used. */
    #spent = new Set<string>()

    constructor(keeping: OneTimeKeeping) {
        this.#keeping = keeping
    }

    /** These doors are in force, with the sequences that their files have now. */
    turn(doors: ReadonlyMap<string, MadeDoor>): void {
        this.#doors = doors
        this.#spent = new Set()
    }

    /** Uses up what this door has. False: it was used before, or that cannot be written down. */
    spend(name: string): boolean {
        const { mark, log, used } = this.#keeping
        const from = this.#doors.get(name)?.from
        if (from === undefined || from.oneTime === null || this.#spent.has(from.oneTime)) return false
        this.#spent.add(from.oneTime)
        const marking = mark(from.oneTime, from.hits)
        if (!marking.ok && marking.why === "failed") log(`${from.oneTime}: cannot be marked: ${marking.detail}`)
        used()
        return marking.ok
    }
}
