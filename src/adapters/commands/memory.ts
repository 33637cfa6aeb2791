/** Commands without processes: each job waits until it is ended by hand. */
import type { CommandJob, CommandOutcome, Commands } from "../../ports/commands.ts"
import { laneCommands, type Room } from "./lanes.ts"
import { OutputLines } from "./output.ts"

/** A job that was started and has not ended. */
export type MemoryJob = {
    readonly job: CommandJob
    readonly print: (text: string) => void
    readonly end: (outcome: CommandOutcome) => void
}

/** The port, and what a test does in place of the programs. */
export type MemoryCommands = Commands & { readonly running: readonly MemoryJob[] }

/** `begin` sees each job as it starts; ending it at once is fine. */
export function memoryCommands(begin: (started: MemoryJob) => void = () => {}, room?: Room): MemoryCommands {
    const running: MemoryJob[] = []
    const commands = laneCommands((job, ended) => {
        const lines = new OutputLines(job.output)
        let over = false
        const started: MemoryJob = {
            job,
            print: (text) => lines.bytes("stdout", Buffer.from(text)),
            end(outcome) {
                if (over) return
                over = true
                queueMicrotask(() => {
                    running.splice(running.indexOf(started), 1)
                    lines.end()
                    ended(outcome)
                })
            },
        }
        running.push(started)
        queueMicrotask(() => begin(started))
        return {
            kill: () => started.end({ ended: "signal", signal: "SIGTERM" }),
            leave() {
                over = true
                running.splice(running.indexOf(started), 1)
            },
        }
    }, room)
    return { ...commands, running }
}
