/** The rules in the kernel of this network namespace, ours and others', as far as they tell who is let in. */
import { readFileSync } from "node:fs"
import type { FirewallFacts, KernelFeature } from "../../core/doctor/facts.ts"
import type { Service } from "../../core/knock/hit.ts"
import { messageOf } from "../../core/thrown.ts"
import { type Nftables, openNftables } from "../system/nftables.ts"
import { listedHidden, listedRules } from "./listed-rules.ts"
import { run } from "./run.ts"
import { savedFilter, savedHidden, savedTables } from "./saved-rules.ts"

/** What was seen, or why not. `lacks`: parts of nftables that the kernel does not have; null where none could be asked for. */
export type FirewallSeen =
    | {
          readonly ok: true
          readonly firewall: Omit<FirewallFacts, "published">
          readonly lacks: readonly KernelFeature[] | null
      }
    | { readonly ok: false; readonly why: string }

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
    let nft: Nftables | null = null
    try {
        nft = openNftables()
        const listed = nft.json("list ruleset\n", true)
        if (!listed.ok && /not permitted/i.test(listed.error)) return { ok: false, why: "only root sees the rules" }
        return { ok: true, firewall: rules(nft, listed.ok ? listed.output : "{}"), lacks: lacking(nft) }
    } catch (error) {
        if (process.geteuid?.() !== 0) return { ok: false, why: messageOf(error) }
        // Without nftables at all: what is there is iptables'.
        return { ok: true, firewall: rules(null, "{}"), lacks: null }
    } finally {
        nft?.close()
    }
}

function rules(nft: Nftables | null, json: string): Omit<FirewallFacts, "published"> {
    const listed = listedRules(json)
    const set = listed.ours.there ? nft?.json("list set inet postern hidden\n") : undefined
    const hidden = set?.ok === true ? listedHidden(set.output) : []
    const open = listed.ours.there ? nft?.json("list set inet postern spared\n") : undefined
    const spared = open?.ok === true ? listedHidden(open.output) : []
    const [four, six] = [tablesOf("4", listed.iptables), tablesOf("6", listed.iptables)]
    const all = [...four, ...six]
    const filters = all.flatMap(({ by, label, text }) => savedFilter(by, `${label} INPUT`, text) ?? [])
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
            there: listed.ours.there || both.length > 0,
            hidden: [...hidden, ...both],
            spared: [...spared, ...(both.length > 0 ? sparedSets() : [])],
        },
        filters: [...listed.filters, ...filters],
        legacy: all
            .filter(({ legacy }) => legacy)
            .flatMap(({ by, text }) => savedTables(text).map((one) => `${by} ${one}`)),
        owners: OWNERS.filter(([, pattern]) => names.some((name) => pattern.test(name))).map(([name]) => name),
    }
}

/** What our iptables back end lets everyone in to, out of what `ipset save` prints. */
function sparedSets(): Service[] {
    const said = run("ipset", "save")
    return (said.ok ? said.output.split("\n") : []).flatMap((line): Service[] => {
        const [, protocol, port] = /^add postern-spared-(tcp|udp) (\d+)/.exec(line) ?? []
        return protocol === "tcp" || protocol === "udp" ? [{ protocol, port: Number(port) }] : []
    })
}

type Saved = {
    readonly by: "iptables" | "ip6tables"
    readonly label: string
    readonly legacy: boolean
    readonly text: string
}

/** What iptables-save says of a family: of nftables' ip_tables and of the old one, each where it has anything. */
function tablesOf(ending: "4" | "6", families: readonly string[]): Saved[] {
    const by = ending === "4" ? "iptables" : "ip6tables"
    const variants = [
        ...(families.includes(ending === "4" ? "ip" : "ip6") ? ["nft"] : []),
        ...(oldTables(ending === "4" ? "ip_tables_names" : "ip6_tables_names").length > 0 ? ["legacy"] : []),
    ]
    return variants.flatMap((variant): Saved[] => {
        const said = run(`${by}-${variant}-save`)
        const plain = said.ok ? said : run(`${by}-save`)
        if (!plain.ok) return []
        const label = variant === "nft" ? `ip${ending === "4" ? "" : "6"} filter` : `${by}-legacy filter`
        return [{ by, label, legacy: variant === "legacy", text: plain.output }]
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

/** A rule for each part; "table" is what all of them need. */
const FEATURES: readonly (readonly [KernelFeature, string])[] = [
    ["table", ""],
    ["tproxy", "meta l4proto tcp tproxy ip to 127.0.0.1"],
    ["socket", "socket transparent 1"],
    ["fib", "fib daddr type local"],
    ["reject", "meta l4proto tcp reject with tcp reset"],
    ["log", "log group 1"],
    ["ct", "ct state established"],
    ["uses", "ip saddr @once accept"],
]

/** Parts of nftables that the kernel refuses. Nothing is made. */
function lacking(nft: Nftables): readonly KernelFeature[] {
    const without = FEATURES.filter(([feature, rule]) => !rehearse(nft, feature, rule)).map(([feature]) => feature)
    return without.includes("table") ? ["table"] : without
}

/** Could this rule be made? */
export function rehearse(nft: Pick<Nftables, "rehearse">, feature: string, rule: string): boolean {
    const hook = feature === "reject" ? "input priority filter" : "prerouting priority mangle"
    const once = "type ipv4_addr; flags timeout; limit rate 1/week burst 1 packets;"
    const set = feature === "uses" ? `add set inet postern_try once { ${once} }\n` : ""
    const chain = `add table inet postern_try\nadd chain inet postern_try a { type filter hook ${hook}; }\n${set}`
    return nft.rehearse(`${chain}${rule === "" ? "" : `add rule inet postern_try a ${rule}\n`}`).ok
}
