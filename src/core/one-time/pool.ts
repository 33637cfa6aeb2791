/** What the hits of one-time sequences are drawn from (spec/one-time.md, section 2). */
import type { Hit, Protocol, Service } from "../knock/hit.ts"
import { NEVER_DRAWN, neverDrawn } from "../knock/ports.ts"

/** What the configuration says of it. Ports from `from` to `to`, both included. */
export type PoolOptions = {
    readonly protocols: readonly Protocol[]
    readonly from: number
    readonly to: number
    /** Services of doors and of the gateway: by that protocol no hit. */
    readonly services: readonly Service[]
}

/** The spec's: payload sizes of echo requests, both included. */
const ECHO_SIZES = { from: 100, to: 1300 }
/** The spec's: the fewest hits a pool has. */
export const LEAST_POOL = 1000
/** The spec's order. */
const ORDER: readonly Protocol[] = ["tcp", "udp", "icmp"]

/** What a configuration names as a service, of its doors or of the gateway. */
export function poolServices(
    doors: readonly { readonly opens: readonly Service[] }[],
    services: readonly Service[],
): readonly Service[] {
    return [...services, ...doors.flatMap(({ opens }) => opens)]
}

/** All hits of a pool, in the spec's order: tcp, udp, icmp, each with rising values, each hit once. */
export function poolOf({ protocols, from, to, services }: PoolOptions): readonly Hit[] {
    const taken = new Set(services.map(({ protocol, port }) => `${protocol}/${port}`))
    return ORDER.filter((protocol) => protocols.includes(protocol)).flatMap((protocol): Hit[] => {
        const { from: first, to: last } = protocol === "icmp" ? ECHO_SIZES : { from, to }
        const values = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i)
        const free = (port: number) => protocol === "icmp" || !(neverDrawn(port) || taken.has(`${protocol}/${port}`))
        return values.filter(free).map((port) => ({ protocol, port }))
    })
}

/** How many hits `poolOf` would give, counted instead of listed. */
export function poolSize({ protocols, from, to, services }: PoolOptions): number {
    const within = (port: number) => port >= Math.max(from, 1024) && port <= to
    const ports = Math.max(0, to - Math.max(from, 1024) + 1) - NEVER_DRAWN.filter(within).length
    return ORDER.filter((protocol) => protocols.includes(protocol)).reduce((size, protocol) => {
        if (protocol === "icmp") return size + ECHO_SIZES.to - ECHO_SIZES.from + 1
        const own = services.filter((service) => service.protocol === protocol && within(service.port))
        const taken = new Set(own.map(({ port }) => port).filter((port) => !neverDrawn(port)))
        return size + ports - taken.size
    }, 0)
}

/** How many sequences of `length` hits a pool of `size` has, as bits. */
export function bitsOf(size: number, length: number): number {
    let bits = 0
    for (let i = 0; i < length; i++) bits += Math.log2(size - i)
    return bits
}

/**
 * How many hits a guesser sends until a door has opened with a probability of one half, as bits: each hit ends one run of
 * `length` hits, and `upcoming` sequences are accepted at any time.
 */
export function guessBits(size: number, length: number, upcoming: number): number {
    return bitsOf(size, length) - Math.log2(upcoming) + Math.log2(Math.LN2)
}
