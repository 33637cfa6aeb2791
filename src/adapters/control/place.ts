/**
 * The place of the control socket in the file system: taken when it is free or was left by a daemon that is dead, never
 * from one that lives; and only where nobody else could put a socket of his own.
 */
import { lstatSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs"
import { connect } from "node:net"
import { dirname } from "node:path"

/** The kernel's: bytes of a path in a socket address (man 7 unix), without the zero at its end. */
const LONGEST_PATH = 107
/** A live daemon answers at once, even with all places taken; one that is stopped in the debugger does not (ms). */
const PROBE_MS = 2000

/** Free for us now, or why not. */
export type Place = { readonly ok: true } | { readonly ok: false; readonly reason: string }

/** Makes room for a socket at `path`, and its directory if that alone is missing. Throws what the file system refuses. */
export async function takePlace(path: string): Promise<Place> {
    const long = pathProblem(path)
    if (long !== null) return no(long)
    const folder = dirname(path)
    makeFolder(folder)
    const { mode, uid } = statSync(folder)
    const mine = uid === 0 || uid === process.geteuid?.()
    const othersMayWrite = (mode & 0o022) !== 0 && (mode & 0o1000) === 0
    if (!mine || othersMayWrite) return no(`others than root can change ${folder}: chmod 755, or choose another place`)
    const there = lstatSync(path, { throwIfNoEntry: false })
    if (there === undefined) return { ok: true }
    if (!there.isSocket()) return no("something else than a socket is there: move it away, or choose another place")
    if (!(await isDead(path))) return no("another daemon listens there: stop it, or choose another place")
    // Between question and answer another one may have begun: whoever is put aside is asked once more.
    const aside = `${path}.${process.pid}`
    renameSync(path, aside)
    if (!(await isDead(aside))) {
        renameSync(aside, path)
        return no("another daemon has just begun to listen there")
    }
    rmSync(aside, { force: true })
    return { ok: true }
}

/** Why no socket can have this path, or null: the system would cut it, and not say so. */
export function pathProblem(path: string): string | null {
    return Buffer.byteLength(path) > LONGEST_PATH ? `the path is longer than ${LONGEST_PATH} bytes` : null
}

/** One directory and no more: in places such as /proc Node never comes back from making several. */
function makeFolder(folder: string): void {
    try {
        mkdirSync(folder, { mode: 0o755 })
    } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
    }
}

function no(reason: string): Place {
    return { ok: false, reason }
}

/** Does nobody listen there? Whatever else the system says, somebody may. */
function isDead(path: string): Promise<boolean> {
    return new Promise((resolve) => {
        const socket = connect(path)
        const end = (dead: boolean) => {
            socket.destroy()
            resolve(dead)
        }
        socket.setTimeout(PROBE_MS, () => end(false))
        socket.once("connect", () => end(false))
        socket.once("error", (error: NodeJS.ErrnoException) => end(error.code === "ECONNREFUSED"))
    })
}
