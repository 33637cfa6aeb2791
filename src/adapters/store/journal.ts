/**
 * The store as a file: a journal of blocks (spec/journal.md) that is written anew, as a snapshot, at each start and
 * before it is full: beside the old one, which is used meanwhile, so that nobody waits for it. Nothing is answered before fdatasync(2) has returned. After a write that failed nobody knows
 * what the disk holds (fsync(2)): then everything is written to a new file before anything is answered again.
 */
import { BLOCK } from "../../core/store/block.ts"
import { decodeJournal, type Extent, encodeBatch, encodeJournal, type Reading } from "../../core/store/journal.ts"
import { Ledger } from "../../core/store/ledger.ts"
import type { StoreRecord } from "../../core/store/record.ts"
import { messageOf } from "../../core/thrown.ts"
import { type Disk, isDenied, openDisk } from "../system/disk.ts"
import { batchStore, type CheckedStore } from "./batches.ts"

/** The names in the directory. */
export const JOURNAL = "journal"
const NEXT = "journal.new"
const DAMAGED = "journal.damaged"

/** A store, with what people should know of how it was found (null: nothing); or why there is none. */
export type Opening =
    | {
          readonly ok: true
          readonly store: CheckedStore
          readonly found: "new" | "whole" | "torn" | "damaged"
          readonly detail: string
      }
    | { readonly ok: false; readonly code: "locked" | "denied" | "newer" | "failed"; readonly detail: string }

/**
 * Opens the store in this directory, which is made if need be. `now`: milliseconds since 1970. `left`: see `LEFT`, for tests.
 * Never throws.
 */
export async function openJournal(
    directory: string,
    now: () => number,
    take: (directory: string) => Disk | null = openDisk,
    left = LEFT,
): Promise<Opening> {
    let disk: Disk | null = null
    try {
        disk = take(directory)
        if (disk === null) return { ok: false, code: "locked", detail: "another process has it" }
        const opening = await openOn(disk, now, left)
        if (!opening.ok) await disk.close()
        return opening
    } catch (error) {
        await disk?.close()
        return { ok: false, code: isDenied(error) ? "denied" : "failed", detail: messageOf(error) }
    }
}

async function openOn(disk: Disk, now: () => number, left: number): Promise<Opening> {
    const ledger = new Ledger()
    const reading = await readInto(ledger, disk, now)
    if (reading?.condition === "newer") {
        const detail = `it was written by a later postern (format ${reading.version})`
        return { ok: false, code: "newer", detail }
    }
    const journal = new Journal(disk, ledger, now, left, reading ?? { next: 0, blocks: 0 })
    const trouble = await journal.renew()
    // A journal that is whole can be used as it is, for as long as there is room in it.
    if (trouble !== null && reading?.condition !== "whole") throw trouble
    const found = reading?.condition ?? "new"
    return { ok: true, store: batchStore("journal", ledger, now, journal), found, detail: reading?.detail ?? "" }
}

/** The ledger learns what the journal says, and how far that can be trusted. How it was found; null: there is none. */
async function readInto(ledger: Ledger, disk: Disk, now: () => number): Promise<Reading | null> {
    const file = await disk.read(JOURNAL)
    if (file === null) {
        ledger.fold({ type: "trust", since: now(), why: "new" })
        return null
    }
    const reading = decodeJournal(file.bytes, (record) => void ledger.fold(record))
    if (reading.condition === "damaged") {
        // The clock may stand before what happened; and that it was damaged must show, whatever the clock says.
        const since = Math.max(now(), file.changed, ledger.facts().since + 1)
        ledger.fold({ type: "trust", since, why: "damage" })
        await keepDamaged(disk, file.bytes)
    }
    return reading
}

/** A copy for those who want to look; not worth failing for. */
async function keepDamaged(disk: Disk, bytes: Uint8Array): Promise<void> {
    try {
        await disk.create(DAMAGED, bytes)
    } catch {
        // A full disk.
    }
}

/** Ours: the next journal is begun when less than this part of this one is left. */
const LEFT = 1 / 4
/** Ours: of many pieces so many are made durable at a time, so that others who wait for the disk need not wait for all. */
const TOGETHER = 32

/** A journal that is being written beside this one. */
type Next = {
    /** What has happened since it was begun, which is to be written at its end. */
    readonly since: StoreRecord[]
    /** Whoever waits for the end of it wants no more of it. */
    dropped: boolean
    /** Where its snapshot ended, once it is there and durable; null: it could not be written. */
    readonly done: Promise<Extent | null>
    extent: Extent | null
}

class Journal {
    readonly #disk: Disk
    readonly #ledger: Ledger
    readonly #now: () => number
    readonly #left: number
    #next: number
    #blocks: number
    /** Nobody knows what the disk holds. */
    #unsure = false
    #coming: Next | null = null

    constructor(disk: Disk, ledger: Ledger, now: () => number, left: number, { next, blocks }: Extent) {
        this.#disk = disk
        this.#ledger = ledger
        this.#now = now
        this.#left = left
        this.#next = next
        this.#blocks = blocks
    }

    /** Makes these records, which the ledger has already, durable; none: makes sure of the others. Why not, or null. */
    async keep(records: readonly StoreRecord[]): Promise<string | null> {
        if (!this.#unsure) {
            try {
                if (await this.#append(records)) return null
            } catch {
                // It may be there, or not.
                this.#unsure = true
            }
        }
        return this.anew()
    }

    /** Keeps what the ledger has, and nothing else. Why it could not, or null. */
    async anew(): Promise<string | null> {
        const error = await this.renew()
        return error === null ? null : messageOf(error)
    }

    /** Writes all that the ledger has to a new file, and puts that in place. Returns what failed, or null. */
    async renew(): Promise<Error | null> {
        await this.#drop()
        let replaced = false
        try {
            const extent = await this.#create(() => true)
            await this.#disk.sync(NEXT)
            replaced = true
            await this.#replace(extent)
        } catch (error) {
            // Which of the two files has the name now, or will have it after a power loss, is not known either.
            if (replaced) this.#unsure = true
            return error instanceof Error ? error : new Error(String(error))
        }
        this.#unsure = false
        return null
    }

    async close(): Promise<void> {
        await this.#drop()
        await this.#disk.close()
    }

    /** At the end of this journal, or of the next one if that is there. False: there is no room. */
    async #append(records: readonly StoreRecord[]): Promise<boolean> {
        const { length } = encodeBatch(records, this.#next)
        const fits = this.#next + length / BLOCK <= this.#blocks
        if (!fits) await this.#coming?.done
        if (this.#coming?.extent) return this.#change(this.#coming.since, records, this.#coming.extent)
        if (!fits) return false
        await this.#disk.write(JOURNAL, encodeBatch(records, this.#next), this.#next * BLOCK)
        await this.#disk.sync(JOURNAL)
        await this.#found()
        this.#next += length / BLOCK
        this.#coming?.since.push(...records)
        if (this.#blocks - this.#next < this.#blocks * this.#left) this.#coming ??= this.#begin()
        return true
    }

    /** To the next journal, which gets what it does not know yet. False: it has no room for that. */
    async #change(since: readonly StoreRecord[], records: readonly StoreRecord[], extent: Extent): Promise<boolean> {
        const bytes = encodeBatch([...since, ...records], extent.next)
        const next = extent.next + bytes.length / BLOCK
        if (next > extent.blocks) return false
        await this.#disk.write(NEXT, bytes, extent.next * BLOCK)
        await this.#disk.sync(NEXT)
        await this.#found()
        this.#coming = null
        await this.#replace({ next, blocks: extent.blocks })
        return true
    }

    /** Durable in a file that nobody will find is not durable. Throws if it is so. */
    async #found(): Promise<void> {
        if (!(await this.#disk.holds(JOURNAL, this.#blocks * BLOCK))) throw new Error("it is not there any more")
    }

    async #replace({ next, blocks }: Extent): Promise<void> {
        await this.#disk.rename(NEXT, JOURNAL)
        await this.#disk.syncNames()
        this.#next = next
        this.#blocks = blocks
    }

    #begin(): Next {
        const write = async () => {
            try {
                const extent = await this.#create(() => !next.dropped)
                await this.#disk.sync(NEXT)
                if (!next.dropped) next.extent = extent
            } catch {
                // As with a full disk: when there is no room left in this one it is tried again, and told.
            }
            return next.extent
        }
        const next: Next = { since: [], dropped: false, extent: null, done: Promise.resolve().then(write) }
        return next
    }

    /** The next one is not wanted. */
    async #drop(): Promise<void> {
        const coming = this.#coming
        this.#coming = null
        if (coming === null) return
        coming.dropped = true
        await coming.done
    }

    /** Packets are heard between the pieces. Throws if it is no longer `wanted`. */
    async #create(wanted: () => boolean): Promise<Extent> {
        this.#ledger.forget(this.#now())
        const pieces = encodeJournal(this.#ledger.records())
        let piece = pieces.next()
        for (let n = 0; piece.done !== true; n++) {
            if (!wanted()) throw new Error("it is not wanted")
            const { at, bytes } = piece.value
            await (n === 0 ? this.#disk.create(NEXT, bytes) : this.#disk.write(NEXT, bytes, at))
            if (n % TOGETHER === TOGETHER - 1) await this.#disk.sync(NEXT)
            piece = pieces.next()
        }
        return piece.value
    }
}
