/** Files that are there whole or not at all: written beside their place, made durable, and put there in one step. */
import { randomBytes } from "node:crypto"
import { closeSync, constants, fchmodSync, futimesSync, openSync, rmSync, writeFileSync } from "node:fs"
import { copyFile, type FileHandle, open, readdir, rename, rm, utimes } from "node:fs/promises"
import { join } from "node:path"

/** What is about to be done to which file: tests break each of these, or end the process there. */
export type Effect = (what: "create" | "write" | "sync" | "rename" | "remove" | "names", path: string) => void

/** How a file is written. */
export type WriteOptions = {
    readonly mode: number
    /** The user and the group that it shall belong to, where that is allowed; left out: ours. */
    readonly owner?: number
    readonly group?: number
    readonly effect?: Effect
}

/** How files are written that are made again after a loss of power, so that the disk need not be waited for. */
export type HalfOptions = {
    /** When it was last changed, as it shall say (milliseconds since 1970). */
    readonly changed: number
    readonly effect?: Effect
}

/** What our files are called before they are in their place. */
const HALF = /^\.postern-[0-9a-f]{16}$/

function halfIn(folder: string): string {
    return join(folder, `.postern-${randomBytes(8).toString("hex")}`)
}

/**
 * Writes a file that gets its name later, and may be lost with the power: in a thread that nobody waits for, where calls in
 * a row take a fifth of the time. Returns its path. Throws what node:fs throws; nothing is left behind then.
 */
export function writeHalf(
    folder: string,
    bytes: Uint8Array,
    { mode, changed, effect = nothing }: HalfOptions & { readonly mode: number },
): string {
    const half = halfIn(folder)
    effect("create", half)
    const file = openSync(half, "wx", mode)
    try {
        effect("write", half)
        writeFileSync(file, bytes)
        // Not narrowed by our umask.
        fchmodSync(file, mode)
        futimesSync(file, changed / 1000, changed / 1000)
    } catch (error) {
        rmSync(half, { force: true })
        throw error
    } finally {
        closeSync(file)
    }
    return half
}

/** The same, with the contents and the rights of another file, while others have their turn. */
export async function copyHalf(
    folder: string,
    file: string,
    { changed, effect = nothing }: HalfOptions,
): Promise<string> {
    const half = halfIn(folder)
    try {
        effect("create", half)
        await copyFile(file, half, constants.COPYFILE_EXCL)
        effect("write", half)
        await utimes(half, changed / 1000, changed / 1000)
    } catch (error) {
        await rm(half, { force: true })
        throw error
    }
    return half
}

/** Gives a file that was written so its name, in the place of what has it. Throws as above. */
export async function placeHalf(half: string, path: string, effect: Effect = nothing): Promise<void> {
    try {
        effect("rename", path)
        await rename(half, path)
    } catch (error) {
        await rm(half, { force: true })
        throw error
    }
}

/**
 * Writes a file beside its place, and makes its contents durable; `place` puts it there, `drop` does away with it. Throws what
 * node:fs throws; nothing is left behind then.
 */
export async function writeBeside(
    folder: string,
    name: string,
    bytes: Uint8Array,
    { mode, owner, group, effect = nothing }: WriteOptions,
): Promise<{ readonly place: () => Promise<void>; readonly drop: () => Promise<void> }> {
    const half = halfIn(folder)
    const drop = () => rm(half, { force: true })
    effect("create", half)
    const handle = await open(half, "wx", mode)
    try {
        effect("write", half)
        await handle.writeFile(bytes)
        if (owner !== undefined || group !== undefined) {
            const { uid, gid } = await handle.stat()
            await handle.chown(owner ?? uid, group ?? gid).catch(nothing)
        }
        // Not narrowed by our umask.
        await handle.chmod(mode)
        effect("sync", half)
        await handle.sync()
    } catch (error) {
        await drop()
        throw error
    } finally {
        await handle.close()
    }
    return { place: () => placeHalf(half, join(folder, name), effect), drop }
}

/** Writes a file, in the place of what is there, and makes its name durable. Throws what node:fs throws. */
export async function writeWhole(
    folder: string,
    name: string,
    bytes: Uint8Array,
    options: WriteOptions,
): Promise<void> {
    const { place } = await writeBeside(folder, name, bytes, options)
    await place()
    await syncNames(folder, options.effect)
}

/** The names in a directory are durable afterwards. */
export async function syncNames(folder: string, effect: Effect = nothing): Promise<void> {
    effect("names", folder)
    let handle: FileHandle | undefined
    try {
        handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY)
        await handle.sync()
    } finally {
        await handle?.close()
    }
}

/** Does away with what a process that was killed has left half written. */
export async function dropHalves(folder: string): Promise<void> {
    // What somebody has put there that cannot be removed is no half of ours, and is in nobody's way.
    for (const name of await readdir(folder))
        if (HALF.test(name)) await rm(join(folder, name), { force: true }).catch(nothing)
}

/** The name of a published file, and what a file of ours is called before. */
const NAMES = /\.postern-[0-9a-f]{16}|(?<![\w-])[a-z2-7]{32}(?![\w-])/g

/**
 * What is said of published files, for people, without their names: a name is the address of a knocker's bundle. That of a
 * half is another one each time, and the same trouble is to be told once.
 */
export function withoutNames(text: string): string {
    return text.replaceAll(NAMES, "…")
}

function nothing(): void {
    // Only tests watch.
}
