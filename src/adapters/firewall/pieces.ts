/**
 * What a fragment does not show. IPv4 puts packets for this host together before its chains see them; IPv6 does so behind
 * them, and who forwards does not at all. Wherever connections are tracked or led (nft_ct, nft_tproxy) the kernel puts
 * them together before everything else. Where neither is there, the first fragment is all that says who wants what, and
 * somebody can cut it so that it does not: behind headers that go on in the second one. Such a fragment is dropped, as
 * RFC 7112, section 5, would have it; the others are of no use without it.
 */
import type { ChainSpec } from "./table.ts"

/** The rule for the chains that refuse, before all others. */
export const PIECES = "meta nfproto ipv6 frag more-fragments 1 frag frag-off 0 jump pieces"

/** Where first fragments go. A comparison that is always true, but ends its rule where there is no port to compare. */
export function piecesChain(): ChainSpec {
    return { name: "pieces", hook: null, rules: ["th dport >= 0 return", "drop"] }
}
