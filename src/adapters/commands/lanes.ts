/**
 * Who runs when: jobs of one lane one after another in order, so many at once over all, so many waiting. It knows
 * nothing of processes: `start` begins a job, and says by `ended` that it is over.
 */
import type { CommandJob, CommandOutcome, Commands } from "../../ports/commands.ts"

/** Ours. A knock must never be held up by programs, and a flood of grants must not become a flood of processes. */
export const MOST_RUNNING = 16
export const MOST_WAITING = 256

/** A job under way. */
export type Running = { readonly kill: () => void }

/** Begins a job; calls `ended` once, never before it has returned. Does not throw. */
export type Start = (job: CommandJob, ended: (outcome: CommandOutcome) => void) => Running

type Waiting = { readonly job: CommandJob; readonly done: (outcome: CommandOutcome) => void }

/** The port, over any way of starting a job. */
export function laneCommands(start: Start): Commands {
    let waiting: Waiting[] = []
    let stopped = false
    const lanes = new Map<string, Running>()
    const idle: (() => void)[] = []

    const begin = ({ job, done }: Waiting) => {
        const running = start(job, (outcome) => {
            lanes.delete(job.lane)
            pump()
            // Last: it may give us the next job.
            done(outcome)
            if (lanes.size === 0) for (const resolve of idle.splice(0)) resolve()
        })
        lanes.set(job.lane, running)
    }
    const pump = () => {
        for (const next of waiting) {
            if (lanes.size >= MOST_RUNNING) break
            if (lanes.has(next.job.lane)) continue
            waiting = waiting.filter((one) => one !== next)
            begin(next)
        }
    }
    return {
        run(job, done) {
            const now = lanes.size < MOST_RUNNING && !lanes.has(job.lane)
            if (stopped || (!now && !job.must && waiting.length >= MOST_WAITING)) return false
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
    }
}
