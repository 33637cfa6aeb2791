/** What is asked of a UDP port by its own protocol (RFC 768; RFC 8200, section 8.1, for checksums of 0). */
import { type Body, type Probe, probe } from "./probe.ts"

type Datagram = Extract<Body, { protocol: "udp" }>
type Fields = Partial<Omit<Datagram, "protocol">>

/** A datagram, empty unless it says otherwise. */
export function datagram(fields: Fields = {}): Datagram {
    return { protocol: "udp", ...fields }
}

const ALL: readonly (readonly [string, Fields])[] = [
    ["without data", {}],
    ["wrong checksum", { data: 4, checksum: "bad" }],
    ["with data", { data: 8 }],
    ["a length beyond its end", { data: 4, longer: 4 }],
    ["a length short of its end", { data: 4, longer: -4 }],
    ["a length of less than a header", { data: 4, longer: -8 }],
    ["checksum 0", { data: 4, checksum: "zero" }],
    ["4 bytes of it", { cut: 4 }],
    ["1200 bytes", { data: 1200 }],
]

/** All of them. Each can be answered by an ICMP error only. */
export function udpProbes(): Probe[] {
    return ALL.map(([name, fields]) => probe("others", `UDP, ${name}`, { body: datagram(fields) }, { rationed: true }))
}
