/** A wall clock of a program's own, by libfaketime: it jumps when it is told to, and time itself goes on (monotonic). */
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"

export type FakeClock = {
    /** For the program's environment. */
    readonly env: Readonly<Record<string, string>>
    /** From now on the clock is so many seconds behind (negative) or ahead of the real one. */
    readonly set: (seconds: number) => void
}

/** A clock that is told by this file. Throws where libfaketime is not installed. */
export function fakeClock(file: string, seconds: number): FakeClock {
    const { stdout } = spawnSync("find", ["/usr/lib", "/lib", "-name", "libfaketimeMT.so.1"], { encoding: "utf8" })
    const library = stdout.split("\n")[0]
    if (library === undefined || library === "") throw new Error("libfaketime is not installed (Debian: faketime)")
    const set = (by: number) => writeFileSync(file, `${by < 0 ? "-" : "+"}${Math.abs(by)}s\n`)
    set(seconds)
    return {
        env: {
            LD_PRELOAD: library,
            FAKETIME_TIMESTAMP_FILE: file,
            FAKETIME_NO_CACHE: "1",
            FAKETIME_DONT_FAKE_MONOTONIC: "1",
            DONT_FAKE_MONOTONIC: "1",
        },
        set,
    }
}
