/**
 * The chains that keep hidden services from strangers, and their sets. Two things are done at once, and what the
 * service listens on decides which one strangers meet:
 *
 * - *Led.* A service whose sockets are bound to loopback and transparent (IP_TRANSPARENT) is closed to everyone: the
 *   kernel's own stack answers strangers, as for any port where nothing listens, because for them there is no rule.
 *   Granted sources are led to it. Without our table it stays closed.
 * - *Refused.* Where a stranger's packet would find a socket, it is refused. That is a filter's answer, which crafted
 *   packets can tell from a closed port's; it is what works for every service as it is, and what catches a service
 *   that was to be led and is found to listen outside.
 *
 * What both keep to:
 *
 * - What a stranger's packet costs must not depend on its port. So sources are looked up alone first, and the socket
 *   is looked for before the port is looked at: only where something listens does the port matter.
 * - The chain that refuses comes after the host's own filters (firewalld's stands at filter + 10). What they drop
 *   stays silent and what they reject is rejected their way: only what they would let in is refused here.
 * - Established TCP connections live on without connection tracking, also those begun before the table existed:
 *   packets with ACK or RST go to the kernel's own stack, which resets what belongs to no connection. Only a packet
 *   without ACK can begin one (RFC 9293, section 3.10.7.2). UDP has no such mark, so there the kernel must track.
 */
import { contains, formatNetwork, isIPv4Network } from "../../core/net/address.ts"
import type { Ruleset } from "../../core/ruleset.ts"
import { arrivalChains, arrivalSets } from "./arrivals.ts"
import { formatService } from "./elements.ts"
import { cookieMatches, useChain, usedMatches } from "./once.ts"
import { PIECES, piecesChain } from "./pieces.ts"
import { innerRules, isKept, ledRules, type Places, placeChains, placeSets, timed } from "./places.ts"
import type { ChainSpec, SetSpec } from "./table.ts"
import { ALONE, type Way } from "./ways.ts"

/** What this file looks at. */
type Hiding = Pick<Ruleset, "trials" | "spared" | "always" | "once"> & Places

/** Is there anything for these chains to do? */
export function hides({ hidden, trials, spared, inner, mark }: Omit<Hiding, "once">): boolean {
    return hidden.length + trials.length + spared.length + inner.length > 0 || mark !== 0
}

/** The grant sets: they are there even while nothing is hidden, so that grants can be made and seen. */
export function grantSets(size: number, ways: readonly Way[]): SetSpec[] {
    const live = (name: string, type: string) => ({
        name,
        spec: `type ${type}; size ${size}; flags timeout`,
        elements: null,
    })
    return [
        ...ways.map(({ ending, type }) => live(`any${ending}`, type)),
        ...ways.map(({ ending, type }) => live(`open${ending}`, `${type} . inet_proto . inet_service`)),
    ]
}

const TIMED = "type inet_proto . inet_service; flags timeout"

/** The constant sets of hiding. What is hidden on trial, or spared for a time, leaves them by itself. */
export function hideSets(wanted: Omit<Hiding, "once">): SetSpec[] {
    const { hidden, trials, spared, always } = wanted
    const of = (v4: boolean) => always.filter(({ network }) => isIPv4Network(network) === v4)
    const alone = (name: string, type: string, v4: boolean) => ({
        name,
        spec: `type ${type}; flags interval`,
        elements: widest(of(v4), () => true).map(({ network }) => formatNetwork(network)),
    })
    const services = (name: string, type: string, v4: boolean) => ({
        name,
        spec: `type ${type} . inet_proto . inet_service; flags interval`,
        elements: widest(of(v4), sameService).map(
            ({ network, service }) => `${formatNetwork(network)} . ${formatService(service)}`,
        ),
    })
    return [
        {
            name: "hidden",
            spec: TIMED,
            elements: [
                ...hidden.map((service) => timed(formatService(service), null)),
                ...trials.map((one) => timed(formatService(one.service), one.ms)),
            ],
        },
        { name: "spared", spec: TIMED, elements: spared.map(({ service, ms }) => timed(formatService(service), ms)) },
        alone("needless4", "ipv4_addr", true),
        alone("needless6", "ipv6_addr", false),
        services("always4", "ipv4_addr", true),
        services("always6", "ipv6_addr", false),
        ...placeSets(wanted),
        ...arrivalSets(wanted),
    ]
}

/**
 * The chains of hiding. `lead`: the kernel can lead and look for sockets (nft_tproxy, nft_socket). Where it cannot,
 * every hidden service is refused by its port.
 */
export function hideChains(wanted: Hiding, ways: readonly Way[], lead: boolean): ChainSpec[] {
    const { hidden, trials, spared, always, inner } = wanted
    const services = [...hidden, ...[...trials, ...spared, ...inner].map(({ service }) => service)]
    const has = (protocol: "tcp" | "udp") => services.some((service) => service.protocol === protocol)
    // It finds no socket where nothing listens that this packet could reach, and then the rule ends.
    const socket = lead ? "socket transparent { 0, 1 } " : ""
    const needless = ALONE.filter(({ family }) =>
        always.some(({ network }) => isIPv4Network(network) === (family === "4")),
    )
    const granted = ways.map((way) => ({ way, match: `${way.any} ${way.key} @open${way.ending}` }))
    const allowed = [
        ...granted.map(({ match }) => match),
        ...needless.map(({ by, key, family }) => `${by} @needless${family} ${key} @always${family}`),
    ]
    const used = usedMatches(wanted, ways)
    const free = spared.length > 0 ? ["meta l4proto . th dport @spared"] : []
    const begun = used.map((match, i) => ({ way: ways[i]!, match }))
    const led = [...allowed, ...used, ...cookieMatches(wanted, ways)]
    return [
        ...useChain(wanted, ways, act([...allowed, ...free], "accept")),
        ...arrivalChains(wanted, [...granted, ...begun]),
        ...(lead ? [] : [piecesChain()]),
        ...(lead && has("tcp") ? leadChains(act([...led, ...free], "goto listener")) : []),
        ...placeChains(
            wanted,
            (verdict) => act([...allowed, ...used], verdict),
            // What is spared is open to everyone, and must be led to all the same.
            (verdict) => act([...allowed, ...used, ...free], verdict),
            lead,
        ),
        {
            name: "hide",
            hook: "type filter hook input priority filter + 20; policy accept;",
            rules: [
                "iif lo accept",
                ...(lead ? [] : [PIECES]),
                ...(has("tcp") ? ["tcp flags & (ack | rst) != 0 accept"] : []),
                ...act([...allowed, ...used], "accept"),
                ...(isKept(wanted) ? ["ct status dnat jump rewritten"] : []),
                ...ledRules(wanted),
                `${socket}meta l4proto . th dport @hidden goto refuse`,
                ...innerRules(wanted, socket),
            ],
        },
        {
            name: "refuse",
            hook: null,
            rules: [
                ...(spared.length > 0 ? ["meta l4proto . th dport @spared accept"] : []),
                ...(has("tcp") ? ["meta l4proto tcp reject with tcp reset"] : []),
                ...(has("udp") ? ["ct state established,related accept"] : []),
                // The default: port-unreachable of the packet's family.
                "reject",
            ],
        },
    ]
}

function act(matches: readonly string[], verdict: string): string[] {
    return matches.map((match) => `${match} ${verdict}`)
}

/**
 * Leads to the sockets on loopback, where there are transparent ones; otherwise `tproxy` ends its rule, and nothing is
 * changed. Every packet, not only the first: with SYN cookies it is an ACK that makes the connection.
 */
function leadChains(rules: readonly string[]): ChainSpec[] {
    return [
        {
            name: "lead",
            hook: "type filter hook prerouting priority mangle; policy accept;",
            rules: rules.map((rule) => `meta l4proto tcp ${rule}`),
        },
        {
            name: "listener",
            hook: null,
            rules: [
                "fib daddr type != local accept",
                "meta nfproto ipv4 meta l4proto tcp tproxy ip to 127.0.0.1 accept",
                "meta nfproto ipv6 meta l4proto tcp tproxy ip6 to [::1] accept",
            ],
        },
    ]
}

type Always = Ruleset["always"]
type Same = (a: Always[number], b: Always[number]) => boolean

const sameService: Same = (a, b) => formatService(a.service) === formatService(b.service)

/** Without those that another of the `same` kind holds already: the kernel refuses overlapping ranges. */
export function widest(always: Always, same: Same): Always {
    return always.filter(
        (one, index) =>
            !always.some((other, at) => {
                if (at === index || !same(one, other)) return false
                if (other.network.bits > one.network.bits || !contains(other.network, one.network.address)) return false
                return other.network.bits < one.network.bits || at < index
            }),
    )
}
