/**
 * Who comes in while something is hidden on trial: connections that a grant has let begin, and that were answered. The same
 * for services of every kind, wherever they are, because it looks at packets, not at sockets: of TCP an acknowledgement
 * must follow the SYN that was let in, of UDP an answer must go back.
 *
 * `coming` holds what was let begin, `came` what was answered. Both are there as long as something is on trial, and nobody
 * is let in or kept out by them.
 */
import type { Service } from "../../core/knock/hit.ts"
import { parseAddress } from "../../core/net/address.ts"
import type { Ruleset } from "../../core/ruleset.ts"
import type { Arrival } from "../../ports/firewall.ts"
import type { ChainSpec, SetSpec } from "./table.ts"
import { ALONE, type Way } from "./ways.ts"

/** What this file looks at. */
export type Tried = Pick<Ruleset, "trials" | "inner">

/** Ours: so many connections of granted sources are remembered. */
const ROOM = 65_536
/** Longer than a trial can be. */
const TIME = "2h"

/** The sets; none where nothing is on trial. */
export function arrivalSets(tried: Tried): SetSpec[] {
    if (triedOf(tried).length === 0) return []
    return ALONE.flatMap(({ family, type }) =>
        ["coming", "came"].map((name) => ({
            name: `${name}${family}`,
            spec: `type ${type} . ${type} . inet_proto . inet_service . inet_service; size ${ROOM}; flags dynamic,timeout`,
            elements: null,
        })),
    )
}

/**
 * The chains; none where nothing is on trial. `granted`: matches of packets that a grant lets in, by way. UDP has no mark
 * of a beginning, so there the kernel must track.
 */
export function arrivalChains(
    tried: Tried,
    granted: readonly { readonly way: Way; readonly match: string }[],
): ChainSpec[] {
    const services = triedOf(tried)
    const has = (protocol: "tcp" | "udp") => services.some((service) => service.protocol === protocol)
    if (services.length === 0) return []
    const begins = [
        ...(has("tcp") ? ["meta l4proto tcp tcp flags & (syn | ack | rst) == syn"] : []),
        ...(has("udp") ? ["meta l4proto udp ct state new"] : []),
    ]
    const back = ALONE.map(({ family, flow }) => ({ family, flow: backwards(flow) }))
    return [
        {
            // Behind the chain that counts uses: what has used a grant is known by what that has noted.
            name: "coming",
            hook: "type filter hook prerouting priority mangle - 4; policy accept;",
            rules: [
                "iif lo accept",
                ...(has("tcp")
                    ? ALONE.map(
                          (way) =>
                              `meta l4proto tcp tcp flags & (syn | ack | rst) == ack ${way.flow} @coming${way.family} ` +
                              `${note("came", way)} accept`,
                      )
                    : []),
                ...begins.flatMap((begin) =>
                    granted.map(({ way, match }) => `${begin} ${match} ${note("coming", way)} accept`),
                ),
            ],
        },
        ...(has("udp")
            ? [
                  {
                      // Behind whoever has put another destination back.
                      name: "answered",
                      hook: "type filter hook postrouting priority srcnat + 10; policy accept;",
                      rules: back.map(
                          (way) => `meta l4proto udp ${way.flow} @coming${way.family} ${note("came", way)}`,
                      ),
                  },
              ]
            : []),
    ]
}

function note(set: string, { family, flow }: Pick<Way, "family" | "flow">): string {
    return `add @${set}${family} { ${flow} timeout ${TIME} }`
}

function triedOf({ trials, inner }: Tried): Service[] {
    return [...trials, ...inner.filter(({ ms }) => ms !== null)].map(({ service }) => service)
}

/** The flow that a packet answers. */
function backwards(flow: string): string {
    return flow.replaceAll(/([sd])(addr|port)/g, (_, side, what) => `${side === "s" ? "d" : "s"}${what}`)
}

/** The connections in the output of `list set` for `came4` or `came6`. Whatever is none is left out. */
export function parseArrivals(output: string): Arrival[] {
    return [...output.matchAll(CAME)].flatMap(([key, from, protocol, port]) => {
        const source = parseAddress(from!)
        const service = { protocol: protocol === "6" ? "tcp" : "udp", port: Number(port) } as const
        return source === null ? [] : [{ key, source, service }]
    })
}

const CAME = /([0-9a-f.:]{2,45}) \. [0-9a-f.:]{2,45} \. (6|17) \. \d{1,5} \. (\d{1,5})/g
