/**
 * Fewer rights than the root that runs the tests, to see what a program without them does. The checkout may lie in a
 * folder that only root can read, such as /root.
 */
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { libcFunction } from "../../src/adapters/system/ffi.ts"

/**
 * The start of an argument vector that runs the rest as nobody: with no right but to read any file, since it is the
 * program itself that could not be read otherwise.
 */
export const AS_NOBODY: readonly string[] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--inh-caps=-all,+dac_read_search",
    "--ambient-caps=-all,+dac_read_search",
    // access(2) forgets the capabilities of whoever is not root, without this.
    "--securebits=+no_setuid_fixup",
]

/** Copies the built program into a folder, for everybody to run. Returns its launcher. */
export function copyProgram(folder: string): string {
    const root = join(import.meta.dirname, "..", "..")
    const parts = ["postern", "dist", "node_modules/koffi", "node_modules/@koromix"]
    execFileSync("cp", ["-r", "--parents", ...parts, folder], { cwd: root })
    execFileSync("chmod", ["-R", "a+rX", folder])
    return join(folder, "postern")
}

/** _LINUX_CAPABILITY_VERSION_3, capget(2): two sets of three words follow, effective, permitted, inheritable. */
const VERSION = 0x20080522

/**
 * Calls `act` without the capabilities of root, so that the modes of files hold for it. For calls that wait for their
 * answer: capabilities belong to a thread, and those of the others stay.
 */
export function withoutCapabilities<T>(act: () => T): T {
    const mine = capabilities()
    const none = mine.slice()
    none[0] = 0
    none[3] = 0
    setCapabilities(none)
    try {
        return act()
    } finally {
        setCapabilities(mine)
    }
}

/** Takes a capability below 32 from this thread, or gives it back, as long as it is permitted. */
export function setEffective(capability: number, on: boolean): void {
    const wanted = capabilities()
    wanted[0] = on ? wanted[0]! | (1 << capability) : wanted[0]! & ~(1 << capability)
    setCapabilities(wanted)
}

function capabilities(): Uint32Array {
    const data = new Uint32Array(6)
    const header = new Uint32Array([VERSION, 0])
    must(libcFunction("int capget(uint32_t *header, _Out_ uint32_t *data)")(header, data), "capget")
    return data
}

function setCapabilities(data: Uint32Array): void {
    const header = new Uint32Array([VERSION, 0])
    must(libcFunction("int capset(uint32_t *header, uint32_t *data)")(header, data), "capset")
}

function must(status: number, what: string): void {
    if (status !== 0) throw new Error(`${what}: the kernel refuses`)
}
