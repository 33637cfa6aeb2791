import { codeOf, uniqueServices } from "../../core/knock/hit.ts"
import { type Address, isIPv4 } from "../../core/net/address.ts"
import type { Services } from "../../ports/services.ts"
import { listeningSockets } from "../system/sockdiag.ts"

/** What listens on this host's outside: TCP listeners and unconnected UDP sockets that are not bound to loopback. */
export function socketServices(): Services {
    return {
        offered() {
            const outside = listeningSockets().filter(({ address }) => !isLoopback(address))
            return uniqueServices(outside.map(({ protocol, port }) => ({ protocol, port }))).sort(
                (a, b) => codeOf(a) - codeOf(b),
            )
        },
    }
}

/** 127.0.0.0/8 or ::1. */
function isLoopback(address: Address): boolean {
    if (isIPv4(address)) return address[3] >>> 24 === 127
    return address[0] === 0 && address[1] === 0 && address[2] === 0 && address[3] === 1
}
