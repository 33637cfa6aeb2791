/**
 * The chains that refuse hidden services to strangers, and their sets. A filter's answer can be told from a closed
 * port by crafted packets; leading granted sources to the service instead is the better way, this is the one that
 * works for every service.
 *
 * - Our chain comes after the host's own filters (firewalld's stands at filter + 10). What they drop stays silent
 *   and what they reject is rejected their way: only what they would let in is refused here.
 * - Grants are looked up by the source alone first: what a stranger's packet costs must not depend on its port.
 * - Established TCP connections live on without connection tracking, also those begun before the table existed:
 *   packets with ACK or RST go to the kernel's own stack, which resets what belongs to no connection. Only a packet
 *   without ACK can begin one (RFC 9293, section 3.10.7.2). UDP has no such mark, so there the kernel must track.
 */
import { contains, formatNetwork, isIPv4Network } from "../../core/net/address.ts"
import type { Ruleset } from "../../core/ruleset.ts"
import { formatService } from "./elements.ts"
import type { ChainSpec, SetSpec } from "./table.ts"

/** The grant sets: they are there even while nothing is hidden, so that grants can be made and seen. */
export function grantSets(size: number): SetSpec[] {
    const live = (name: string, type: string) => ({
        name,
        spec: `type ${type}; size ${size}; flags timeout`,
        elements: null,
    })
    return [
        live("any4", "ipv4_addr"),
        live("any6", "ipv6_addr"),
        live("open4", "ipv4_addr . inet_proto . inet_service"),
        live("open6", "ipv6_addr . inet_proto . inet_service"),
    ]
}

/** The constant sets of hiding. */
export function hideSets({ hidden, always }: Ruleset): SetSpec[] {
    const range = (name: string, address: string, v4: boolean) => ({
        name,
        spec: `type ${address} . inet_proto . inet_service; flags interval`,
        elements: widest(always)
            .filter(({ network }) => isIPv4Network(network) === v4)
            .map(({ network, service }) => `${formatNetwork(network)} . ${formatService(service)}`),
    })
    return [
        { name: "hidden", spec: "type inet_proto . inet_service", elements: hidden.map(formatService) },
        range("always4", "ipv4_addr", true),
        range("always6", "ipv6_addr", false),
    ]
}

/** The chains of hiding. */
export function hideChains({ hidden, always }: Ruleset): ChainSpec[] {
    const has = (protocol: "tcp" | "udp") => hidden.some((service) => service.protocol === protocol)
    const networks = always.map(({ network }) => isIPv4Network(network))
    return [
        {
            name: "hide",
            hook: "type filter hook input priority filter + 20; policy accept;",
            rules: [
                "iif lo accept",
                "ip saddr @any4 ip saddr . meta l4proto . th dport @open4 accept",
                "ip6 saddr @any6 ip6 saddr . meta l4proto . th dport @open6 accept",
                "meta l4proto . th dport @hidden goto refuse",
            ],
        },
        {
            name: "refuse",
            hook: null,
            rules: [
                ...(has("tcp") ? ["tcp flags & (ack | rst) != 0 accept"] : []),
                ...(networks.includes(true) ? ["ip saddr . meta l4proto . th dport @always4 accept"] : []),
                ...(networks.includes(false) ? ["ip6 saddr . meta l4proto . th dport @always6 accept"] : []),
                ...(has("tcp") ? ["meta l4proto tcp reject with tcp reset"] : []),
                ...(has("udp") ? ["ct state established,related accept"] : []),
                // The default: port-unreachable of the packet's family.
                "reject",
            ],
        },
    ]
}

type Always = Ruleset["always"]

/** Without those that another of the same service holds already: the kernel refuses overlapping ranges. */
function widest(always: Always): Always {
    const same = (a: Always[number], b: Always[number]) => formatService(a.service) === formatService(b.service)
    return always.filter(
        (one, index) =>
            !always.some((other, at) => {
                if (at === index || !same(one, other) || isIPv4Network(one.network) !== isIPv4Network(other.network))
                    return false
                if (other.network.bits > one.network.bits || !contains(other.network, one.network.address)) return false
                return other.network.bits < one.network.bits || at < index
            }),
    )
}
