/** The configuration that says what is hidden: read, and changed in one file of its own. */
import { mkdir, rm, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { configFile, readConfigFiles } from "../../adapters/config/files.ts"
import { writeWhole } from "../../adapters/system/durable.ts"
import { readTextFile } from "../../adapters/system/text-file.ts"
import type { Config } from "../../core/config/config.ts"
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
    /** What is in it; null: there is none. */
    readonly text: string | null
    /** Null: it has errors, which `issues` tell. */
    readonly config: Config | null
    readonly issues: readonly Issue[]
}

/** Reads it. Never throws. */
export async function readPlace(config: string | undefined, terminal: Terminal): Promise<Place> {
    const main = configFile(config, terminal.env)
    const files = readConfigFiles(main)
    const reading = await readConfig(files, { listening: null })
    const path = join(dirname(main), HIDE_FILE)
    const { text } = readTextFile(path, MOST)
    const issues = reading.issues.filter(({ severity }) => severity === "error")
    return {
        main,
        files,
        path,
        text: typeof text === "string" ? text : null,
        config: reading.ok ? reading.config : null,
        issues,
    }
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

/** Writes what holds of this service, or an exit code after an error that has been told. `undo`: puts back what was there. */
export async function writeRule(
    place: Place,
    service: Service,
    hide: boolean,
    terminal: Terminal,
): Promise<{ readonly undo: () => Promise<void> } | ExitCode> {
    const { main, path, text } = place
    const after = withRule(text, service, hide)
    if (after === null) {
        const line = `"${formatService(service)}" = ${hide}`
        terminal.error(
            `${path}: no line of it can be changed`,
            `write ${line} under [hide] there yourself, then postern reload`,
        )
        return EXIT.failed
    }
    const folder = dirname(path)
    const put = async (bytes: string) => {
        const { gid } = await stat(main)
        await writeWhole(folder, "hide.toml", Buffer.from(bytes), { mode: 0o640, group: gid })
    }
    try {
        // Whoever reads the main file, such as the daemon's group, reads this one.
        await mkdir(folder, { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
            if (error.code !== "EEXIST") throw error
        })
        await put(after)
    } catch (error) {
        const code = error instanceof Error && "code" in error ? error.code : null
        const denied = code === "EACCES" || code === "EPERM"
        terminal.error(`${path}: cannot be written: ${messageOf(error)}`, ...(denied ? ["run this as root"] : []))
        return denied ? EXIT.permission : EXIT.failed
    }
    return { undo: () => (text === null ? rm(path, { force: true }) : put(text)) }
}
