/**
 * Programs begun with posix_spawn(3), without a copy of this process (decision 20). What libuv would do for a child
 * besides is done here: signals as a program expects them, a session of its own, and that its end is heard.
 */
import { constants } from "node:os"
import { EINTR, lastErrno, SystemError } from "./errno.ts"
import { libcFunction } from "./ffi.ts"
import { allocate, type Memory } from "./memory.ts"
import { LITTLE } from "./socket.ts"

const SETSIGDEF = 0x04
const SETSIGMASK = 0x08
const SETSID = 0x80
const WNOHANG = 1
const O_CLOEXEC = 0o2000000
const O_RDONLY = 0
const O_RDWR = 2
/** What a timer can hold. */
const LONGEST_MS = 2_147_483_647
/** More than posix_spawnattr_t, posix_spawn_file_actions_t and sigset_t have on any libc. */
const STRUCT_BYTES = 1024

/** What one of the three standard descriptors of a program is: ours of the same number, nothing, or this one of ours. */
export type Standard = "ours" | "nothing" | number

/** A program to begin. */
export type Beginning = {
    /** The program, a path, and its arguments. */
    readonly argv: readonly string[]
    /** Null: ours, also if it has been moved or removed since we came there. */
    readonly directory: string | null
    readonly environment: Readonly<Record<string, string | undefined>>
    /** Three: input, output, errors. */
    readonly standard: readonly Standard[]
}

/** How it ended: one of the two. Neither, if somebody else was told. */
export type ProgramEnd = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

type Calls = ReturnType<typeof loadCalls>
let calls: Calls | undefined

function loadCalls() {
    const attributes = allocate(STRUCT_BYTES)
    const signals = allocate(STRUCT_BYTES)
    const { address } = attributes
    const set = (name: string, type: string, value: unknown) =>
        libcFunction(`int posix_spawnattr_${name}(uintptr_t attributes, ${type} value)`)(address, value)
    libcFunction("int posix_spawnattr_init(uintptr_t attributes)")(address)
    set("setflags", "short", SETSIGDEF | SETSIGMASK | SETSID)
    // None is held back, and none is ignored, as Node ignores SIGPIPE.
    libcFunction("int sigemptyset(uintptr_t signals)")(signals.address)
    set("setsigmask", "uintptr_t", signals.address)
    libcFunction("int sigfillset(uintptr_t signals)")(signals.address)
    set("setsigdefault", "uintptr_t", signals.address)
    return {
        attributes,
        actions: allocate(STRUCT_BYTES),
        init: libcFunction("int posix_spawn_file_actions_init(uintptr_t actions)"),
        destroy: libcFunction("int posix_spawn_file_actions_destroy(uintptr_t actions)"),
        dup2: libcFunction("int posix_spawn_file_actions_adddup2(uintptr_t actions, int from, int to)"),
        close: libcFunction("int posix_spawn_file_actions_addclose(uintptr_t actions, int fd)"),
        open: libcFunction(
            "int posix_spawn_file_actions_addopen(uintptr_t actions, int fd, const char *path, int flags, uint32_t mode)",
        ),
        // glibc 2.29.
        goTo: action("addchdir_np(uintptr_t actions, const char *path)"),
        // glibc 2.34.
        closeFrom: action("addclosefrom_np(uintptr_t actions, int from)"),
        spawn: libcFunction(
            "int posix_spawn(void *pid, const char *path, uintptr_t actions, uintptr_t attributes, const char **argv, const char **environment)",
        ),
        waitpid: libcFunction("int waitpid(int pid, void *status, int options)"),
        pipe2: libcFunction("int pipe2(void *fds, int flags)"),
    }
}

/** Null: this libc has no such action. */
function action(prototype: string): ReturnType<typeof libcFunction> | null {
    try {
        return libcFunction(`int posix_spawn_file_actions_${prototype}`)
    } catch {
        return null
    }
}

function libc(): Calls {
    calls ??= loadCalls()
    return calls
}

/** Where a program cannot be begun in another directory, a shell goes there and becomes it. */
export function goingTo(directory: string, argv: readonly string[]): string[] {
    return ["/bin/sh", "-c", 'cd -- "$0" && exec "$@"', directory, ...argv]
}

/**
 * Begins a program in a session and process group of its own, and returns its number. `ended` is called once, later.
 * It inherits no descriptor but the three. Waiting for it keeps this process alive: whoever ends a program that does not want
 * to end, last of all, still hears that it has. Throws SystemError if it cannot be begun: what the system says of it.
 */
export function beginProgram(beginning: Beginning, ended: (end: ProgramEnd) => void): number {
    const { attributes, actions, init, destroy, goTo, closeFrom, spawn } = libc()
    const { directory, environment, standard } = beginning
    const argv = goTo === null && directory !== null ? goingTo(directory, beginning.argv) : beginning.argv
    const [path = ""] = argv
    const names = Object.entries(environment).flatMap(([name, value]) =>
        value === undefined ? [] : `${name}=${value}`,
    )
    if ([...argv, ...names, directory ?? ""].some((text) => text.includes("\0")))
        throw new Error(`${path}: a NUL in a word`)
    // Before there is anything to hear: a program can be over before we go on.
    listen()
    const pid = new Uint8Array(4)
    init(actions.address)
    try {
        const spare = Math.max(...standard.map((given, fd) => (typeof given === "number" ? given : fd))) + 1
        for (const [fd, given] of standard.entries()) addStandard(actions, fd, given, spare)
        // Ours are close-on-exec. Those that whoever started us has left open above the first 16 Node does not know of.
        closeFrom?.(actions.address, standard.length)
        if (directory !== null) goTo?.(actions.address, directory)
        const words = [...argv, null]
        const errno = spawn(pid, path, actions.address, attributes.address, words, [...names, null])
        if (errno !== 0) throw new SystemError(`spawn ${path}`, errno)
    } finally {
        destroy(actions.address)
    }
    const number = new DataView(pid.buffer).getInt32(0, LITTLE)
    waitedFor.set(number, ended)
    awake ??= setInterval(() => {}, LONGEST_MS)
    return number
}

/** Nobody waits for this program any more: its end is not heard, and it keeps nobody alive. */
export function forgetProgram(pid: number): void {
    waitedFor.delete(pid)
    sleepIfNobodyWaits()
}

/** `spare`: a descriptor that the program does not get. */
function addStandard({ address }: Memory, fd: number, given: Standard, spare: number): void {
    const { open, dup2, close } = libc()
    if (given === "nothing") {
        open(address, fd, "/dev/null", fd === 0 ? O_RDONLY : O_RDWR, 0)
        return
    }
    const from = given === "ours" ? fd : given
    if (from !== fd) {
        dup2(address, from, fd)
        return
    }
    // Node has set close-on-exec for ours. Onto itself only later libcs than glibc 2.28 take that back; there and back all do.
    dup2(address, fd, spare)
    dup2(address, spare, fd)
    close(address, spare)
}

/** A pipe that no program inherits: the end to read from, and the end to write to. Throws SystemError. */
export function openPipe(): readonly [from: number, to: number] {
    const fds = new Int32Array(2)
    if (libc().pipe2(new Uint8Array(fds.buffer), O_CLOEXEC) < 0) throw new SystemError("pipe2", lastErrno())
    return [fds[0]!, fds[1]!]
}

const waitedFor = new Map<number, (end: ProgramEnd) => void>()
let listening = false
/** Whoever hears signals and nothing else is not kept alive by that: until all have ended this is there for it. */
let awake: NodeJS.Timeout | null = null

/** One signal may stand for several ends, and for those of other children, which are not ours to ask for. */
function listen(): void {
    if (listening) return
    listening = true
    process.on("SIGCHLD", () => {
        for (const [pid, ended] of waitedFor) {
            const end = endOf(pid)
            if (end === null) continue
            waitedFor.delete(pid)
            ended(end)
        }
        sleepIfNobodyWaits()
    })
}

function sleepIfNobodyWaits(): void {
    if (waitedFor.size > 0 || awake === null) return
    clearInterval(awake)
    awake = null
}

/** Null: it has not ended. */
function endOf(pid: number): ProgramEnd | null {
    const bytes = new Uint8Array(4)
    let found = libc().waitpid(pid, bytes, WNOHANG)
    while (found < 0 && lastErrno() === EINTR) found = libc().waitpid(pid, bytes, WNOHANG)
    if (found === 0) return null
    if (found < 0) return { code: null, signal: null }
    const status = new DataView(bytes.buffer).getInt32(0, LITTLE)
    const number = status & 0x7f
    return number === 0 ? { code: (status >> 8) & 0xff, signal: null } : { code: null, signal: signalName(number) }
}

function signalName(number: number): NodeJS.Signals | null {
    const entries: readonly [string, number][] = Object.entries(constants.signals)
    const name = entries.find(([, value]) => value === number)?.[0]
    return isSignal(name) ? name : null
}

function isSignal(name: string | undefined): name is NodeJS.Signals {
    return name !== undefined && name in constants.signals
}
