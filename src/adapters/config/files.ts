/** Reads the files of a configuration: the main one, then `conf.d/*.toml` beside it. What is in them is not looked at. */
import { readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import type { ConfigFile } from "../../core/config/parse.ts"
import { readTextFile, troubleOf } from "../system/text-file.ts"

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
        const one = { file, ...readTextFile(file, Math.min(MOST, room)) }
        room -= typeof one.text === "string" ? one.text.length : 0
        return one
    }
    return [read(main), ...folderTrouble, ...names.sort().map((name) => read(join(folder, name)))]
}
