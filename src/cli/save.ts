/** Writes a file that holds secrets, whole or not at all. */
import { closeSync, fsyncSync, linkSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs"
import { dirname, join } from "node:path"

/** Ours: so many names are tried for the file that is written first. */
const TRIES = 100

/**
 * Writes `text` to `path`, for its owner alone (mode 600). What is there is replaced only with `replace`; otherwise, and
 * for whatever the system refuses, an error with a `code` is thrown, and nothing is left behind. Afterwards it is on the
 * disk, by its name. `unique`: of this process.
 */
export function saveSecret(path: string, text: string | Uint8Array, replace: boolean, unique: number): void {
    const { fd, name } = besides(path, unique)
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

/** A new file in the same directory. */
function besides(path: string, unique: number): { readonly fd: number; readonly name: string } {
    for (let count = 0; ; count++) {
        const name = join(dirname(path), `.postern-${unique}-${count}`)
        try {
            return { fd: openSync(name, "wx", 0o600), name }
        } catch (error) {
            const there = error instanceof Error && "code" in error && error.code === "EEXIST"
            if (!there || count >= TRIES) throw error
        }
    }
}
