/** Does anybody keep the kernel's clock right? Asked without changing anything, which everyone may. */
import { libcFunction } from "./ffi.ts"

/** What adjtimex(2) returns when nobody does (TIME_ERROR). */
const TIME_ERROR = 5
/** struct timex has 208 bytes on 64-bit systems; its first word, `modes`, is 0: only look. */
const TIMEX = 256

/** True if the clock is synchronised as far as the kernel knows; null where it may not be asked. */
export function isClockSynchronised(): boolean | null {
    const state = libcFunction("int adjtimex(void *timex)")(new Uint8Array(TIMEX))
    return state < 0 ? null : state !== TIME_ERROR
}
