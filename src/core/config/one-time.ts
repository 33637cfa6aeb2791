/** What must hold, and what is unwise, about one-time sequences over doors, [bundles] and knockers together. */
import type { Service } from "../knock/hit.ts"
import type { Knocker } from "../one-time/knocker.ts"
import { guessBits, LEAST_POOL, poolServices, poolSize } from "../one-time/pool.ts"
import type { OneTime } from "./config.ts"
import type { Found, Path, Problem } from "./issues.ts"
import type { Parsed } from "./parse.ts"
import type { DoorEntry } from "./rules.ts"

/** Ours: sequences accepted at once, over all doors. About 60 bytes of memory each. */
const MAX_UPCOMING = 4_194_304
/** The spec's: fewer expected hits until a guesser is in are worth a warning. */
const ENOUGH_BITS = 40

type Tables = Pick<Parsed, "entries" | "bundles" | "bundlesFile"> & { readonly services: readonly Service[] }

/** How many hits there are to draw from. Doors mostly have one and the same pool, which is then counted once. */
function poolSizes(entries: readonly DoorEntry[], services: readonly Service[]): (oneTime: OneTime) => number {
    // Of doors with mistakes it is not known what they open.
    const doors = entries.flatMap(({ door }) => door ?? [])
    const named = poolServices(doors, services)
    const sizes = new Map<string, number>()
    return ({ protocols, from, to }) => {
        const key = `${[...protocols].sort().join()} ${from} ${to}`
        const size = sizes.get(key) ?? poolSize({ protocols, from, to, services: named })
        sizes.set(key, size)
        return size
    }
}

/** Every breach of the rules. `whole`: no file is missing, so what is not there does not exist. */
export function checkBundles({ entries, services, bundles, bundlesFile }: Tables, whole: boolean): Found[] {
    const found: Found[] = []
    const sizeOf = poolSizes(entries, services)
    for (const entry of entries) {
        const { raw, door } = entry
        if (raw["one_time"] === undefined) continue
        if (bundlesFile === null && whole) found.push(at(entry, ["one_time"], { code: "needs-bundles" }))
        if (!door?.oneTime) continue
        const hits = sizeOf(door.oneTime)
        if (hits < LEAST_POOL) {
            found.push(at(entry, ["one_time", "ports"], { code: "small-pool", hits, least: LEAST_POOL }))
        }
    }
    if (bundles !== null && bundles.every >= bundles.lifetime) {
        found.push({ file: bundlesFile!, path: ["bundles", "every"], problem: { code: "short-lifetime" } })
    }
    return found
}

/** What is wrong or unwise with so many knockers. */
export function checkUpcoming(parsed: Parsed, knockers: readonly Pick<Knocker, "doors">[]): Found[] {
    const found: Found[] = []
    const sizeOf = poolSizes(parsed.entries, parsed.gateway?.services ?? [])
    const forAll = knockers.filter((knocker) => knocker.doors === null).length
    const named = new Map<string, number>()
    for (const knocker of knockers) {
        for (const name of new Set(knocker.doors ?? [])) named.set(name, (named.get(name) ?? 0) + 1)
    }
    let all = 0
    for (const entry of parsed.entries) {
        const { door } = entry
        if (!door?.oneTime) continue
        const { length, window } = door.oneTime
        const upcoming = window * (forAll + (named.get(door.name) ?? 0))
        all += upcoming
        const size = sizeOf(door.oneTime)
        const bits = upcoming === 0 || size < LEAST_POOL ? null : Math.floor(guessBits(size, length, upcoming))
        if (upcoming === 0) found.push(at(entry, ["one_time"], { code: "no-knockers" }))
        else if (bits !== null && bits < ENOUGH_BITS) found.push(at(entry, ["one_time"], { code: "odds", bits }))
        if (all <= MAX_UPCOMING || all - upcoming > MAX_UPCOMING) continue
        found.push(at(entry, ["one_time", "window"], { code: "too-many-upcoming", upcoming: all, most: MAX_UPCOMING }))
    }
    return found
}

/** What is legal but unwise about [bundles]. */
export function bundleDoubts({ entries, bundles, bundlesFile }: Parsed): Found[] {
    if (bundles === null) return []
    const say = (path: Path, problem: Problem): Found => ({ file: bundlesFile!, path: ["bundles", ...path], problem })
    const used = entries.some(({ raw }) => raw["one_time"] !== undefined)
    return [
        ...(used ? [] : [say([], { code: "bundles-unused" })]),
        ...(bundles.publish.length > 0 ? [] : [say([], { code: "nothing-published" })]),
        ...bundles.publish.flatMap((target, index) =>
            target.kind === "put" && target.headers !== null && target.url.startsWith("http:")
                ? [say(["publish", index, "put"], { code: "headers-in-clear" })]
                : [],
        ),
    ]
}

function at({ file, index }: DoorEntry, path: Path, problem: Problem): Found {
    return { file, path: ["door", index, ...path], problem }
}
