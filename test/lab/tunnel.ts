/** A link without a header between two hosts: a tun device on each, and this process in between (tun, tuntap.rst). */
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs"
import { libcFunction } from "../../src/adapters/system/ffi.ts"
import { readable } from "../../src/adapters/system/poll.ts"
import { enterNamespace } from "./enter.ts"
import type { Namespace } from "./namespace.ts"

/** linux/if_tun.h: TUNSETIFF, IFF_TUN | IFF_NO_PI. */
const [TUNSETIFF, IFF_TUN_NO_PI] = [0x400454ca, 0x1001]

/** Joins them by interfaces of this name, which are up and have the addresses; the returned function takes them away. */
export function joinByTunnel(name: string, ends: readonly (readonly [Namespace, readonly string[]])[]): () => void {
    const open = ends.map(([host, addresses]) => {
        const leave = enterNamespace(host)
        try {
            const fd = openTun(name)
            for (const address of addresses) {
                const family = address.includes(":")
                    ? ["-6", "address", "add", address, "nodad"]
                    : ["address", "add", address]
                host.must(["ip", ...family, "dev", name])
            }
            host.must(["ip", "link", "set", name, "up"])
            return fd
        } finally {
            leave()
        }
    })
    const watches = open.map((fd, i) => readable(fd, () => relay(fd, open[1 - i]!)))
    return () => {
        for (const watch of watches) watch.close()
        for (const fd of open) closeSync(fd)
    }
}

function openTun(name: string): number {
    const fd = openSync("/dev/net/tun", constants.O_RDWR | constants.O_NONBLOCK)
    const request = new Uint8Array(40)
    request.set(Buffer.from(name))
    new DataView(request.buffer).setUint16(16, IFF_TUN_NO_PI, true)
    const ioctl = libcFunction("int ioctl(int fd, unsigned long request, void *value)")
    if (ioctl(fd, TUNSETIFF, request) < 0) throw new Error(`no tunnel ${name}`)
    return fd
}

const packet = new Uint8Array(65_536)

/** A packet that the other end does not take, such as one without an address, is lost, as on any link. */
function relay(from: number, to: number): void {
    try {
        for (;;) writeSync(to, packet, 0, readSync(from, packet))
    } catch {}
}
