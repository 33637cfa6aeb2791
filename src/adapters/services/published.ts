/**
 * Ports that this host publishes for others behind it, by DNAT or redirect: nobody listens on them here, yet they
 * answer, so they are no hits. Rules of nftables are asked for in-process; those of iptables are only told by its own
 * programs, which are run where there are such rules.
 */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { type Service, uniqueServices } from "../../core/knock/hit.ts"
import { type Nftables, openNftables } from "../system/nftables.ts"
import { natServices, natTables, savedServices } from "./nat.ts"

/** Ours: tables, bytes of one listing, and time for one program. */
const MOST_TABLES = 32
const MOST_BYTES = 4 << 20
const TIMEOUT = 2000

/** See the head of the file. */
export type Published = {
    readonly offered: () => readonly Service[]
    /** Does somebody change destinations at all? */
    readonly translates: () => boolean
    readonly close: () => void
}

/**
 * What this host publishes. Reading never throws, whatever it finds or lacks; without CAP_NET_ADMIN it finds nothing,
 * and without libnftables it finds iptables' old rules alone.
 */
export function publishedServices(): Published {
    const nft = open()
    return {
        offered() {
            const opaque = new Set<string>()
            const found = nft === null ? [] : readTables(nft, opaque)
            if (opaque.has("ip")) found.push(...savedServices(save("iptables-nft-save")))
            if (opaque.has("ip6")) found.push(...savedServices(save("ip6tables-nft-save")))
            if (hasLegacyNat("ip_tables_names")) found.push(...savedServices(save("iptables-legacy-save")))
            if (hasLegacyNat("ip6_tables_names")) found.push(...savedServices(save("ip6tables-legacy-save")))
            return uniqueServices(found)
        },
        translates: () =>
            hasLegacyNat("ip_tables_names") ||
            hasLegacyNat("ip6_tables_names") ||
            (nft !== null && translatesByNft(nft)),
        close: () => nft?.close(),
    }
}

function open(): Nftables | null {
    try {
        return openNftables()
    } catch {
        return null
    }
}

function translatesByNft(nft: Nftables): boolean {
    const chains = nft.json("list chains\n")
    return chains.ok && natTables(chains.output).length > 0
}

function readTables(nft: Nftables, opaque: Set<string>): Service[] {
    const chains = nft.json("list chains\n")
    if (!chains.ok) return []
    const found: Service[] = []
    for (const { family, name } of natTables(chains.output).slice(0, MOST_TABLES)) {
        let listing = nft.json(`list table ${family} ${name}\n`)
        if (listing.ok && listing.output.length > MOST_BYTES) listing = nft.json(`list table ${family} ${name}\n`, true)
        if (!listing.ok || listing.output.length > MOST_BYTES) continue
        const table = natServices(listing.output)
        found.push(...table.services)
        if (table.opaque) opaque.add(family)
    }
    return found
}

function hasLegacyNat(file: string): boolean {
    try {
        return readFileSync(`/proc/self/net/${file}`, "utf8").split("\n").includes("nat")
    } catch {
        return false
    }
}

function save(program: string): string {
    const options = { encoding: "utf8", timeout: TIMEOUT, maxBuffer: MOST_BYTES, env: { PATH, LANG: "C" } } as const
    const { status, stdout } = spawnSync(program, ["-t", "nat"], { ...options, stdio: ["ignore", "pipe", "ignore"] })
    return status === 0 ? stdout : ""
}

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
