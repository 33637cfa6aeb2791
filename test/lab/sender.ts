/**
 * Sends packets as they are given, for `startWorker`: by a packet socket through an interface, or into a tun device.
 * Commands: `{ via, mac, etherType, packets, repeat? }`, `{ tun, packets }`; each is answered by `{ sent }`.
 */
import { openSync, writeSync } from "node:fs"
import { createInterface } from "node:readline"
import { libcFunction } from "../../src/adapters/system/ffi.ts"
import { linkAddress } from "../../src/adapters/system/packet-ring.ts"
import { AF_PACKET, openSocket, SOCK_DGRAM, sendBytesTo } from "../../src/adapters/system/socket.ts"

const ETH_P_IPV6 = 0x86dd
const TUNSETIFF = 0x400454ca
const IFF_TUN_NO_PI = 0x1001

type Command = {
    readonly packets: readonly string[]
    readonly via?: string
    readonly mac?: string
    readonly etherType?: number
    readonly repeat?: number
    readonly tun?: string
}

const fd = openSocket(AF_PACKET, SOCK_DGRAM, 0)
const indexOf = libcFunction("unsigned int if_nametoindex(const char *name)")
const tuns = new Map<string, number>()

for await (const line of createInterface({ input: process.stdin })) {
    const command: Command = JSON.parse(line)
    const packets = command.packets.map((text) => Buffer.from(text, "hex"))
    if (command.tun !== undefined) for (const packet of packets) writeSync(tunOf(command.tun), packet)
    else send(command, packets)
    process.stdout.write(`${JSON.stringify({ sent: packets.length })}\n`)
}

function send(command: Command, packets: readonly Uint8Array[]): void {
    const index = indexOf(command.via)
    const mac = Buffer.from(command.mac!.replaceAll(":", ""), "hex")
    for (let round = 0; round < (command.repeat ?? 1); round++) {
        for (const packet of packets) {
            const type = command.etherType ?? (packet[0]! >>> 4 === 6 ? ETH_P_IPV6 : 0x0800)
            sendBytesTo(fd, packet, linkAddress(type, index, mac))
        }
    }
}

function tunOf(name: string): number {
    const known = tuns.get(name)
    if (known !== undefined) return known
    const tun = openSync("/dev/net/tun", "r+")
    const request = new Uint8Array(40)
    request.set(Buffer.from(name))
    new DataView(request.buffer).setUint16(16, IFF_TUN_NO_PI, true)
    if (libcFunction("int ioctl(int fd, unsigned long request, void *value)")(tun, TUNSETIFF, request) < 0) {
        throw new Error(`cannot attach to ${name}`)
    }
    tuns.set(name, tun)
    return tun
}
