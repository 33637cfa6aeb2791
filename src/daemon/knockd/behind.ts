/**
 * Into the background, as daemon(3) does it. A process of Node cannot fork, so another one is begun, which says when it
 * listens: until then whoever started us sees what it says, and learns how it ended.
 */
import { spawn } from "node:child_process"
import { closeSync, openSync, writeFileSync } from "node:fs"
import type { Surroundings } from "../../adapters/commands/spawn.ts"
import { putOver } from "../../adapters/system/descriptor.ts"

const MARK = "POSTERN_KNOCKD_BEHIND"

/** Is this the process in the background? */
export function isBehind(): boolean {
    return process.env[MARK] !== undefined && process.send !== undefined
}

/**
 * The name by which killall(1), pidof(8), ps(1) and their like find it, as they find knockd: scripts tell it so to read
 * its configuration anew. `argv`: its words, which ps shows.
 */
export function takeName(argv: readonly string[]): void {
    process.title = ["knockd", ...argv].join(" ")
    try {
        writeFileSync("/proc/self/comm", "knockd")
    } catch {
        // Its process number is in its file.
    }
}

/** What commands find around them. */
export function surroundings(background: boolean): Surroundings {
    // Nobody whom we start is in our background.
    const { [MARK]: _, ...environment } = process.env
    return background
        ? { directory: "/", environment, output: "nowhere" }
        : { directory: null, environment, output: "ours" }
}

/** Begins it; resolves to 0 when it listens, and to its exit code if it never does. */
export function goBehind(argv: readonly string[]): Promise<number> {
    const program = process.argv[1]!
    const child = spawn(process.execPath, [...process.execArgv, program, "knockd", ...argv], {
        detached: true,
        env: { ...process.env, [MARK]: "1" },
        stdio: ["ignore", "inherit", "inherit", "ipc"],
    })
    return new Promise((resolve, reject) => {
        child.once("error", reject)
        child.once("exit", (code) => resolve(code ?? 1))
        child.once("message", () => {
            child.disconnect()
            child.unref()
            resolve(0)
        })
    })
}

/**
 * Says that it listens, and lets go of the directory and of the terminal: whoever waits for the end of our output must
 * not wait for ours.
 */
export function tellReady(): void {
    process.chdir("/")
    delete process.env[MARK]
    const nowhere = openSync("/dev/null", "r+")
    for (const fd of [1, 2]) putOver(nowhere, fd)
    closeSync(nowhere)
    process.send?.("ready", () => process.disconnect())
}
