/** Settings of the kernel for the network of this process (sysctl(8)). */
import { readdirSync, readFileSync } from "node:fs"

const ROOT = "/proc/sys/net/ipv4"
const OF_INTERFACE = ["rp_filter", "route_localnet", "arp_ignore"]

/** By name, such as `net.ipv4.conf.eth0.rp_filter`. What cannot be read is left out. */
export function seeSysctls(): Record<string, string> {
    const found: Record<string, string> = {}
    const read = (...path: readonly string[]) => {
        try {
            found[["net", "ipv4", ...path].join(".")] = readFileSync([ROOT, ...path].join("/"), "utf8").trim()
        } catch {
            // Not every kernel has all of them.
        }
    }
    read("ip_forward")
    for (const name of interfaces()) for (const key of OF_INTERFACE) read("conf", name, key)
    return found
}

function interfaces(): string[] {
    try {
        return readdirSync(`${ROOT}/conf`)
    } catch {
        return []
    }
}
