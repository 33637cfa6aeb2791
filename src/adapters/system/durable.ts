/** Files that are there whole or not at all: written beside their place, made durable, and put there in one step. */
import { randomBytes } from "node:crypto"
import { constants } from "node:fs"
import { type FileHandle, open, readdir, rename, rm } from "node:fs/promises"
import { join } from "node:path"

/** What is about to be done to which file: tests break each of these, or end the process there. */
export type Effect = (what: "create" | "write" | "sync" | "rename" | "remove" | "names", path: string) => void

/** How a file is written. */
export type WriteOptions = {
    readonly mode: number
    /** When it was last changed, as it shall say (milliseconds since 1970); left out: now. */
    readonly changed?: number
    /** The user and the group that it shall belong to, where that is allowed; left out: ours. */
    readonly owner?: number
    readonly group?: number
    /** False: it may be lost with the power, because it can be made again. */
    readonly durable?: boolean
    /** The directory of its place, of the same file system; left out: the one that it is written in. */
    readonly into?: string
    readonly effect?: Effect
}

/** What our files are called before they are in their place. */
const HALF = /^\.postern-[0-9a-f]{16}$/

/**
 * Writes a file beside its place; `place` puts it there, `drop` does away with it. Throws what node:fs throws; nothing is
 * left behind then.
 */
export async function writeBeside(
    folder: string,
    name: string,
    bytes: Uint8Array,
    { mode, changed, owner, group, durable = true, into = folder, effect = nothing }: WriteOptions,
): Promise<{ readonly place: () => Promise<void>; readonly drop: () => Promise<void> }> {
    const half = join(folder, `.postern-${randomBytes(8).toString("hex")}`)
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
        if (changed !== undefined) await handle.utimes(changed / 1000, changed / 1000)
        effect("sync", half)
        if (durable) await handle.sync()
    } catch (error) {
        await drop()
        throw error
    } finally {
        await handle.close()
    }
    const place = async () => {
        try {
            effect("rename", join(into, name))
            await rename(half, join(into, name))
        } catch (error) {
            await drop()
            throw error
        }
    }
    return { place, drop }
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
