/**
 * What our chains hold, in the words of iptables(8) and iptables-extensions(8), pure: what adapters/firewall/hide.ts and
 * places.ts say. Where it is another thing here:
 *
 * - Our chains are the first of theirs, because what rules of others accept would never come to one behind them. So a
 *   hidden port is refused also where the host would drop it in silence.
 * - Strangers' connections to every hidden service keep their destination where others rewrite, published or not: there is
 *   nothing behind those others that could refuse what nobody has told us of.
 */

import { codeOf } from "../../../core/knock/hit.ts"
import { formatAddress, isIPv4, isIPv4Network } from "../../../core/net/address.ts"
import type { Ruleset } from "../../../core/ruleset.ts"
import { hides } from "../hide.ts"
import { isKept } from "../places.ts"
import type { Rules } from "./chains.ts"
import { type FAMILIES, innerOf, neededPorts, PROTOCOLS, portsName, setName } from "./sets.ts"

type Family = (typeof FAMILIES)[number]

/**
 * All of them for one family; none where nothing is hidden. `lead`: the kernel has xt_TPROXY and xt_socket. `nat`:
 * destinations may be rewritten in this family; not every kernel can.
 */
export function rulesOf(wanted: Ruleset, family: Family, lead: boolean, nat: boolean): Rules {
    if (!hides(wanted)) return {}
    const leads = leadsOf(wanted, family)
    const turns = leads.length > 0 || (nat && isKept(wanted))
    return {
        ...(leads.length > 0 ? { "POSTERN-GUARD": guardRules(leads) } : {}),
        "POSTERN-LEAD": [
            ...markedRules(wanted, family),
            ...(lead ? leadRules(wanted, family) : []),
            ...(turns ? [BEGUN_AGAIN] : []),
        ],
        "POSTERN-LISTENER": lead ? listenerRules(wanted, family) : [],
        ...(wanted.mark === 0 ? {} : { "POSTERN-MARK": markRules(wanted, family) }),
        ...(turns ? { "POSTERN-AGAIN": againRules(wanted, family), "POSTERN-TURN": turnRules(wanted, family) } : {}),
        ...(leads.length > 0 ? { "POSTERN-ELSEWHERE": elsewhereRules(leads) } : {}),
        "POSTERN-HIDE": hideRules(wanted, family, lead),
        ...(innerOf(wanted, family.ending).length > 0 ? { "POSTERN-PASS": passRules(wanted, family) } : {}),
        "POSTERN-REFUSE": refuseRules(wanted, family),
    }
}

const LOCAL = "-m addrtype --dst-type LOCAL"
const FOREIGN = "-m addrtype ! --dst-type LOCAL"
/** Packets with ACK or RST begin no connection: the kernel's own stack answers them. */
const GOES_ON = "-p tcp -m tcp ! --tcp-flags ACK,RST NONE -j RETURN"
/** What connection tracking takes for a packet of a connection that was led elsewhere before (firewall/again.ts). */
const BEGUN_AGAIN = "-p tcp -m tcp --tcp-flags SYN,RST,ACK SYN -m conntrack --ctstate DNAT -j POSTERN-AGAIN"

function leadsOf({ leads }: Ruleset, { ending }: Family): Ruleset["leads"] {
    return leads.filter(({ to }) => isIPv4(to) === (ending === "4"))
}

/** Sources that may, alone and then by service, as pairs of matches. */
function allowed({ always }: Ruleset, { ending }: Family): string[] {
    const pair = (alone: "any" | "needless", services: "open" | "always") =>
        `-m set --match-set ${setName(alone, ending)} src -m set --match-set ${setName(services, ending)} src,dst`
    const needless = always.some(({ network }) => isIPv4Network(network) === (ending === "4"))
    return [pair("any", "open"), ...(needless ? [pair("needless", "always")] : [])]
}

/** The same, and what everyone reaches all the same. */
function reached(wanted: Ruleset, family: Family): string[] {
    return [...allowed(wanted, family), ...PROTOCOLS.flatMap((protocol) => timed(wanted, "spared", protocol))]
}

/** The match of a set of ports, if there is one. */
function timed(wanted: Ruleset, what: "trial" | "spared", protocol: (typeof PROTOCOLS)[number]): string[] {
    if (!neededPorts(wanted).includes(what)) return []
    return [`-p ${protocol} -m set --match-set ${portsName(what, protocol)} dst`]
}

/** What is hidden at inner addresses, by protocol. */
function inner(wanted: Ruleset, { ending }: Family, socket = ""): string[] {
    if (innerOf(wanted, ending).length === 0) return []
    return PROTOCOLS.map((protocol) => `-p ${protocol} ${socket}-m set --match-set ${setName("inner", ending)} dst,dst`)
}

/** Nobody asks an address that is led to by itself, but on the interface that has it. */
function guardRules(leads: Ruleset["leads"]): string[] {
    const addresses = [...new Set(leads.map(({ to }) => formatAddress(to)))]
    return ["-i lo -j RETURN", ...addresses.map((to) => `-d ${to} ${LOCAL} ${FOREIGN} --limit-iface-in -j DROP`)]
}

/** What may come in is marked before TPROXY ends the chain. */
function markedRules(wanted: Ruleset, family: Family): string[] {
    return wanted.mark === 0 ? [] : reached(wanted, family).map((match) => `${match} -j POSTERN-MARK`)
}

function markRules(wanted: Ruleset, family: Family): string[] {
    const mark = `-j MARK --or-mark 0x${wanted.mark.toString(16)}`
    const behind = wanted.behind
        .filter(({ address }) => isIPv4(address) === (family.ending === "4"))
        .map(
            ({ address, service: { protocol, port } }) =>
                `-d ${formatAddress(address)} -p ${protocol} -m ${protocol} --dport ${port}`,
        )
    return [LOCAL, ...behind].map((match) => `${match} ${mark}`)
}

function leadRules(wanted: Ruleset, family: Family): string[] {
    return [
        ...allowed(wanted, family).map((source) => `-p tcp ${source} -j POSTERN-LISTENER`),
        ...timed(wanted, "spared", "tcp").map((rule) => `${rule} -j POSTERN-LISTENER`),
    ]
}

/** TPROXY drops what no transparent socket takes: so it is asked for only where nothing else would take the packet. */
function listenerRules(wanted: Ruleset, family: Family): string[] {
    const to = family.ending === "4" ? "127.0.0.1" : "::1"
    return [
        `${FOREIGN} -j RETURN`,
        "-m socket --nowildcard -j RETURN",
        ...rewritten(wanted, family).map((port) => `-p tcp -m tcp --dport ${port} -j RETURN`),
        `-p tcp -j TPROXY --on-ip ${to} --on-port 0`,
    ]
}

/** TCP ports whose connections go elsewhere behind all that: they are not led to loopback. */
function rewritten(wanted: Ruleset, family: Family): number[] {
    const ours = [...wanted.hidden, ...[...wanted.trials, ...wanted.spared].map(({ service }) => service)]
    const known = new Set(ours.map(codeOf))
    const services = [...leadsOf(wanted, family).map(({ service }) => service), ...(wanted.published ?? [])]
    const mine = services.filter((service) => service.protocol === "tcp" && known.has(codeOf(service)))
    return [...new Set(mine.map(({ port }) => port))]
}

/** Whoever begins anew must be let in anew. */
function againRules(wanted: Ruleset, family: Family): string[] {
    const tcp = wanted.hidden.filter(({ protocol }) => protocol === "tcp")
    return [
        "-i lo -j RETURN",
        ...reached(wanted, family).map((match) => `${match} -j RETURN`),
        `${FOREIGN} -j RETURN`,
        ...tcp.map(({ port }) => `-p tcp -m tcp --dport ${port} -j DROP`),
        ...timed(wanted, "trial", "tcp").map((match) => `${match} -j DROP`),
    ]
}

/** Before all others who rewrite: who accepts here leaves the table. */
function turnRules(wanted: Ruleset, family: Family): string[] {
    const elsewhere = leadsOf(wanted, family).length > 0
    const kept = [
        ...wanted.hidden.map(({ protocol, port }) => `-p ${protocol} -m ${protocol} --dport ${port}`),
        ...PROTOCOLS.flatMap((protocol) => timed(wanted, "trial", protocol)),
    ]
    return [
        "-i lo -j RETURN",
        ...reached(wanted, family).map((match) => `${match} ${elsewhere ? "-g POSTERN-ELSEWHERE" : "-j RETURN"}`),
        ...(isKept(wanted) ? [`${FOREIGN} -j RETURN`, ...kept.map((match) => `${match} -j ACCEPT`)] : []),
    ]
}

function elsewhereRules(leads: Ruleset["leads"]): string[] {
    return [
        `${FOREIGN} -j RETURN`,
        ...leads.map(({ service: { protocol, port }, to, port: there }) => {
            const place = isIPv4(to) ? formatAddress(to) : `[${formatAddress(to)}]`
            return `-p ${protocol} -m ${protocol} --dport ${port} -j DNAT --to-destination ${place}:${there}`
        }),
    ]
}

/** What was led elsewhere has been looked at where it came in. */
function ledRules(wanted: Ruleset, family: Family): string[] {
    return leadsOf(wanted, family).map(
        ({ service: { protocol }, to, port }) =>
            `-d ${formatAddress(to)} -p ${protocol} -m conntrack --ctstate DNAT -m ${protocol} --dport ${port} -j RETURN`,
    )
}

function hideRules(wanted: Ruleset, family: Family, lead: boolean): string[] {
    const socket = lead ? "-m socket --nowildcard " : ""
    return [
        "-i lo -j RETURN",
        GOES_ON,
        ...allowed(wanted, family).map((source) => `${source} -j RETURN`),
        ...ledRules(wanted, family),
        ...wanted.hidden.map(
            ({ protocol, port }) => `-p ${protocol} ${socket}-m ${protocol} --dport ${port} -j POSTERN-REFUSE`,
        ),
        ...PROTOCOLS.flatMap((protocol) => timed(wanted, "trial", protocol)).map(
            (rule) => `${rule} ${socket}-j POSTERN-REFUSE`,
        ),
        ...inner(wanted, family, socket).map((rule) => `${rule} -j POSTERN-REFUSE`),
    ]
}

/** What this host forwards. */
function passRules(wanted: Ruleset, family: Family): string[] {
    return [
        GOES_ON,
        ...allowed(wanted, family).map((source) => `${source} -j RETURN`),
        ...ledRules(wanted, family),
        ...inner(wanted, family).map((rule) => `${rule} -j POSTERN-REFUSE`),
    ]
}

function refuseRules(wanted: Ruleset, { ending }: Family): string[] {
    return [
        ...PROTOCOLS.flatMap((protocol) => timed(wanted, "spared", protocol)).map((rule) => `${rule} -j RETURN`),
        "-p tcp -j REJECT --reject-with tcp-reset",
        "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
        `-j REJECT --reject-with ${ending === "4" ? "icmp-port-unreachable" : "icmp6-port-unreachable"}`,
    ]
}
