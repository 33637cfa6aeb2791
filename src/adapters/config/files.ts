/** Reads the files of a configuration: the main one, then `conf.d/*.toml` beside it. What is in them is not looked at. */
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { Trouble } from "../../core/config/issues.ts"
import type { ConfigFile } from "../../core/config/parse.ts"

/** Where the configuration is if nothing else is said. */
const CONFIG_FILE = "/etc/postern/postern.toml"

/** Ours: larger than any sensible file, and all files together (bytes). */
const MOST = 1_048_576
const MOST_TOGETHER = 4 * MOST

/** The file that holds: what was asked for, `$POSTERN_CONFIG`, or the usual place. */
export function configFile(asked: string | undefined, env: Readonly<Record<string, string | undefined>>): string {
    const fromEnv = env["POSTERN_CONFIG"]
    return asked ?? (fromEnv === undefined || fromEnv === "" ? CONFIG_FILE : fromEnv)
}

/**
 * Reads the main file and, in the order of their names (by code unit), those of `conf.d` that end in `.toml` and do not
 * begin with a dot. A file that cannot be read comes with the reason instead of its text: nothing throws.
 */
export function readConfigFiles(main: string): ConfigFile[] {
    const folder = join(dirname(main), "conf.d")
    let names: string[] = []
    let folderTrouble: ConfigFile[] = []
    try {
        names = readdirSync(folder).filter((name) => name.endsWith(".toml") && !name.startsWith("."))
    } catch (error) {
        const trouble = troubleOf(error)
        if (trouble.trouble !== "missing") folderTrouble = [{ file: folder, text: trouble }]
    }
    let room = MOST_TOGETHER
    const read = (file: string): ConfigFile => {
        const one = readOne(file, Math.min(MOST, room))
        room -= typeof one.text === "string" ? one.text.length : 0
        return one
    }
    return [read(main), ...folderTrouble, ...names.sort().map((name) => read(join(folder, name)))]
}

function readOne(file: string, most: number): ConfigFile {
    let fd: number | undefined
    try {
        // Not blocking: a FIFO in the place of a file must not hold the daemon up. All is asked of the open file, so
        // that nobody can change it between the questions.
        fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
        const stat = fstatSync(fd)
        if (!stat.isFile()) return { file, text: { trouble: "not-a-file", detail: "" } }
        if (stat.size > most) return { file, text: { trouble: "too-large", detail: "" } }
        const text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(fd))
        return { file, text, mode: stat.mode & 0o777 }
    } catch (error) {
        if (error instanceof TypeError) return { file, text: { trouble: "not-utf8", detail: "" } }
        return { file, text: troubleOf(error) }
    } finally {
        if (fd !== undefined) closeSync(fd)
    }
}

function troubleOf(error: unknown): { readonly trouble: Trouble; readonly detail: string } {
    const code = error instanceof Error && "code" in error ? String(error.code) : ""
    if (code === "ENOENT") return { trouble: "missing", detail: "" }
    if (code === "EACCES" || code === "EPERM") return { trouble: "permission", detail: "" }
    if (code === "ENOTDIR" || code === "EISDIR") return { trouble: "not-a-file", detail: "" }
    return { trouble: "failed", detail: code === "" ? String(error) : code }
}
