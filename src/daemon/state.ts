/** Takes the directory `state`, as far as it can be used, and says how it was found: the journal and the audit trail. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { type AuditNews, openAudit } from "../adapters/audit/file.ts"
import { lateAudit } from "../adapters/audit/late.ts"
import { JOURNAL, openJournal } from "../adapters/store/journal.ts"
import { lateStore } from "../adapters/store/late.ts"
import { type Disk, openDisk } from "../adapters/system/disk.ts"
import type { AuditEntry, AuditFact } from "../core/audit/entry.ts"
import type { Config } from "../core/config/config.ts"
import { messageOf } from "../core/thrown.ts"
import type { Audit } from "../ports/audit.ts"
import type { Store } from "../ports/store.ts"
import { formatStamp } from "../voice/reports.ts"
import type { Log } from "./log.ts"

/** What is kept. */
export type Kept = {
    /** Null where nothing needs one. */
    readonly store: Store | null
    /** How the journal was found, if people should know; null: as it was left. */
    readonly journal: Extract<AuditFact, { what: "journal" }> | null
    /** Null where none is wanted, or none can be. */
    readonly audit: Audit | null
    /** The entry with which the last daemon's trail ends. */
    readonly last: AuditEntry | null
    /** The journal for another configuration of this directory: the one there is, or opened now if a door has come to need it. */
    readonly need: (config: Config) => Promise<Journal>
    /** Finishes what is to be written, and lets go. */
    readonly close: () => Promise<void>
}

/** A journal, and how it was found; or why there is none although a door needs it. */
export type Journal = ({ readonly ok: true } & Pick<Kept, "store" | "journal">) | Unusable

/** `locked`: another process has the directory. `detail` is `reason` as a whole sentence. */
type Unusable = { readonly ok: false; readonly locked: boolean; readonly reason: string; readonly detail: string }

/** Or why the daemon must not start: it is a second one. */
export type State = ({ readonly ok: true } & Kept) | Unusable

/** What it is opened with. */
export type StateKeeping = {
    /** Milliseconds since 1970. */
    readonly now: () => number
    readonly log: Log
    /** A journal that could not be used at first can be, from now on: there may be stop programs to take over. */
    readonly back: () => void
}

const NONE = { ok: true, store: null, journal: null } as const

/**
 * The audit trail is kept wherever it can be. The journal is needed by doors with a `stop`; what an earlier configuration
 * has left is looked at. A journal that is needed and cannot be had is no reason to leave ports open to everybody: the
 * daemon starts, does nothing that needs it, and tries again. Only a second daemon must not start.
 */
export async function openState(config: Config, keeping: StateKeeping): Promise<State> {
    const taken = await take(config, keeping)
    return taken.ok || taken.locked ? taken : { ok: true, ...takeLater(config, keeping, taken) }
}

async function take(config: Config, { now, log }: StateKeeping): Promise<State> {
    const directory = config.gateway.state
    const wanted = config.gateway.audit
    let disk: Disk | null = null
    let begun = false
    let journal: Extract<Journal, { ok: true }> = NONE
    const need = async ({ doors }: Config): Promise<Journal> => {
        if (journal.store !== null) return { ...journal, journal: null }
        const needed = doors.some(({ command }) => command?.stop != null)
        const left = existsSync(join(directory, JOURNAL))
        if (!needed && (begun || (!left && !wanted))) return NONE
        const refuse = (locked: boolean, reason: string): Journal => {
            const detail = `state: ${directory} cannot be used: ${reason}`
            if (needed) return { ok: false, locked, reason, detail }
            log("warning", `${detail}: no door needs it now${wanted ? ", but there is no audit trail" : ""}`)
            return NONE
        }
        const before = disk
        try {
            disk ??= openDisk(directory)
        } catch (error) {
            return refuse(false, messageOf(error))
        }
        if (disk === null) return refuse(true, "another process has it")
        if (!needed && !left) return NONE
        const opened = await openStore(shared(disk), directory, now, log)
        if (typeof opened !== "string") {
            journal = { ok: true, ...opened }
            return journal
        }
        if (!needed) {
            log("warning", `state: the journal in ${directory} cannot be used: ${opened}: no door needs it now`)
            return NONE
        }
        if (before === null) {
            await disk.close()
            disk = null
        }
        return refuse(false, opened)
    }
    const found = await need(config)
    begun = true
    if (!found.ok) return found
    const trail = wanted && disk !== null ? await openTrail(shared(disk), directory, now, log) : null
    return {
        ...found,
        audit: trail?.audit ?? null,
        last: trail?.last ?? null,
        need,
        close: async () => {
            await trail?.audit.close()
            await journal.store?.close()
            await disk?.close()
        },
    }
}

/** Journal and trail of a directory that cannot be used now: both are there as soon as it can. */
function takeLater(config: Config, keeping: StateKeeping, first: Unusable): Kept {
    const { now, log, back } = keeping
    const { state: directory, audit: wanted } = config.gateway
    let trouble: string | null = null
    const tell = ({ reason, detail }: Pick<Unusable, "reason" | "detail">): string => {
        if (reason !== trouble) log("error", `${detail}: doors open without the programs that need it`)
        trouble = reason
        return reason
    }
    let taken: Kept | null = null
    const late = wanted ? lateAudit(now, () => trouble ?? first.reason) : null
    const again = async (): Promise<Store | string> => {
        const state = await take(config, keeping)
        if (!state.ok) return tell(state)
        taken = state
        return state.store ?? "there is no journal"
    }
    const store = lateStore({
        trouble: tell(first),
        now,
        open: () => again().catch((error: unknown) => messageOf(error)),
        found() {
            log("notice", `state: ${directory} can be used now: programs of all doors run`)
            late?.come(taken?.audit ?? "it cannot be read")
            if (taken?.journal) late?.audit.write(taken.journal)
            back()
        },
    })
    return {
        store,
        journal: null,
        audit: late?.audit ?? null,
        last: null,
        need: () => Promise.resolve({ ok: true, store, journal: null }),
        close: async () => {
            await late?.audit.close()
            await store.close()
            await taken?.close()
        },
    }
}

/** All that is kept uses one disk, so that one lock guards it; it is let go when all are closed. */
function shared(disk: Disk): Disk {
    return { ...disk, close: () => Promise.resolve() }
}

type Found = Pick<Kept, "store" | "journal">

/** The journal, or why there is none. */
async function openStore(disk: Disk, directory: string, now: () => number, log: Log): Promise<Found | string> {
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
    return { store, journal: found === "whole" ? null : { what: "journal", found, since } }
}

async function openTrail(disk: Disk, directory: string, now: () => number, log: Log) {
    const news = (one: AuditNews) => {
        if (one.trouble !== null) log("error", `audit: cannot be written: ${one.trouble}`)
        else log("notice", `audit: is written again, ${one.lost} entries were lost`)
    }
    try {
        return await openAudit(disk, { now, news })
    } catch (error) {
        log("warning", `audit: the trail in ${directory} cannot be read, and is not kept: ${messageOf(error)}`)
        return null
    }
}
