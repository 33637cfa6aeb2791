/**
 * Files of knockers as commands change them: one command at a time, a file whole or not at all, and never over what
 * somebody else has saved since it was read.
 */
import { type BigIntStats, constants } from "node:fs"
import { chmod, chown, type FileHandle, mkdir, open, realpath, rm, stat } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { fileOfKnocker, MAX_KNOCKER_FILE } from "../../core/one-time/knocker.ts"
import { dropHalves, type Effect, syncNames, writeBeside } from "../system/durable.ts"
import { lockFile } from "../system/flock.ts"
import { readTextFile, type TextFile } from "../system/text-file.ts"

/** How the directory and what is new in it are made, and how long another command is waited for (ms). */
export type HoldOptions = {
    /** The group that may read them; undefined: ours. */
    readonly group: number | undefined
    readonly patience: number
    readonly effect?: Effect
}

/** Ours: between two looks at the lock (ms). */
const LOOK_MS = 20
/** Ours: so often a file is read again because somebody saves it meanwhile. */
const TRIES = 8
/** Keys are public, but who has one is nobody's business: root and the daemon's group read it. */
const MODE = 0o640
const DIRECTORY_MODE = 0o750

/** See the head of the file. */
export class HeldKnockers {
    readonly #directory: string
    readonly #options: HoldOptions
    readonly #lock: FileHandle

    private constructor(directory: string, options: HoldOptions, lock: FileHandle) {
        this.#directory = directory
        this.#options = options
        this.#lock = lock
    }

    /**
     * Takes the directory, which is made if it is not there. Null: another command has it all the time. Throws what node:fs
     * throws.
     */
    static async take(directory: string, options: HoldOptions): Promise<HeldKnockers | null> {
        await makeDirectory(directory, options.group)
        const lock = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY)
        try {
            for (const until = performance.now() + options.patience; !lockFile(lock.fd); await setTimeout(LOOK_MS))
                if (performance.now() > until) {
                    await lock.close()
                    return null
                }
            // Nobody else writes: they are of commands that were killed.
            await dropHalves(directory)
            return new HeldKnockers(directory, options, lock)
        } catch (error) {
            await lock.close()
            throw error
        }
    }

    /**
     * Writes the file of a knocker, durably. `change` makes the text of what is there (null: nothing), and is asked again
     * where somebody saves the file meanwhile; null from it: the file stays as it is. False: it was saved again and again.
     * Throws what node:fs throws, and what `change` throws: nothing has changed then.
     */
    async write(name: string, change: (before: TextFile | null) => Promise<string | null>): Promise<boolean> {
        const path = join(this.#directory, fileOfKnocker(name))
        for (let tries = 0; tries < TRIES; tries++) {
            // Before it is read: what is saved while we read counts as saved since.
            const before = await statOf(path)
            const text = await change(before === null ? null : readTextFile(path, MAX_KNOCKER_FILE))
            if (text === null || (await this.#replace(path, text, before))) return true
        }
        return false
    }

    /** Does away with the file of a knocker, durably. False: there is none. Throws what node:fs throws. */
    async remove(name: string): Promise<boolean> {
        const path = join(this.#directory, fileOfKnocker(name))
        try {
            this.#options.effect?.("remove", path)
            await rm(path)
        } catch (error) {
            if (codeOf(error) === "ENOENT") return false
            throw error
        }
        await syncNames(this.#directory, this.#options.effect)
        return true
    }

    /** Others may change them again. */
    async release(): Promise<void> {
        await this.#lock.close()
    }

    /** False: it is not as it was. */
    async #replace(path: string, text: string, before: BigIntStats | null): Promise<boolean> {
        const { group, effect } = this.#options
        // Behind a link the file itself is written, and whose it is and who may read it stays as it was.
        const file = before === null ? path : await unlessGone(realpath(path))
        if (file === null) return false
        const folder = dirname(file)
        const how = before === null ? { mode: MODE, group } : rightsOf(before)
        const { place, drop } = await writeBeside(folder, basename(file), Buffer.from(text), {
            mode: how.mode,
            ...("owner" in how && { owner: how.owner }),
            ...(how.group !== undefined && { group: how.group }),
            ...(effect && { effect }),
        })
        // Only commands of ours wait for each other; an editor that saves in this very moment is an editor's race.
        if (!isSame(before, await statOf(path))) {
            await drop()
            return false
        }
        await place()
        await syncNames(folder, effect)
        return true
    }
}

function rightsOf({ mode, uid, gid }: BigIntStats) {
    return { mode: Number(mode) & 0o7777, owner: Number(uid), group: Number(gid) }
}

/** Not mkdir's `recursive`: below /proc Node.js tries that for ever. And our umask does not narrow what the daemon reads. */
async function makeDirectory(directory: string, group: number | undefined): Promise<void> {
    try {
        await mkdir(directory, DIRECTORY_MODE)
    } catch (error) {
        if (codeOf(error) === "EEXIST") return
        if (codeOf(error) !== "ENOENT" || dirname(directory) === directory) throw error
        await makeDirectory(dirname(directory), group)
        await mkdir(directory, DIRECTORY_MODE)
    }
    if (group !== undefined) await chown(directory, process.geteuid?.() ?? 0, group).catch(() => {})
    await chmod(directory, DIRECTORY_MODE)
    await syncNames(dirname(directory))
}

/** Null: there is nothing of this name, or a link leads nowhere. */
function statOf(path: string): Promise<BigIntStats | null> {
    return unlessGone(stat(path, { bigint: true }))
}

async function unlessGone<T>(asked: Promise<T>): Promise<T | null> {
    try {
        return await asked
    } catch (error) {
        if (codeOf(error) === "ENOENT") return null
        throw error
    }
}

function isSame(a: BigIntStats | null, b: BigIntStats | null): boolean {
    if (a === null || b === null) return a === b
    return a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs
}

function codeOf(error: unknown): string {
    return error instanceof Error && "code" in error ? String(error.code) : ""
}
