/** The rules in the kernel of this network namespace, ours and others', as far as they tell who is let in. */
import { readFileSync } from "node:fs"
import type { FirewallFacts, KernelFeature } from "../../core/doctor/facts.ts"
import type { Service } from "../../core/knock/hit.ts"
import { messageOf } from "../../core/thrown.ts"
import { canBorrow } from "../system/borrowed.ts"
import { hasCapability } from "../system/capabilities.ts"
import { FLAGGED, type Nftables, openNftables } from "../system/nftables.ts"
import { listedHidden, listedRules, listedTables } from "./listed-rules.ts"
import { run } from "./run.ts"
import { savedFilters, savedHidden, savedTables } from "./saved-rules.ts"

/**
 * What was seen, or why not. `lacks`: parts of nftables that the kernel does not have; null where none could be asked
 * for.
 */
export type FirewallSeen =
    | {
          readonly ok: true
          readonly firewall: Omit<FirewallFacts, "published">
          readonly lacks: readonly KernelFeature[] | null
          /** Tables that cannot be looked into. */
          readonly locked: readonly string[]
      }
    | { readonly ok: false; readonly why: string }

const NOT_ROOT = "only root sees the rules"

/** Whose tables and chains have such names. */
const OWNERS: readonly (readonly [string, RegExp])[] = [
    ["docker", /^DOCKER/],
    ["firewalld", /^firewalld$/],
    ["kubernetes", /^KUBE-/],
    ["libvirt", /^(LIBVIRT_|libvirt_network$)/],
    ["podman", /^(NETAVARK|netavark$)/],
    ["ufw", /^ufw6?-/],
]

/** Looks, and changes nothing. Needs CAP_NET_ADMIN. */
export function seeFirewall(): FirewallSeen {
    // libnftables complains on standard error.
    if (!hasCapability("CAP_NET_ADMIN")) return { ok: false, why: NOT_ROOT }
    let nft: Nftables | null = null
    try {
        nft = openNftables()
        const listed = nft.json("list ruleset\n", true)
        if (!listed.ok && /not permitted/i.test(listed.error)) return { ok: false, why: NOT_ROOT }
        const lacks = lacking(nft)
        if (listed.ok || listed.error !== FLAGGED)
            return { ok: true, firewall: rules(nft, [listed.ok ? listed.output : "{}"]), lacks, locked: [] }
        const { open, locked } = tableByTable(nft)
        return { ok: true, firewall: rules(nft, open), lacks, locked }
    } catch (error) {
        if (process.geteuid?.() !== 0) return { ok: false, why: messageOf(error) }
        // Without nftables at all: what is there is iptables'.
        return { ok: true, firewall: rules(null, []), lacks: null, locked: [] }
    } finally {
        nft?.close()
    }
}

/** Listings of each table that has chains and can be listed, and the names of the others. */
function tableByTable(nft: Nftables): { readonly open: readonly string[]; readonly locked: readonly string[] } {
    const chains = nft.json("list chains\n")
    const listings = listedTables(chains.ok ? chains.output : "{}").map((name) => {
        const listed = nft.json(`list table ${name}\n`, true)
        return { name, text: listed.ok ? listed.output : null }
    })
    return {
        open: listings.flatMap(({ text }) => text ?? []),
        locked: listings.filter(({ text }) => text === null).map(({ name }) => name),
    }
}

function rules(nft: Nftables | null, json: readonly string[]): Omit<FirewallFacts, "published"> {
    const listed = listedRules(json)
    const set = listed.ours.there ? nft?.json("list set inet postern hidden\n") : undefined
    const hidden = set?.ok === true ? listedHidden(set.output) : []
    const open = listed.ours.there ? nft?.json("list set inet postern spared\n") : undefined
    const spared = open?.ok === true ? listedHidden(open.output) : []
    const [four, six] = [tablesOf("4", listed.iptables), tablesOf("6", listed.iptables)]
    const all = [...four, ...six]
    const filters = all.flatMap(({ family, by, table, text }) => savedFilters(family, by, table, text))
    const hiddenSix = six.flatMap(({ text }) => savedHidden(text))
    // By iptables a service is hidden if it is for both families.
    const both = four
        .flatMap(({ text }) => savedHidden(text))
        .filter((one) => hiddenSix.some(({ protocol, port }) => protocol === one.protocol && port === one.port))
    const names = [
        ...listed.names,
        ...all.flatMap(({ text }) => [...text.matchAll(/^:(\S+)/gm)].map(([, name]) => name!)),
    ]
    return {
        ours: {
            ...listed.ours,
            translates: listed.ours.translates || (all.length > 0 && all.every(({ text }) => KEEPS.test(text))),
            there: listed.ours.there || both.length > 0,
            hidden: [...hidden, ...both],
            spared: [...spared, ...(both.length > 0 ? sparedSets() : [])],
        },
        filters: [...listed.filters, ...filters],
        legacy: all
            .filter(({ legacy }) => legacy)
            .flatMap(({ family, text }) =>
                savedTables(text).map((one) => `${family === "IPv4" ? "iptables" : "ip6tables"} ${one}`),
            ),
        owners: OWNERS.filter(([, pattern]) => names.some((name) => pattern.test(name))).map(([name]) => name),
    }
}

/** Our iptables back end has hidden services answered by this host, before others change destinations. */
const KEEPS = /^-A POSTERN-TURN .* -j ACCEPT$/m

/** What our iptables back end lets everyone in to, out of what `ipset save` prints. */
function sparedSets(): Service[] {
    const said = run("ipset", "save")
    return (said.ok ? said.output.split("\n") : []).flatMap((line): Service[] => {
        const [, protocol, port] = /^add postern-spared-(tcp|udp) (\d+)/.exec(line) ?? []
        return protocol === "tcp" || protocol === "udp" ? [{ protocol, port: Number(port) }] : []
    })
}

type Saved = {
    readonly family: "IPv4" | "IPv6"
    /** The program that changes it. */
    readonly by: string
    readonly table: string
    readonly legacy: boolean
    readonly text: string
}

/** What iptables-save says of a family: of nftables' ip_tables and of the old one, each where it has anything. */
function tablesOf(ending: "4" | "6", families: readonly string[]): Saved[] {
    const [family, plain, name] =
        ending === "4" ? (["IPv4", "iptables", "ip"] as const) : (["IPv6", "ip6tables", "ip6"] as const)
    const variants = [
        ...(families.includes(name) ? ["nft"] : []),
        ...(oldTables(`${name}_tables_names`).length > 0 ? ["legacy"] : []),
    ]
    // One of the two programs has the plain name.
    const version = variants.length === 0 ? null : run(plain, "--version")
    const common = version?.ok === true && version.output.includes("legacy") ? "legacy" : "nft"
    return variants.flatMap((variant): Saved[] => {
        const by = variant === common ? plain : `${plain}-${variant}`
        const legacy = variant === "legacy"
        const said = run(`${plain}-${variant}-save`)
        const text = said.ok || legacy ? said : run(`${plain}-save`)
        const table = legacy ? `${plain}-legacy filter` : `${name} filter`
        return text.ok ? [{ family, by, table, legacy, text: text.output }] : []
    })
}

function oldTables(file: string): string[] {
    try {
        return readFileSync(`/proc/self/net/${file}`, "utf8")
            .split("\n")
            .filter((name) => name !== "")
    } catch {
        return []
    }
}

/** What each part is rehearsed by, in a chain of this kind; "table" is what all of them need. */
const FEATURES: readonly (readonly [KernelFeature, { readonly chain?: string; readonly set?: string }, string])[] = [
    ["table", {}, ""],
    ["tproxy", {}, "meta l4proto tcp tproxy ip to 127.0.0.1"],
    ["socket", {}, "socket transparent 1"],
    ["fib", {}, "fib daddr type local"],
    ["reject", { chain: "filter hook input priority filter" }, "meta l4proto tcp reject with tcp reset"],
    ["log", {}, "log group 1"],
    ["ct", {}, "ct state established"],
    ["learns", { set: "type ipv4_addr; size 16; flags dynamic,timeout" }, "update @s { ip saddr timeout 1s }"],
    ["uses", { set: "type ipv4_addr; flags timeout; limit rate 1/week burst 1 packets" }, "ip saddr @s accept"],
    ["ranges", { set: "type ipv4_addr . inet_service; flags interval" }, "ip saddr . tcp dport @s accept"],
    ["nat", { chain: "nat hook prerouting priority dstnat" }, "meta nfproto ipv4 tcp dport 9 dnat ip to 127.0.0.1"],
]

/** Parts that the kernel refuses. Nothing is made. */
function lacking(nft: Nftables): readonly KernelFeature[] {
    const without = FEATURES.filter(([feature, where, rule]) => !rehearse(nft, feature, where, rule)).map(
        ([feature]) => feature,
    )
    return [
        ...(without.includes("table") ? (["table"] as const) : without),
        ...(canBorrow() ? [] : (["borrow"] as const)),
    ]
}

/**
 * Could this rule be made, with a set `s` of this kind? The library remembers sets by their tables' names, rehearsed
 * ones too.
 */
export function rehearse(
    nft: Pick<Nftables, "rehearse">,
    name: string,
    { chain = "filter hook prerouting priority mangle", set }: { readonly chain?: string; readonly set?: string },
    rule: string,
): boolean {
    const table = `inet postern_try_${name}`
    const lines = [
        `add table ${table}`,
        `add chain ${table} a { type ${chain}; }`,
        ...(set === undefined ? [] : [`add set ${table} s { ${set}; }`]),
        ...(rule === "" ? [] : [`add rule ${table} a ${rule}`]),
    ]
    return nft.rehearse(`${lines.join("\n")}\n`).ok
}
