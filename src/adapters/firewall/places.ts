/**
 * The chains for services that are not sockets of this host's outside, and for hosts that filter:
 *
 * - *Led elsewhere* (`lead_to`). Connections of granted sources get another destination, whether that is an address of
 *   this host or another host behind it. For strangers there is no rule, so the port is as closed as any other. What is
 *   led to is hidden where it is, too, and an address of ours that it has is reached from outside in no other way.
 * - *Published.* Who rewrites destinations (Docker, podman, a port forwarding) does it for everybody, and what is
 *   rewritten passes by the chain that hides. Strangers' connections to hidden services that are published are given the
 *   destination that they have: connections are rewritten once, so nobody else does, and the host answers. What somebody
 *   publishes without our knowledge is refused behind all that (rewritten.ts).
 * - *Behind* (`at`). Services of hosts that this one forwards to are refused on the way.
 * - *Marked.* What may come in bears a mark before the host's own filter looks at it, which needs one rule for that.
 *
 * As everywhere, sources are looked up first and alone, so that what a stranger's packet costs does not tell by its port.
 */

import { codeOf } from "../../core/knock/hit.ts"
import { formatAddress, isIPv4 } from "../../core/net/address.ts"
import type { Ruleset } from "../../core/ruleset.ts"
import { againChains } from "./again.ts"
import { formatService, formatTime } from "./elements.ts"
import { PIECES } from "./pieces.ts"
import { LET_BE, rewrittenChain } from "./rewritten.ts"
import type { ChainSpec, SetSpec } from "./table.ts"

/** What this file looks at. */
export type Places = Pick<Ruleset, "hidden" | "trials" | "inner" | "behind" | "leads" | "published" | "mark">

/** Rules that end in `act` for sources that may come in and their services; or, beside them, for what is spared. */
type Allowed = (act: string) => string[]

const FAMILIES = [
    { ending: "4", v4: true, type: "ipv4_addr", by: "ip", only: "meta nfproto ipv4" },
    { ending: "6", v4: false, type: "ipv6_addr", by: "ip6", only: "meta nfproto ipv6" },
] as const

/** The constant sets of places; none where there are no places. */
export function placeSets(places: Places): SetSpec[] {
    const { inner, behind, leads, mark } = places
    const stays = staysOf(places)
    const published = { name: "published", spec: "type inet_proto . inet_service; flags timeout", elements: stays }
    const families = FAMILIES.flatMap(({ ending, v4, type }) => {
        const mine = leads.filter(({ to }) => isIPv4(to) === v4)
        const led = mine.map(({ service, to, port }) => placeOf(to, { ...service, port }))
        const guarded = unique(mine.map(({ to }) => formatAddress(to)))
        return [
            ...setOf(`inner${ending}`, type, innerOf(inner, v4), "; flags timeout"),
            ...setOf(`behind${ending}`, type, mark === 0 ? [] : behindOf(behind, v4)),
            ...setOf(`led${ending}`, type, unique(led)),
            ...(guarded.length === 0 ? [] : [{ name: `guarded${ending}`, spec: `type ${type}`, elements: guarded }]),
        ]
    })
    return [...families, ...(stays.length === 0 ? [] : [published])]
}

/** What is hidden and published, as elements. */
function staysOf({ hidden, trials, published }: Places): string[] {
    const known = new Set(published?.map(codeOf))
    return [...hidden.map((service) => ({ service, ms: null })), ...trials]
        .filter(({ service }) => known.has(codeOf(service)))
        .map(({ service, ms }) => timed(formatService(service), ms))
}

function setOf(name: string, type: string, elements: readonly string[], flags = ""): SetSpec[] {
    return elements.length === 0 ? [] : [{ name, spec: `type ${type} . inet_proto . inet_service${flags}`, elements }]
}

/** In the chains that refuse: what was led elsewhere has been looked at where it came in. */
export function ledRules({ leads }: Places): string[] {
    const there = FAMILIES.filter(({ v4 }) => leads.some(({ to }) => isIPv4(to) === v4))
    return there.map(({ by, ending }) => `ct status dnat ${by} daddr . meta l4proto . th dport @led${ending} accept`)
}

/** In the same chains, behind all that is let through. `socket`: where the rule asks for a socket first. */
export function innerRules({ inner }: Places, socket: string): string[] {
    const there = FAMILIES.filter(({ v4 }) => innerOf(inner, v4).length > 0)
    return there.map(({ by, ending }) => `${socket}${by} daddr . meta l4proto . th dport @inner${ending} goto refuse`)
}

/** The chains of places, beside those of hiding; none where there are no places. `whole`: nobody meets fragments (pieces.ts). */
export function placeChains(places: Places, allowed: Allowed, reached: Allowed, whole: boolean): ChainSpec[] {
    const { leads, inner, mark } = places
    const kept = isKept(places)
    return [
        ...(leads.length > 0 ? [guardChain(places)] : []),
        ...(mark === 0 ? [] : markChains(places, reached)),
        ...(leads.length > 0 || kept ? [...againChains(places, reached), ...translateChains(places, reached)] : []),
        ...(inner.length > 0 || kept ? [passChain(places, allowed, whole)] : []),
        ...(kept ? [rewrittenChain(places)] : []),
    ]
}

/** Is there something to keep from strangers that somebody could publish? */
export function isKept({ hidden, trials, published }: Pick<Places, "hidden" | "trials" | "published">): boolean {
    return published !== null && hidden.length + trials.length > 0
}

/** Nobody asks an address that is led to by itself, but on the interface that has it. */
function guardChain({ leads }: Places): ChainSpec {
    const there = FAMILIES.filter(({ v4 }) => leads.some(({ to }) => isIPv4(to) === v4))
    return {
        name: "guard",
        hook: "type filter hook prerouting priority raw; policy accept;",
        rules: [
            "iif lo accept",
            ...there.map(
                ({ by, ending }) =>
                    `${by} daddr @guarded${ending} fib daddr . iif type != local fib daddr type local drop`,
            ),
        ],
    }
}

/** Before destinations are rewritten, and after uses are counted: what may come in is known by where it wants to go. */
function markChains({ behind, mark }: Places, reached: Allowed): ChainSpec[] {
    const set = `meta mark set meta mark | 0x${mark.toString(16).padStart(8, "0")}`
    const there = FAMILIES.filter(({ v4 }) => behind.some(({ address }) => isIPv4(address) === v4))
    return [
        {
            name: "granted",
            hook: "type filter hook prerouting priority mangle + 5; policy accept;",
            rules: reached("goto marked"),
        },
        {
            name: "marked",
            hook: null,
            rules: [
                `fib daddr type local ${set} accept`,
                ...there.map(
                    ({ by, ending }) => `${by} daddr . meta l4proto . th dport @behind${ending} ${set} accept`,
                ),
            ],
        },
    ]
}

/** Before everybody else's (dstnat). The kernel asks these chains for the first packet of a connection alone. */
function translateChains(places: Places, reached: Allowed): ChainSpec[] {
    const { leads } = places
    const kept = isKept(places)
    const stays = staysOf(places).length > 0
    const reach = leads.length > 0 ? "goto led" : kept ? `${LET_BE} accept` : "accept"
    return [
        {
            name: "translate",
            hook: "type nat hook prerouting priority dstnat - 10; policy accept;",
            rules: [
                "iif lo accept",
                ...reached(reach),
                // In a VRF no address is this host's until the interface is asked.
                ...(kept ? [`fib daddr type != local fib daddr . iif type != local ${LET_BE} accept`] : []),
                ...(stays ? ["meta l4proto . th dport @published goto stay"] : []),
            ],
        },
        ...(leads.length > 0
            ? [{ name: "led", hook: null, rules: [...(kept ? [LET_BE] : []), ...leadRules(leads)] }]
            : []),
        ...(stays
            ? [
                  {
                      name: "stay",
                      hook: null,
                      rules: FAMILIES.map(({ by, only }) => `${only} dnat ${by} to ${by} daddr`),
                  },
              ]
            : []),
    ]
}

function leadRules(leads: Places["leads"]): string[] {
    return [
        "fib daddr type != local accept",
        ...leads.map(({ service, to, port }) => {
            const { by, only } = FAMILIES.find(({ v4 }) => v4 === isIPv4(to))!
            const place = isIPv4(to) ? formatAddress(to) : `[${formatAddress(to)}]`
            return `${only} meta l4proto ${service.protocol} th dport ${service.port} dnat ${by} to ${place}:${port}`
        }),
    ]
}

/** What this host forwards. As in the chain for its own services, TCP is let through unless it begins something. */
function passChain(places: Places, allowed: Allowed, whole: boolean): ChainSpec {
    const kept = isKept(places)
    const tcp = [...places.inner, ...(kept ? places.hidden.map((service) => ({ service })) : [])].some(
        ({ service }) => service.protocol === "tcp",
    )
    return {
        name: "pass",
        hook: "type filter hook forward priority filter + 20; policy accept;",
        rules: [
            ...(whole ? [] : [PIECES]),
            ...(tcp ? ["tcp flags & (ack | rst) != 0 accept"] : []),
            ...(kept ? ["ct status dnat jump rewritten"] : []),
            ...(places.inner.length > 0 ? allowed("accept") : []),
            ...ledRules(places),
            ...innerRules(places, ""),
        ],
    }
}

function innerOf(inner: Places["inner"], v4: boolean): string[] {
    return unique(
        inner
            .filter(({ address }) => isIPv4(address) === v4)
            .map(({ address, service, ms }) => timed(placeOf(address, service), ms)),
    )
}

function behindOf(behind: Places["behind"], v4: boolean): string[] {
    const mine = behind.filter(({ address }) => isIPv4(address) === v4)
    return unique(mine.map(({ address, service }) => placeOf(address, service)))
}

/** An element that the kernel itself takes out again; null: it stays. */
export function timed(element: string, ms: number | null): string {
    return `${element}${ms === null ? "" : ` timeout ${formatTime(ms)}`}`
}

function placeOf(address: Ruleset["inner"][number]["address"], service: Ruleset["inner"][number]["service"]): string {
    return `${formatAddress(address)} . ${formatService(service)}`
}

function unique(texts: readonly string[]): string[] {
    return [...new Set(texts)]
}
