/**
 * The files of the last publication, on the disk of the gateway: every target copies them from here. It can be made again
 * at any time, so it need not survive a loss of power; the serial does.
 */
import { chmod, mkdir, readdir, readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { dropHalves, type Effect, placeHalf, writeWhole } from "../../adapters/system/durable.ts"
import { readTextFile } from "../../adapters/system/text-file.ts"
import { nextChanged, nextSerial, wholeSeconds } from "../../core/one-time/publication.ts"
import type { Files } from "../../ports/target.ts"

/** In the state directory: the files, and the last publication's number and time. */
const FOLDER = "bundles"
/** Those that are not in their places yet: a program that copies the others must not bring halves to the web. */
const HALVES = "bundles.new"
const LAST = "publication"

/** A publication's number, and the time that its files say (ms since 1970). */
export type Turn = { readonly serial: number; readonly made: number; readonly changed: number }

/** See the head of the file. */
export class Spool {
    readonly #state: string
    readonly #effect: Effect | undefined

    constructor(state: string, effect?: Effect) {
        this.#state = state
        this.#effect = effect
    }

    /** Where the files are. */
    get directory(): string {
        return join(this.#state, FOLDER)
    }

    /** Where they are written. */
    get halves(): string {
        return join(this.#state, HALVES)
    }

    /** Where targets remember. */
    get state(): string {
        return this.#state
    }

    /**
     * Begins a publication: its serial is durable before anything is made with it, so that no two are ever equal. Throws
     * what node:fs throws.
     */
    async begin(now: number): Promise<Turn> {
        // Others may look inside, if they come so far: the state directory itself is for its owner alone.
        await makeFolder(this.directory, 0o755)
        await makeFolder(this.halves, 0o700)
        await this.clear()
        const last = this.last()
        const serial = nextSerial(last?.serial ?? null, now)
        const changed = nextChanged(last?.changed ?? null, now)
        const text = `${JSON.stringify({ serial, changed })}\n`
        await writeWhole(this.#state, LAST, Buffer.from(text), { mode: 0o600, ...this.#watched() })
        return { serial, made: wholeSeconds(now), changed }
    }

    /** What the last publication was; null: there was none, or it is not known. */
    last(): Pick<Turn, "serial" | "changed"> | null {
        const { text } = readTextFile(join(this.#state, LAST), 4096)
        const [, serial, changed] =
            /^\{"serial":(\d{1,15}),"changed":(\d{1,15})\}\n$/.exec(typeof text === "string" ? text : "") ?? []
        return serial === undefined || changed === undefined
            ? null
            : { serial: Number(serial), changed: Number(changed) }
    }

    /** Does away with what is not in its place. */
    async clear(): Promise<void> {
        await dropHalves(this.halves)
    }

    /** Puts all of them in their places, in this order, and takes away what is not among them. */
    async finish(halves: readonly Half[], { changed }: Turn): Promise<Files> {
        for (const { name, half } of halves) await placeHalf(half, join(this.directory, name), this.#effect)
        const names = halves.map(({ name }) => name)
        const wanted = new Set(names)
        for (const name of await readdir(this.directory)) {
            if (wanted.has(name)) continue
            this.#effect?.("remove", join(this.directory, name))
            await rm(join(this.directory, name), { force: true })
        }
        const { directory } = this
        return { directory, names, made: changed, read: (name) => readFile(join(directory, name)) }
    }

    #watched(): { readonly effect?: Effect } {
        return this.#effect === undefined ? {} : { effect: this.#effect }
    }
}

/** Makes a directory in one that is there, with these rights. */
async function makeFolder(directory: string, mode: number): Promise<void> {
    try {
        await mkdir(directory)
    } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
    }
    // Not narrowed by our umask: rsync takes the rights of a directory along.
    await chmod(directory, mode)
}

/** A file that is not in its place yet: what it will be called there, and its path until then. */
export type Half = { readonly name: string; readonly half: string }
