/**
 * What the engine has counted since the daemon began. Plain numbers, raised where things happen: a flood allocates
 * nothing here, and what the log leaves out is counted all the same. It outlives the engine, so that no counter goes
 * down when the configuration changes.
 */
import { MAX_HITS } from "../knock/limits.ts"
import type { MatchCounts } from "../knock/matcher.ts"
import type { RefusalCode } from "../report.ts"

/** Ours: so many doors have numbers of their own; each costs a dozen series wherever they are kept. */
export const DOORS_MOST = 200
/** All other doors together. No door can have this name. */
export const OTHERS = "(others)"

/** Counters of one door. */
export type DoorTally = {
    /** Right knocks, whatever came of them. */
    knocks: number
    /** Grants that began, by a knock or by hand; and those that were open when the daemon began. */
    opened: number
    found: number
    /** Grants that got more time, or new time. */
    renewed: number
    /** Of `opened` and `renewed`: by hand. */
    given: number
    /** Grants for one connection that one has used up. */
    used: number
    readonly refused: Record<RefusalCode, number>
    readonly closed: Record<"time" | "knock" | "hand" | "reload" | "loss", number>
}

/** See the head of the file. */
export class Tally {
    readonly hits: MatchCounts = { hits: 0, repeats: 0, paused: 0, noRoom: 0, strays: 0 }
    /** Packets from addresses that nobody can have. */
    impossible = 0
    /** Attempts that came this far, by stage; a right knock is counted at its door instead. */
    readonly stages = new Float64Array(MAX_HITS + 1)
    timedOut = 0
    spoiled = 0
    pauses = 0
    /** Reports that were left out because there were too many. */
    omitted = 0
    readonly #doors = new Map<string, DoorTally>()
    readonly #others = newDoor()

    /** The counters of the door of this name. A name keeps its counters for good; names that come late share. */
    door(name: string): DoorTally {
        const known = this.#doors.get(name)
        if (known !== undefined) return known
        if (this.#doors.size >= DOORS_MOST) return this.#others
        const made = newDoor()
        this.#doors.set(name, made)
        return made
    }

    /** Under which name this door is counted. */
    label(name: string): string {
        return this.#doors.has(name) ? name : OTHERS
    }

    /** Every door that has counters of its own, by name, and the others if any can be counted there. */
    byDoor(): readonly (readonly [label: string, door: DoorTally])[] {
        return [...this.#doors, ...(this.#doors.size < DOORS_MOST ? [] : [[OTHERS, this.#others] as const])]
    }
}

function newDoor(): DoorTally {
    return {
        knocks: 0,
        opened: 0,
        found: 0,
        renewed: 0,
        given: 0,
        used: 0,
        refused: { source: 0, share: 0, grants: 0, firewall: 0, used: 0, state: 0, cooldown: 0 },
        closed: { time: 0, knock: 0, hand: 0, reload: 0, loss: 0 },
    }
}
