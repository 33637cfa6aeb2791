/**
 * What is kept in the directory `state`, as far as that can be used: the journal for doors with a `stop`, and the audit
 * trail. What cannot be had is no reason to leave ports open to everybody: the daemon starts, does nothing that needs it,
 * and tries again. Only a second daemon must not start.
 */
import { lateAudit } from "../adapters/audit/late.ts"
import { lateStore } from "../adapters/store/late.ts"
import type { Disk } from "../adapters/system/disk.ts"
import type { AuditEntry } from "../core/audit/entry.ts"
import type { Config } from "../core/config/config.ts"
import type { Audit } from "../ports/audit.ts"
import type { Store } from "../ports/store.ts"
import { tryAgain } from "./again.ts"
import { Directory, type DirectoryKeeping, type Journal, type Opened, type Trail, type Unusable } from "./directory.ts"

/** What is kept. */
export type Kept = {
    /** Null where nothing needs one. */
    readonly store: Store | null
    /** How the journal was found, if people should know; null: as it was left. */
    readonly journal: Journal["found"]
    /** Null where none is wanted, or none can be. */
    readonly audit: Audit | null
    /** The entry with which the last daemon's trail ends. */
    readonly last: AuditEntry | null
    /** The directory, for what else is kept there; or why it cannot be used. */
    readonly disk: () => Promise<Disk | string>
    /** Where there is no store: the one that another configuration of this directory needs, opened now. */
    readonly need: (config: Config) => Promise<Needed>
    /** Finishes what is to be written, and lets go. */
    readonly close: () => Promise<void>
}

/** A store and how its journal was found, both null where no door needs one; or, as a sentence, why there is none. */
export type Needed = ({ readonly ok: true } & Pick<Kept, "store" | "journal">) | Refused
type Refused = { readonly ok: false; readonly detail: string }

/** What it is opened with. */
export type StateKeeping = DirectoryKeeping & {
    /** A journal that could not be used at first can be, from now on: there may be stop programs to take over. */
    readonly back: () => void
    /** How soon (ms) it is tried again; for tests. */
    readonly retry?: number
}

/** Opens what this configuration needs and wants, and what an earlier one has left. Refused: this is a second daemon. */
export async function openState(
    config: Config,
    keeping: StateKeeping,
): Promise<({ readonly ok: true } & Kept) | Refused> {
    const { log } = keeping
    const directory = new Directory(config.gateway.state, keeping)
    const needed = needsJournal(config)
    const journal = needed || directory.hasJournal() ? await directory.journal() : null
    if (needed && journal?.ok === false && journal.why === "locked") return refused(directory, journal)
    const trail = config.gateway.audit ? await directory.trail() : null
    const audit = trail === null ? NOTHING : keepTrail(directory, trail, keeping)
    const back = ({ found }: Journal) => {
        log("notice", `state: ${directory.path} can be used now: programs of all doors run`)
        if (found !== null) audit.kept?.write(found)
        keeping.back()
    }
    const store = journal === null ? NOTHING : keepJournal(directory, journal, needed ? back : null, keeping)
    return {
        ok: true,
        store: store.kept,
        journal: journal?.ok ? journal.value.found : null,
        audit: audit.kept,
        last: trail?.ok ? trail.value.last : null,
        async disk() {
            const opened = await directory.disk()
            return opened.ok ? opened.value : opened.reason
        },
        async need(other) {
            if (!needsJournal(other)) return { ok: true, store: null, journal: null }
            const opened = await directory.journal()
            if (!opened.ok) return refused(directory, opened)
            return { ok: true, store: opened.value.store, journal: opened.value.found }
        },
        async close() {
            await Promise.all([audit.stop(), store.stop()])
            await directory.close()
        },
    }
}

/** What is kept, at once or from some time on (null: never); `stop`: it is not waited for any more. */
type Part<T> = { readonly kept: T | null; readonly stop: () => Promise<void> }

const NOTHING: Part<never> = { kept: null, stop: () => Promise.resolve() }

/** `back`: hears of a journal that came late; null: no door needs it, so it is not waited for. */
function keepJournal(
    directory: Directory,
    first: Opened<Journal>,
    back: ((journal: Journal) => void) | null,
    { now, log, retry }: StateKeeping,
): Part<Store> {
    if (first.ok) return { kept: first.value.store, stop: NOTHING.stop }
    if (back === null) {
        const what = first.why === "file" ? `the journal in ${directory.path}` : directory.path
        log("warning", `state: ${what} cannot be used: ${first.reason}: no door needs it now`)
        return NOTHING
    }
    const trouble = new Trouble((reason) =>
        log(
            "error",
            `state: ${directory.path} cannot be used: ${reason}: doors open without the programs that need it`,
        ),
    )
    trouble.is(first.reason)
    const { store, come } = lateStore(now, () => trouble.reason)
    const { stop } = tryAgain(async () => {
        const opened = await directory.journal()
        if (!opened.ok) return trouble.is(opened.reason)
        come(opened.value.store)
        back(opened.value)
        return true
    }, retry)
    return { kept: store, stop }
}

function keepTrail(directory: Directory, first: Opened<Trail>, { now, log, retry }: StateKeeping): Part<Audit> {
    if (first.ok) return { kept: first.value.audit, stop: NOTHING.stop }
    const unread = (reason: string) =>
        log("warning", `audit: the trail in ${directory.path} cannot be read, and is not kept: ${reason}`)
    if (first.why === "file") {
        unread(first.reason)
        return NOTHING
    }
    const trouble = new Trouble((reason) =>
        log("warning", `audit: ${directory.path} cannot be used: ${reason}: entries wait`),
    )
    trouble.is(first.reason)
    const { audit, come } = lateAudit(now, () => trouble.reason)
    const { stop } = tryAgain(async () => {
        const opened = await directory.trail()
        if (!opened.ok && opened.why !== "file") return trouble.is(opened.reason)
        if (!opened.ok) unread(opened.reason)
        else log("notice", `audit: ${directory.path} can be used now: entries are written`)
        come(opened.ok ? opened.value.audit : opened.reason)
        return true
    }, retry)
    return { kept: audit, stop }
}

/** Why something does not work, told as often as that changes. */
class Trouble {
    readonly #tell: (reason: string) => void
    reason = ""

    constructor(tell: (reason: string) => void) {
        this.#tell = tell
    }

    /** It does not work for this reason: false, as an attempt's answer. */
    is(reason: string): false {
        if (reason !== this.reason) this.#tell(reason)
        this.reason = reason
        return false
    }
}

function needsJournal({ doors }: Config): boolean {
    return doors.some(
        ({ command, command6, oneTime }) => oneTime !== null || command?.stop != null || command6?.stop != null,
    )
}

function refused(directory: Directory, { reason }: Unusable): Refused {
    return { ok: false, detail: `state: ${directory.path} cannot be used: ${reason}` }
}
