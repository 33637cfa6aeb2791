import { codeOf, type Service, uniqueServices } from "../../core/knock/hit.ts"
import type { Address } from "../../core/net/address.ts"
import type { Services } from "../../ports/services.ts"
import { listeningSockets } from "../system/sockdiag.ts"
import { isLoopback } from "./loopback.ts"

/** What listens on this host's outside: TCP listeners and unconnected UDP sockets that are not bound to loopback. */
export function socketServices(): Services {
    return {
        offered: () => servicesAt((address) => !isLoopback(address)),
        published: () => null,
    }
}

/** What listens on loopback, which nobody outside reaches unless he is led there. */
export function insideServices(): readonly Service[] {
    return servicesAt(isLoopback)
}

function servicesAt(wanted: (address: Address) => boolean): Service[] {
    const sockets = listeningSockets().filter(({ address }) => wanted(address))
    return uniqueServices(sockets.map(({ protocol, port }) => ({ protocol, port }))).sort(
        (a, b) => codeOf(a) - codeOf(b),
    )
}
