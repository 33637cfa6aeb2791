import type { Service } from "../core/knock/hit.ts"

/** What this host openly offers: sockets that listen on an outside address, and ports published by DNAT. */
export interface Services {
    /** Now; reads the kernel each time. */
    offered(): readonly Service[]
    /** Does somebody change destinations of what arrives, as far as the kernel tells? Reads it each time. */
    translates(): boolean
}
