/**
 * The trail as files (spec/audit.md): lines are gathered while the disk is busy, written together and made durable by
 * one fdatasync(2). A disk that refuses or stands still holds nobody up: entries wait in a bounded queue, and those that
 * find no room there are counted, and told in an entry when the disk is back.
 */
import type { AuditEntry, AuditFact } from "../../core/audit/entry.ts"
import { formatLine } from "../../core/audit/line.ts"
import { messageOf } from "../../core/thrown.ts"
import type { Audit } from "../../ports/audit.ts"
import type { Disk } from "../system/disk.ts"
import { AUDIT, endOfTrail, nameOf, OLDER_MOST, readTrail } from "./trail.ts"

/** The spec's: a file that has so many bytes is put aside. */
const FILE_MOST = 4_194_304
/** Ours: entries that wait for the disk, about 300 bytes of memory each. */
export const QUEUE_MOST = 4096
/** Ours: so many are written at once: making their lines must take no longer than packets may wait. */
const BATCH_MOST = 256
/** Ours: after a write that failed the disk is left alone so long (ms)… */
const RETRY_MS = 2000
/** …and when the daemon ends it does not wait longer for the disk (ms). */
const CLOSE_MS = 2000

/** Something is wrong with the trail since now (a text for people), or is well again after so many were lost. */
export type AuditNews = { readonly trouble: string } | { readonly trouble: null; readonly lost: number }

export type AuditOptions = {
    /** Milliseconds since 1970. */
    readonly now: () => number
    /** Said once when it begins and once when it is over. */
    readonly news: (news: AuditNews) => void
    /** Other than RETRY_MS and FILE_MOST: for tests. */
    readonly retry?: number
    readonly fileMost?: number
}

/** A trail, with the last entry that was in it. Rejects if what is there cannot be read. */
export async function openAudit(
    disk: Disk,
    options: AuditOptions,
): Promise<{ readonly audit: Audit; readonly last: AuditEntry | null }> {
    const { entry, bad, bytes } = await endOfTrail(disk)
    // A line that cannot be read was an entry once, or would have been: its serial is not used again.
    return { audit: new Trail(disk, options, (entry?.serial ?? 0) + bad, bytes), last: entry }
}

type Waiting = { readonly time: number; readonly fact: AuditFact }

class Trail implements Audit {
    readonly name = "file"
    readonly #disk: Disk
    readonly #options: AuditOptions
    readonly #queue: Waiting[] = []
    /** Of the last durable entry. */
    #serial: number
    #bytes: number
    /** How much of the file is durable; null: it is not open. */
    #size: number | null = null
    /** The file ends in the middle of a line. */
    #torn = false
    /** A wait that found no room, since when, and how many in all. */
    #lost = 0
    #lostSince = 0
    #lostEver = 0
    #trouble: string | null = null
    #working: Promise<void> | null = null
    #timer: NodeJS.Timeout | undefined
    #closing: Promise<void> | null = null

    constructor(disk: Disk, options: AuditOptions, serial: number, bytes: number) {
        this.#disk = disk
        this.#options = options
        this.#serial = serial
        this.#bytes = bytes
    }

    write(fact: AuditFact, time = this.#options.now()): void {
        if (this.#closing !== null) return
        if (this.#queue.length >= QUEUE_MOST) {
            if (this.#lost === 0) this.#lostSince = time
            this.#lost++
            this.#lostEver++
            this.#bad("the disk does not keep up: entries are lost")
            return
        }
        this.#queue.push({ time, fact })
        this.#wake()
    }

    read(query: Parameters<Audit["read"]>[0]): ReturnType<Audit["read"]> {
        return readTrail(this.#disk, query, this.#size ?? undefined)
    }

    health(): ReturnType<Audit["health"]> {
        const [serial, bytes, waiting] = [this.#serial, this.#bytes, this.#queue.length]
        return { serial, bytes, waiting, lost: this.#lostEver, trouble: this.#trouble }
    }

    close(): Promise<void> {
        this.#closing ??= this.#finish()
        return this.#closing
    }

    async #finish(): Promise<void> {
        let late: NodeJS.Timeout | undefined
        const patience = new Promise<void>((resolve) => {
            late = setTimeout(resolve, CLOSE_MS)
        })
        // What waits is tried once more, even if the disk has refused just now.
        clearTimeout(this.#timer)
        this.#timer = undefined
        this.#wake()
        await Promise.race([this.#working, patience])
        clearTimeout(late)
        clearTimeout(this.#timer)
    }

    #wake(): void {
        if (this.#timer === undefined && this.#queue.length > 0) this.#working ??= this.#work()
    }

    async #work(): Promise<void> {
        // Whatever else is told in this turn goes along.
        await Promise.resolve()
        while (this.#queue.length > 0) {
            try {
                await this.#batch()
            } catch (error) {
                this.#bad(messageOf(error))
                this.#timer = setTimeout(() => {
                    this.#timer = undefined
                    this.#wake()
                }, this.#options.retry ?? RETRY_MS).unref()
                break
            }
        }
        this.#working = null
    }

    /** Makes what waits durable. After a failure it is tried again with the same serials at the same place. */
    async #batch(): Promise<void> {
        const count = Math.min(this.#queue.length, BATCH_MOST)
        const lines = this.#queue
            .slice(0, count)
            .map(({ time, fact }, i) => formatLine({ serial: this.#serial + 1 + i, time, ...fact }))
        const text = lines.join("")
        await this.#append(text)
        this.#serial += count
        this.#queue.splice(0, count)
        if (this.#trouble === null) return
        const [lost, since] = [this.#lost, this.#lostSince]
        this.#lost = 0
        this.#trouble = null
        if (lost > 0) this.#queue.push({ time: this.#options.now(), fact: { what: "lost", count: lost, since } })
        this.#options.news({ trouble: null, lost })
    }

    async #append(text: string): Promise<void> {
        const disk = this.#disk
        if (this.#size !== null && !(await disk.holds(AUDIT, this.#size))) {
            // Somebody has taken it away, or cut it: what is there now, if anything, is gone on with.
            this.#bytes -= this.#size
            this.#size = null
            this.#torn = false
            await this.#take()
            this.#bytes += this.#size ?? 0
        }
        if (this.#size === null) await this.#take()
        const size = this.#size ?? 0
        if (size > 0 && size + text.length > (this.#options.fileMost ?? FILE_MOST)) {
            await this.#rotate()
            return this.#append(text)
        }
        const bytes = Buffer.from(this.#torn ? `\n${text}` : text, "latin1")
        if (this.#size === null) {
            await disk.create(AUDIT, bytes)
            await disk.sync(AUDIT)
            await disk.syncNames()
        } else {
            await disk.write(AUDIT, bytes, size)
            await disk.sync(AUDIT)
        }
        this.#size = size + bytes.length
        this.#bytes += bytes.length
        this.#torn = false
    }

    /** Opens the file, if it is there, and sees how it ends. */
    async #take(): Promise<void> {
        const size = await this.#disk.open(AUDIT)
        if (size === null) return
        const view = await this.#disk.view(AUDIT)
        if (view === null) return
        try {
            const [last] = size === 0 ? [] : await view.read(size - 1, 1)
            this.#torn = last !== undefined && last !== 10
        } finally {
            await view.close()
        }
        this.#size = size
    }

    /** Puts the file aside, and the older ones before it up to the first gap; the oldest goes if there is none. */
    async #rotate(): Promise<void> {
        const names = await this.#disk.names()
        const ages = Array.from({ length: OLDER_MOST }, (_, i) => i + 1)
        const free = ages.find((age) => !names.includes(nameOf(age)))
        const gone = free === undefined ? await this.#sizeOf(nameOf(OLDER_MOST)) : 0
        for (let age = (free ?? OLDER_MOST) - 1; age >= 0; age--) {
            if (age === 0) this.#size = null
            await this.#disk.rename(nameOf(age), nameOf(age + 1))
        }
        this.#torn = false
        this.#bytes -= gone
    }

    async #sizeOf(name: string): Promise<number> {
        const view = await this.#disk.view(name)
        await view?.close()
        return view?.size ?? 0
    }

    #bad(trouble: string): void {
        const told = this.#trouble !== null
        this.#trouble = trouble
        if (!told) this.#options.news({ trouble })
    }
}
