/** The master of one-time sequences, in the directory `state` (spec/one-time.md, section 4): the one there is, or a new one. */
import { randomBytes } from "node:crypto"
import type { Disk } from "../../adapters/system/disk.ts"
import { formatMaster, type Master, parseMaster } from "../../core/one-time/master.ts"

/** The names in the directory. */
const MASTER = "one-time.master"
const NEXT = "one-time.master.new"

/** Why another master was made; null: the one that was there is good. */
export type Renewal = null | "first" | "damaged" | "journal"

/** What it is taken with. `since`: from when on the journal knows everything; `now`: both milliseconds since 1970. */
export type MasterKeeping = {
    readonly disk: Pick<Disk, "read" | "create" | "sync" | "rename" | "syncNames">
    readonly since: number
    readonly now: number
}

/**
 * The master, durable. One that the journal cannot speak for, because it does not know all since it was made, is replaced: what
 * was used with it is not known. So is one that is damaged. Throws if the directory cannot be used.
 */
export async function takeMaster({ disk, since, now }: MasterKeeping): Promise<{ master: Master; renewed: Renewal }> {
    const file = await disk.read(MASTER)
    const found = file === null ? null : parseMaster(Buffer.from(file.bytes).toString("latin1"))
    if (found !== null && found.made > since) return { master: found, renewed: null }
    // After what the journal refuses, whatever the clock says.
    const master = { key: new Uint8Array(randomBytes(32)), made: Math.max(now, since + 1) }
    await disk.create(NEXT, Buffer.from(formatMaster(master)))
    await disk.sync(NEXT)
    await disk.rename(NEXT, MASTER)
    await disk.syncNames()
    return { master, renewed: file === null ? "first" : found === null ? "damaged" : "journal" }
}
