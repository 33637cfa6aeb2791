/**
 * The master of one-time sequences, in the directory `state` (spec/one-time.md, section 4): the one there is, or a new
 * one.
 */
import { randomBytes } from "node:crypto"
import type { Disk } from "../../adapters/system/disk.ts"
import { type Digests, markName } from "../../core/one-time/derive.ts"
import { formatMaster, type Master, parseMaster } from "../../core/one-time/master.ts"
import type { Store } from "../../ports/store.ts"

/** The names in the directory. */
const MASTER = "one-time.master"
const NEXT = "one-time.master.new"

/** Why another master was made; null: the one that was there is good. */
export type Renewal = null | "first" | "damaged" | "journal"

/** What it is kept with. */
export type MasterKeeping = {
    readonly disk: Pick<Disk, "read" | "create" | "sync" | "rename" | "syncNames">
    readonly store: Pick<Store, "raised" | "raise" | "dropCounters" | "health">
    readonly digests: Digests
}

/**
 * The master, durable. One that the journal cannot speak for is replaced, because what was used with it is not known:
 * the journal does not know all since it was made, has no mark of it, or an older one. So is one that is damaged.
 * `now`: milliseconds since 1970. Throws if directory or journal cannot be used.
 */
export async function takeMaster(
    keeping: MasterKeeping,
    now: number,
): Promise<{ readonly master: Master; readonly renewed: Renewal }> {
    const { disk, store, digests } = keeping
    const { since } = store.health()
    const file = await disk.read(MASTER)
    const found = file === null ? null : parseMaster(Buffer.from(file.bytes).toString("latin1"))
    // Clocks are set back: a time alone does not show that it is the same journal, and undamaged.
    if (found !== null && found.made > since && marked(keeping, found) >= found.mark)
        return { master: found, renewed: null }
    // After what the journal refuses, whatever the clock says.
    const master = { key: new Uint8Array(randomBytes(32)), made: Math.max(now, since + 1), mark: 0 }
    // The marks of others go before this one comes: so a copy of theirs that is put back one day is not taken for good.
    const dropped = await store.dropCounters()
    if (!dropped.ok) throw new Error(dropped.detail)
    const raised = await store.raise(markName(digests, master.key, since), 0, master.made)
    if (!raised.ok) throw new Error(raised.detail)
    await write(disk, master)
    return { master, renewed: file === null ? "first" : found === null ? "damaged" : "journal" }
}

/**
 * Journal and master show from now on that neither is older than the other: a journal from before is noticed if it is put
 * back. Gives the master as it is kept now. Throws as above.
 */
export async function markMaster(keeping: MasterKeeping, master: Master): Promise<Master> {
    const { disk, store, digests } = keeping
    // The journal first: if we die in between it only says more than it has to.
    const next = { ...master, mark: Math.max(marked(keeping, master), master.mark) + 1 }
    const raised = await store.raise(markName(digests, master.key, store.health().since), next.mark, master.made)
    if (!raised.ok) throw new Error(raised.detail)
    await write(disk, next)
    return next
}

/** Has this journal a mark of the master? An operator may have trusted it from another moment on. */
export function isMarked(keeping: MasterKeeping, master: Master): boolean {
    return marked(keeping, master) >= 0
}

function marked({ store, digests }: MasterKeeping, { key }: Master): number {
    return store.raised(markName(digests, key, store.health().since)) ?? -1
}

async function write(disk: MasterKeeping["disk"], master: Master): Promise<void> {
    await disk.create(NEXT, Buffer.from(formatMaster(master)))
    await disk.sync(NEXT)
    await disk.rename(NEXT, MASTER)
    await disk.syncNames()
}
