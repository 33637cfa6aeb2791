/**
 * The store as a file: a journal of blocks (spec/journal.md) that is written anew, as a snapshot, at each start and
 * whenever it is full. Nothing is answered before fdatasync(2) has returned. After a write that failed nobody knows
 * what the disk holds (fsync(2)): then everything is written to a new file before anything is answered again.
 */
import { BLOCK } from "../../core/store/block.ts"
import {
    decodeJournal,
    type Extent,
    encodeBatch,
    encodeJournal,
    type Piece,
    type Reading,
} from "../../core/store/journal.ts"
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

/** Opens the store in this directory, which is made if need be. `now`: milliseconds since 1970. Never throws. */
export async function openJournal(
    directory: string,
    now: () => number,
    take: (directory: string) => Disk | null = openDisk,
): Promise<Opening> {
    let disk: Disk | null = null
    try {
        disk = take(directory)
        if (disk === null) return { ok: false, code: "locked", detail: "another process has it" }
        const opening = await openOn(disk, now)
        if (!opening.ok) await disk.close()
        return opening
    } catch (error) {
        await disk?.close()
        return { ok: false, code: isDenied(error) ? "denied" : "failed", detail: messageOf(error) }
    }
}

async function openOn(disk: Disk, now: () => number): Promise<Opening> {
    const ledger = new Ledger()
    const reading = await readInto(ledger, disk, now)
    if (reading?.condition === "newer") {
        const detail = `it was written by a later postern (format ${reading.version})`
        return { ok: false, code: "newer", detail }
    }
    const journal = new Journal(disk, ledger, now, reading?.next ?? 0, reading?.blocks ?? 0)
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

class Journal {
    readonly #disk: Disk
    readonly #ledger: Ledger
    readonly #now: () => number
    #next: number
    #blocks: number
    /** Nobody knows what the disk holds. */
    #unsure = false

    constructor(disk: Disk, ledger: Ledger, now: () => number, next: number, blocks: number) {
        this.#disk = disk
        this.#ledger = ledger
        this.#now = now
        this.#next = next
        this.#blocks = blocks
    }

    /** Makes these records, which the ledger has already, durable; none: makes sure of the others. Why not, or null. */
    async keep(records: readonly StoreRecord[]): Promise<string | null> {
        const bytes = encodeBatch(records, this.#next)
        if (!this.#unsure && this.#next + bytes.length / BLOCK <= this.#blocks) {
            try {
                await this.#disk.write(JOURNAL, bytes, this.#next * BLOCK)
                await this.#disk.sync(JOURNAL)
                // Durable in a file that nobody will find is not durable.
                if (await this.#disk.holds(JOURNAL, this.#blocks * BLOCK)) {
                    this.#next += bytes.length / BLOCK
                    return null
                }
            } catch {
                // It may be there, or not.
            }
            this.#unsure = true
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
        this.#ledger.forget(this.#now())
        const pieces = encodeJournal(this.#ledger.records())
        let replaced = false
        let extent: Extent
        try {
            extent = await this.#create(pieces)
            await this.#disk.sync(NEXT)
            replaced = true
            await this.#disk.rename(NEXT, JOURNAL)
            await this.#disk.syncNames()
        } catch (error) {
            // Which of the two files has the name now, or will have it after a power loss, is not known either.
            if (replaced) this.#unsure = true
            return error instanceof Error ? error : new Error(String(error))
        }
        this.#next = extent.next
        this.#blocks = extent.blocks
        this.#unsure = false
        return null
    }

    /** Packets are heard between the pieces; what they ask of the store waits until all are written. */
    async #create(pieces: Generator<Piece, Extent>): Promise<Extent> {
        let piece = pieces.next()
        for (let first = true; piece.done !== true; first = false) {
            const { at, bytes } = piece.value
            await (first ? this.#disk.create(NEXT, bytes) : this.#disk.write(NEXT, bytes, at))
            piece = pieces.next()
        }
        return piece.value
    }

    close(): Promise<void> {
        return this.#disk.close()
    }
}
