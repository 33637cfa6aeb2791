/** Two ends of a probe for tests without a network, and what a closed port of a kernel answers. */
import { type Address, parseAddress } from "../../src/core/net/address.ts"
import { encodeSegment } from "../../src/core/net/encode.ts"
import { ACK, RST } from "../../src/core/net/packet.ts"
import { addressBytes, type Ends } from "../../src/core/scan/ends.ts"
import type { Shot } from "../../src/core/scan/shoot.ts"

const address = (text: string): Address => parseAddress(text)!

/** Ends of this family. */
export function endsOf(family: 4 | 6, port: number): Ends {
    return {
        family,
        us: address(family === 4 ? "192.0.2.2" : "fd00::2"),
        host: address(family === 4 ? "192.0.2.1" : "fd00::1"),
        unused: address(family === 4 ? "192.0.2.200" : "fd00::db8"),
        broadcast: address("192.0.2.255"),
        link: { ours: Uint8Array.of(2, 0, 0, 0, 0, 2), theirs: Uint8Array.of(2, 0, 0, 0, 0, 1) },
        port,
        sourcePort: 61_234,
        sequence: 0x01020304,
    }
}

/** What stands differently in an answer. */
export type Odd = { readonly tos?: number; readonly flowLabel?: number; readonly ttl?: number; readonly sport?: number }

/** The frame of a reset for a shot, as the kernel would send it but for what is odd. */
export function resetFor({ ends }: Shot, odd: Odd = {}): Uint8Array {
    const { family, us, host, port, sourcePort, sequence, link } = ends
    const { tos = 0, flowLabel = 0x12345, ttl = 64, sport = port } = odd
    const numbers = { source: host, destination: us, sourcePort: sport, port: sourcePort, sequence }
    const body = encodeSegment({ ...numbers, flags: RST | ACK })
    const header = new Uint8Array(family === 4 ? 20 : 40)
    const view = new DataView(header.buffer)
    if (family === 4) {
        header.set([0x45, tos, 0, 40, 0, 0, 0x40, 0, ttl, 6, 0, 0])
        header.set([...addressBytes(4, host), ...addressBytes(4, us)], 12)
        let sum = 0
        for (let at = 0; at < 20; at += 2) sum += view.getUint16(at)
        view.setUint16(10, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff)
    } else {
        view.setUint32(0, ((6 << 28) | (tos << 20) | flowLabel) >>> 0)
        header.set([0, body.length, 6, ttl], 4)
        header.set([...addressBytes(6, host), ...addressBytes(6, us)], 8)
    }
    const type = family === 4 ? [8, 0] : [0x86, 0xdd]
    return Uint8Array.from([...link!.ours, ...link!.theirs, ...type, ...header, ...body])
}
