/** The configuration that says what is hidden: read, and changed in one file of its own. */
import { constants } from "node:fs"
import { type FileHandle, mkdir, open, rm, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { configFile, readConfigFiles } from "../../adapters/config/files.ts"
import { writeWhole } from "../../adapters/system/durable.ts"
import { lockFile } from "../../adapters/system/flock.ts"
import { readTextFile } from "../../adapters/system/text-file.ts"
import type { Config } from "../../core/config/config.ts"
import { GATEWAY } from "../../core/config/defaults.ts"
import { HIDE_FILE, says, withRule } from "../../core/config/hide-file.ts"
import { formatIssue, type Issue } from "../../core/config/issues.ts"
import { type ConfigFile, readConfig } from "../../core/config/parse.ts"
import type { Service } from "../../core/knock/hit.ts"
import { formatService } from "../../core/knock/language.ts"
import { messageOf } from "../../core/thrown.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"

/** Ours: larger than the file can sensibly be (bytes). */
const MOST = 1_048_576

/** Where it is, and what it says. */
export type Place = {
    readonly main: string
    readonly files: readonly ConfigFile[]
    /** The file that is written. */
    readonly path: string
    /** Null: it has errors, which `issues` tell. */
    readonly config: Config | null
    /** The directory `state`, as far as that can be told, whatever else is wrong. */
    readonly state: string
    readonly issues: readonly Issue[]
}

/** Reads it. Never throws. */
export async function readPlace(config: string | undefined, terminal: Terminal): Promise<Place> {
    const main = configFile(config, terminal.env)
    const files = readConfigFiles(main)
    const reading = await readConfig(files, { listening: null })
    const path = join(dirname(main), HIDE_FILE)
    const issues = reading.issues.filter(({ severity }) => severity === "error")
    return {
        main,
        files,
        path,
        config: reading.ok ? reading.config : null,
        state: reading.ok ? reading.config.gateway.state : stateIn(files),
        issues,
    }
}

/** What is written there, where that is no TOML; its usual place if nothing is. */
function stateIn(files: readonly ConfigFile[]): string {
    const lines = files.map(({ text }) =>
        typeof text === "string" ? /^\s*state\s*=\s*["'](\/[^"']+)["']/m.exec(text) : null,
    )
    return lines.find((line) => line !== null)?.[1] ?? GATEWAY.state
}

/** Tells what is wrong with it, and gives the exit code. */
export function tellIssues({ issues }: Place, terminal: Terminal): ExitCode {
    for (const issue of issues) terminal.say(formatIssue(issue))
    if (issues.some(({ code }) => code === "forbidden")) {
        terminal.error("not all of the configuration can be read", "run this as root")
        return EXIT.permission
    }
    terminal.error("the configuration has errors", "postern check shows them, and what is unwise")
    return EXIT.configuration
}

/** Another file that says something of this service in [hide], which a person has written there. */
export function saidElsewhere({ files, path }: Place, service: Service): string | null {
    const other = files.find(
        ({ file, text }) => file !== path && typeof text === "string" && says(text, service) !== null,
    )
    return other?.file ?? null
}

/**
 * Writes what holds of this service, and lets `then` have it taken over: if that does not give 0, what was there is put
 * back. One command at a time, from what is in the file now: others, and a person, change it as well. Gives the exit code,
 * after an error that has been told.
 */
export async function writeRule(
    { main, path }: Place,
    service: Service,
    hide: boolean,
    terminal: Terminal,
    then: () => Promise<ExitCode> = async () => EXIT.ok,
): Promise<ExitCode> {
    const folder = dirname(path)
    const put = async (bytes: string) => {
        const { gid } = await stat(main)
        // Whoever reads the main file, such as the daemon's group, reads this one.
        await writeWhole(folder, "hide.toml", Buffer.from(bytes), { mode: 0o640, group: gid })
    }
    const line = (rule: boolean) => `"${formatService(service)}" = ${rule}`
    let lock: FileHandle | null = null
    try {
        await mkdir(folder, { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
            if (error.code !== "EEXIST") throw error
        })
        lock = await takeFolder(folder)
        if (lock === null) {
            terminal.error(`${folder}: another command is changing it`, "try it again")
            return EXIT.failed
        }
        const before = readText(path)
        const after = withRule(before, service, hide)
        if (after === null) {
            terminal.error(
                `${path}: no line of it can be changed`,
                `write ${line(hide)} under [hide] there yourself, then postern reload`,
            )
            return EXIT.failed
        }
        await put(after)
        const done = await then()
        if (done === EXIT.ok) return done
        try {
            await (before === null ? rm(path, { force: true }) : put(before))
        } catch (error) {
            terminal.error(`${path}: cannot be put back: ${messageOf(error)}`, `take ${line(hide)} out there yourself`)
        }
        return done
    } catch (error) {
        const code = error instanceof Error && "code" in error ? error.code : null
        const denied = code === "EACCES" || code === "EPERM"
        terminal.error(`${path}: cannot be written: ${messageOf(error)}`, ...(denied ? ["run this as root"] : []))
        return denied ? EXIT.permission : EXIT.failed
    } finally {
        await lock?.close()
    }
}

/** Ours: another command, and the daemon that it waits for, may take so long (ms). */
const PATIENCE_MS = 15_000
const LOOK_MS = 20

/** The folder, for this command alone until it is closed; null: another one has it all the time. */
async function takeFolder(folder: string): Promise<FileHandle | null> {
    const lock = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
        for (const until = performance.now() + PATIENCE_MS; performance.now() < until; await pause(LOOK_MS))
            if (lockFile(lock.fd)) return lock
        await lock.close()
        return null
    } catch (error) {
        await lock.close()
        throw error
    }
}

function readText(path: string): string | null {
    const { text } = readTextFile(path, MOST)
    return typeof text === "string" ? text : null
}
