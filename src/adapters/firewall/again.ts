/**
 * The chain that keeps a connection which connection tracking remembers from being begun once more. The kernel asks who
 * rewrites destinations for the first packet of what it tracks alone, and a SYN with the ports of a connection that the
 * service has reset, or has forgotten, belongs to that one: it would go where the old one went, long after the grant has
 * ended. So whoever begins anew must be let in anew.
 *
 * It is dropped, not refused: where the destination is still ours to be asked for, older kernels can refuse nothing.
 * Only who has been let in before comes here, and finds silence at the ports of his old connections alone.
 */
import type { Ruleset } from "../../core/ruleset.ts"
import type { ChainSpec } from "./table.ts"

/** Rules that end in `act` for sources that may come in and their services, or for what is spared. */
type Reached = (act: string) => string[]

/** None where only UDP is hidden: there a flow goes on as long as it does. */
export function againChains({ hidden, trials }: Pick<Ruleset, "hidden" | "trials">, reached: Reached): ChainSpec[] {
    if (![...hidden, ...trials.map(({ service }) => service)].some(({ protocol }) => protocol === "tcp")) return []
    return [
        {
            name: "again",
            // Behind the chain that counts uses, and before anything is rewritten.
            hook: "type filter hook prerouting priority mangle - 3; policy accept;",
            rules: ["iif lo accept", "tcp flags & (syn | ack | rst) == syn ct status dnat goto remembered"],
        },
        {
            name: "remembered",
            hook: null,
            rules: [
                ...reached("accept"),
                // In a VRF no address is this host's until the interface is asked.
                "fib daddr type != local fib daddr . iif type != local accept",
                "meta l4proto . th dport @hidden drop",
            ],
        },
    ]
}
