/**
 * A bounded packet sender for namespaces of our own: hand-made TCP and UDP packets over IPv4 and IPv6, from real or
 * spoofed sources, in any order of ports, paced or as fast as it goes. As a program:
 *
 *     node --import tsx test/lab/flood.ts '{"namespace": "pt-1-knocker", "device": "eth0", "mac": "02:…", …}'
 *
 * It prints one line of JSON: packets sent, seconds, packets per second. It refuses to run anywhere but in the named
 * namespace it is told, and stops at MAX_PACKETS and MAX_SECONDS whatever it is asked.
 */
import { statSync } from "node:fs"
import { openSender } from "./packet-socket.ts"

/** What to send. */
export type Flood = {
    /** The network namespace this must run in, as `ip netns` knows it. */
    readonly namespace: string
    readonly device: string
    /** The MAC address of the next hop. */
    readonly mac: string
    readonly destination: string
    readonly protocol: "tcp" | "udp"
    /** In the order in which each source sends them. */
    readonly ports: readonly number[]
    /** `random` and `sequential` take sources from a network (`10.0.0.0/8`); `fixed` is one address. */
    readonly sources: { readonly kind: "random" | "sequential" | "fixed"; readonly network: string }
    readonly count: number
    /** Packets per second; 0: as fast as it goes. */
    readonly rate: number
    readonly seed: number
}

export type Flooded = { readonly sent: number; readonly seconds: number; readonly perSecond: number }

/** Our own limits, for the peace of the machine. */
const MAX_PACKETS = 5_000_000
const MAX_SECONDS = 120
const BATCH = 64
const FRAME = 128

/** Sends it all, blocking. Throws when it is not in the namespace it was told, or when the kernel refuses. */
export function flood(order: Flood): Flooded {
    refuseElsewhere(order.namespace)
    const count = Math.min(order.count, MAX_PACKETS)
    const sender = openSender(order.device, BATCH, FRAME)
    const write = frameWriter(order)
    const begun = performance.now()
    let sent = 0
    while (sent < count) {
        const elapsed = (performance.now() - begun) / 1000
        if (elapsed > MAX_SECONDS) break
        const due = order.rate === 0 ? count : Math.min(count, Math.floor(elapsed * order.rate) + 1)
        const batch = Math.min(BATCH, due - sent)
        if (batch <= 0) {
            Atomics.wait(SLEEP, 0, 0, 1)
            continue
        }
        for (let slot = 0; slot < batch; slot++) sender.length(slot, write(sender.frame(slot)))
        sender.send(batch)
        sent += batch
    }
    sender.close()
    const seconds = (performance.now() - begun) / 1000
    return { sent, seconds, perSecond: Math.round(sent / seconds) }
}

const SLEEP = new Int32Array(new SharedArrayBuffer(4))

function refuseElsewhere(namespace: string): void {
    const [here, there] = ["/proc/self/ns/net", `/run/netns/${namespace}`].map((path) => statSync(path))
    if (here!.ino === there!.ino && here!.dev === there!.dev) return
    throw new Error(`refusing to send: this is not the network namespace ${namespace}`)
}

/** Fills frames one after another and returns each one's length. */
function frameWriter(order: Flood): (frame: Uint8Array) => number {
    const random = xorshift(order.seed)
    const six = order.destination.includes(":")
    const destination = bytesOf(order.destination)
    const [network, prefix] = order.sources.network.split("/")
    const base = bytesOf(network!)
    if (base.length !== destination.length) throw new Error("source and destination must be of one family")
    const bits = order.sources.kind === "fixed" || prefix === undefined ? base.length * 8 : Number(prefix)
    const source = Uint8Array.from(base)
    const mac = Uint8Array.from(order.mac.split(":"), (part) => Number.parseInt(part, 16))
    let [turn, group, sourcePort] = [order.ports.length, 0, 0]

    const nextSource = () => {
        group += 1
        sourcePort = 32_768 + (random() % 28_000)
        if (order.sources.kind === "fixed") return
        let carry = group
        for (let index = source.length - 1; index >= 0; index--) {
            const free = bits >= (index + 1) * 8 ? 0 : bits <= index * 8 ? 0xff : 0xff >> (bits - index * 8)
            const value = order.sources.kind === "random" ? random() : carry
            source[index] = (base[index]! & ~free) | (value & free)
            carry = Math.floor(carry / 256)
        }
    }

    return (frame) => {
        if (turn >= order.ports.length) {
            turn = 0
            nextSource()
        }
        const port = order.ports[turn++]!
        const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
        frame.fill(0)
        frame.set(mac, 0)
        frame.fill(2, 6, 12)
        view.setUint16(12, six ? 0x86dd : 0x0800)
        const size = order.protocol === "tcp" ? 20 : 9
        const at = six ? writeIPv6(view, order, size) : writeIPv4(view, order, size, random())
        frame.set(source, six ? 22 : 26)
        frame.set(destination, six ? 38 : 30)
        if (!six) view.setUint16(24, checksum(frame, 14, 34, 0))
        view.setUint16(at, sourcePort)
        view.setUint16(at + 2, port)
        if (order.protocol === "tcp") {
            view.setUint32(at + 4, random())
            view.setUint16(at + 12, 0x5002)
            view.setUint16(at + 14, 64_240)
        } else {
            view.setUint16(at + 4, size)
        }
        const pseudo = sum(frame, six ? 22 : 26, six ? 54 : 34) + size + (order.protocol === "tcp" ? 6 : 17)
        view.setUint16(at + (order.protocol === "tcp" ? 16 : 6), checksum(frame, at, at + size + (size & 1), pseudo))
        return Math.max(60, at + size)
    }
}

function writeIPv4(view: DataView, { protocol }: Flood, size: number, identification: number): number {
    view.setUint16(14, 0x4500)
    view.setUint16(16, 20 + size)
    view.setUint16(18, identification)
    view.setUint8(22, 64)
    view.setUint8(23, protocol === "tcp" ? 6 : 17)
    return 34
}

function writeIPv6(view: DataView, { protocol }: Flood, size: number): number {
    view.setUint8(14, 0x60)
    view.setUint16(18, size)
    view.setUint8(20, protocol === "tcp" ? 6 : 17)
    view.setUint8(21, 64)
    return 54
}

function sum(bytes: Uint8Array, from: number, to: number): number {
    let total = 0
    for (let index = from; index < to; index += 2) total += (bytes[index]! << 8) | bytes[index + 1]!
    return total
}

/** The Internet checksum (RFC 1071). */
function checksum(bytes: Uint8Array, from: number, to: number, start: number): number {
    let total = start + sum(bytes, from, to)
    while (total > 0xffff) total = (total & 0xffff) + (total >>> 16)
    return ~total & 0xffff
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

if (process.argv[1] === import.meta.filename) {
    const order: Flood = JSON.parse(process.argv[2] ?? "null")
    process.stdout.write(`${JSON.stringify(flood(order))}\n`)
}
