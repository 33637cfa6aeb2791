import { type Address, isIPv4 } from "../../core/net/address.ts"

/** 127.0.0.0/8 or ::1: an address that no packet from outside reaches. */
export function isLoopback(address: Address): boolean {
    if (isIPv4(address)) return address[3] >>> 24 === 127
    return address[0] === 0 && address[1] === 0 && address[2] === 0 && address[3] === 1
}
