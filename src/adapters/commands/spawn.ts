/**
 * The commands port over real processes: argument vectors without a shell, a process group of their own so that a time
 * limit ends all of it, no input but what the job brings, a small fixed environment, and no descriptor but the three
 * standard ones (Node and our system calls open everything close-on-exec). A program may leave something running in the
 * background on purpose: what it prints after the program itself has ended is not read.
 */
import { type ChildProcess, spawn } from "node:child_process"
import type { CommandJob, CommandOutcome, Commands } from "../../ports/commands.ts"
import { laneCommands, type Room, type Running } from "./lanes.ts"
import { OutputLines } from "./output.ts"
import { patient } from "./patient.ts"

/** Ours: from SIGTERM to SIGKILL, and for the last output after the end, in milliseconds. */
const GRACE = 2000
const LAST_WORDS = 200
/** Ours: what must run and cannot for the moment is tried again after so many milliseconds. */
const RETRY = 1000
/**
 * Ours: so many bytes of a program's output are read as they come, and the rest at most a pipe's room (64 KiB) at a time
 * with so many milliseconds in between: one that prints without end must not cost a processor. Not reading it at all would
 * make it wait for us, or end it.
 */
const READ_FREELY = 1_048_576
const READ_PAUSE = 5

const ENVIRONMENT = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C" }

/** What programs find around them. */
export type Surroundings = {
    readonly directory: string
    readonly environment: Readonly<Record<string, string | undefined>>
    /** What they print is read as lines, goes where ours goes, or nowhere. */
    readonly output: "lines" | "ours" | "nowhere"
}

const PLAIN: Surroundings = { directory: "/", environment: ENVIRONMENT, output: "lines" }

/** Runs programs as children of this process, with its rights. `room`: how many, if not as many as for doors. */
export function spawnCommands(room?: Room, around = PLAIN): Commands {
    return laneCommands(
        patient((job, ended) => start(job, around, ended), RETRY),
        room,
    )
}

function start(
    job: CommandJob,
    around: Surroundings,
    ended: (outcome: CommandOutcome, passing: boolean) => void,
): Running {
    const child = tryToSpawn(job.argv, job.input !== undefined, around)
    if (child instanceof Error) {
        setImmediate(() => ended({ ended: "error", detail: whyNot(child) }, isPassing(child)))
        return { kill: () => {} }
    }
    // A program that ends, or closes its input, before it has read all of it, wants no more.
    child.stdin?.on("error", () => {}).end(job.input)
    const lines = new OutputLines(job.output)
    let read = 0
    for (const name of ["stdout", "stderr"] as const) {
        const stream = child[name]
        // A stream that breaks has no more lines; the program's end is told by the program.
        stream?.on("error", () => {})
        stream?.on("data", (bytes: Buffer) => {
            lines.bytes(name, bytes)
            read += bytes.length
            if (read <= READ_FREELY) return
            stream.pause()
            setTimeout(() => stream.resume(), READ_PAUSE)
        })
    }
    let late: NodeJS.Timeout | undefined
    let timedOut = false
    const kill = () => {
        if (late !== undefined) return
        signalGroup(child, "SIGTERM")
        late = setTimeout(() => signalGroup(child, "SIGKILL"), GRACE)
    }
    const limit = setTimeout(() => {
        timedOut = true
        kill()
    }, job.timeout)
    let over = false
    const end = (outcome: CommandOutcome, passing = false) => {
        if (over) return
        over = true
        clearTimeout(limit)
        clearTimeout(late)
        child.stdin?.destroy()
        child.stdout?.destroy()
        child.stderr?.destroy()
        lines.end()
        ended(timedOut ? { ended: "timeout" } : outcome, passing)
    }
    child.once("error", (error) => end({ ended: "error", detail: whyNot(error) }, isPassing(error)))
    child.once("exit", (code, signal) => {
        const outcome: CommandOutcome =
            code === null ? { ended: "signal", signal: signal ?? "SIGKILL" } : { ended: "exit", code }
        // We ended it: then all of it, now that nobody will wait for the group's last member.
        if (late !== undefined) signalGroup(child, "SIGKILL")
        const last = setTimeout(() => end(outcome), LAST_WORDS)
        child.once("close", () => {
            clearTimeout(last)
            end(outcome)
        })
    })
    return { kill }
}

/** Not the program's fault: there is no descriptor, no process or no memory left, for the moment. */
function isPassing(error: Error): boolean {
    return "code" in error && ["EAGAIN", "EMFILE", "ENFILE", "ENOMEM"].includes(String(error.code))
}

/** The child, or why there is none. */
function tryToSpawn(
    [program, ...args]: readonly string[],
    input: boolean,
    { directory, environment, output }: Surroundings,
): ChildProcess | Error {
    const where = output === "lines" ? "pipe" : output === "ours" ? "inherit" : "ignore"
    if (program === undefined || program === "") return new Error("no program is named")
    try {
        return spawn(program, args, {
            cwd: directory,
            env: environment,
            stdio: [input ? "pipe" : "ignore", where, where],
            detached: true,
        })
    } catch (error) {
        // A NUL in an argument, or no memory.
        return error instanceof Error ? error : new Error(String(error))
    }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
    if (child.pid === undefined) return
    try {
        process.kill(-child.pid, signal)
    } catch {
        // All of the group has ended.
    }
}

/** What keeps a program from running, for people. */
function whyNot(error: Error): string {
    const code = "code" in error ? error.code : ""
    if (code === "ENOENT") return `${error.message}: there is no such program, or what it is written for is missing`
    return code === "EACCES" ? `${error.message}: it is not executable for this user` : error.message
}
