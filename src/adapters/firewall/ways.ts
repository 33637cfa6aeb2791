/**
 * The ways in which a packet's source is looked up: as the address that it is, and as the network of each prefix length
 * that grants have. Each way has sets of its own, so that every look-up is of one whole key, and what a stranger's packet
 * costs depends on how many ways there are, not on its port. Pure.
 */
import {
    type Address,
    formatAddress,
    isIPv4,
    isIPv4Network,
    type Network,
    networkAround,
} from "../../core/net/address.ts"
import type { Ruleset } from "../../core/ruleset.ts"

/** One of them. */
export type Way = {
    readonly family: "4" | "6"
    /** The end of its sets' names: `4`, `6_64`. */
    readonly ending: string
    /** The type of its addresses in sets. */
    readonly type: "ipv4_addr" | "ipv6_addr"
    /** The source of a packet, in the words of nftables. */
    readonly by: string
    /** Matches packets of sources that have a grant at all. */
    readonly any: string
    /** Source, protocol and port, as in `open` and `once`. */
    readonly key: string
    /** What tells the connection from others; the whole address in every way. */
    readonly flow: string
}

/** The end of the names of the sets that hold this source. */
export function endingOf(source: Network): string {
    const family = isIPv4(source.address) ? "4" : "6"
    return source.bits === 128 ? family : `${family}_${isIPv4Network(source) ? source.bits - 96 : source.bits}`
}

/** The ways by single addresses. */
export const ALONE: readonly Way[] = [wayOf("4", null), wayOf("6", null)]

/** All ways of a ruleset. */
export function waysOf({ networks: { v4, v6 } }: Pick<Ruleset, "networks">): readonly Way[] {
    return [...ALONE, ...v4.map((prefix) => wayOf("4", prefix)), ...v6.map((prefix) => wayOf("6", prefix))]
}

/** The bits of the sources (as in `Network`) in sets of this ending. */
export function bitsOf(ending: string): number {
    const [family, prefix] = ending.split("_")
    return prefix === undefined ? 128 : Number(prefix) + (family === "4" ? 96 : 0)
}

/** The way whose sets have names of this ending (`endingOf`). */
export function wayTo(ending: string): Way {
    const [family, prefix] = ending.split("_")
    return wayOf(family === "4" ? "4" : "6", prefix === undefined ? null : Number(prefix))
}

function wayOf(family: "4" | "6", prefix: number | null): Way {
    const ip = family === "4" ? "ip" : "ip6"
    const by = prefix === null ? `${ip} saddr` : `${ip} saddr & ${maskOf(family, prefix)}`
    const ending = prefix === null ? family : `${family}_${prefix}`
    return {
        family,
        ending,
        type: `ipv${family}_addr`,
        by,
        any: `${by} @any${ending}`,
        key: `${by} . meta l4proto . th dport`,
        flow: `${ip} saddr . ${ip} daddr . meta l4proto . th sport . th dport`,
    }
}

const EVERY_BIT: Address = [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff]

function maskOf(family: "4" | "6", prefix: number): string {
    if (family === "6") return formatAddress(networkAround(EVERY_BIT, prefix).address)
    return formatAddress(networkAround([0, 0, 0xffff, 0xffffffff], prefix + 96).address)
}
