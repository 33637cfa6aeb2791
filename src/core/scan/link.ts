/** Ethernet around a packet (IEEE 802.3), or nothing around it where the link has no header. */
import type { Ends } from "./ends.ts"
import type { PacketSpec } from "./probe.ts"

export const ETHERNET = 14
/** EtherTypes. */
export const ARP = 0x0806
export const ETHERTYPE = { 4: 0x0800, 6: 0x86dd } as const

const BROADCAST = Uint8Array.of(255, 255, 255, 255, 255, 255)
/** "All hosts" and "all nodes" (RFC 1112, RFC 2464). */
const MULTICAST = { 4: Uint8Array.of(1, 0, 0x5e, 0, 0, 1), 6: Uint8Array.of(0x33, 0x33, 0, 0, 0, 1) } as const
/** Of the locally administered ones, so nobody's card has it. */
const FOREIGN = Uint8Array.of(2, 0, 0x5e, 0x10, 0, 0xee)

/** A packet as it goes onto the link. */
export function encodeFrame(packet: Uint8Array, { link, padded = 0 }: PacketSpec, ends: Ends): Uint8Array {
    if (ends.link === null) return packet
    const { ours, theirs } = ends.link
    const to = { broadcast: BROADCAST, multicast: MULTICAST[ends.family], foreign: FOREIGN }
    const frame = new Uint8Array(Math.max(padded, ETHERNET + packet.length))
    frame.set(link === undefined ? theirs : to[link], 0)
    frame.set(ours, 6)
    frame[12] = ETHERTYPE[ends.family] >>> 8
    frame[13] = ETHERTYPE[ends.family] & 255
    frame.set(packet, ETHERNET)
    return frame
}
