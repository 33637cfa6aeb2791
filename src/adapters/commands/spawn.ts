/**
 * The commands port over real processes: argument vectors without a shell, a process group of their own so that a time
 * limit ends all of it, no input but what the job brings, a small fixed environment unless they are to have ours, and no
 * descriptor but the three standard ones. A program may leave something running in the background on purpose: what it
 * prints after the program itself has ended is not read.
 */
import { Socket } from "node:net"
import type { CommandJob, CommandOutcome, Commands } from "../../ports/commands.ts"
import { EACCES, EAGAIN, EMFILE, ENFILE, ENOENT, ENOMEM, SystemError } from "../system/errno.ts"
import { beginProgram, forgetProgram, openPipe, type ProgramEnd, type Standard } from "../system/program.ts"
import { closeSocket } from "../system/socket.ts"
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
    /** Null: ours, whatever becomes of it. */
    readonly directory: string | null
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
    const lines = new OutputLines(job.output)
    const child = tryToBegin(job, around, (end) => over(outcomeOf(end)))
    if (child instanceof Error) {
        setImmediate(() => ended({ ended: "error", detail: whyNot(child) }, isPassing(child)))
        return { kill: () => {}, leave: () => {} }
    }
    // A program that ends, or closes its input, before it has read all of it, wants no more.
    child.input?.on("error", () => {}).end(job.input ?? "")
    let open = child.outputs.length
    let outcome: CommandOutcome | null = null
    let read = 0
    for (const [name, stream] of child.outputs) {
        // A stream that breaks has no more lines; the program's end is told by the program.
        stream.on("error", () => {})
        stream.on("data", (bytes: Buffer) => {
            lines.bytes(name, bytes)
            read += bytes.length
            if (read <= READ_FREELY) return
            stream.pause()
            setTimeout(() => stream.resume(), READ_PAUSE)
        })
        stream.once("close", () => {
            open--
            tellIfDone()
        })
    }
    let late: NodeJS.Timeout | undefined
    let last: NodeJS.Timeout | undefined
    let timedOut = false
    const kill = () => {
        if (late !== undefined) return
        signalGroup(child.pid, "SIGTERM")
        late = setTimeout(() => signalGroup(child.pid, "SIGKILL"), GRACE)
    }
    const limit = setTimeout(() => {
        timedOut = true
        kill()
    }, job.timeout)
    const over = (how: CommandOutcome) => {
        // We ended it: then all of it, now that nobody will wait for the group's last member.
        if (late !== undefined) signalGroup(child.pid, "SIGKILL")
        outcome = how
        tellIfDone()
        if (outcome === null) return
        last = setTimeout(() => {
            open = 0
            tellIfDone()
        }, LAST_WORDS)
    }
    const tellIfDone = () => {
        if (outcome === null || open > 0) return
        const told = timedOut ? ({ ended: "timeout" } as const) : outcome
        outcome = null
        letGo()
        lines.end()
        ended(told, false)
    }
    const letGo = () => {
        for (const timer of [limit, late, last]) clearTimeout(timer)
        child.input?.destroy()
        for (const [, stream] of child.outputs) stream.destroy()
    }
    const leave = () => {
        forgetProgram(child.pid)
        letGo()
    }
    return { kill, leave }
}

function outcomeOf({ code, signal }: ProgramEnd): CommandOutcome {
    return code === null ? { ended: "signal", signal: signal ?? "SIGKILL" } : { ended: "exit", code }
}

/** Not the program's fault: there is no descriptor, no process or no memory left, for the moment. */
function isPassing(error: Error): boolean {
    return error instanceof SystemError && [EAGAIN, EMFILE, ENFILE, ENOMEM].includes(error.errno)
}

/** A program under way, with our ends of its pipes. */
type Child = { readonly pid: number; readonly input: Socket | null; readonly outputs: readonly Output[] }
type Output = readonly [name: "stdout" | "stderr", stream: Socket]

/** The child, or why there is none. */
function tryToBegin(
    { argv, input }: CommandJob,
    { directory, environment, output }: Surroundings,
    ended: (end: ProgramEnd) => void,
): Child | Error {
    if (argv.length === 0 || argv[0] === "") return new Error("no program is named")
    /** Its ends of the pipes: of no use to us once it has them. */
    const its: number[] = []
    const streams: Socket[] = []
    const pipe = (which: "we read" | "we write"): number => {
        const [from, to] = openPipe()
        const [ours, theirs] = which === "we read" ? [from, to] : [to, from]
        its.push(theirs)
        streams.push(new Socket({ fd: ours, readable: ours === from, writable: ours === to }))
        return theirs
    }
    try {
        const others = output === "ours" ? "ours" : "nothing"
        const standard: readonly Standard[] = [
            input === undefined ? "nothing" : pipe("we write"),
            ...(output === "lines" ? [pipe("we read"), pipe("we read")] : ([others, others] as const)),
        ]
        const pid = beginProgram({ argv, directory, environment, standard }, ended)
        const first = input === undefined ? 0 : 1
        const outputs = streams.slice(first).map((stream, i): Output => [i === 0 ? "stdout" : "stderr", stream])
        return { pid, input: first === 0 ? null : streams[0]!, outputs }
    } catch (error) {
        for (const stream of streams) stream.destroy()
        return error instanceof Error ? error : new Error(String(error))
    } finally {
        for (const fd of its) closeSocket(fd)
    }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
    try {
        process.kill(-pid, signal)
    } catch {
        // All of the group has ended.
    }
}

/** What keeps a program from running, for people. */
function whyNot(error: Error): string {
    if (!(error instanceof SystemError)) return error.message
    if (error.errno === ENOENT)
        return `${error.message}: there is no such program, or what it is written for is missing`
    return error.errno === EACCES ? `${error.message}: it is not executable for this user` : error.message
}
