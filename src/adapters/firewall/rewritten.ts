/**
 * The chain that refuses what somebody publishes although it is hidden, where nobody has told us. It stands behind all who
 * rewrite destinations, so it does not matter when they came, by which tool, and whether the daemon lives.
 *
 * There a packet no longer says where it was sent to. Its connection does, but not whether that was an address of ours: a
 * container's connections to a cluster's virtual address are rewritten as well, and must pass. So whatever need not be
 * refused is labelled before it is rewritten: what goes elsewhere, and whoever may come in. What has no label is refused
 * by its first port. Closed ports and hidden ones that nobody publishes never come here.
 *
 * Sets cannot be asked for a connection's first port (nftables 1.0.6 has no type for it), so there is a rule for each
 * service. Those on trial have none: they must end by themselves. One that is known to be published is kept by its set.
 */
import type { Ruleset } from "../../core/ruleset.ts"
import type { ChainSpec } from "./table.ts"

/** Ours: the label of a connection that passes, one bit of 128; the others stay as they are. */
const LABEL = 115

/** Labels the connection of this packet, before its destination is rewritten. */
export const LET_BE = `ct label set ${LABEL}`

/** Where packets go whose destination was rewritten. A filter's answer; of UDP only what begins something is refused. */
export function rewrittenChain({ hidden }: Pick<Ruleset, "hidden">): ChainSpec {
    const refuse = { tcp: "reject with tcp reset", udp: "ct state new reject" }
    return {
        name: "rewritten",
        hook: null,
        rules: [
            `ct label ${LABEL} return`,
            ...hidden.map(
                ({ protocol, port }) => `meta l4proto ${protocol} ct original proto-dst ${port} ${refuse[protocol]}`,
            ),
        ],
    }
}
