/** Settings of the kernel for the network of this process (sysctl(8)). */
import { readdirSync, readFileSync } from "node:fs"

const ROOT = "/proc/sys"
const OF_INTERFACE = ["rp_filter", "route_localnet", "arp_ignore"]

/** By name, such as `net.ipv4.conf.eth0.rp_filter`. What cannot be read is left out. */
export function seeSysctls(): Record<string, string> {
    const found: Record<string, string> = {}
    const read = (...path: readonly string[]) => {
        try {
            found[path.join(".")] = readFileSync([ROOT, ...path].join("/"), "utf8").trim()
        } catch {
            // Not every kernel has all of them.
        }
    }
    read("net", "ipv4", "ip_forward")
    read("net", "ipv4", "ip_local_port_range")
    read("net", "ipv6", "conf", "all", "forwarding")
    for (const name of interfaces()) for (const key of OF_INTERFACE) read("net", "ipv4", "conf", name, key)
    return found
}

function interfaces(): string[] {
    try {
        return readdirSync(`${ROOT}/net/ipv4/conf`)
    } catch {
        return []
    }
}
