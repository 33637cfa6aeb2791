/** What this process may do (capabilities(7)), as far as it matters here. */
import { readFileSync } from "node:fs"

/** Bit numbers of linux/capability.h. */
const BITS = { CAP_NET_ADMIN: 12, CAP_NET_RAW: 13 } as const

/** Has this process the capability in force? True where the kernel does not say: the attempt itself will tell. */
export function hasCapability(name: keyof typeof BITS): boolean {
    try {
        const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]
        return effective === undefined || ((BigInt(`0x${effective}`) >> BigInt(BITS[name])) & 1n) === 1n
    } catch {
        return true
    }
}
