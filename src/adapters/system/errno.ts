/** The system's refusals as errors that people can read. */
import { getSystemErrorMap } from "node:util"
import { ffi } from "./ffi.ts"

/** Error numbers that the adapters decide on (the generic Linux numbers; MIPS and SPARC, which differ, have no Node). */
export const EPERM = 1
export const ENOENT = 2
export const EINTR = 4
export const EAGAIN = 11
export const ENOMEM = 12
export const EACCES = 13
export const EBUSY = 16
export const ENFILE = 23
export const EMFILE = 24
export const EPROTOTYPE = 91
export const ENOBUFS = 105

/** A system call that failed: its name, the error number, and the system's words. */
export class SystemError extends Error {
    override readonly name = "SystemError"
    readonly errno: number
    readonly call: string

    constructor(call: string, errno: number, hint = "") {
        super(`${call}: ${errnoText(errno)}${hint === "" ? "" : `: ${hint}`}`)
        this.errno = errno
        this.call = call
    }
}

/** Name and meaning of an error number, such as `EPERM (operation not permitted)`. */
export function errnoText(errno: number): string {
    const known = getSystemErrorMap().get(-errno)
    return known ? `${known[0]} (${known[1]})` : `error ${errno}`
}

/** The error number of the libc call before; read it at once. */
export function lastErrno(): number {
    return ffi().errno()
}
