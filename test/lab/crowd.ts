/**
 * Many knockers on one host, each with an address of its own (IPv6: in a /64 of its own), who knock one after another
 * with real clients: what `knock` and `postern knock` send is what the kernel of their host makes of it.
 */
import type { Host } from "./lab.ts"
import { POSTERN } from "./lab.ts"

export type Family = 4 | 6

export type Crowd = {
    /**
     * The next so many of them knock, each once: all but the last with `knock`, the last with `postern knock`. Resolves
     * to their addresses when all have. Throws when a client fails.
     */
    readonly knock: (count: number, hits: readonly string[]) => Promise<readonly string[]>
}

/** Milliseconds between two hits. */
const GAP = 50

let crowds = 0

/** `size` addresses on `host`, to which the gateway knows the way. */
export function makeCrowd(host: Host, gateway: Host, family: Family, size: number): Crowd {
    const crowd = ++crowds
    const address = (i: number) => (family === 4 ? `10.78.${crowd}.${i + 1}` : `fd78:${crowd}:0:${i + 1}::7`)
    const [ip, prefix, target, via] =
        family === 4 ? ["-4", "/32", gateway.v4, host.v4] : ["-6", "/128", gateway.v6, host.v6]
    const add = Array.from({ length: size }, (_, i) => `address add ${address(i)}${prefix} dev eth0\n`)
    host.must(["ip", ip, "-batch", "-"], { input: add.join("") })
    const network = family === 4 ? `10.78.${crowd}.0/24` : `fd78:${crowd}::/48`
    gateway.must(["ip", ip, "route", "replace", network, "via", via])
    let next = 0

    return {
        async knock(count, hits) {
            const sources = Array.from({ length: count }, () => address(next++ % size))
            const plain = sources.slice(0, -1)
            const words = hits.map((hit) => (hit.includes(":") ? hit : `${hit}:tcp`)).join(" ")
            // The route says which address is taken; the kernel looks at it anew for each hit.
            const script = [
                "set -e",
                `for source in ${plain.join(" ")}; do`,
                `    ip ${ip} route replace ${target}${prefix} dev eth0 src $source`,
                `    knock ${ip} -d ${GAP} ${target} ${words}`,
                "done",
                `exec ${POSTERN} knock --source ${sources.at(-1)} --delay ${GAP}ms --no-wait ${target} ${hits.join(" ")}`,
            ].join("\n")
            const { status, stderr } = await host.run(["sh", "-c", script], { timeout: 120_000 })
            if (status !== 0) throw new Error(`a client failed with ${status}: ${stderr}`)
            return sources
        },
    }
}
