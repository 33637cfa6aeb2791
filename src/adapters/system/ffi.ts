/**
 * The FFI library, and nothing else of it is known outside this folder. It is loaded on first use: most commands need
 * no system call of their own.
 */
import { createRequire } from "node:module"
import type Koffi from "koffi"

type Ffi = typeof Koffi

let loaded: Ffi | undefined

/** The FFI library. Throws if this platform has no build of it. */
export function ffi(): Ffi {
    // What require() gives is "any"; the package's own types say what it is.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    loaded ??= createRequire(import.meta.url)("koffi") as Ffi
    return loaded
}

let libc: ReturnType<Ffi["load"]> | undefined

/** A libc function by its C prototype, such as `int close(int fd)`. */
export function libcFunction(prototype: string): (...args: unknown[]) => number {
    libc ??= ffi().load(null)
    return libc.func(prototype) as (...args: unknown[]) => number
}
