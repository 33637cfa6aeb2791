/** syslog(3): whatever listens at /dev/log, as the C library finds it. */
import { ffi, libcFunction } from "./ffi.ts"

const LOG_USER = 1 << 3
/** What a line is worth. */
const LOG_NOTICE = 5

/** Where lines go; `close` when no more come. */
export type Syslog = { readonly line: (text: string) => void; readonly close: () => void }

/** Opens it for a program of this name. Where nobody listens, lines are lost, as for every program. */
export function openSyslog(name: string): Syslog {
    // The C library keeps the pointer: the name must stay where it is for as long as there are lines.
    const ident = ffi().alloc("char", name.length + 1)
    ffi().encode(ident, "char", `${name}\0`, name.length + 1)
    libcFunction("void openlog(void *ident, int option, int facility)")(ident, 0, LOG_USER)
    const syslog = libcFunction("void syslog(int priority, str format, ...)")
    const close = libcFunction("void closelog()")
    return {
        line: (text) => void syslog(LOG_NOTICE, "%s", "str", text),
        close: () => void close(),
    }
}
