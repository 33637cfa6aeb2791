/** Checksums of packets that came back. */
import { checksum } from "../net/encode.ts"

/** The sum of the pseudo header, from the bytes of addresses (RFC 9293, section 3.1; RFC 8200, section 8.1). */
export function pseudoSum(source: Uint8Array, destination: Uint8Array, protocol: number, length: number): number {
    // The checksum of nothing but these, turned back into their sum.
    return 0xffff - checksum(source, 0) + (0xffff - checksum(destination, 0)) + protocol + length
}

/**
 * Is the checksum at `place` right? One that the kernel has left to the hardware is, too: on links between virtual
 * machines and namespaces nobody works it out, and the sum of the pseudo header stands there alone (Linux:
 * CHECKSUM_PARTIAL in include/linux/skbuff.h).
 */
export function sumIsRight(bytes: Uint8Array, place: number, pseudo: number): boolean {
    if (checksum(bytes, pseudo) === 0) return true
    const stored = ((bytes[place] ?? 0) << 8) | (bytes[place + 1] ?? 0)
    return pseudo !== 0 && stored === (~checksum(new Uint8Array(0), pseudo) & 0xffff)
}
