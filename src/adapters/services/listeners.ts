/** What listens for a service, and the way granted sources are led to it (adapters/firewall/hide.ts). */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import type { Service } from "../../core/knock/hit.ts"
import { type Address, isIPv4 } from "../../core/net/address.ts"
import { setTransparent } from "../system/borrowed.ts"
import { type ListeningSocket, listeningSockets } from "../system/sockdiag.ts"
import { isLoopback } from "./loopback.ts"

/** A socket that listens for a service. */
export type Listener = {
    readonly address: Address
    /** Strangers cannot reach it, whatever the firewall does. */
    readonly inside: boolean
    /** Granted sources can be led to it; null: the kernel does not say. */
    readonly transparent: boolean | null
    /** Who has it: the descriptor in each process. Empty: nobody whom we may look at. */
    readonly holders: readonly { readonly pid: number; readonly fd: number; readonly program: string }[]
}

/** The listeners of this service, now. Reads every process that we may look at. Throws SystemError. */
export function listenersOf(service: Service): Listener[] {
    const sockets = listeningSockets().filter(
        ({ protocol, port }) => protocol === service.protocol && port === service.port,
    )
    if (sockets.length === 0) return []
    const holders = holdersOf(new Set(sockets.map(({ inode }) => inode)))
    return sockets.map((socket: ListeningSocket) => ({
        address: socket.address,
        inside: isLoopback(socket.address),
        transparent: socket.transparent,
        holders: holders.get(socket.inode) ?? [],
    }))
}

/**
 * Lets granted sources be led to this listener, or no longer. It lasts as long as the socket: a service that is
 * started again has another one. Throws SystemError (EPERM: not without root), and Error if nobody is known to have it.
 */
export function leadTo({ address, holders }: Listener, on: boolean): void {
    const holder = holders[0]
    if (holder === undefined) throw new Error("nobody whom we may look at has this socket open")
    setTransparent(holder.pid, holder.fd, isIPv4(address) ? "4" : "6", on)
}

function holdersOf(inodes: ReadonlySet<number>): Map<number, Listener["holders"][number][]> {
    const found = new Map<number, Listener["holders"][number][]>()
    for (const pid of entries("/proc").filter((name) => /^\d+$/.test(name))) {
        for (const fd of entries(`/proc/${pid}/fd`)) {
            const inode = Number(/^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1])
            if (!inodes.has(inode)) continue
            const holders = found.get(inode) ?? []
            holders.push({ pid: Number(pid), fd: Number(fd), program: programOf(pid) })
            found.set(inode, holders)
        }
    }
    return found
}

/** Processes and descriptors come and go while they are looked at, and some are not ours to see. */
function quietly<T>(read: () => T, otherwise: T): T {
    try {
        return read()
    } catch {
        return otherwise
    }
}

const entries = (directory: string) => quietly(() => readdirSync(directory), [])
const linkOf = (path: string) => quietly(() => readlinkSync(path), "")
const programOf = (pid: string) => quietly(() => readFileSync(`/proc/${pid}/comm`, "utf8").trim(), "")
