/**
 * Where lines of the log go, without ever waiting for whoever reads them. What keeps a write from waiting depends on
 * what the descriptor is, because O_NONBLOCK belongs to the open file, which other processes may share: a shell, the
 * other end of a script, a second program that writes to the same journal. So it is never set on what we were given.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs"
import { isatty } from "node:tty"
import { canWrite, sendSome } from "../system/descriptor.ts"
import { EAGAIN, errnoText } from "../system/errno.ts"

/** Takes bytes, as far as there is room. */
export type Outlet = {
    /** How many of the bytes were taken: 0, if there is no room now. A text: why none will be, however long we wait. */
    readonly write: (bytes: Uint8Array) => number | string
    readonly close: () => void
}

/** The kernel's (man 7 pipe, PIPE_BUF): so much goes into a pipe that has any room at all. */
const PIPE_BUF = 4096

/** The outlet for a descriptor that stays the caller's. */
export function openOutlet(fd: number): Outlet {
    const stat = fstatSync(fd)
    if (stat.isSocket()) return { write: (bytes) => outcome(sendSome(fd, bytes)), close: () => {} }
    if (stat.isFIFO() || isatty(fd)) return reopened(fd) ?? polled(fd)
    // A file, or a device such as /dev/null: writing may take the disk's time, but there is nobody to wait for.
    return { write: (bytes) => writeSome(fd, bytes), close: () => {} }
}

/** A pipe or terminal opened anew: an open file of our own, which may be non-blocking. Null: we may not. */
function reopened(fd: number): Outlet | null {
    try {
        const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY
        const own = openSync(`/proc/self/fd/${fd}`, flags)
        return { write: (bytes) => writeSome(own, bytes), close: () => closeSync(own) }
    } catch {
        // Of another user, such as before `setpriv`, or without a reader at this moment.
        return null
    }
}

/**
 * A pipe or terminal that others may write to as well: asked for room before each write, which is no longer than what
 * fits then. Only a writer that comes in between could make us wait.
 */
function polled(fd: number): Outlet {
    return { write: (bytes) => (canWrite(fd) ? writeSome(fd, bytes.subarray(0, PIPE_BUF)) : 0), close: () => {} }
}

function writeSome(fd: number, bytes: Uint8Array): number | string {
    try {
        return writeSync(fd, bytes)
    } catch (error) {
        if (error instanceof Error && "errno" in error && typeof error.errno === "number") return outcome(error.errno)
        throw error
    }
}

/** Bytes, or the negated error number of a refusal. */
function outcome(result: number): number | string {
    if (result >= 0) return result
    return result === -EAGAIN ? 0 : errnoText(-result)
}
