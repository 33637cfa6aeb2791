/**
 * Is a table that is in the kernel of our shape? One that an older version or somebody else has made under our name is
 * made anew, in one transaction: a chain that we do not know could refuse whom we let in, and a set of another kind
 * could hold grants for ever. Pure.
 */
import type { Ruleset } from "../../core/ruleset.ts"
import { grantSets } from "./hide.ts"
import { onceSets } from "./once.ts"
import { tableOf } from "./render.ts"
import { waysOf } from "./ways.ts"

/**
 * `json`: the table without its elements, as libnftables lists it. True if it has the grant sets as `wanted` needs them,
 * and no set or chain that we have never made. What else is wrong is filled anew by every `apply`, or refused by the
 * kernel.
 */
export function fitsShape(json: string, wanted: Ruleset): boolean {
    const spec = tableOf(wanted)
    const found = entries(json)
    const [sets, chains] = [named(found, "set"), named(found, "chain")]
    const knownSets = new Set<unknown>([...spec.sets, ...spec.absent.sets].map(({ name }) => name))
    const knownChains = new Set<unknown>([...spec.chains, ...spec.absent.chains].map(({ name }) => name))
    return (
        sets.every((set) => knownSets.has(set["name"])) &&
        chains.every((chain) => knownChains.has(chain["name"])) &&
        grantSets(wanted.grants, waysOf(wanted)).every((ours) =>
            sets.some((set) => set["name"] === ours.name && specOf(set) === ours.spec),
        ) &&
        // These come and go with what doors want.
        onceSets(wanted, waysOf(wanted)).every((ours) =>
            sets.every((set) => set["name"] !== ours.name || specOf(set) === ours.spec.replace("dynamic,", "")),
        )
    )
}

/** The ends of the names of the sets of grants in such a listing: `4`, `6_64`. */
export function endingsIn(json: string): string[] {
    return named(entries(json), "set").flatMap(({ name }) => /^open([46](?:_\d{1,3})?)$/.exec(String(name))?.[1] ?? [])
}

type Entry = Readonly<Record<string, unknown>>

function entries(json: string): Entry[] {
    const parsed: unknown = JSON.parse(json)
    const list = isEntry(parsed) ? parsed["nftables"] : null
    return Array.isArray(list) ? list.filter(isEntry) : []
}

function named(found: readonly Entry[], kind: "set" | "chain"): Entry[] {
    return found.map((entry) => entry[kind]).filter(isEntry)
}

/** As `grantSets` and `onceSets` say it; nobody lists that a set is dynamic. */
function specOf({ type, size, flags, stmt }: Entry): string {
    const [limit] = Array.isArray(stmt) ? stmt.filter(isEntry).map((one) => one["limit"]) : []
    const { rate, burst, per } = isEntry(limit) ? limit : {}
    const uses = isEntry(limit)
        ? `; limit rate ${parts(rate).join()}/${parts(per).join()} burst ${parts(burst).join()} packets`
        : ""
    return `type ${parts(type).join(" . ")}; size ${parts(size).join()}; flags ${parts(flags).join()}${uses}`
}

function parts(value: unknown): string[] {
    return (Array.isArray(value) ? value : [value]).map(String)
}

function isEntry(value: unknown): value is Entry {
    return typeof value === "object" && value !== null && !Array.isArray(value)
}
