/**
 * The firewall port over iptables and ipset, for hosts without nftables. Grants live in the kernel's sets and end there by
 * themselves, to the second. Each change runs a program or two, which takes some ten milliseconds.
 *
 * A grant is one or more additions, not a transaction: what was added of one that fails is taken back. Nobody tells when
 * others change their rules, so whoever watches asks once a second.
 */
import type { GrantElement, Ruleset } from "../../../core/ruleset.ts"
import type { Firewall, FirewallResult } from "../../../ports/firewall.ts"
import type { LiveElement } from "../elements.ts"
import { Ledger } from "../ledger.ts"
import { isWhole, type Ours, parseOurs, type Rules, renderChains, rewrites } from "./chains.ts"
import { ipset, restore, type Said, saved, savedLater, toResult, type Variant } from "./programs.ts"
import { rulesOf } from "./rules.ts"
import {
    constantSets,
    FAMILIES,
    parseSaved,
    renderGrant,
    renderGrantSets,
    renderNoMore,
    renderResize,
    renderRevoke,
    renderSets,
    SETS,
    setName,
} from "./sets.ts"

/** So often whoever watches looks (ms). */
const LOOK_MS = 1000
const OK: FirewallResult = { ok: true }
/** A rule that looks an element up and one that takes it out are two, and packets come in between. */
const NO_USES: FirewallResult = {
    ok: false,
    code: "failed",
    detail: "iptables cannot count the uses of a grant: take `uses` out, or have nftables",
}

/** The firewall of the network namespace this process is in. `now`: monotonic milliseconds. */
export function iptablesFirewall(now: () => number = () => performance.now(), variant: Variant = ""): Firewall {
    const ledger = new Ledger()
    let loaded = false
    let leads = true
    /** What our chains of each family should hold. */
    let made: Readonly<Record<"4" | "6", Rules>> = { 4: {}, 6: {} }
    /** Somebody changes destinations, and we know. */
    let kept = false
    /** Whoever watches knows that something is gone. */
    let told = false

    const load = (): FirewallResult => {
        if (loaded) return OK
        const read = readGrants()
        if (!read.ok) return read
        ledger.load(read.live, now())
        loaded = true
        return OK
    }
    const apply = (wanted: Ruleset): FirewallResult => {
        if (wanted.once !== null) return NO_USES
        const read = readGrants()
        if (!read.ok) return read
        const names = ipset(["list", "-name"])
        if (!names.ok) return toResult(names)
        const there = new Set(names.output.split("\n"))
        const sets = read.size === null || read.size === wanted.grants
        const result = first([
            () =>
                toResult(
                    ipset(
                        ["restore"],
                        sets ? renderGrantSets(wanted.grants) : renderResize(wanted.grants, read.live, there),
                    ),
                ),
            () => toResult(ipset(["restore"], renderSets(constantSets(wanted), there))),
            () => putRules(wanted),
            () => toResult(ipset(["restore"], renderNoMore(wanted, there))),
        ])
        if (!result.ok) return result
        ledger.load(read.live, now())
        loaded = true
        kept = wanted.published !== null
        told = false
        return OK
    }
    const putRules = (wanted: Ruleset): FirewallResult => {
        const put = (lead: boolean) =>
            first(
                FAMILIES.map((family) => () => {
                    const now = saved(variant, family.ending)
                    if (!now.ok) return toResult(now)
                    const there = parseOurs(now.output)
                    const rules = rulesOf(wanted, family, lead, there.nat)
                    made = { ...made, [family.ending]: rules }
                    return putChains(family.ending, rules, there)
                }),
            )
        const result = put(leads)
        if (result.ok || result.code !== "failed" || !leads) return result
        // The programs say of a module that is missing no more than that something is.
        const plain = put(false)
        if (!plain.ok) return result
        leads = false
        return OK
    }
    const putChains = (ending: "4" | "6", rules: Rules, there: Ours): FirewallResult => {
        const text = renderChains(rules, there)
        return text === "" ? OK : toResult(restore(variant, ending, text))
    }
    const grant = (elements: readonly GrantElement[], ms: number): FirewallResult => {
        if (!Number.isFinite(ms) || ms <= 0) throw new RangeError(`a grant must end: ${ms} ms`)
        if (elements.length === 0) return OK
        if (elements.some(({ once }) => once)) return NO_USES
        const known = load()
        if (!known.ok) return known
        const at = now()
        const result = toResult(ipset(["restore"], renderGrant(elements, ms, ledger.sources(elements, ms, at))))
        if (result.ok) {
            ledger.note(elements, ms, at)
            return OK
        }
        const added = elements.filter((element) => !ledger.holds(element, at))
        if (result.code !== "missing") ipset(["restore"], renderRevoke(added, ledger.sources(added, 0, at)))
        return result
    }
    const revoke = (elements: readonly GrantElement[]): FirewallResult => {
        if (elements.length === 0) return OK
        const known = load()
        if (!known.ok) return known
        const at = now()
        const result = toResult(ipset(["restore"], renderRevoke(elements, ledger.sources(elements, 0, at))))
        if (!result.ok && result.code !== "missing") return result
        ledger.note(elements, 0, at)
        return OK
    }
    const clear = (): FirewallResult => {
        const gone = first(
            FAMILIES.map(({ ending }) => () => {
                const now = saved(variant, ending)
                return now.ok ? putChains(ending, {}, parseOurs(now.output)) : toResult(now)
            }),
        )
        if (!gone.ok) return gone
        made = { 4: {}, 6: {} }
        ledger.load([], now())
        return first(
            SETS.map((name) => () => {
                const result = toResult(ipset(["destroy", name]))
                return result.ok || result.code === "missing" ? OK : result
            }),
        )
    }
    const watch = (lost: () => void, translates?: () => void) => {
        let over = false
        const look = () => {
            for (const { ending } of FAMILIES) {
                savedLater(variant, ending, (said: Said) => {
                    if (over || !said.ok) return
                    const wanted = made[ending]
                    const unkept = wanted["POSTERN-HIDE"] !== undefined && wanted["POSTERN-TURN"] === undefined
                    const begun = unkept && rewrites(said.output)
                    if (begun && !kept) translates?.()
                    if (told || (!(begun && kept) && isWhole(wanted, parseOurs(said.output)))) return
                    told = true
                    // Whoever took a part of it away may have taken the sets as well.
                    loaded = false
                    lost()
                })
            }
        }
        const timer = setInterval(look, LOOK_MS)
        timer.unref()
        return () => {
            over = true
            clearInterval(timer)
        }
    }
    return {
        name: "iptables",
        leads: () => leads,
        apply,
        grant,
        revoke,
        list: listGrants,
        uses: () => [],
        arrivals: () => null,
        clear,
        watch,
    }
}

/** Does each in turn, up to the first that fails. */
function first(steps: readonly (() => FirewallResult)[]): FirewallResult {
    for (const step of steps) {
        const result = step()
        if (!result.ok) return result
    }
    return OK
}

function listGrants(): readonly LiveElement[] {
    const read = readGrants()
    if (read.ok) return read.live
    throw new Error(`iptables: the grants cannot be read: ${read.detail}`)
}

type Refusal = Extract<FirewallResult, { ok: false }>
type Read = { readonly ok: true; readonly live: readonly LiveElement[]; readonly size: number | null } | Refusal

/** The grants in the kernel, and the size of the set; none and null if there is none. */
function readGrants(): Read {
    const live: LiveElement[] = []
    let size: number | null = null
    for (const { ending } of FAMILIES) {
        const said = ipset(["save", setName("open", ending)])
        const result = toResult(said)
        if (!result.ok && result.code !== "missing") return result
        const found = said.ok ? parseSaved(said.output) : null
        if (found === null) continue
        live.push(...found.live)
        size = size === null ? found.size : Math.min(size, found.size)
    }
    return { ok: true, live, size }
}
