/** Certificate and key for TLS, from files that others renew: read anew when they change, and kept when they are wrong. */
import { closeSync, constants, type FSWatcher, fstatSync, openSync, readFileSync, statSync, watch } from "node:fs"
import { dirname } from "node:path"
import { createSecureContext } from "node:tls"

/** Certificate and key, as PEM; TLS 1.2 and later (RFC 8996). */
export type Pair = { readonly cert: string; readonly key: string; readonly minVersion: "TLSv1.2" }

/** Ours: how often the files are looked at (ms), and how long the second of two may be late. */
const LOOK_EVERY = 60_000
const TOGETHER = 200
/** Ours: no chain of certificates is larger, in bytes. */
const FILE_MOST = 1 << 20

export class Certificate {
    readonly #files: { readonly cert: string; readonly key: string }
    readonly #tell: (line: string) => void
    readonly #heard: ((pair: Pair) => void)[] = []
    readonly #watchers: FSWatcher[] = []
    readonly #every: NodeJS.Timeout
    #soon: NodeJS.Timeout | null = null
    #seen: string
    #pair: Pair

    /** Throws if the files cannot be read or do not belong together. `tell` hears of renewals, and why one is not taken. */
    constructor(files: { readonly cert: string; readonly key: string }, tell: (line: string) => void) {
        this.#files = files
        this.#tell = tell
        this.#seen = this.#look()
        this.#pair = readPair(files)
        this.#every = setInterval(() => this.#renew(), LOOK_EVERY)
        // Directories: whoever renews puts another file into the place of the old one, or a link.
        for (const directory of new Set([dirname(files.cert), dirname(files.key)])) this.#watch(directory)
    }

    current(): Pair {
        return this.#pair
    }

    /** Calls back with each new one. */
    onChange(heard: (pair: Pair) => void): void {
        this.#heard.push(heard)
    }

    close(): void {
        clearInterval(this.#every)
        if (this.#soon !== null) clearTimeout(this.#soon)
        for (const watcher of this.#watchers) watcher.close()
    }

    #watch(directory: string): void {
        try {
            const watcher = watch(directory, { persistent: false }, () => {
                this.#soon ??= setTimeout(() => {
                    this.#soon = null
                    this.#renew()
                }, TOGETHER)
            })
            watcher.on("error", () => watcher.close())
            this.#watchers.push(watcher)
        } catch {
            // Then the clock finds it.
        }
    }

    #renew(): void {
        const seen = this.#look()
        if (seen === this.#seen) return
        try {
            this.#pair = readPair(this.#files)
            this.#seen = seen
            for (const heard of this.#heard) heard(this.#pair)
            this.#tell("the certificate was renewed")
        } catch (error) {
            // Half of it may be there already: it is tried again when there is more.
            this.#seen = seen
            this.#tell(`the new certificate is not taken, the old one stays: ${messageOf(error)}`)
        }
    }

    #look(): string {
        return [this.#files.cert, this.#files.key]
            .map((file) => {
                try {
                    const { ino, mtimeNs, size } = statSync(file, { bigint: true })
                    return `${ino} ${mtimeNs} ${size}`
                } catch (error) {
                    // Not there, or no longer for us: the old one stays in use.
                    return messageOf(error)
                }
            })
            .join(" ")
    }
}

/** Throws unless both can be read and belong together. */
function readPair(files: { readonly cert: string; readonly key: string }): Pair {
    const pair = {
        cert: readText(files.cert),
        key: readText(files.key),
        minVersion: "TLSv1.2",
    } as const
    createSecureContext(pair)
    return pair
}

/** All of a file. What is none, or far too large, is not waited for: nobody would be answered meanwhile. */
function readText(file: string): string {
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
        const stats = fstatSync(fd)
        if (!stats.isFile()) throw new Error(`${file} is not a file`)
        if (stats.size > FILE_MOST) throw new Error(`${file} is too large`)
        return readFileSync(fd, "utf8")
    } finally {
        closeSync(fd)
    }
}

/** OpenSSL's words or the system's; neither says what is in a key. */
function messageOf(error: unknown): string {
    return error instanceof Error ? error.message : String(error)
}
