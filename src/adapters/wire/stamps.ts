/** Packets of one interface with the time at which the kernel saw them, those that this host sends among them. */
import { PacketRing } from "../system/packet-ring.ts"
import { ETH_P_ALL } from "../system/raw-link.ts"
import { LITTLE } from "../system/socket.ts"

const SIZE = 1 << 20
/** struct sock_filter: BPF_RET with a constant, "all of the packet". */
const EVERYTHING = 0x06
const ALL_OF_IT = 0x40000

/** An open listener. */
export type Stamps = {
    /** Hands over the packets that have come, each lent for the call; `ns`: nanoseconds since some time in the past. */
    readonly take: (sink: (packet: Uint8Array, ns: number) => void) => void
    readonly close: () => void
}

/** Opens one for the interface with this index. Needs CAP_NET_RAW; throws SystemError. */
export function openStamps(index: number): Stamps {
    const program = new DataView(new ArrayBuffer(8))
    program.setUint16(0, EVERYTHING, LITTLE)
    program.setUint32(4, ALL_OF_IT, LITTLE)
    const ring = new PacketRing(ETH_P_ALL, new Uint8Array(program.buffer), SIZE)
    let first: number | null = null
    return {
        take(sink) {
            for (; ring.next(); ring.release()) {
                if (ring.interface !== index) continue
                // Nanoseconds since 1970 have more digits than a number.
                first ??= ring.seconds
                sink(ring.bytes.subarray(ring.start, ring.end), (ring.seconds - first) * 1e9 + ring.nanoseconds)
            }
        },
        close: () => ring.close(),
    }
}
