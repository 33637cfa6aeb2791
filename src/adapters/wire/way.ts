/**
 * How packets get to a host: by which interface, from which address, and with which hardware addresses. The kernel is
 * not asked but watched: it sends a packet there, and what it looked like on the link says everything.
 */
import { networkInterfaces } from "node:os"
import { setTimeout as pause } from "node:timers/promises"
import { type Address, contains, parseAddress, sameAddress } from "../../core/net/address.ts"
import { ETHERNET, ETHERTYPE } from "../../core/scan/link.ts"
import { beginConnect, localAddress, openSocket, resetSocket, SOCK_STREAM } from "../system/outgoing.ts"
import { listLinks } from "../system/rtnetlink.ts"
import { closeSocket, SOCK_DGRAM } from "../system/socket.ts"
import { openWire, type Wire } from "./wire.ts"

/** The way to a host. */
export type Way = {
    readonly family: 4 | 6
    readonly interface: string
    readonly index: number
    readonly us: Address
    readonly host: Address
    /** Null: the link has no header. */
    readonly link: { readonly ours: Uint8Array; readonly theirs: Uint8Array } | null
    /** How many bits of our address are the link's network, if the host is on it: nothing between us but the link. */
    readonly onLink: number | null
    /** How long an answer took, in milliseconds; null: there was none. */
    readonly roundTrip: number | null
}

/** Why there is none. */
export type NoWay =
    /** No route, or no address of this family here. `detail` is the system's word. */
    | { readonly code: "unreachable"; readonly detail: string }
    /** It is this host. */
    | { readonly code: "here" }
    /** Nobody on the link answers for it. */
    | { readonly code: "silent" }

/** The shortest header of an IP packet. */
const MINIMUM = { 4: 20, 6: 40 } as const
/** Time for the link to find out who has the address. */
const PATIENCE_MS = 3000
const ANSWER_MS = 1000
const LOOK_MS = 1

/**
 * Finds the way, by one SYN to `port`, which should be closed. `address` as text, with its zone if it has one. Needs
 * CAP_NET_RAW; throws SystemError.
 */
export async function findWay(family: 4 | 6, address: string, port: number): Promise<Way | NoWay> {
    const host = parseAddress(address.split("%")[0]!)
    const us = sourceFor(family, address, port)
    if (host === null || "code" in us) return "code" in us ? us : { code: "unreachable", detail: "EINVAL" }
    const found = interfaceOf(us.address)
    if (sameAddress(us.address, host) || found === null) return { code: "here" }
    const wire = openWire(found.index, true)
    try {
        const { frame, roundTrip } = await watchOne(wire, family, host, () => beginOne(family, address, port))
        if (frame === null) return { code: "silent" }
        const link = frame.ethernet ? { ours: frame.bytes.slice(6, 12), theirs: frame.bytes.slice(0, 6) } : null
        const near = link !== null && contains(found.network, host) ? found.network.bits : null
        const [name, index] = [found.name, found.index]
        return { family, interface: name, index, us: us.address, host, link, onLink: near, roundTrip }
    } finally {
        wire.close()
    }
}

/** The address that the kernel would send from. */
function sourceFor(family: 4 | 6, address: string, port: number): { readonly address: Address } | NoWay {
    const socket = openSocket(family, SOCK_DGRAM, 0)
    if (!socket.ok) return { code: "unreachable", detail: socket.error }
    try {
        const error = beginConnect(socket.fd, { address, port })
        const from = error === null ? localAddress(socket.fd) : null
        return from === null ? { code: "unreachable", detail: error ?? "ENETUNREACH" } : { address: from }
    } finally {
        closeSocket(socket.fd)
    }
}

/** The interface that has this address. Null: none that leads outside. */
function interfaceOf(address: Address) {
    for (const [name, entries] of Object.entries(networkInterfaces())) {
        for (const { cidr, internal } of entries ?? []) {
            const [text = "", length = ""] = (cidr ?? "").split("/")
            const own = parseAddress(text)
            const index = listLinks().find((link) => link.name === name)?.index
            if (internal || own === null || index === undefined || !sameAddress(own, address)) continue
            const bits = Number(length) + (text.includes(":") ? 0 : 96)
            return { name, index, network: { address: own, bits } }
        }
    }
    return null
}

function beginOne(family: 4 | 6, address: string, port: number): () => void {
    const socket = openSocket(family, SOCK_STREAM, 0)
    if (!socket.ok) return () => {}
    beginConnect(socket.fd, { address, port })
    return () => resetSocket(socket.fd)
}

type Seen = { readonly bytes: Uint8Array; readonly ethernet: boolean; readonly at: number }

/** The first frame to the host that this host sends after `begin`, and how long the first one from it took. */
async function watchOne(
    wire: Wire,
    family: 4 | 6,
    host: Address,
    begin: () => () => void,
): Promise<{ readonly frame: Seen | null; readonly roundTrip: number | null }> {
    const [from, to] = family === 4 ? [12, 16] : [8, 24]
    const seen: { out?: Seen; back?: Seen } = {}
    const stop = wire.listen((bytes) => {
        for (const ethernet of [true, false]) {
            const packet = bytes.subarray(ethernet ? ETHERNET : 0)
            if (ethernet && ((bytes[12]! << 8) | bytes[13]!) !== ETHERTYPE[family]) continue
            if (packet.length < MINIMUM[family] || packet[0]! >>> 4 !== family) continue
            const one = { bytes, ethernet, at: performance.now() }
            if (has(packet, to, family, host)) seen.out ??= one
            else if (has(packet, from, family, host) && seen.out !== undefined) seen.back ??= one
        }
    })
    const end = begin()
    const until = async (done: () => boolean, ms: number) => {
        const deadline = performance.now() + ms
        for (wire.drain(); !done() && performance.now() < deadline; wire.drain()) await pause(LOOK_MS)
    }
    await until(() => seen.out !== undefined, PATIENCE_MS)
    if (seen.out !== undefined) await until(() => seen.back !== undefined, ANSWER_MS)
    end()
    stop()
    const { out = null, back } = seen
    return { frame: out, roundTrip: out === null || back === undefined ? null : back.at - out.at }
}

/** Does this address stand there? */
function has(packet: Uint8Array, at: number, family: 4 | 6, address: Address): boolean {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength)
    if (family === 4) return view.getUint32(at) === address[3]
    return address.every((word, i) => view.getUint32(at + 4 * i) === word)
}
