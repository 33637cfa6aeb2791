/**
 * What a daemon with another `firewall` has left in the kernel. Hiding outlives the daemon, so after a change of firewalls
 * the old rules would go on refusing everybody, those too whom the new ones let in.
 */
import type { Firewall } from "../../ports/firewall.ts"
import { type Nftables, openNftables } from "../system/nftables.ts"
import { renderClear } from "./render.ts"
import { TABLE } from "./table.ts"

/** `nothing`: nothing was left. `failed`: it is there still, and why. */
export type Clearing =
    | { readonly what: "nothing" }
    | { readonly what: "cleared" }
    | { readonly what: "failed"; readonly detail: string }

/**
 * Takes it away, in one transaction; call it when `ours` hides already, or what is hidden is open in between. Of
 * iptables it empties our chains where nftables is what the kernel keeps them in: a service without CAP_NET_RAW may not
 * ask iptables itself, and nobody minds a jump to an empty chain.
 */
export function clearOther(ours: Firewall["name"], open: () => Nftables = openNftables): Clearing {
    let nft: Nftables
    try {
        nft = open()
    } catch {
        // No nftables on this host, so nothing by nftables.
        return { what: "nothing" }
    }
    try {
        const commands = ours === "iptables" ? renderNoTable(nft) : renderNoChains(nft)
        if (commands === "") return { what: "nothing" }
        const said = nft.run(commands)
        return said.ok ? { what: "cleared" } : { what: "failed", detail: said.error.split("\n")[0]! }
    } finally {
        nft.close()
    }
}

function renderNoTable(nft: Nftables): string {
    return listed(nft, "list tables\n").includes(`table ${TABLE}`) ? renderClear() : ""
}

function renderNoChains(nft: Nftables): string {
    let table = ""
    const commands: string[] = []
    for (const line of listed(nft, "list chains\n")) {
        table = /^table (ip6? \S+) \{$/.exec(line)?.[1] ?? table
        const chain = /^\s+chain (POSTERN-[A-Z]+) \{$/.exec(line)?.[1]
        if (chain !== undefined) commands.push(`flush chain ${table} ${chain}\n`)
    }
    return commands.join("")
}

/** The lines of the answer; none from a kernel without nftables. */
function listed(nft: Nftables, question: string): string[] {
    const said = nft.run(question)
    return said.ok ? said.output.split("\n") : []
}
