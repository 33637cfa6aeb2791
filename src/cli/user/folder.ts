/** The directory of knockers, as the configuration names it: read, written and changed a file at a time. */
import { stat } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { configFile, readConfigFiles } from "../../adapters/config/files.ts"
import { KnockerFiles } from "../../adapters/knockers/directory.ts"
import { readKey } from "../../adapters/sealing/read-key.ts"
import { readTextFile, type TextFile } from "../../adapters/system/text-file.ts"
import type { Bundles } from "../../core/config/config.ts"
import { formatIssue, type Issue } from "../../core/config/issues.ts"
import { readConfig } from "../../core/config/parse.ts"
import { fileOfKnocker, type Knocker, MAX_KNOCKER_FILE, parseKnocker } from "../../core/one-time/knocker.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"

/** Where knockers are, and what the configuration says of them. */
export type Folder = {
    readonly directory: string
    readonly bundles: Bundles
    /** The doors with one-time sequences. */
    readonly doors: ReadonlySet<string>
    /** The group that may read the configuration: the daemon's, where there is one. */
    readonly group: number | undefined
}

/** Finds it, or the exit code after an error that has been told. */
export async function openFolder(config: string | undefined, terminal: Terminal): Promise<Folder | ExitCode> {
    const main = configFile(config, terminal.env)
    const files = readConfigFiles(main)
    const reading = await readConfig(files, { listening: null })
    if (!reading.ok) {
        for (const issue of reading.issues) if (issue.severity === "error") terminal.say(formatIssue(issue))
        const code = codeOf(reading.issues)
        if (code === EXIT.permission) terminal.error("not all of the configuration can be read", "run this as root")
        else terminal.error("the configuration has errors", "postern check shows them, and what is unwise")
        return code
    }
    const { bundles, doors } = reading.config
    if (bundles === null) {
        terminal.error(
            `${main}: there is no [bundles], so nobody gets one-time sequences`,
            "postern.toml(5) and docs/one-time.md say what it takes",
        )
        return EXIT.configuration
    }
    const group = await stat(main).then(
        ({ gid }) => gid,
        () => undefined,
    )
    const directory = resolve(dirname(main), bundles.users)
    if (
        !(await stat(directory).then(
            (found) => found.isDirectory(),
            () => true,
        ))
    ) {
        terminal.error(`${directory}: not a directory`, "`users` of [bundles] names the one with the files of knockers")
        return EXIT.configuration
    }
    const names = doors.filter(({ oneTime }) => oneTime !== null).map(({ name }) => name)
    return { directory, bundles, doors: new Set(names), group }
}

/** Where the file of a knocker is. */
export function pathOf({ directory }: Pick<Folder, "directory">, name: string): string {
    return join(directory, fileOfKnocker(name))
}

/** A knocker, with the text of the file. */
export type KnockerRead = { readonly knocker: Knocker; readonly text: string }

/** A knocker; null: there is none. Or the exit code after an error that has been told. */
export async function readKnocker(
    folder: Folder,
    name: string,
    terminal: Terminal,
): Promise<KnockerRead | null | ExitCode> {
    return understood(folder, name, readTextFile(pathOf(folder, name), MAX_KNOCKER_FILE), terminal)
}

/** The same of a file that was read already. */
export async function understood(
    folder: Pick<Folder, "directory">,
    name: string,
    read: TextFile,
    terminal: Terminal,
): Promise<KnockerRead | null | ExitCode> {
    if (typeof read.text !== "string" && read.text.trouble === "missing") return null
    const parsed = await parse(folder, name, read)
    if (parsed.ok && typeof read.text === "string") return { knocker: parsed.knocker, text: read.text }
    return tellIssues(parsed.issues, terminal)
}

/** Why nobody could read a file of this text, in a sentence; null: it is well. */
export async function whyUnreadable(folder: Folder, name: string, text: string): Promise<string | null> {
    if (Buffer.byteLength(text) > MAX_KNOCKER_FILE) return "so many keys are more than a file may have (256 KiB)"
    const parsed = await parse(folder, name, { text })
    const issue = parsed.issues.find(({ severity }) => severity === "error")
    return issue === undefined ? null : `${issue.path}: ${issue.message}`
}

function parse(folder: Pick<Folder, "directory">, name: string, read: TextFile) {
    return parseKnocker({ name, file: pathOf(folder, name), ...read }, (key) => readKey(key, Date.now()))
}

/** A knocker who is there, or the exit code after an error that has been told. */
export async function knownKnocker(folder: Folder, name: string, terminal: Terminal): Promise<KnockerRead | ExitCode> {
    const read = await readKnocker(folder, name, terminal)
    return read ?? noSuchKnocker(name, terminal)
}

/** Tells that nobody is called so. */
export function noSuchKnocker(name: string, terminal: Terminal): ExitCode {
    terminal.error(`${name}: there is no such knocker`, "postern user list shows who there is")
    return EXIT.usage
}

/** All knockers. Or the exit code after an error that has been told. */
export async function readKnockers(folder: Folder, terminal: Terminal): Promise<readonly Knocker[] | ExitCode> {
    const files = new KnockerFiles((key) => readKey(key, Date.now()))
    const read = await files.read(folder.directory, folder.doors)
    if (!read.ok) return tellIssues(read.issues, terminal)
    for (const issue of read.issues) if (issue.code !== "knockers-missing") terminal.say(formatIssue(issue))
    return read.knockers
}

function tellIssues(issues: readonly Issue[], terminal: Terminal): ExitCode {
    for (const issue of issues) terminal.say(formatIssue(issue))
    terminal.error("files of knockers have errors", "mend the lines above")
    return codeOf(issues)
}

function codeOf(issues: readonly Issue[]): ExitCode {
    return issues.some(({ code }) => code === "forbidden") ? EXIT.permission : EXIT.configuration
}
