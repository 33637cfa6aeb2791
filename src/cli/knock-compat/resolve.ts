/** Where the host is, by the words of getaddrinfo(3): asked once for the whole knock, and the first answer counts. */
import { isIP, isIPv6, SocketAddress } from "node:net"
import { networkInterfaces } from "node:os"
import type { Family, Target } from "../../core/knock/plan.ts"

/** A place to send to. `shown` is how knock writes it: getnameinfo(3), numeric. */
export type Place = { readonly target: Target; readonly shown: string }

/** Why there is none, in the words of gai_strerror(3). */
export type Nowhere = { readonly reason: string }

const NO_NAME: Nowhere = { reason: "Name or service not known" }
const OTHER_FAMILY: Nowhere = { reason: "Address family for hostname not supported" }

/** By the numbers that Node gives to the errors of getaddrinfo(3). */
const REASONS: ReadonlyMap<unknown, Nowhere> = new Map([
    [-3000, OTHER_FAMILY],
    [-3001, { reason: "Temporary failure in name resolution" }],
    [-3004, { reason: "Non-recoverable failure in name resolution" }],
    [-3005, { reason: "ai_family not supported" }],
    [-3006, { reason: "Memory allocation failure" }],
    [-3007, { reason: "No address associated with hostname" }],
    [-3008, NO_NAME],
])

/** Finds the place of a host: an address in any form, or a name. */
export async function resolve(host: string, family: Family | null): Promise<Place | Nowhere> {
    const percent = host.indexOf("%")
    if (percent >= 0) return zoned(host.slice(0, percent), host.slice(percent + 1), family)
    if (isIP(host) !== 0) return literal(host, family)
    // Node takes an empty name for this host.
    if (host === "") return NO_NAME
    const { lookup } = await import("node:dns/promises")
    try {
        const found = await lookup(host, { family: family ?? 0, verbatim: true })
        return literal(found.address, null)
    } catch (error) {
        const number = error instanceof Error && "errno" in error ? error.errno : undefined
        return REASONS.get(number) ?? NO_NAME
    }
}

/** An address in its usual text form. An IPv4 address in the clothes of IPv6 is either, as it is asked for. */
function literal(text: string, family: Family | null): Place | Nowhere {
    if (!isIPv6(text)) return family === 6 ? OTHER_FAMILY : place(4, text)
    const { address } = new SocketAddress({ address: text, family: "ipv6" })
    const inner = /^::ffff:([\d.]+)$/.exec(address)?.[1]
    if (family === 4) return inner === undefined ? OTHER_FAMILY : place(4, inner)
    return place(6, address)
}

const place = (family: Family, address: string): Place => ({ target: { family, address }, shown: address })

/** An IPv6 address of one link: the link by name, where such addresses are (RFC 4007, section 11), or by number. */
function zoned(address: string, zone: string, family: Family | null): Place | Nowhere {
    if (!isIPv6(address)) return NO_NAME
    const found = literal(address, family)
    if ("reason" in found) return found
    const local = /^fe[89ab].:|^ff02:/.test(found.target.address)
    const numeric = /^\d{1,10}$/.test(zone)
    const links = Object.entries(networkInterfaces())
    if (!numeric && (!local || !links.some(([name]) => name === zone))) return NO_NAME
    const numbered = links.find(([, addresses]) => addresses?.some(({ scopeid }) => scopeid === Number(zone)))?.[0]
    // The loopback interface has no address that says so, and is the first everywhere.
    const named = numeric ? (numbered ?? (Number(zone) === 1 ? "lo" : undefined)) : zone
    const shown = `${found.target.address}%${(local ? named : undefined) ?? zone}`
    // Elsewhere than on a link the number says nothing to the kernel, and Node does not take it.
    return { target: local ? { family: 6, address: shown } : found.target, shown }
}
