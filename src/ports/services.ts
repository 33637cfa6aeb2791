import type { Service } from "../core/knock/hit.ts"

/** What this host openly offers: sockets that listen on an outside address, and ports published by DNAT. */
export interface Services {
    /** Now; reads the kernel each time. */
    offered(): readonly Service[]
    /**
     * What of the last `offered` somebody publishes by changing destinations of what arrives; null: nobody changes any, as
     * far as the kernel tells now.
     */
    published(): readonly Service[] | null
}
