/** The few file operations that journal and audit trail are made of, so that tests can break each of them. */
import {
    type BigIntStats,
    closeSync,
    constants,
    existsSync,
    fstatSync,
    fsync,
    fsyncSync,
    mkdirSync,
    openSync,
} from "node:fs"
import { type FileHandle, open, readdir, rename, rm, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { lockFile } from "./flock.ts"

/** Files to look at: no lock is needed for it, and nothing is changed. */
export interface Shelf {
    /** All names there are. */
    names(): Promise<readonly string[]>
    /** A file as it is named now, whatever becomes of its name; null: there is none. */
    view(name: string): Promise<View | null>
}

/** A file that is looked at. */
export type View = {
    /** In bytes, when it was opened. */
    readonly size: number
    /** These bytes, or as many of them as there are. */
    readonly read: (at: number, length: number) => Promise<Uint8Array>
    readonly close: () => Promise<void>
}

/** Files of one directory, by their names. What fails throws an error with a `code`, as in node:fs. */
export interface Disk extends Shelf {
    /** The whole file, and when it was last changed (milliseconds since 1970); null: there is none. It can be written. */
    read(name: string): Promise<{ readonly bytes: Uint8Array; readonly changed: number } | null>
    /** The size of a file that is to be written into; null: there is none. */
    open(name: string): Promise<number | null>
    /** Makes the file anew with these bytes. */
    create(name: string, bytes: Uint8Array): Promise<void>
    /** Writes into a file that was read, opened or made before. */
    write(name: string, bytes: Uint8Array, at: number): Promise<void>
    /** The file's bytes are durable afterwards. */
    sync(name: string): Promise<void>
    /** Gives a file another name, in place of what had it. */
    rename(from: string, to: string): Promise<void>
    /** The names are durable afterwards. */
    syncNames(): Promise<void>
    /**
     * Is the file that we have open still what has this name, with so many bytes or more? Somebody else can cut, remove or
     * replace it, or the whole directory: then what we have written is lost. A directory that is gone is made and locked
     * again. Throws if it cannot be.
     */
    holds(name: string, size: number): Promise<boolean>
    /** Lets go of files and lock. */
    close(): Promise<void>
}

const syncDescriptor = promisify(fsync)

/**
 * A real directory, made for its owner alone if it is not there, and locked. Null: another process has it. Throws if it
 * cannot be used, or if others could put files there. `taken` hears, in a sentence, that somebody has taken away what was
 * in use.
 */
export function openDisk(directory: string, taken: (what: string) => void = () => {}): Disk | null {
    const names = takeDirectory(directory)
    return names === null ? null : lockedDisk(directory, names, taken)
}

/** Makes a directory, and those above it, to stay. Not mkdir's `recursive`: below /proc Node.js tries that for ever. */
function makeDirectory(directory: string): void {
    if (existsSync(directory)) return
    const above = dirname(directory)
    if (above !== directory) makeDirectory(above)
    try {
        mkdirSync(directory, 0o700)
    } catch (error) {
        // Somebody else was quicker.
        if (codeOf(error) !== "EEXIST") throw error
    }
    syncDirectory(above)
}

/** A descriptor of the directory, with its lock; null: another process has it. Throws as above. */
function takeDirectory(directory: string): number | null {
    makeDirectory(directory)
    const names = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
        // Not made right by us: it may be a directory that others share, named by mistake.
        const { mode, uid } = fstatSync(names)
        if ((mode & 0o022) !== 0) throw new Error(`others can write to ${directory}: take a directory of its own`)
        if (uid !== 0 && uid !== process.geteuid?.()) throw new Error(`${directory} belongs to another user`)
        if (lockFile(names)) return names
    } catch (error) {
        closeSync(names)
        throw error
    }
    closeSync(names)
    return null
}

/** The files of a directory, to look at. What fails throws as above. */
export function shelfOf(directory: string): Shelf {
    return {
        names: () => readdir(directory),
        async view(name) {
            const handle = await openFile(join(directory, name), constants.O_RDONLY)
            if (handle === null) return null
            const { size } = await handle.stat()
            return {
                size,
                async read(at, length) {
                    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, at)
                    return buffer.subarray(0, bytesRead)
                },
                close: () => handle.close(),
            }
        },
    }
}

/**
 * A file; null: there is none. Throws if something else has its name. Not blocking: Node has few threads for files, and a
 * FIFO in the place of one would hold one of them for good. Not through a link: what we write belongs here.
 */
async function openFile(path: string, access: number): Promise<FileHandle | null> {
    let handle: FileHandle
    try {
        handle = await open(path, access | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch (error) {
        if (codeOf(error) === "ENOENT") return null
        throw error
    }
    if ((await handle.stat()).isFile()) return handle
    await handle.close()
    throw new Error(`${path} is not a file: move it away`)
}

function syncDirectory(directory: string): void {
    const names = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
        fsyncSync(names)
    } finally {
        closeSync(names)
    }
}

function lockedDisk(directory: string, first: number, taken: (what: string) => void): Disk {
    let names = first
    const files = new Map<string, FileHandle>()
    const letGo = async () => {
        for (const handle of files.values()) await handle.close()
        files.clear()
        closeSync(names)
    }
    let staying: Promise<void> = Promise.resolve()
    /** The directory of this name is the one that we hold, from now on if not before. */
    const stay = () => {
        staying = staying.then(takeAgain, takeAgain)
        return staying
    }
    const takeAgain = async () => {
        const [held, there] = [fstatSync(names, BIG), await statOf(directory)]
        if (isSame(held, there)) return
        const next = takeDirectory(directory)
        if (next === null) throw new Error(`${directory} was replaced, and another process has what is there now`)
        await letGo()
        names = next
        taken(`somebody has taken ${directory} away: ${ANEW}`)
    }
    const take = async (name: string, handle: FileHandle) => {
        const before = files.get(name)
        files.set(name, handle)
        await before?.close()
    }
    const file = (name: string): FileHandle => {
        const handle = files.get(name)
        if (handle === undefined) throw new Error(`${name} was never opened`)
        return handle
    }
    const takeOld = async (name: string): Promise<FileHandle | null> => {
        const handle = await openFile(join(directory, name), constants.O_RDWR)
        if (handle !== null) await take(name, handle)
        return handle
    }
    return {
        ...shelfOf(directory),
        async read(name) {
            const handle = await takeOld(name)
            if (handle === null) return null
            const [bytes, { mtimeMs }] = [await handle.readFile(), await handle.stat()]
            return { bytes, changed: Math.ceil(mtimeMs) }
        },
        async open(name) {
            const handle = await takeOld(name)
            return handle === null ? null : (await handle.stat()).size
        },
        async create(name, bytes) {
            await stay()
            // Not truncated: a left-over may have other rights, or be a link.
            await rm(join(directory, name), { force: true })
            await take(name, await open(join(directory, name), "wx", 0o600))
            await writeAll(file(name), bytes, 0)
        },
        write: (name, bytes, at) => writeAll(file(name), bytes, at),
        sync: (name) => file(name).datasync(),
        async rename(from, to) {
            await rename(join(directory, from), join(directory, to))
            const handle = files.get(from)
            if (handle === undefined) return
            await take(to, handle)
            files.delete(from)
        },
        syncNames: () => syncDescriptor(names),
        async holds(name, size) {
            await stay()
            const handle = files.get(name)
            if (handle === undefined) return false
            const path = join(directory, name)
            const held = await handle.stat(BIG)
            const same = isSame(held, await statOf(path))
            if (same && held.size >= size) return true
            taken(`somebody has ${same ? `cut ${path} short` : `taken ${path} away`}: ${ANEW}`)
            return false
        },
        close: letGo,
    }
}

const ANEW = "it is made anew, and written from here on"
const BIG = { bigint: true } as const

/** What has this name now; null: nothing. */
async function statOf(path: string): Promise<BigIntStats | null> {
    try {
        return await stat(path, BIG)
    } catch (error) {
        if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return null
        throw error
    }
}

function isSame(held: BigIntStats, there: BigIntStats | null): boolean {
    return held.ino === there?.ino && held.dev === there.dev
}

/** A disk that is nearly full takes a part, and refuses the rest. */
async function writeAll(handle: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at + done)
        done += bytesWritten
    }
}

/** The `code` of an error of node:fs, such as `ENOENT`; empty if it has none. */
function codeOf(error: unknown): string {
    return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : ""
}

/** Does this error say that rights are missing, or that nothing can be written there? */
export function isDenied(error: unknown): boolean {
    return ["EACCES", "EPERM", "EROFS"].includes(codeOf(error))
}

/** Does this error say that a file or directory is not there? */
export function isMissing(error: unknown): boolean {
    return codeOf(error) === "ENOENT"
}
