/**
 * The directory `state`, which one process has at a time: journal and audit trail use one disk, so that one lock guards
 * both. Each is opened when it is wanted, and the lock is held as long as one of them is open.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { type AuditNews, openAudit } from "../adapters/audit/file.ts"
import type { CheckedStore } from "../adapters/store/batches.ts"
import { JOURNAL, openJournal } from "../adapters/store/journal.ts"
import { type Disk, openDisk } from "../adapters/system/disk.ts"
import type { AuditEntry, AuditFact } from "../core/audit/entry.ts"
import { messageOf } from "../core/thrown.ts"
import type { Audit } from "../ports/audit.ts"
import { formatStamp } from "../voice/reports.ts"
import type { Log } from "./log.ts"

/** A journal, with how it was found, if people should know (null: as it was left). */
export type Journal = { readonly store: CheckedStore; readonly found: Extract<AuditFact, { what: "journal" }> | null }

/** A trail, with the entry that it ended with. */
export type Trail = { readonly audit: Audit; readonly last: AuditEntry | null }

/** Why something cannot be had: another process has the directory; it cannot be used; or what is in it cannot. */
export type Unusable = { readonly ok: false; readonly why: "locked" | "directory" | "file"; readonly reason: string }

/** What a directory is used with. */
export type DirectoryKeeping = {
    /** Milliseconds since 1970. */
    readonly now: () => number
    readonly log: Log
}

/** Something that was opened, or why not. */
export type Opened<T> = { readonly ok: true; readonly value: T } | Unusable

/** See the head of the file. */
export class Directory {
    readonly path: string
    readonly #keeping: DirectoryKeeping
    #disk: Disk | null = null
    /** So many use the disk, or are about to. */
    #users = 0
    #journal: Promise<Opened<Journal>> | null = null
    #trail: Promise<Opened<Trail>> | null = null

    constructor(path: string, keeping: DirectoryKeeping) {
        this.path = path
        this.#keeping = keeping
    }

    /** Has an earlier daemon left a journal here? */
    hasJournal(): boolean {
        return existsSync(join(this.path, JOURNAL))
    }

    /** The journal: the one that is open, or opened now. */
    journal(): Promise<Opened<Journal>> {
        this.#journal ??= this.#use((disk) => openStore(disk, this.path, this.#keeping)).then((opened) => {
            if (!opened.ok) this.#journal = null
            return opened
        })
        return this.#journal
    }

    /** The audit trail, likewise. */
    trail(): Promise<Opened<Trail>> {
        this.#trail ??= this.#use((disk) => openTrail(disk, this.#keeping)).then((opened) => {
            if (!opened.ok) this.#trail = null
            return opened
        })
        return this.#trail
    }

    /** The disk itself, for files that need no more than it. */
    disk(): Promise<Opened<Disk>> {
        return this.#use((disk) => Promise.resolve(disk))
    }

    /** Finishes what is to be written, and lets go. Can be called twice. */
    async close(): Promise<void> {
        const [trail, journal] = [await this.#trail, await this.#journal]
        if (trail?.ok) await trail.value.audit.close()
        if (journal?.ok) {
            journal.value.store.check()
            await journal.value.store.close()
        }
        const disk = this.#disk
        this.#disk = null
        await disk?.close()
    }

    /** Whoever has noticed it writes anew what is his. The journal may have nothing to write for long, and must be there. */
    #taken(what: string): void {
        this.#keeping.log("warning", `state: ${what}`)
        void this.#journal?.then((opened) => opened.ok && opened.value.store.check())
    }

    async #use<T>(open: (disk: Disk) => Promise<T | string>): Promise<Opened<T>> {
        try {
            this.#disk ??= openDisk(this.path, (what) => this.#taken(what))
        } catch (error) {
            return { ok: false, why: "directory", reason: messageOf(error) }
        }
        const disk = this.#disk
        if (disk === null) return { ok: false, why: "locked", reason: "another process has it" }
        this.#users++
        // It is let go when nobody uses it any more, not by one of them.
        const opened = await open({ ...disk, close: () => Promise.resolve() })
        if (typeof opened !== "string") return { ok: true, value: opened }
        this.#users--
        if (this.#users === 0) {
            this.#disk = null
            await disk.close()
        }
        return { ok: false, why: "file", reason: opened }
    }
}

/** The journal, or why there is none. */
async function openStore(disk: Disk, directory: string, { now, log }: DirectoryKeeping): Promise<Journal | string> {
    const opening = await openJournal(directory, now, () => disk)
    if (!opening.ok) return opening.detail
    const { store, found, detail } = opening
    const { since } = store.health()
    if (found === "new") log("info", `state: a new journal in ${directory}`)
    if (found === "torn") log("notice", `state: ${detail}, as by a crash: nothing is lost that was relied on`)
    if (found === "damaged") {
        log(
            "error",
            `state: the journal was damaged: ${detail}. What may have been used before ${formatStamp(since)} is refused from now on, and stop programs that were noted in what is gone will not run. A copy is ${join(directory, JOURNAL)}.damaged`,
        )
    }
    return { store, found: found === "whole" ? null : { what: "journal", found, since } }
}

/** The trail, or why it cannot be read. */
async function openTrail(disk: Disk, { now, log }: DirectoryKeeping): Promise<Trail | string> {
    const news = (one: AuditNews) => {
        if (one.trouble !== null) log("error", `audit: cannot be written: ${one.trouble}`)
        else log("notice", `audit: is written again, ${one.lost} entries were lost`)
    }
    try {
        return await openAudit(disk, { now, news })
    } catch (error) {
        return messageOf(error)
    }
}
