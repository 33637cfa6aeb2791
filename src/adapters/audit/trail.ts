/** The files of a trail as one, for reading (spec/audit.md): with or without a daemon that writes into them. */
import type { AuditEntry } from "../../core/audit/entry.ts"
import { type AuditFilter, matches } from "../../core/audit/filter.ts"
import { parseLine } from "../../core/audit/line.ts"
import type { AuditPage, AuditQuery } from "../../ports/audit.ts"
import type { Shelf, View } from "../system/disk.ts"
import { linesBack, linesFrom, PIECE } from "./lines.ts"
import { PageMaker } from "./pages.ts"

/** The name of the file that is written into; older ones are `audit.1`, `audit.2` … */
export const AUDIT = "audit"
/** The spec's: so many older files are kept. */
export const OLDER_MOST = 7

/** Ours: so many bytes are looked at for one page. */
const SCAN_MOST = 1_048_576

/** A file of the trail, as far as it is to be read. */
type Part = { readonly view: View; readonly size: number }

/** The name of the file that is so many rotations old. */
export function nameOf(age: number): string {
    return age === 0 ? AUDIT : `${AUDIT}.${age}`
}

/**
 * The entries of this shelf's trail. `durable`: how much of the newest file may be read, if not all of it. Rejects if
 * a file cannot be read.
 */
export async function readTrail(
    shelf: Shelf,
    query: AuditQuery,
    durable = Number.MAX_SAFE_INTEGER,
): Promise<AuditPage> {
    const parts = await openParts(shelf, durable)
    try {
        const after = query.last === null ? query.after : await beforeLast(parts, query.last, query)
        return await pageAfter(parts, after, query.filter)
    } finally {
        for (const { view } of parts) await view.close()
    }
}

/** The last entry of the trail, how many bytes it has, and how many lines that cannot be read come after that entry. */
export async function endOfTrail(
    shelf: Shelf,
): Promise<{ readonly entry: AuditEntry | null; readonly bad: number; readonly bytes: number }> {
    const parts = await openParts(shelf, Number.MAX_SAFE_INTEGER)
    try {
        const bytes = parts.reduce((sum, { size }) => sum + size, 0)
        let bad = 0
        for await (const entry of entriesBack(parts)) {
            if (typeof entry === "object") return { entry, bad, bytes }
            bad++
        }
        return { entry: null, bad, bytes }
    } finally {
        for (const { view } of parts) await view.close()
    }
}

/** The files, the oldest first. Opened from the newest on, so that a rotation meanwhile shows one twice, not never. */
async function openParts(shelf: Shelf, durable: number): Promise<readonly Part[]> {
    const parts: Part[] = []
    try {
        for (let age = 0; age <= OLDER_MOST; age++) {
            const view = await shelf.view(nameOf(age))
            if (view !== null) parts.unshift({ view, size: age === 0 ? Math.min(view.size, durable) : view.size })
        }
    } catch (error) {
        for (const { view } of parts) await view.close()
        throw error
    }
    return parts
}

async function pageAfter(parts: readonly Part[], after: number, filter: AuditFilter): Promise<AuditPage> {
    const maker = new PageMaker(after, filter)
    let looked = 0
    let bad = 0
    for (const [part, from] of await placesAfter(parts, after)) {
        for await (const lines of linesFrom(part.view, from, part.size)) {
            for (const line of lines) {
                if (maker.full || looked >= SCAN_MOST) return maker.page(true)
                looked += line.length + 1
                const entry = line === "" ? null : parseLine(line)
                if (entry === null) continue
                if (typeof entry === "string") bad++
                else {
                    maker.show(entry, line.length)
                    bad = 0
                }
            }
        }
    }
    return maker.page(false, bad)
}

/** The files that can hold what came after this serial, each with the place to read on from. */
async function placesAfter(parts: readonly Part[], after: number): Promise<(readonly [Part, number])[]> {
    let first = parts.length - 1
    while (first > 0 && ((await serialAt(parts[first]!, 0)) ?? Number.POSITIVE_INFINITY) > after) first--
    const places = parts.slice(Math.max(0, first)).map((part) => [part, 0] as const)
    const [oldest, ...newer] = places
    return oldest === undefined ? [] : [[oldest[0], await placeAfter(oldest[0], after)], ...newer]
}

/** A place with nothing wanted before it, found by halving: serials grow. It may be in the middle of a line. */
async function placeAfter(part: Part, after: number): Promise<number> {
    let [low, high] = [0, part.size]
    while (high - low > 2 * PIECE) {
        const middle = Math.floor((low + high) / 2)
        const serial = await serialAt(part, middle)
        if (serial !== null && serial <= after) low = middle
        else high = middle
    }
    return low
}

/** The serial of the first entry that begins behind this place; null: there is none. */
async function serialAt({ view, size }: Part, from: number): Promise<number | null> {
    for await (const lines of linesFrom(view, from, size)) {
        for (const line of lines) {
            const entry = parseLine(line)
            if (typeof entry === "object") return entry.serial
        }
    }
    return null
}

/** The serial before that of the entry with which the last `count` wanted ones begin. */
async function beforeLast(parts: readonly Part[], count: number, { after, filter }: AuditQuery): Promise<number> {
    let found = 0
    let before = Number.MAX_SAFE_INTEGER
    for await (const entry of entriesBack(parts)) {
        if (typeof entry === "string") continue
        if (entry.serial <= after) return after
        if (found >= count) return Math.max(after, count === 0 ? entry.serial : before - 1)
        before = Math.min(before, entry.serial)
        if (matches(entry, filter)) found++
    }
    return Math.max(after, before === Number.MAX_SAFE_INTEGER ? 0 : before - 1)
}

/** What the lines say, the last one first. */
async function* entriesBack(parts: readonly Part[]): AsyncGenerator<ReturnType<typeof parseLine>> {
    for (const { view, size } of parts.toReversed()) {
        for await (const lines of linesBack(view, size)) {
            for (const line of lines) if (line !== "") yield parseLine(line)
        }
    }
}
