/** Jobs that must run, tried again for as long as they cannot for a passing reason. It knows nothing of processes. */
import type { CommandJob, CommandOutcome } from "../../ports/commands.ts"
import type { Running, Start } from "./lanes.ts"

/** Begins a job, as `Start`; `passing`: it was not run, and could be later. */
type Attempt = (job: CommandJob, ended: (outcome: CommandOutcome, passing: boolean) => void) => Running

/** A start that tries a job that must run again, `ms` after each attempt that failed for a passing reason. */
export function patient(attempt: Attempt, ms: number): Start {
    return (job, ended) => {
        let killed = false
        let told = false
        let again: NodeJS.Timeout | undefined
        let last: CommandOutcome | null = null
        const begin = () => {
            again = undefined
            return attempt(job, (outcome, passing) => {
                if (!passing || killed || job.must !== true) {
                    ended(outcome)
                    return
                }
                if (!told && outcome.ended === "error") job.late?.(outcome.detail)
                told = true
                last = outcome
                again = setTimeout(() => (running = begin()), ms)
            })
        }
        let running = begin()
        return {
            kill() {
                if (killed) return
                killed = true
                if (again === undefined) {
                    running.kill()
                    return
                }
                clearTimeout(again)
                const outcome = last!
                setImmediate(() => ended(outcome))
            },
            leave() {
                killed = true
                clearTimeout(again)
                running.leave()
            },
        }
    }
}
