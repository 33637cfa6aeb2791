/**
 * Where two daemons hear the very same frames: hosts with one interface, lan0, all of whose other ends lie in one
 * namespace, from which frames are sent as they are.
 *
 *      wire: wire1 ── lan0 :host 1      10.77.0.1, 10.77.0.3, fd77::1
 *            wire2 ── lan0 :host 2      the same
 *            ...
 */
import { setTimeout as pause } from "node:timers/promises"
import { be16, hex, ipv4, ipv6, join, options6, type Transport, tcp, udp, zeros } from "../../tools/vectors/bytes.ts"
import { joinNamespaces, makeNamespace, type Namespace } from "./namespace.ts"
import { startWorker } from "./worker.ts"

/** Packets one after another; all by TCP (SYN) and from and to the usual addresses where nothing else is said. */
export type Packets = {
    /** Ports, `:udp` behind those of UDP. */
    readonly send: string
    readonly from?: string
    readonly to?: string
    readonly flags?: string
    readonly badSum?: boolean
    readonly payload?: number
    readonly vlan?: number
    /** So many bytes of no operation (IPv4). */
    readonly options?: number
    /** The first fragment of more. */
    readonly fragment?: boolean
    readonly mac?: string
    /** The sequence number of TCP. */
    readonly mark?: number
    /** IPv6 with an extension header: options for the destination. */
    readonly extension?: boolean
}

/** A host, and the way to it. */
export type WiredHost = {
    readonly namespace: Namespace
    /** Sends frames, `gap` milliseconds apart; 0: as fast as they go. Resolves when they have left. */
    readonly send: (packets: Packets, gap: number) => Promise<void>
    /** Sends all of these in one go. Resolves to when that began and ended (ms since 1970). */
    readonly burst: (all: readonly Packets[]) => Promise<readonly [number, number]>
}

/** All of them. */
export type Wire = { readonly hosts: readonly WiredHost[]; readonly remove: () => Promise<void> }

const FLAGS: Readonly<Record<string, number>> = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32 }
const [ETH_P_IP, ETH_P_IPV6, ETH_P_8021Q] = [0x0800, 0x86dd, 0x8100]
const NOP = 1

/** Makes so many hosts. Throws if the kernel refuses; nothing is left then. */
export function makeWire(count: number): Wire {
    const made: Namespace[] = []
    const removeAll = () => {
        for (const namespace of made.splice(0)) namespace.remove()
    }
    try {
        const add = (role: string): Namespace => {
            const namespace = makeNamespace(role)
            made.push(namespace)
            return namespace
        }
        const wire = add("wire")
        const sender = startWorker(wire, "sender.ts")
        let last: Promise<unknown> = Promise.resolve()
        // One at a time: whoever asks hears of his own packet.
        const transmit = (command: Readonly<Record<string, unknown>>) => {
            const sent = last.then(async () => {
                const began = Date.now()
                sender.send(command)
                await sender.next("sent")
                return [began, Date.now()] as const
            })
            last = sent.catch(() => {})
            return sent
        }
        const hosts = Array.from({ length: count }, (_, i): WiredHost => {
            const namespace = add("host")
            const via = `wire${i}`
            joinNamespaces(
                { namespace, device: "lan0", addresses: ["10.77.0.1/24", "10.77.0.3/24", "fd77::1/64"] },
                { namespace: wire, device: via, addresses: [] },
            )
            const mac = / link\/ether ([0-9a-f:]{17}) /.exec(namespace.must(["ip", "link", "show", "lan0"]))![1]!
            return {
                namespace,
                async burst(all) {
                    const packets = all.flatMap((one) => one.send.split(" ").map((hit) => hex(packetOf(hit, one))))
                    return await transmit({ via, mac, packets })
                },
                async send(packets, gap) {
                    const hits = packets.send.split(" ")
                    const all = hits.map((hit) => packetOf(hit, packets))
                    const etherType = packets.vlan === undefined ? undefined : ETH_P_8021Q
                    const to = { via, mac: packets.mac ?? mac, etherType }
                    if (gap === 0) {
                        await transmit({ ...to, packets: all.map(hex) })
                        return
                    }
                    for (const packet of all) {
                        await transmit({ ...to, packets: [hex(packet)] })
                        await pause(gap)
                    }
                },
            }
        })
        return {
            hosts,
            async remove() {
                await sender.end()
                removeAll()
            },
        }
    } catch (error) {
        removeAll()
        throw error
    }
}

/** What the frame carries, behind its Ethernet header. */
function packetOf(hit: string, packets: Packets): Uint8Array {
    const [port, protocol] = hit.split(":")
    const { from: source = "10.77.0.2", to: destination = "10.77.0.1" } = packets
    const right: Transport =
        protocol === "udp"
            ? udp(Number(port), zeros(packets.payload ?? 1))
            : tcp(Number(port), {
                  sequence: packets.mark ?? 1,
                  flags: (packets.flags ?? "syn").split(",").reduce((all, one) => all | FLAGS[one]!, 0),
              })
    const transport: Transport = packets.badSum === true ? { ...right, make: (pseudo) => spoilt(right, pseudo) } : right
    const six = destination.includes(":")
    const inner = six
        ? ipv6(transport, { source, destination, extensions: packets.extension === true ? [options6(60)] : [] })
        : ipv4(transport, {
              source,
              destination,
              options: zeros(packets.options ?? 0).fill(NOP),
              more: packets.fragment ?? false,
          })
    return packets.vlan === undefined ? inner : join(be16(packets.vlan), be16(six ? ETH_P_IPV6 : ETH_P_IP), inner)
}

/** TCP with another checksum than the right one. */
function spoilt({ make }: Transport, pseudo: Uint8Array): Uint8Array {
    const data = make(pseudo)
    data[16]! ^= 0x55
    return data
}
