/** Text files that people write: read whole, up to a size, with the reason where that cannot be. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs"
import type { Trouble } from "../../core/config/issues.ts"

/** The contents of a file, or why there are none; permission bits where it could be opened. */
export type TextFile = {
    readonly text: string | { readonly trouble: Trouble; readonly detail: string }
    readonly mode?: number
}

/** Reads a file of at most so many bytes. Nothing throws. */
export function readTextFile(file: string, most: number): TextFile {
    let fd: number | undefined
    try {
        // Not blocking: a FIFO in the place of a file must not hold the daemon up. All is asked of the open file, so
        // that nobody can change it between the questions.
        fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
        const stat = fstatSync(fd)
        if (!stat.isFile()) return { text: { trouble: "not-a-file", detail: "" } }
        if (stat.size > most) return { text: { trouble: "too-large", detail: "" } }
        const text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(fd))
        return { text, mode: stat.mode & 0o777 }
    } catch (error) {
        if (error instanceof TypeError) return { text: { trouble: "not-utf8", detail: "" } }
        return { text: troubleOf(error) }
    } finally {
        if (fd !== undefined) closeSync(fd)
    }
}

/** Why a file or directory cannot be read. */
export function troubleOf(error: unknown): { readonly trouble: Trouble; readonly detail: string } {
    const code = error instanceof Error && "code" in error ? String(error.code) : ""
    if (code === "ENOENT") return { trouble: "missing", detail: "" }
    if (code === "EACCES" || code === "EPERM") return { trouble: "permission", detail: "" }
    if (code === "ENOTDIR" || code === "EISDIR") return { trouble: "not-a-file", detail: "" }
    return { trouble: "failed", detail: code === "" ? String(error) : code }
}
