/**
 * Grants for one connection: the first packet that begins one uses the grant up, in the kernel, whether we live or not.
 *
 * Each element of `once` has a bucket of its own (`limit`) with one packet in it, which is not full again before the
 * longest grant has ended. The kernel takes from it under a lock: of a hundred packets that come at once, one gets it.
 * (To take the element out by a rule is not exact: two processors may both have found it.)
 *
 * A packet meets several of our chains on its way in, so its use is counted before all of them, in `use`. Later chains
 * look only at what came of it:
 *
 * - `begun` holds the connection that won: source, destination, protocol and both ports. So what is sent again, because
 *   it or its answer was lost, is let in again, and nobody else is.
 * - `made` holds those of TCP that have acknowledged something: from then on the kernel knows the connection, and the
 *   same ports open no second one. It leaves `begun` at that moment, once: otherwise whoever goes on acknowledging would
 *   be remembered for ever.
 * - `spent` says which grants were used, for whoever wants to tell people. By it come in the acknowledgements that
 *   make a connection where the kernel answers with SYN cookies: they make none but the one whose SYN was let in.
 */
import type { Ruleset } from "../../core/ruleset.ts"
import { formatTime, ONE_USE, SHORTEST } from "./elements.ts"
import type { ChainSpec, SetSpec } from "./table.ts"
import { ALONE, type Way } from "./ways.ts"

/** Ours: connections that began and uses, remembered at once. They end soon, and no element is there for the rest. */
const ROOM = 65_536
/** As long as a client tries to connect (tcp(7): `tcp_syn_retries`). */
const BEGINS = formatTime(130_000)
/** Ours: longer than it takes to leave `begun`. */
const MADE = formatTime(1000)

/** The sets of grants for one connection; none where no door gives any. */
export function onceSets({ grants, once }: Pick<Ruleset, "grants" | "once">, ways: readonly Way[]): SetSpec[] {
    if (once === null) return []
    const dynamic = `size ${ROOM}; flags dynamic,timeout`
    return [
        ...ways.flatMap(({ ending, type }) => {
            const key = `${type} . inet_proto . inet_service`
            return [
                live(`once${ending}`, key, `size ${grants}; flags timeout; ${ONE_USE}`),
                live(`spent${ending}`, key, dynamic),
            ]
        }),
        ...["begun", "made"].flatMap((name) =>
            ALONE.map(({ family, type }) =>
                live(`${name}${family}`, `${type} . ${type} . inet_proto . inet_service . inet_service`, dynamic),
            ),
        ),
    ]
}

function live(name: string, type: string, rest: string): SetSpec {
    return { name, spec: `type ${type}; ${rest}`, elements: null }
}

/** The chain that counts. `allowed`: rules that let those through who need no use of a grant. */
export function useChain(
    { once }: Pick<Ruleset, "once">,
    ways: readonly Way[],
    allowed: readonly string[],
): ChainSpec[] {
    if (once === null) return []
    const begun = usedMatches({ once }, ways)
    return [
        {
            name: "use",
            hook: "type filter hook prerouting priority mangle - 5; policy accept;",
            rules: [
                "iif lo accept",
                "fib daddr type != local accept",
                ...ways.map(
                    ({ family, flow }, i) =>
                        `meta l4proto tcp tcp flags & (syn | ack) == ack ${begun[i]} ` +
                        `add @made${family} { ${flow} timeout ${MADE} } ` +
                        `update @begun${family} { ${flow} timeout ${formatTime(SHORTEST)} } accept`,
                ),
                // Nothing else begins a connection.
                "tcp flags & (syn | ack | rst) != syn accept",
                ...allowed,
                ...begun.map((match) => `${match} accept`),
                ...ways.map(
                    ({ any, ending, family, flow, key }) =>
                        `${any} ${key} @once${ending} add @begun${family} { ${flow} timeout ${BEGINS} } ` +
                        `add @spent${ending} { ${key} timeout ${formatTime(once)} } accept`,
                ),
            ],
        },
    ]
}

/** Matches of packets that belong to a use, for the chains behind `use`. */
export function usedMatches({ once }: Pick<Ruleset, "once">, ways: readonly Way[]): readonly string[] {
    if (once === null) return []
    return ways.map(({ any, family, flow }) => `${any} ${flow} @begun${family} ${flow} != @made${family}`)
}

/** Matches of acknowledgements that may make a connection out of a cookie (TCP alone). */
export function cookieMatches({ once }: Pick<Ruleset, "once">, ways: readonly Way[]): readonly string[] {
    if (once === null) return []
    return ways.map(({ any, ending, key }) => `tcp flags & (syn | ack) == ack ${any} ${key} @spent${ending}`)
}
