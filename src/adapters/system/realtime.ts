/** The wall clock as finely as the kernel has it: the one that it stamps packets with. Node's has milliseconds alone. */
import { ffi, libcFunction } from "./ffi.ts"

const CLOCK_REALTIME = 0

type Read = () => number
let read: Read | undefined

/** Milliseconds since 1970, with fractions (clock_gettime(2)). */
export function realTime(): number {
    read ??= load()
    return read()
}

function load(): Read {
    const call = libcFunction("int clock_gettime(int clock, void *time)")
    // struct timespec is two longs: seconds and nanoseconds.
    const time = ffi().sizeof("long") === 8 ? new BigInt64Array(2) : new Int32Array(2)
    return () => {
        call(CLOCK_REALTIME, time)
        return Number(time[0]) * 1000 + Number(time[1]) / 1_000_000
    }
}
