/**
 * The files of a directory that others write: which there are, and what is in them now. A file is opened for every
 * answer, so that what was replaced or taken away a moment ago is never served; its bytes come from memory if it is
 * still the one they were read from. Names are read anew when the directory changes.
 */
import { createHash } from "node:crypto"
import { type BigIntStats, constants, type FSWatcher, watch } from "node:fs"
import { type FileHandle, open, opendir, stat } from "node:fs/promises"
import { join } from "node:path"
import { setImmediate as others } from "node:timers/promises"
import { Names } from "./names.ts"

/** The spec's: no bundle is larger (spec/bundle.md, section 3), in bytes. */
const FILE_MOST = 1 << 20
/** Ours: bytes of files that are kept in memory. Large ones, too: whoever reads slowly holds on to the same bytes as others. */
const ROOM = 64 << 20
/** Ours: how often the directory is looked at, whatever the kernel has told of it (ms): on network file systems it tells nothing. */
const LOOK_EVERY = 2000
/** Ours: so many names are taken in before others have their turn. */
const AT_A_TIME = 500
/** Ours: a file that changes while it is read is read again so often. */
const TRIES = 3
/** Times of a file system are coarse (Linux: 4 ms, others up to 2 s): what changed so long ago (ms) may change again and look the same. */
const SETTLED = 2000

/** The system's words for a name that has no file (any more), a symbolic link or a socket; all else is trouble, such as too many open files. */
const GONE: readonly string[] = ["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"]

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants

/** A file as it is now. `modified`: milliseconds since 1970. */
export type Content = { readonly bytes: Uint8Array; readonly etag: string; readonly modified: number }

type Kept = Content & { readonly identity: string }

export class Shelf {
    readonly #directory: string
    readonly #tell: (problem: string | null) => void
    readonly #names = new Names()
    /** The one that was asked for last is the last. */
    readonly #kept = new Map<string, Kept>()
    readonly #every: NodeJS.Timeout
    #bytes = 0
    #watched: { readonly directory: string; readonly watcher: FSWatcher } | null = null
    /** What a look has found so far, while it lasts; what is told of meanwhile belongs to it. */
    #there: Set<string> | null = null
    #seen = ""
    #looking: Promise<void> | null = null
    #again = false
    #closed = false

    private constructor(directory: string, tell: (problem: string | null) => void) {
        this.#directory = directory
        this.#tell = tell
        this.#every = setInterval(() => void this.#look(false), LOOK_EVERY)
    }

    /**
     * The shelf of a directory, with all names read. Rejects if the directory cannot be read now; `tell` hears why if it
     * cannot be read later, and null when it can be read again.
     */
    static async open(directory: string, tell: (problem: string | null) => void): Promise<Shelf> {
        const shelf = new Shelf(directory, tell)
        try {
            await shelf.#read(false)
            return shelf
        } catch (error) {
            shelf.close()
            throw error
        }
    }

    /** How many files there are. */
    get size(): number {
        return this.#names.size
    }

    /** What is in the file with this name now; null if there is none, or none that may be served. */
    async find(word: string): Promise<Content | "unreadable" | null> {
        const name = this.#names.find(word)
        if (name === null) return null
        let file: FileHandle | undefined
        try {
            file = await open(join(this.#directory, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            const content = await this.#content(name, file)
            if (content === null) this.#forget(name)
            return content
        } catch (error) {
            this.#forget(name)
            const code = error instanceof Error && "code" in error ? String(error.code) : ""
            return GONE.includes(code) ? null : "unreadable"
        } finally {
            await file?.close()
        }
    }

    close(): void {
        this.#closed = true
        clearInterval(this.#every)
        this.#watched?.watcher.close()
        this.#watched = null
    }

    async #content(name: string, file: FileHandle): Promise<Content | "unreadable" | null> {
        for (let times = 0; times < TRIES; times++) {
            const before = await file.stat({ bigint: true })
            if (!before.isFile() || before.size > FILE_MOST) return null
            const identity = identityOf(before)
            const kept = this.#kept.get(name)
            if (kept?.identity === identity) {
                this.#kept.delete(name)
                this.#kept.set(name, kept)
                return kept
            }
            const bytes = await wholeOf(file, Number(before.size))
            // Written in place while we read: then what we have is neither the old one nor the new one.
            if (bytes === null || identityOf(await file.stat({ bigint: true })) !== identity) continue
            const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 27)}"`
            const content = { bytes, etag, modified: Number(before.mtimeMs), identity }
            this.#forget(name)
            return Date.now() - Number(before.ctimeMs) < SETTLED ? content : this.#keep(name, content)
        }
        return "unreadable"
    }

    #keep(name: string, content: Kept): Content {
        this.#kept.set(name, content)
        this.#bytes += content.bytes.length
        for (const oldest of this.#kept.keys()) {
            if (this.#bytes <= ROOM) break
            this.#forget(oldest)
        }
        return content
    }

    #forget(name: string): void {
        this.#bytes -= this.#kept.get(name)?.bytes.length ?? 0
        this.#kept.delete(name)
    }

    /** Reads the names if the directory has changed, or if the kernel says that it has; one at a time. */
    #look(told: boolean): Promise<void> {
        if (this.#looking !== null) {
            this.#again ||= told
            return this.#looking
        }
        this.#looking = this.#read(told)
            .then(
                () => this.#tell(null),
                (error: Error) => this.#tell(error.message),
            )
            .finally(() => {
                this.#looking = null
                if (!this.#again || this.#closed) return
                this.#again = false
                void this.#look(true)
            })
        return this.#looking
    }

    async #read(told: boolean): Promise<void> {
        const stats = await stat(this.#directory, { bigint: true })
        if (this.#closed) return
        // Before the names are read: what changes meanwhile is told of.
        this.#watch(`${stats.dev} ${stats.ino}`)
        const seen = identityOf(stats)
        const settled = Date.now() - Number(stats.mtimeMs) > SETTLED
        if (!told && seen === this.#seen) return
        const there = new Set<string>()
        this.#there = there
        for await (const { name } of await opendir(this.#directory)) {
            if (!Names.fits(name)) continue
            there.add(name)
            if (this.#names.has(name)) continue
            this.#names.add(name)
            if (there.size % AT_A_TIME === 0) await others()
        }
        this.#there = null
        this.#names.retain(there)
        this.#seen = settled ? seen : ""
    }

    /** Asks the kernel to tell of changes; where it cannot, the clock does. */
    #watch(directory: string): void {
        if (this.#watched?.directory === directory) return
        this.#watched?.watcher.close()
        this.#watched = null
        try {
            const watcher = watch(this.#directory, { persistent: false }, (_, name) => {
                // Known ones are opened for each answer anyway, and those that have gone are found by the clock: a
                // publication of very many files costs nothing here.
                if (name === null) void this.#look(true)
                else if (Names.fits(name)) {
                    if (!this.#names.has(name)) this.#names.add(name)
                    this.#there?.add(name)
                }
            })
            watcher.on("error", () => watcher.close())
            this.#watched = { directory, watcher }
        } catch {
            // As many watches as the system allows, or none on this file system.
        }
    }
}

function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ")
}

/** All of a file that has this size; null if it has not. */
async function wholeOf(file: FileHandle, size: number): Promise<Uint8Array | null> {
    const bytes = Buffer.allocUnsafe(size + 1)
    let read = 0
    while (read <= size) {
        const { bytesRead } = await file.read(bytes, read, size + 1 - read, read)
        if (bytesRead === 0) break
        read += bytesRead
    }
    return read === size ? bytes.subarray(0, size) : null
}
