/** Paths of the configuration and of the command line, one character for each byte, as they were meant when we began. */
import { resolve } from "node:path"
import { bytesOf, textOf } from "./bytes.ts"

/** Where paths lead, wherever we have gone since. */
export type Places = {
    /** For the system. A path of no length stays one: there is no such file. */
    readonly of: (path: string) => Buffer
    /** The plain form of it, without `.` and `..`. */
    readonly resolved: (path: string) => Buffer
}

/** Paths that are relative to this directory. */
export function placesFrom(directory: string): Places {
    const from = textOf(directory)
    return {
        of: (path) => bytesOf(path === "" || path.startsWith("/") ? path : `${from}/${path}`),
        resolved: (path) => bytesOf(resolve(from, path)),
    }
}
