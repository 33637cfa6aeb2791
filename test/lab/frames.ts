/**
 * Frames for floods: Ethernet, IPv4 or IPv6, TCP (SYN) or UDP (one byte), with right checksums. What is the same in
 * all of them is written once, when the writer is made; each packet costs some 20 bytes and two sums, because whoever
 * floods in TypeScript shares the processor with the kernel that he floods.
 */

/** Which packets to make. */
export type FrameOrder = {
    /** The MAC address of the next hop. */
    readonly mac: string
    readonly destination: string
    readonly protocol: "tcp" | "udp"
    /** In the order in which each source sends them. */
    readonly ports: readonly number[]
    /** `random` and `sequential` take sources from a network (`10.0.0.0/8`); `fixed` is one address. */
    readonly sources: { readonly kind: "random" | "sequential" | "fixed"; readonly network: string }
    readonly seed: number
}

const ETHERNET = 14
const TCP = 6
const UDP = 17
/** The least that Ethernet sends. */
const SHORTEST = 60

/** Writes the order's packets, one after another, into `frames`; `next` says which, and returns the frame's length. */
export function frameWriter(
    order: FrameOrder,
    frames: readonly Uint8Array[],
): { readonly next: (slot: number) => number } {
    const random = xorshift(order.seed)
    const six = order.destination.includes(":")
    const destination = bytesOf(order.destination)
    const sources = sourceMaker(order, destination.length, random)
    const tcp = order.protocol === "tcp"
    const size = tcp ? 20 : 9
    const ip = six ? 40 : 20
    const [sourceAt, at] = [ETHERNET + (six ? 8 : 12), ETHERNET + ip]
    const pattern = new Uint8Array(Math.max(SHORTEST, at + size))
    const view = new DataView(pattern.buffer)
    pattern.set(Uint8Array.from(order.mac.split(":"), (part) => Number.parseInt(part, 16)))
    pattern.fill(2, 6, 12)
    view.setUint16(12, six ? 0x86dd : 0x0800)
    if (six) {
        view.setUint8(14, 0x60)
        view.setUint16(18, size)
        view.setUint8(20, tcp ? TCP : UDP)
        view.setUint8(21, 64)
    } else {
        view.setUint16(14, 0x4500)
        view.setUint16(16, 20 + size)
        view.setUint8(22, 64)
        view.setUint8(23, tcp ? TCP : UDP)
    }
    pattern.set(destination, sourceAt + destination.length)
    if (tcp) {
        view.setUint16(at + 12, 0x5002)
        view.setUint16(at + 14, 64_240)
    } else view.setUint16(at + 4, size)
    for (const frame of frames) frame.set(pattern)
    // The sums of what does not change; the pseudo header has addresses, length and protocol (RFC 9293, RFC 768).
    const ipSum = sum(pattern, ETHERNET, at)
    const transportSum =
        sum(pattern, sourceAt, at) + size + (tcp ? TCP : UDP) + sum(pattern, at, at + size + (size & 1))
    let turn = order.ports.length
    let sourcePort = 0
    let sourceSum = 0

    return {
        next(slot) {
            const frame = frames[slot]!
            if (turn >= order.ports.length) {
                turn = 0
                sources.next()
                sourceSum = sum(sources.address, 0, sources.address.length)
                sourcePort = 32_768 + (random() % 28_000)
            }
            const port = order.ports[turn++]!
            for (let index = 0; index < sources.address.length; index++)
                frame[sourceAt + index] = sources.address[index]!
            if (!six) {
                const identification = random() & 0xffff
                put(frame, 18, identification)
                put(frame, 24, complement(ipSum + sourceSum + identification))
            }
            put(frame, at, sourcePort)
            put(frame, at + 2, port)
            let total = transportSum + sourceSum + sourcePort + port
            if (tcp) {
                const [high, low] = [random() & 0xffff, random() & 0xffff]
                put(frame, at + 4, high)
                put(frame, at + 6, low)
                total += high + low
            }
            // A UDP checksum of 0 would mean that there is none.
            put(frame, at + (tcp ? 16 : 6), complement(total) || 0xffff)
            return pattern.length
        },
    }
}

/** `next` moves `address`, which is always the same array, to another source. */
function sourceMaker({ sources }: FrameOrder, length: number, random: () => number) {
    const [network, prefix] = sources.network.split("/")
    const base = bytesOf(network!)
    if (base.length !== length) throw new Error("source and destination must be of one family")
    const bits = sources.kind === "fixed" || prefix === undefined ? base.length * 8 : Number(prefix)
    const free = base.map((_, index) =>
        bits >= (index + 1) * 8 ? 0 : bits <= index * 8 ? 0xff : 0xff >> (bits - index * 8),
    )
    const address = Uint8Array.from(base)
    let count = 0
    return {
        address,
        next() {
            if (sources.kind === "fixed") return
            count += 1
            let word = sources.kind === "random" ? random() : count
            for (let index = base.length - 1; index >= 0 && free[index] !== 0; index--) {
                address[index] = (base[index]! & ~free[index]!) | (word & free[index]!)
                word >>>= 8
                if ((index & 3) === 0 && sources.kind === "random") word = random()
            }
        },
    }
}

function put(bytes: Uint8Array, at: number, value: number): void {
    bytes[at] = value >> 8
    bytes[at + 1] = value
}

function sum(bytes: Uint8Array, from: number, to: number): number {
    let total = 0
    for (let index = from; index < to; index += 2) total += (bytes[index]! << 8) | bytes[index + 1]!
    return total
}

/** The Internet checksum (RFC 1071) of what was summed up. */
function complement(total: number): number {
    let folded = total
    while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16)
    return ~folded & 0xffff
}

function bytesOf(address: string): Uint8Array {
    if (!address.includes(":")) return Uint8Array.from(address.split("."), Number)
    const [head, tail] = address.split("::")
    const [before, after] = [wordsOf(head), wordsOf(tail)]
    const all = [...before, ...Array<string>(8 - before.length - after.length).fill("0"), ...after]
    return Uint8Array.from(all.flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 0xff]))
}

function wordsOf(text: string | undefined): string[] {
    return text === undefined || text === "" ? [] : text.split(":")
}

/** Marsaglia's xorshift32: enough for sources and sequence numbers, and a seed repeats the run. */
function xorshift(seed: number): () => number {
    let state = (seed | 0) === 0 ? 0x9e3779b9 : seed | 0
    return () => {
        state ^= state << 13
        state ^= state >>> 17
        state ^= state << 5
        return state >>> 0
    }
}
