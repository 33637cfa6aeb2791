/** Interfaces and addresses: can knocks arrive, and does the kernel let through what it should, and no more? */
import { type Address, contains, formatAddress, isIPv4, parseNetwork, sameAddress } from "../net/address.ts"
import type { Facts, LinkFacts } from "./facts.ts"
import type { Finding } from "./finding.ts"
import { INTERNAL } from "./internal.ts"

/** What is private to a network, or shared by the customers of a provider (RFC 1918, RFC 6598, RFC 3927, RFC 4193). */
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7"]
    .map(parseNetwork)
    .filter((network) => network !== null)
const LINK_LOCAL = parseNetwork("fe80::/10")!

/** What is wrong with them. */
export function examineNetwork(facts: Facts): Finding[] {
    const { links, sysctls, config } = facts
    if (links === null) return []
    const wanted = config?.gateway.interfaces ?? "auto"
    const named = typeof wanted === "string" ? [] : wanted
    const watched = watchedBy(facts, links)
    const missing = named.filter((name) => !links.interfaces.some((one) => one.name === name))
    const up = links.interfaces.filter((one) => one.up && one.name !== "lo")
    const outward = up.filter(({ name }) => !INTERNAL.test(name))
    const unwatched = outward.filter(
        ({ name, index }) => watched !== null && !watched.includes(name) && addressesOf(links, [index]).length > 0,
    )
    const crooked = outward.filter(
        ({ name }) => (watched === null || watched.includes(name)) && !links.defaultRoutes.includes(name),
    )
    const routed = links.interfaces.filter(({ name }) => links.defaultRoutes.includes(name))
    const facing = addressesOf(
        links,
        routed.map(({ index }) => index),
    )
    return [
        ...missing.map((name): Finding => ({ code: "interface-missing", name })),
        ...(unwatched.length === 0 ? [] : [{ code: "unwatched", names: unwatched.map(({ name }) => name) } as const]),
        ...crooked.flatMap(({ name }): Finding[] =>
            effective(sysctls, name, "rp_filter") === 1 ? [{ code: "reverse-path", name }] : [],
        ),
        ...up.flatMap(({ name }): Finding[] =>
            effective(sysctls, name, "route_localnet") === 1 ? [{ code: "route-localnet", name }] : [],
        ),
        ...elsewhere(facts, links),
        ...(facing.length > 0 && facing.every(isPrivate)
            ? [{ code: "nat-upstream", addresses: facing.map(formatAddress) } as const]
            : []),
    ]
}

/** What places beside this host's outside ask of it: addresses of its own on lo, and hosts behind it. */
function elsewhere({ config, sysctls }: Facts, links: LinkFacts): Finding[] {
    const lo = links.interfaces.find(({ name }) => name === "lo")?.index
    const doors = config?.doors ?? []
    const places = doors.flatMap(({ at, leadTo }) => [...at, ...leadTo.map(({ address }) => address)])
    const own = (address: Address) => links.addresses.find((one) => sameAddress(one.address, address))
    const inner = places.filter((address) => isIPv4(address) && own(address)?.interface === lo && lo !== undefined)
    const ignores = Number(sysctls["net.ipv4.conf.all.arp_ignore"] ?? 1) > 0
    const families = [
        ["IPv4", "net.ipv4.ip_forward", places.find((address) => isIPv4(address) && own(address) === undefined)],
        [
            "IPv6",
            "net.ipv6.conf.all.forwarding",
            places.find((address) => !isIPv4(address) && own(address) === undefined),
        ],
    ] as const
    return [
        ...(ignores ? [] : inner.map((address): Finding => ({ code: "arp-tells", address: formatAddress(address) }))),
        ...families.flatMap(([family, key, address]): Finding[] =>
            address === undefined || sysctls[key] !== "0"
                ? []
                : [{ code: "not-forwarding", family, address: formatAddress(address) }],
        ),
    ]
}

/** What the daemon watches, or would; null: everything. */
function watchedBy({ daemon, config }: Facts, { defaultRoutes }: LinkFacts): readonly string[] | null {
    if (daemon.runs === true) return daemon.status.interfaces
    const wanted = config?.gateway.interfaces ?? "auto"
    if (wanted === "any") return null
    return wanted === "auto" ? defaultRoutes : wanted
}

/** The greater of `all` and the interface's own is what holds (ip-sysctl of the kernel's documentation). */
function effective(sysctls: Facts["sysctls"], name: string, key: string): number {
    return Math.max(...["all", name].map((one) => Number(sysctls[`net.ipv4.conf.${one}.${key}`] ?? 0)))
}

/** Without those that every interface has. */
function addressesOf({ addresses }: LinkFacts, indices: readonly number[]): Address[] {
    return addresses
        .filter((one) => indices.includes(one.interface) && !contains(LINK_LOCAL, one.address))
        .map(({ address }) => address)
}

function isPrivate(address: Address): boolean {
    return PRIVATE.some((network) => contains(network, address)) || (isIPv4(address) && address[3] >>> 24 === 127)
}
