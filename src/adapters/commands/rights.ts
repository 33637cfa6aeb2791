/** What the user whom the daemon runs as may do on this host: the kernel is asked, as that user. */
import { spawnSync } from "node:child_process"
import { accessSync, constants, type Stats, statSync } from "node:fs"

const MODES = {
    reading: { flag: "-r", mode: constants.R_OK },
    /** Names in a directory can be changed by who may write and search it. */
    writing: { flag: "-w", mode: constants.W_OK | constants.X_OK },
    running: { flag: "-x", mode: constants.X_OK },
} as const

/**
 * Has the owner of the directory `state` this right to `path` for sure not? Both absolute. What is not there can nobody
 * read; of another user only root can ask.
 */
export function lacksRight(right: keyof typeof MODES, path: string, state: string): boolean {
    if (right === "reading" && statOf(path) === null) return true
    const owner = statOf(state)
    const me = process.geteuid?.()
    if (!owner || me === undefined) return false
    if (owner.uid === me) return !canAccess(path, MODES[right].mode)
    return me === 0 && askedAs(owner, MODES[right].flag, path) === "no"
}

/** Can others than its owner and its group read this file, or others than its owner change it, for sure? */
export function isOpenToOthers(path: string): boolean {
    return ((statOf(path)?.mode ?? 0) & 0o027) !== 0
}

/** Those of these files that the owner of the directory `state` can for sure not read. All absolute. Of another user only root can ask. */
export function unreadableTo(paths: readonly string[], state: string): readonly string[] {
    const owner = statOf(state)
    const me = process.geteuid?.()
    if (!owner || me === undefined) return []
    if (owner.uid === me) return paths.filter((path) => !canAccess(path, constants.R_OK))
    if (me !== 0) return []
    const script = `while IFS= read -r file; do test -r "$file" || printf '%s\\n' "$file"; done; echo done`
    // No name that we make or take has a line feed in it.
    const said = runAs(owner, script, [], `${paths.filter((path) => !path.includes("\n")).join("\n")}\n`).split("\n")
    // Without its last line something went wrong on the way.
    return said.at(-1) === "done" ? said.slice(0, -1).filter((path) => statOf(path) !== null) : []
}

function canAccess(path: string, mode: number): boolean {
    try {
        accessSync(path, mode)
        return true
    } catch {
        return false
    }
}

/** With that user's groups, and without root's capabilities: rights can come from access lists as well as from modes. */
function askedAs(user: Stats, flag: string, path: string): string {
    return runAs(user, `test "$1" "$2" && { test ! -d "$2" || test -x "$2"; } && echo yes || echo no`, [flag, path])
}

function runAs({ uid, gid }: Stats, script: string, args: readonly string[], input = ""): string {
    const argv = ["--reuid", `${uid}`, "--regid", `${gid}`, "--init-groups", "--"]
    const { stdout } = spawnSync("setpriv", [...argv, "/bin/sh", "-c", script, "sh", ...args], {
        encoding: "utf8",
        input,
        stdio: ["pipe", "pipe", "ignore"],
        timeout: 5000,
        maxBuffer: 64 << 20,
    })
    // Nothing where that user or the program is not there: then it is not known.
    return (stdout ?? "").trim()
}

/** Null: there is nothing of this name. Undefined: we may not look. */
function statOf(path: string): Stats | null | undefined {
    try {
        return statSync(path)
    } catch (error) {
        const code = error instanceof Error && "code" in error ? error.code : ""
        return code === "ENOENT" || code === "ENOTDIR" ? null : undefined
    }
}
