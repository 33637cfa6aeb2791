/** Hits and services as the configuration writes them and as the matcher compares them. */
import { ICMP, type Packet, TCP, UDP } from "../net/packet.ts"

/** What a hit comes by. */
export type Protocol = "tcp" | "udp" | "icmp"

/** One wanted packet: a port by TCP or UDP, or an echo request with `port` bytes of payload. */
export type Hit = { readonly protocol: Protocol; readonly port: number }

/** Something a client connects to. */
export type Service = { readonly protocol: "tcp" | "udp"; readonly port: number }

/** Which TCP packets count: all bits of `set` are set and all bits of `clear` are not. */
export type TcpFlags = { readonly set: number; readonly clear: number }

/** A hit as one small integer: protocol and port. Equal hits have equal codes. */
export type HitCode = number

/** The code of a wanted hit or of a service. */
export function codeOf(hit: Hit): HitCode {
    return ((hit.protocol === "tcp" ? TCP : hit.protocol === "udp" ? UDP : ICMP) << 16) | hit.port
}

/** Each service once, in the order of their first. */
export function uniqueServices(services: readonly Service[]): Service[] {
    return [...new Map(services.map((service) => [codeOf(service), service])).values()]
}

/** Is it among them? */
export function hasService(services: readonly Service[], service: Service): boolean {
    const code = codeOf(service)
    return services.some((one) => codeOf(one) === code)
}

/** The code of a packet, equal to the code of the hit it is. */
export function packetCode(packet: Packet): HitCode {
    return (packet.protocol << 16) | packet.port
}

/** The hit with this code. */
export function hitOf(code: HitCode): Hit {
    const protocol = code >>> 16
    return { protocol: protocol === TCP ? "tcp" : protocol === UDP ? "udp" : "icmp", port: code & 0xffff }
}
