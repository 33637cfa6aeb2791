/**
 * The chains of hiding as `iptables-restore --noflush` reads them, pure: what adapters/firewall/hide.ts says, in the words
 * of iptables(8) and iptables-extensions(8). One text is one transaction for each of its two tables.
 *
 * Our chain that refuses is the first of INPUT, because what the host's own rules accept would never come to one behind
 * them. So here a hidden port is refused also where the host would drop it in silence.
 */

import { isIPv4Network } from "../../../core/net/address.ts"
import type { Ruleset } from "../../../core/ruleset.ts"
import { type FAMILIES, neededPorts, PROTOCOLS, portsName, setName } from "./sets.ts"

/** Our chains, by the table they are in, with the built-in chain that jumps to the first of them. */
export const CHAINS = [
    { table: "mangle", from: "PREROUTING", chains: ["POSTERN-LEAD", "POSTERN-LISTENER"] },
    { table: "filter", from: "INPUT", chains: ["POSTERN-HIDE", "POSTERN-REFUSE"] },
] as const

type Family = (typeof FAMILIES)[number]

/** How often each built-in chain jumps to ours now. */
export type Jumps = Readonly<Record<(typeof CHAINS)[number]["from"], number>>

/**
 * The whole of it for one family. `jumps`: those that are there, which are taken away, so that there is one in the end,
 * before all others. `lead`: the kernel has xt_TPROXY and xt_socket.
 */
export function renderRules(wanted: Ruleset, family: Family, jumps: Jumps, lead: boolean): string {
    const rules: Readonly<Record<string, readonly string[]>> = {
        "POSTERN-LEAD": lead ? leadRules(wanted, family) : [],
        "POSTERN-LISTENER": lead ? listenerRules(family) : [],
        "POSTERN-HIDE": hideRules(wanted, family, lead),
        "POSTERN-REFUSE": refuseRules(wanted, family),
    }
    return CHAINS.map(({ table, from, chains }) =>
        [
            `*${table}`,
            ...chains.map((chain) => `:${chain} - [0:0]`),
            ...chains.flatMap((chain) => rules[chain]!.map((rule) => `-A ${chain} ${rule}`)),
            ...drops(from, chains[0], jumps[from]),
            `-I ${from} 1 -j ${chains[0]}`,
            "COMMIT",
            "",
        ].join("\n"),
    ).join("")
}

/** Takes all of it away. */
export function renderNoRules(jumps: Jumps): string {
    return CHAINS.map(({ table, from, chains }) =>
        [
            `*${table}`,
            ...chains.map((chain) => `:${chain} - [0:0]`),
            ...drops(from, chains[0], jumps[from]),
            ...chains.map((chain) => `-X ${chain}`),
            "COMMIT",
            "",
        ].join("\n"),
    ).join("")
}

/** The jumps to our chains in what `iptables-save` prints, and whether each is the first and the only one. */
export function parseJumps(saved: string): { readonly jumps: Jumps; readonly whole: boolean } {
    const jumps = { PREROUTING: 0, INPUT: 0 }
    let whole = true
    for (const { table, from, chains } of CHAINS) {
        const part = saved.split(/^\*/m).find((text) => text.startsWith(`${table}\n`)) ?? ""
        const rules = part.split("\n").filter((line) => line.startsWith(`-A ${from} `))
        const ours = `-A ${from} -j ${chains[0]}`
        jumps[from] = rules.filter((rule) => rule === ours).length
        whole &&= rules[0] === ours && jumps[from] === 1
    }
    return { jumps, whole }
}

function drops(from: string, chain: string, times: number): string[] {
    return Array.from({ length: times }, () => `-D ${from} -j ${chain}`)
}

/** Sources that may, alone and then by service, as pairs of matches. */
function allowed({ always }: Ruleset, { ending }: Family): string[] {
    const pair = (alone: "any" | "needless", services: "open" | "always") =>
        `-m set --match-set ${setName(alone, ending)} src -m set --match-set ${setName(services, ending)} src,dst`
    const needless = always.some(({ network }) => isIPv4Network(network) === (ending === "4"))
    return [pair("any", "open"), ...(needless ? [pair("needless", "always")] : [])]
}

function leadRules(wanted: Ruleset, family: Family): string[] {
    return [
        ...allowed(wanted, family).map((source) => `-p tcp ${source} -j POSTERN-LISTENER`),
        ...timed(wanted, "spared", "tcp").map((rule) => `${rule} -j POSTERN-LISTENER`),
    ]
}

/** The match of a set of ports, if there is one. */
function timed(wanted: Ruleset, what: "trial" | "spared", protocol: (typeof PROTOCOLS)[number]): string[] {
    if (!neededPorts(wanted).includes(what)) return []
    return [`-p ${protocol} -m set --match-set ${portsName(what, protocol)} dst`]
}

/** TPROXY drops what no transparent socket takes: so it is asked for only where nothing else would take the packet. */
function listenerRules({ ending }: Family): string[] {
    const to = ending === "4" ? "127.0.0.1" : "::1"
    return [
        "-m addrtype ! --dst-type LOCAL -j RETURN",
        "-m socket --nowildcard -j RETURN",
        `-p tcp -j TPROXY --on-ip ${to} --on-port 0`,
    ]
}

function hideRules(wanted: Ruleset, family: Family, lead: boolean): string[] {
    const socket = lead ? "-m socket --nowildcard " : ""
    return [
        "-i lo -j RETURN",
        // Packets with ACK or RST begin no connection: the kernel's own stack answers them.
        "-p tcp -m tcp ! --tcp-flags ACK,RST NONE -j RETURN",
        ...allowed(wanted, family).map((source) => `${source} -j RETURN`),
        ...wanted.hidden.map(
            ({ protocol, port }) => `-p ${protocol} ${socket}-m ${protocol} --dport ${port} -j POSTERN-REFUSE`,
        ),
        ...PROTOCOLS.flatMap((protocol) => timed(wanted, "trial", protocol)).map(
            (rule) => `${rule} ${socket}-j POSTERN-REFUSE`,
        ),
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
