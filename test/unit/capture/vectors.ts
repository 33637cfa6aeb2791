/** Reads vectors/packet and compares a decoded packet with what a vector expects. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { type Address, formatAddress } from "../../../src/core/net/address.ts"
import { type Packet, TCP, UDP } from "../../../src/core/net/packet.ts"
import type { ExpectedPacket, FrameVector, PacketVector } from "../../../tools/vectors/packet.ts"

const vectorsRoot = join(import.meta.dirname, "../../../vectors")

export function readPackets(name: "ipv4" | "ipv6"): PacketVector[] {
    return JSON.parse(readFileSync(join(vectorsRoot, "packet", `${name}.json`), "utf8"))
}

export function readFrames(): FrameVector[] {
    return JSON.parse(readFileSync(join(vectorsRoot, "packet", "frames.json"), "utf8"))
}

/** The packet in the words of a vector. */
export function describePacket(packet: Packet): NonNullable<ExpectedPacket> {
    const source: Address = [packet.source0, packet.source1, packet.source2, packet.source3]
    const destination: Address = [packet.destination0, packet.destination1, packet.destination2, packet.destination3]
    return {
        source: formatAddress(source),
        destination: formatAddress(destination),
        protocol: packet.protocol === TCP ? "tcp" : packet.protocol === UDP ? "udp" : "icmp",
        port: packet.port,
        flags: packet.flags,
        sourcePort: packet.sourcePort,
        sequence: packet.sequence,
    }
}
