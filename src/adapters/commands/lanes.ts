/**
 * Who runs when: jobs of one lane one after another in order, so many at once over all, so many waiting. It knows
 * nothing of processes: `start` begins a job, and says by `ended` that it is over.
 */
import type { CommandJob, CommandOutcome, Commands } from "../../ports/commands.ts"

/** Ours. A knock must never be held up by programs, and a flood of grants must not become a flood of processes. */
export const MOST_RUNNING = 16
export const MOST_WAITING = 256
/** Of these, one group's: whoever replays a knock from one network must not keep the programs of others waiting. */
export const GROUP_RUNNING = MOST_RUNNING / 2
export const GROUP_WAITING = MOST_WAITING / 4

/** How many there can be: of all, and of one group. Of jobs that must run as many again can run. */
export type Room = {
    readonly running: number
    readonly waiting: number
    readonly groupRunning: number
    readonly groupWaiting: number
}

const ROOM: Room = {
    running: MOST_RUNNING,
    waiting: MOST_WAITING,
    groupRunning: GROUP_RUNNING,
    groupWaiting: GROUP_WAITING,
}

/** A job under way. `leave`: it goes on by itself, and `ended` is not called. */
export type Running = { readonly kill: () => void; readonly leave: () => void }

/** Begins a job; calls `ended` once, never before it has returned. Does not throw. */
export type Start = (job: CommandJob, ended: (outcome: CommandOutcome) => void) => Running

type Waiting = { readonly job: CommandJob; readonly done: (outcome: CommandOutcome) => void }

/** The port, over any way of starting a job. */
export function laneCommands(start: Start, room = ROOM): Commands {
    let waiting: Waiting[] = []
    let stopped = false
    let left = false
    const lanes = new Map<string, Running>()
    /** What undoes something has room of its own: programs that hang keep no door open. */
    const halls = { must: new Hall(room), may: new Hall(room) }
    const hallOf = ({ must }: CommandJob) => (must === true ? halls.must : halls.may)
    const idle: (() => void)[] = []

    const fits = (job: CommandJob) => !lanes.has(job.lane) && hallOf(job).hasRoom(job)
    const isFull = ({ group }: CommandJob) => {
        if (waiting.length >= room.waiting) return true
        if (group === undefined) return false
        return waiting.filter(({ job }) => job.group === group).length >= room.groupWaiting
    }
    const begin = ({ job, done }: Waiting) => {
        hallOf(job).enter(job)
        const running = start(job, (outcome) => {
            // It was about to be told.
            if (left) return
            lanes.delete(job.lane)
            hallOf(job).leave(job)
            pump()
            // Last: it may give us the next job.
            done(outcome)
            if (lanes.size === 0) for (const resolve of idle.splice(0)) resolve()
        })
        lanes.set(job.lane, running)
    }
    const pump = () => {
        for (const next of waiting) {
            if (halls.must.isFull && halls.may.isFull) break
            if (!fits(next.job)) continue
            waiting = waiting.filter((one) => one !== next)
            begin(next)
        }
    }
    return {
        run(job, done) {
            if (stopped || (!fits(job) && job.must !== true && isFull(job))) return false
            waiting.push({ job, done })
            pump()
            return true
        },
        load: () => ({ running: lanes.size, waiting: waiting.length }),
        stop() {
            stopped = true
            waiting = []
            for (const running of lanes.values()) running.kill()
            return lanes.size === 0 ? Promise.resolve() : new Promise((resolve) => idle.push(resolve))
        },
        leave() {
            stopped = true
            left = true
            waiting = []
            for (const running of lanes.values()) running.leave()
            lanes.clear()
            for (const resolve of idle.splice(0)) resolve()
        },
    }
}

/** Counts jobs that run. */
class Hall {
    readonly #room: Room
    readonly #groups = new Map<string, number>()
    #running = 0

    constructor(room: Room) {
        this.#room = room
    }

    get isFull(): boolean {
        return this.#running >= this.#room.running
    }

    hasRoom({ group }: CommandJob): boolean {
        return !this.isFull && (group === undefined || (this.#groups.get(group) ?? 0) < this.#room.groupRunning)
    }

    enter({ group }: CommandJob): void {
        this.#running++
        if (group !== undefined) this.#groups.set(group, (this.#groups.get(group) ?? 0) + 1)
    }

    leave({ group }: CommandJob): void {
        this.#running--
        if (group === undefined) return
        const left = this.#groups.get(group)! - 1
        if (left > 0) this.#groups.set(group, left)
        else this.#groups.delete(group)
    }
}
