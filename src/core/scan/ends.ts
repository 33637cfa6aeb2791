/** Between whom a probe goes: what is known when it is sent. */
import { type Address, parseAddress } from "../net/address.ts"
import type { Family, Who } from "./probe.ts"

/** The two ends of a probe. */
export type Ends = {
    readonly family: Family
    readonly us: Address
    readonly host: Address
    /** Hardware addresses of the link: ours, and that of the host or of the router before it. Null: the link has none. */
    readonly link: { readonly ours: Uint8Array; readonly theirs: Uint8Array } | null
    /** The port that is asked. */
    readonly port: number
    readonly sourcePort: number
    readonly sequence: number
    /** An address of the link that nobody has. */
    readonly unused: Address
    /** The broadcast address of the link. */
    readonly broadcast: Address
}

/** Whom a packet is from or to. Throws if a probe names an address that is none. */
export function addressOf(who: Who, ends: Ends): Address {
    switch (who) {
        case "us":
            return ends.us
        case "host":
            return ends.host
        case "unused":
            return ends.unused
        case "broadcast":
            return ends.broadcast
        default: {
            const address = parseAddress(who.address)
            if (address === null) throw new Error(`not an address: ${who.address}`)
            return address
        }
    }
}

/** The bytes of an address in a packet of this family. */
export function addressBytes(family: Family, address: Address): Uint8Array {
    const bytes = new Uint8Array(16)
    const view = new DataView(bytes.buffer)
    for (const [i, word] of address.entries()) view.setUint32(4 * i, word)
    return family === 4 ? bytes.subarray(12) : bytes
}
