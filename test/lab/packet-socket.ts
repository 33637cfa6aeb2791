/**
 * Many raw frames with one system call: AF_PACKET and sendmmsg(2), with the structures laid out by hand for 64-bit
 * Linux. Test equipment, written apart from the program's own system calls, which it helps to test.
 */
import koffi from "koffi"

const AF_PACKET = 17
const SOCK_RAW = 3
const SOL_PACKET = 263
const PACKET_QDISC_BYPASS = 20
const SOL_SOCKET = 1
const SO_SNDBUFFORCE = 32
const ENOBUFS = 105
const EAGAIN = 11
const EINTR = 4

const HEADER = 64
const IOVEC = 16
const ADDRESS = 20

/** A socket with room for a batch of frames. */
export type Sender = {
    /** The frames of the batch, to be written before `send`. */
    readonly frames: readonly Uint8Array[]
    /** How long one of them is. */
    readonly length: (slot: number, bytes: number) => void
    /** Sends the first `count` frames; waits while the kernel's queue is full. Throws if the kernel refuses. */
    readonly send: (count: number) => void
    readonly close: () => void
}

/** Opens a sender for `batch` frames of at most `size` bytes on `device`. Throws without CAP_NET_RAW. */
export function openSender(device: string, batch: number, size: number): Sender {
    const libc = koffi.load(null)
    const socket = libc.func("int socket(int domain, int type, int protocol)")
    const setsockopt = libc.func("int setsockopt(int fd, int level, int name, int *value, uint32_t length)")
    const sendmmsg = libc.func("int sendmmsg(int fd, void *messages, uint32_t count, int flags)")
    const close = libc.func("int close(int fd)")
    const if_nametoindex = libc.func("uint32_t if_nametoindex(const char *name)")

    const index: number = if_nametoindex(device)
    if (index === 0) throw new Error(`no such interface here: ${device}`)
    const fd: number = socket(AF_PACKET, SOCK_RAW, 0)
    if (fd < 0) throw new Error(`socket(AF_PACKET): errno ${koffi.errno()}`)
    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, [1], 4)
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, [8 << 20], 4)

    const [headers, iovecs, frames, address] = [
        allocate(batch * HEADER),
        allocate(batch * IOVEC),
        allocate(batch * size),
        allocate(ADDRESS),
    ]
    new Uint8Array(iovecs.view.buffer).fill(0)
    // struct sockaddr_ll: family, protocol, interface index; the frame brings its own link header.
    address.view.setUint16(0, AF_PACKET, true)
    address.view.setInt32(4, index, true)
    for (let slot = 0; slot < batch; slot++) {
        iovecs.view.setBigUint64(slot * IOVEC, frames.at + BigInt(slot * size), true)
        const at = slot * HEADER
        headers.view.setBigUint64(at, address.at, true)
        headers.view.setUint32(at + 8, ADDRESS, true)
        headers.view.setBigUint64(at + 16, iovecs.at + BigInt(slot * IOVEC), true)
        headers.view.setBigUint64(at + 24, 1n, true)
    }
    const lengths = new Uint32Array(iovecs.view.buffer)
    const slots = Array.from({ length: batch }, (_, slot) => new Uint8Array(frames.view.buffer, slot * size, size))

    return {
        frames: slots,
        // The lower half of a size_t, little-endian as everywhere here; the upper one is 0 from the start.
        length: (slot, bytes) => {
            lengths[slot * (IOVEC / 4) + 2] = bytes
        },
        send(count) {
            for (let done = 0; done < count; ) {
                const sent: number = sendmmsg(fd, headers.at + BigInt(done * HEADER), count - done, 0)
                if (sent > 0) done += sent
                else if (![ENOBUFS, EAGAIN, EINTR].includes(koffi.errno()))
                    throw new Error(`sendmmsg: errno ${koffi.errno()}`)
            }
        },
        close: () => {
            close(fd)
        },
    }
}

function allocate(bytes: number): { readonly at: bigint; readonly view: DataView } {
    const memory: unknown = koffi.alloc("uint8_t", bytes)
    return { at: koffi.address(memory), view: new DataView(koffi.view(memory, bytes)) }
}
