import type { ProgramOutcome } from "../core/report.ts"

/** Runs programs, of doors and of hooks. Adapters: spawn, memory. */
export interface Commands {
    /**
     * Queues a program: those of one `lane` run one after another in order, and only so many run at once over all.
     * `done` is called once, later. Returns false, and never calls `done`, when too many wait already.
     */
    run(job: CommandJob, done: (outcome: CommandOutcome) => void): boolean
    /** How many run, and how many wait. */
    load(): { readonly running: number; readonly waiting: number }
    /** Ends what runs (SIGTERM, then SIGKILL after a grace time) and forgets what waits. Resolves when all is gone. */
    stop(): Promise<void>
    /** Lets go of what runs, which goes on by itself and is not heard of again, and forgets what waits. */
    leave(): void
}

/** One program to run. */
export type CommandJob = {
    readonly lane: string
    /** Jobs of one group take up no more than a part of the room, running and waiting; without one, all of it. */
    readonly group?: string
    /** What the program reads from its standard input, which then ends; without it, nothing. */
    readonly input?: string
    /**
     * Waits however many wait already, and is tried again when it cannot be run for lack of descriptors, processes or
     * memory: what undoes something must not be left out.
     */
    readonly must?: boolean
    /** Hears once that it cannot be run yet, and why. */
    readonly late?: (detail: string) => void
    /** The program and its arguments; no shell. */
    readonly argv: readonly string[]
    /** Killed after this time, in milliseconds. */
    readonly timeout: number
    /** Each line it prints, without its end, cut at a sane length. */
    readonly output: (line: string) => void
}

/** How it ended. */
export type CommandOutcome = ProgramOutcome
