/** The firewall port over the kernel's nf_tables, in-process: grants live in the kernel and end there by themselves. */
import { elementKey, type GrantElement, type Ruleset } from "../../core/ruleset.ts"
import type { Firewall, FirewallResult } from "../../ports/firewall.ts"
import { EACCES, ENFILE, ENOENT, EPERM, errnoText } from "../system/errno.ts"
import { FLAGGED, type NftAnswer, type Nftables, openNftables } from "../system/nftables.ts"
import { openElements } from "../system/nftables-elements.ts"
import { type TableWatch, watchTable } from "../system/nftables-events.ts"
import { parseArrivals } from "./arrivals.ts"
import { grantChanges, revocation } from "./changes.ts"
import { type LiveElement, ONE_USE, parseElements } from "./elements.ts"
import { hides } from "./hide.ts"
import { renderHold, renderRelease } from "./hold.ts"
import { Ledger } from "./ledger.ts"
import { carried, type KernelMeans, renderApply, renderClear, renderRebuild } from "./render.ts"
import { revokeElements } from "./revoke.ts"
import { endingsIn, fitsShape } from "./shape.ts"
import { TABLE } from "./table.ts"
import { bitsOf, waysOf } from "./ways.ts"

/**
 * The firewall of the network namespace this process is in. `now`: monotonic milliseconds. Throws if libnftables is
 * missing; permission is only asked for when something is done.
 */
export function nftFirewall(
    now: () => number = () => performance.now(),
    nft: Nftables = openNftables(),
): Firewall & { readonly close: () => void } {
    const name = TABLE.split(" ")[1]!
    const sets = openElements(name)
    const ledger = new Ledger()
    let events: TableWatch | null = null
    let loaded = false
    let size = 0
    /** The ends of the names of the grant sets that were made last. */
    let endings: readonly string[] = []
    /** Sources that the kernel remembers as watched; null: it watches none. */
    let watched: number | null = null
    let means: KernelMeans = "all"
    /** The kernel has shown that it counts the uses of elements. */
    let counts = false

    /** What another process of ours granted before (a restart) counts too. */
    const load = (): FirewallResult => {
        if (loaded) return { ok: true }
        const read = readGrants(nft)
        if (read.ok) ledger.load(read.live, now())
        loaded = read.ok
        return read
    }
    const apply = (wanted: Ruleset): FirewallResult => {
        const result = make(wanted)
        // Now the table is ours and whole, whatever was done to it before.
        events?.forget()
        return result
    }
    const make = (wanted: Ruleset): FirewallResult => {
        const result = makeWith(wanted, means)
        if (result.ok || result.code !== "failed" || means === "plain" || !hides(wanted)) return result
        // Kernels say the same of a module that is not there as of anything else that is not there: so it is tried.
        const plain = makeWith(wanted, "plain")
        if (!plain.ok) return result
        means = "plain"
        return plain
    }
    const makeWith = (wanted: Ruleset, means: KernelMeans): FirewallResult => {
        const room = wanted.watch?.plan.attempts ?? null
        const resized = watched !== null && room !== null && watched !== room
        // Reading ten thousand grants takes 0.2 s, so only when something about the sets may be unknown.
        const ends = waysOf(wanted).map(({ ending }) => ending)
        const known = loaded && size === wanted.grants && ends.join() === endings.join() && !resized
        let found = known ? null : readTable(nft, wanted)
        if (found?.ok === false) return found
        // Some kernels leave a set of another size as it is, and say nothing.
        const fits = (found === null || found.fits) && !resized
        let result: FirewallResult = { ok: true }
        if (fits) {
            result = toResult(nft.run(renderApply(wanted, means)))
            if (!result.ok && result.code !== "failed") return result
        }
        if (!result.ok || !fits) {
            // A set or chain of another shape than ours, which nothing changes in place.
            found = readHeld(wanted)
            if (!found.ok) return found
            found = { ...found, live: carried(found.live, wanted) }
            result = toResult(nft.run(renderRebuild(wanted, found.live, means)))
            if (!result.ok) release()
        }
        if (result.ok && wanted.once !== null && !counts) {
            // Older kernels pass over what they do not know of a set: each grant would be good for any number.
            const said = nft.run(`list set ${TABLE} once4\n`)
            if (said.ok && !said.output.includes(ONE_USE)) return NO_USES
            counts = said.ok
        }
        if (result.ok && found !== null) ledger.load(found.live, now())
        if (result.ok) [loaded, size, endings, watched] = [true, wanted.grants, ends, room]
        return result
    }
    /** As `readTable`; no grant is used up from then on, until the table is made anew or `release` is called. */
    const readHeld = (wanted: Ruleset): Table => {
        const found = readTable(nft, wanted)
        const hold = found.ok ? renderHold(found.live) : null
        if (!found.ok || hold === null) return found
        // Where they cannot be held back, nobody knows which are used when the table is made: all of them, then.
        if (!nft.run(hold).ok) return { ...found, live: found.live.filter(({ element }) => !element.once) }
        const held = readTable(nft, wanted)
        if (!held.ok) release()
        return held
    }
    const release = (): void => {
        // What cannot be let go on now is found, and made anew, by the next `apply`.
        if (!nft.run(renderRelease()).ok) loaded = false
    }
    const grant = (elements: readonly GrantElement[], ms: number): FirewallResult => {
        if (elements.length === 0) return { ok: true }
        const known = load()
        if (!known.ok) return known
        const at = now()
        const result = ofErrno(sets.change(grantChanges(elements, ms, ledger.sources(elements, ms, at))))
        if (result.ok) ledger.note(elements, ms, at)
        return result
    }
    const revoke = (elements: readonly GrantElement[]): FirewallResult => {
        if (elements.length === 0) return { ok: true }
        const known = load()
        if (!known.ok) return known
        const at = now()
        const sources = ledger.sources(elements, 0, at)
        const result = ofErrno(revokeElements(sets, revocation(elements, sources)))
        if (result.ok) ledger.note(elements, 0, at)
        return result
    }
    const list = () => {
        const read = readGrants(nft)
        if (read.ok) return read.live
        throw new Error(`nftables: the grants cannot be read: ${read.detail}`)
    }
    const uses = () => {
        const read = readSets(nft, ["spent"], endings)
        return read.ok ? read.sets["spent"]!.map(({ element }) => element) : []
    }
    const arrivals = () => {
        const said = ["4", "6"].map((family) => nft.run(`list set ${TABLE} came${family}\n`))
        return said.every(({ ok }) => ok) ? said.flatMap((one) => (one.ok ? parseArrivals(one.output) : [])) : null
    }
    const clear = (): FirewallResult => {
        const result = toResult(nft.run(renderClear()))
        if (result.ok) ledger.load([], now())
        events?.forget()
        return result
    }
    const watch = (lost: () => void, translates?: () => void) => {
        events?.close()
        const mine = watchTable(
            name,
            sets.port,
            () => {
                // Whoever took a part of it away may have put something else there.
                loaded = false
                lost()
            },
            translates,
        )
        events = mine
        return () => mine.close()
    }
    const close = () => {
        events?.close()
        nft.close()
        sets.close()
    }
    const leads = () => means === "all"
    return { name: "nftables", leads, apply, grant, revoke, list, uses, arrivals, clear, watch, close }
}

const NO_USES: FirewallResult = {
    ok: false,
    code: "failed",
    detail: "this kernel cannot count the uses of a grant (Linux 5.7 and newer can): take `uses` out",
}

const GONE = /No such file or directory/

type Refusal = Extract<FirewallResult, { ok: false }>

/** The grants in the kernel; none if there is no table. */
function readGrants(nft: Nftables): { readonly ok: true; readonly live: readonly LiveElement[] } | Refusal {
    const shape = nft.json(`list sets table ${TABLE}\n`, true)
    if (!shape.ok) return GONE.test(shape.error) ? { ok: true, live: [] } : toRefusal(shape.error)
    const read = readSets(nft, ["open", "once", "spent"], endingsIn(shape.output))
    if (!read.ok) return read
    const spent = new Set(read.sets["spent"]!.map(({ element }) => elementKey(element)))
    const once = read.sets["once"]!.map((one) => ({ ...one, used: spent.has(elementKey(one.element)) }))
    return { ok: true, live: [...read.sets["open"]!, ...once] }
}

type Read = { readonly ok: true; readonly sets: Readonly<Record<string, readonly LiveElement[]>> } | Refusal

/** What is in the sets whose names begin and end so; nothing in sets that are not there. */
function readSets(nft: Nftables, names: readonly string[], endings: readonly string[]): Read {
    const sets: Record<string, LiveElement[]> = {}
    for (const name of names) {
        const found: LiveElement[] = []
        sets[name] = found
        for (const ending of endings) {
            const answer = nft.run(`list set ${TABLE} ${name}${ending}\n`)
            if (answer.ok) found.push(...parseElements(answer.output, name !== "open", bitsOf(ending)))
            else if (!GONE.test(answer.error)) return toRefusal(answer.error)
        }
    }
    return { ok: true, sets }
}

/** The grants, and whether the table that they are in, if there is one, is of our shape. */
type Table = { readonly ok: true; readonly live: readonly LiveElement[]; readonly fits: boolean } | Refusal

function readTable(nft: Nftables, wanted: Ruleset): Table {
    const grants = readGrants(nft)
    if (!grants.ok) return grants
    const shape = nft.json(`list table ${TABLE}\n`, true)
    if (shape.ok) return { ...grants, fits: fitsShape(shape.output, wanted) }
    // Nobody but its owner can change it; a dormant one hides nothing, and is made anew.
    if (shape.error === FLAGGED) return { ...grants, fits: false }
    return GONE.test(shape.error) ? { ...grants, fits: true } : toRefusal(shape.error)
}

function toResult(answer: NftAnswer): FirewallResult {
    return answer.ok ? { ok: true } : toRefusal(answer.error)
}

/** The answer to a change of elements. */
function ofErrno(errno: number): FirewallResult {
    if (errno === 0) return { ok: true }
    const code =
        errno === ENFILE
            ? "full"
            : errno === EPERM || errno === EACCES
              ? "denied"
              : errno === ENOENT
                ? "missing"
                : "failed"
    return { ok: false, code, detail: errno === ENFILE ? "the set is full" : errnoText(errno) }
}

/** The kernel's errors come as the C library's words for them, in English: nobody sets a locale in this process. */
function toRefusal(error: string): Refusal {
    const detail = firstError(error)
    if (/Operation not permitted|Permission denied/.test(error)) return { ok: false, code: "denied", detail }
    if (/Too many open files in system/.test(error)) return { ok: false, code: "full", detail }
    return { ok: false, code: "failed", detail }
}

/** The first complaint, without the picture of where it is; the next ones are often its consequences. */
function firstError(text: string): string {
    const lines = text.split("\n")
    const line = lines.find((l) => /\bError:/.test(l)) ?? lines[0] ?? ""
    return line.replace(/^.*\bError: /, "").trim()
}
