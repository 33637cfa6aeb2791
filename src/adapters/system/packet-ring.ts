/**
 * Packet sockets with a receive ring that the kernel fills and JavaScript reads in place (TPACKET_V2; Linux
 * Documentation/networking/packet_mmap.rst). Version 3 is not used: it hands over blocks by a timer, which costs a
 * single knock 3 ms.
 */
import { lastErrno, SystemError } from "./errno.ts"
import { ffi, libcFunction } from "./ffi.ts"
import {
    AF_PACKET,
    attachFilter,
    bindSocket,
    closeSocket,
    getOption,
    LITTLE,
    openSocket,
    SOCK_DGRAM,
    setNumber,
    setOption,
} from "./socket.ts"

/** EtherTypes a packet socket listens for. */
export const ETH_P_IP = 0x0800
export const ETH_P_IPV6 = 0x86dd

const SOL_PACKET = 263
const PACKET_RX_RING = 5
const PACKET_STATISTICS = 6
const PACKET_VERSION = 10
const TPACKET_V2 = 1

/** struct tpacket2_hdr, and struct sockaddr_ll 32 bytes into the frame: fixed widths in the host's byte order. */
const AT_STATUS = 0
const AT_SNAPLEN = 8 / 4
const AT_NETWORK = 14 / 2
const AT_SECONDS = 16 / 4
const AT_NANOSECONDS = 20 / 4
const AT_INTERFACE = 36 / 4
const STATUS_KERNEL = 0
const STATUS_USER = 1

const PROT_READ_WRITE = 3
const MAP_SHARED = 1
const MAP_FAILED = 0xffff_ffff_ffff_ffffn

/** A frame holds 80 bytes of headers and the first 176 bytes of a packet. */
const FRAME_SIZE = 256
const BLOCK_SIZE = 65_536
export const RING_SNAPLEN = 176

/** One packet socket of one EtherType on all interfaces, with its ring. `next` moves through it, reading in place. */
export class PacketRing {
    readonly fd: number
    /** The whole ring; empty after `close`. */
    bytes: Uint8Array
    /** The current packet: `bytes[start, end)`, its interface, and the kernel's time stamp. */
    start = 0
    end = 0
    interface = 0
    seconds = 0
    nanoseconds = 0
    readonly #frames: number
    #words: Int32Array
    #halves: Uint16Array
    readonly #address: bigint
    #frame = 0
    #open = true

    /**
     * Opens, attaches the filter, and only then binds: so no packet that the filter would refuse is ever queued.
     * `size` in bytes is rounded up to whole blocks. Throws SystemError.
     */
    constructor(etherType: number, filter: Uint8Array, size: number) {
        const blocks = Math.max(1, Math.ceil(size / BLOCK_SIZE))
        this.#frames = (blocks * BLOCK_SIZE) / FRAME_SIZE
        this.fd = openSocket(AF_PACKET, SOCK_DGRAM, 0)
        try {
            attachFilter(this.fd, filter)
            setNumber(this.fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2, "PACKET_VERSION")
            const request = Uint32Array.of(BLOCK_SIZE, blocks, FRAME_SIZE, this.#frames)
            setOption(this.fd, SOL_PACKET, PACKET_RX_RING, new Uint8Array(request.buffer), "PACKET_RX_RING")
            this.#address = map(this.fd, blocks * BLOCK_SIZE)
        } catch (error) {
            closeSocket(this.fd)
            throw error
        }
        const memory = ffi().view(this.#address, blocks * BLOCK_SIZE)
        this.bytes = new Uint8Array(memory)
        this.#words = new Int32Array(memory)
        this.#halves = new Uint16Array(memory)
        try {
            // Interface 0 is all of them: so one that goes away or comes back is never an error of this socket.
            bindSocket(this.fd, linkAddress(etherType, 0))
        } catch (error) {
            this.close()
            throw error
        }
    }

    /** Moves to the next packet, giving the one before back to the kernel. False: nothing waits. */
    next(): boolean {
        const word = (this.#frame * FRAME_SIZE) / 4
        if (!this.#open || (Atomics.load(this.#words, word + AT_STATUS) & STATUS_USER) === 0) return false
        const network = this.#halves[this.#frame * (FRAME_SIZE / 2) + AT_NETWORK]!
        this.start = this.#frame * FRAME_SIZE + network
        this.end = Math.min(this.start + this.#words[word + AT_SNAPLEN]!, (this.#frame + 1) * FRAME_SIZE)
        this.interface = this.#words[word + AT_INTERFACE]!
        this.seconds = this.#words[word + AT_SECONDS]! >>> 0
        this.nanoseconds = this.#words[word + AT_NANOSECONDS]!
        return true
    }

    /** Gives the current packet back to the kernel. */
    release(): void {
        Atomics.store(this.#words, (this.#frame * FRAME_SIZE) / 4 + AT_STATUS, STATUS_KERNEL)
        this.#frame = this.#frame + 1 === this.#frames ? 0 : this.#frame + 1
    }

    /** How many packets the ring holds. */
    get capacity(): number {
        return this.#frames
    }

    /** Replaces the filter; packets in the ring stay. Throws SystemError. */
    filter(program: Uint8Array): void {
        attachFilter(this.fd, program)
    }

    /** Packets dropped because the ring was full, since the last call. */
    takeDrops(): number {
        return getOption(this.fd, SOL_PACKET, PACKET_STATISTICS, 8, "PACKET_STATISTICS").getUint32(4, LITTLE)
    }

    /** Ends all. The views must not be used after the memory is gone, so they are emptied first. */
    close(): void {
        if (!this.#open) return
        this.#open = false
        this.bytes = new Uint8Array(0)
        this.#words = new Int32Array(0)
        this.#halves = new Uint16Array(0)
        libcFunction("int munmap(void *address, size_t length)")(this.#address, this.#frames * FRAME_SIZE)
        closeSocket(this.fd)
    }
}

/** struct sockaddr_ll (man 7 packet) for an EtherType and an interface, optionally with a hardware address. */
export function linkAddress(etherType: number, index: number, hardware: Uint8Array = new Uint8Array(0)): Uint8Array {
    const address = new Uint8Array(20)
    const view = new DataView(address.buffer)
    view.setUint16(0, AF_PACKET, LITTLE)
    view.setUint16(2, etherType)
    view.setInt32(4, index, LITTLE)
    address[11] = hardware.length
    address.set(hardware.subarray(0, 8), 12)
    return address
}

function map(fd: number, size: number): bigint {
    const mmap = libcFunction(
        "uintptr_t mmap(void *at, size_t length, int protection, int flags, int fd, intptr_t offset)",
    )
    const address = BigInt(mmap(null, size, PROT_READ_WRITE, MAP_SHARED, fd, 0))
    // A 32-bit system answers with fewer bits.
    if (address === MAP_FAILED || address === 0xffff_ffffn)
        throw new SystemError("mmap of the packet ring", lastErrno())
    return address
}
