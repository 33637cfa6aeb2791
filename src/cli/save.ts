/** Writes a file that holds secrets, whole or not at all. */
import { randomBytes } from "node:crypto"
import {
    closeSync,
    existsSync,
    fsyncSync,
    linkSync,
    mkdirSync,
    openSync,
    renameSync,
    unlinkSync,
    writeSync,
} from "node:fs"
import { dirname, join } from "node:path"

/** What is written first, as it is called before it is whole. */
export const HALF = /^\.postern-[0-9a-f]{16}$/

/**
 * Writes `text` to `path`, for its owner alone (mode 600). What is there is replaced only with `replace`; otherwise, and
 * for whatever the system refuses, an error with a `code` is thrown, and nothing is left behind. Afterwards it is on the
 * disk, by its name.
 */
export function saveSecret(path: string, text: string | Uint8Array, replace: boolean): void {
    const { fd, name } = besides(path)
    try {
        try {
            const bytes = typeof text === "string" ? Buffer.from(text) : text
            for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
            fsyncSync(fd)
        } finally {
            closeSync(fd)
        }
        if (replace) renameSync(name, path)
        // Unlike a rename, this refuses a name that somebody else took meanwhile.
        else linkSync(name, path)
    } catch (error) {
        unlinkSync(name)
        throw error
    }
    if (!replace) unlinkSync(name)
    const folder = openSync(dirname(path), "r")
    try {
        fsyncSync(folder)
    } finally {
        closeSync(folder)
    }
}

/** Makes a directory and those on the way to it, for their owner alone. Throws what the system refuses, with its `code`. */
export function makeFolder(folder: string): void {
    // What is there and is no directory refuses the file, with a better word for it.
    if (existsSync(folder)) return
    makeFolder(dirname(folder))
    try {
        // One after the other: Node.js tells of all at once that ENOENT, where a disk is read-only.
        mkdirSync(folder, { mode: 0o700 })
    } catch (error) {
        // Somebody else may have made it just now.
        if (!existsSync(folder)) throw error
    }
}

/** A new file in the same directory, whose name nobody has: what a process that was killed has left is in nobody's way. */
function besides(path: string): { readonly fd: number; readonly name: string } {
    const name = join(dirname(path), `.postern-${randomBytes(8).toString("hex")}`)
    return { fd: openSync(name, "wx", 0o600), name }
}
