/** What is looked at, and how. */
import type { Way } from "../../adapters/wire/way.ts"
import type { Service } from "../../core/knock/hit.ts"
import type { Address } from "../../core/net/address.ts"
import type { Ends } from "../../core/scan/ends.ts"

/** One look, over one family. */
export type Plan = {
    readonly way: Way
    readonly service: Service
    /** Two ports where nothing listens. */
    readonly closed: readonly [number, number]
    /** So often each probe is sent, and how long one waits for its answers, in milliseconds. */
    readonly rounds: number
    readonly wait: number
    /** Slow where hosts ration their answers. */
    readonly pace: boolean
    /** With the addresses of others, too. */
    readonly spoof: boolean
}

/** Ends for one shot after another: another source port each, and another address of the link that nobody has. */
export function endsFrom({ way }: Plan, random: (below: number) => number): () => (port: number) => Ends {
    let sourcePort = FIRST_PORT + random(PORTS)
    let unused = random(0x10000)
    const { family, us, host, link } = way
    return () => {
        sourcePort = sourcePort + 1 >= FIRST_PORT + PORTS ? FIRST_PORT : sourcePort + 1
        const sequence = random(0x7fffffff)
        const common = { family, us, host, link, sourcePort, sequence, broadcast: broadcastOf(way) }
        // Neighbours that did not answer are remembered, so each port gets an address of its own.
        return (port) => ({ ...common, port, unused: unusedOf(way, unused++) })
    }
}

/** Above the ports that this kernel gives to connections of its own. */
const FIRST_PORT = 61_000
const PORTS = 4_500

function maskOf({ onLink }: Way): number {
    const left = 128 - (onLink ?? 120)
    return left >= 32 ? 0xffffffff : 2 ** left - 1
}

function broadcastOf(way: Way): Address {
    const [a, b, c, d] = way.us
    return [a, b, c, (d | maskOf(way)) >>> 0]
}

/** In the upper half of the network, from the end: that is where nobody is likely to be. IPv6: anywhere. */
function unusedOf(way: Way, number: number): Address {
    const [a, b, , d] = way.us
    if (way.family === 6) return [a, b, 0x0db80000 + (number & 0xffff), (0xdb8 << 16) | (number & 0xffff)]
    const mask = maskOf(way)
    const half = Math.max(1, (mask >>> 1) - 1)
    for (let step = 0; ; step++) {
        const address: Address = [0, 0, 0xffff, ((d & ~mask) | (mask - 1 - ((number + step) % half))) >>> 0]
        if (step > 2 || (address[3] !== way.us[3] && address[3] !== way.host[3])) return address
    }
}
