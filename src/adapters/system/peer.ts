/** Who is at the other end of a local socket (man 7 unix), as the kernel noted it when it connected. */
import type { Socket } from "node:net"
import { hasHungUp } from "./descriptor.ts"
import { getOption, LITTLE } from "./socket.ts"

/** The other end: its process, its user, and all groups that it is in. */
export type Peer = { readonly pid: number; readonly uid: number; readonly gids: readonly number[] }

const SOL_SOCKET = 1
const SO_PEERCRED = 17
const SO_PEERGROUPS = 59
/** Ours: whoever is in more groups is known by his first one alone. */
const MOST_GROUPS = 256

/** Whose socket this is. Throws SystemError if the kernel does not say, and Error if Node has no descriptor for it. */
export function peerOf(socket: Socket): Peer {
    const fd = descriptorOf(socket)
    if (fd < 0) throw new Error("the socket has no descriptor")
    const credentials = getOption(fd, SOL_SOCKET, SO_PEERCRED, 12, "SO_PEERCRED")
    const [pid, uid, gid] = [0, 4, 8].map((at) => credentials.getUint32(at, LITTLE))
    return { pid: pid!, uid: uid!, gids: [gid!, ...groups(fd)] }
}

/** Has the other end gone, so that nobody would read an answer? Node does not see it while the socket is paused. */
export function hasGone(socket: Socket): boolean {
    return socket.destroyed || hasHungUp(descriptorOf(socket))
}

/** Supplementary groups (Linux 4.13 and later). What is left of the room reads as group 0, so that is never taken. */
function groups(fd: number): number[] {
    try {
        const list = getOption(fd, SOL_SOCKET, SO_PEERGROUPS, MOST_GROUPS * 4, "SO_PEERGROUPS")
        return Array.from({ length: MOST_GROUPS }, (_, i) => list.getUint32(i * 4, LITTLE)).filter((gid) => gid !== 0)
    } catch {
        return []
    }
}

/** Node keeps it to itself; its place has been the same since version 0.10. */
function descriptorOf(socket: Socket): number {
    const handle: unknown = "_handle" in socket ? socket._handle : null
    if (typeof handle !== "object" || handle === null || !("fd" in handle)) return -1
    return typeof handle.fd === "number" ? handle.fd : -1
}
