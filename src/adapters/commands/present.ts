import { statSync } from "node:fs"

/** Is there no such program on this host, for sure? Where we may not look, it may be there. `path`: absolute. */
export function isProgramMissing(path: string): boolean {
    try {
        const found = statSync(path)
        return !found.isFile() || (found.mode & 0o111) === 0
    } catch (error) {
        return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")
    }
}

/** Is there no such directory on this host, for sure? `path`: absolute. */
export function isDirectoryMissing(path: string): boolean {
    try {
        return !statSync(path).isDirectory()
    } catch (error) {
        return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")
    }
}
