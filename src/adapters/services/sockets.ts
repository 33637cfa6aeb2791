import { codeOf, uniqueServices } from "../../core/knock/hit.ts"
import type { Services } from "../../ports/services.ts"
import { listeningSockets } from "../system/sockdiag.ts"
import { isLoopback } from "./loopback.ts"

/** What listens on this host's outside: TCP listeners and unconnected UDP sockets that are not bound to loopback. */
export function socketServices(): Services {
    return {
        offered() {
            const outside = listeningSockets().filter(({ address }) => !isLoopback(address))
            return uniqueServices(outside.map(({ protocol, port }) => ({ protocol, port }))).sort(
                (a, b) => codeOf(a) - codeOf(b),
            )
        },
        published: () => null,
    }
}
