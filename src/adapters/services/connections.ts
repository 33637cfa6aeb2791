/** Who is connected to a service of this host, as far as its own sockets tell. */
import { hasService, type Service } from "../../core/knock/hit.ts"
import type { Address } from "../../core/net/address.ts"
import { connectedSockets, listeningSockets } from "../system/sockdiag.ts"
import { isLoopback } from "./loopback.ts"

/**
 * A connection. `key`: no other one of now has it. `made`: it is no longer just being made. `inside`: it comes over
 * loopback.
 */
export type Connection = {
    readonly key: string
    readonly source: Address
    readonly made: boolean
    readonly inside: boolean
}

/**
 * The connections to it; null: they cannot be seen, because it is of UDP, or nothing on this host itself listens for it.
 * Throws SystemError.
 */
export function connectionsTo(service: Service): Connection[] | null {
    if (service.protocol !== "tcp") return null
    if (!hasService(listeningSockets(), service)) return null
    return connectedSockets(service.port).map(({ source, port, made }) => ({
        key: `${source.join(" ")} ${port}`,
        source,
        made,
        inside: isLoopback(source),
    }))
}
