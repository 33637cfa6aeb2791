/** Whole frames of one interface, in and out (man 7 packet), with whatever header the link puts in front. */
import { linkAddress } from "./packet-ring.ts"
import { AF_PACKET, bindSocket, closeSocket, openSocket, SOCK_RAW, setNumber, setReceiveBuffer } from "./socket.ts"

/** Every EtherType, and with it also what this host sends itself. */
export const ETH_P_ALL = 3
const SOL_PACKET = 263
const PACKET_IGNORE_OUTGOING = 23
const ROOM = 4 << 20

/**
 * Opens a socket for frames of the interface with this index. `own`: what this host sends is seen, too; otherwise it is
 * not (from Linux 4.20 on). Throws SystemError.
 */
export function openRawLink(index: number, own: boolean): number {
    const fd = openSocket(AF_PACKET, SOCK_RAW, 0)
    try {
        setReceiveBuffer(fd, ROOM)
        if (!own) setNumber(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING")
        bindSocket(fd, linkAddress(ETH_P_ALL, index))
        return fd
    } catch (error) {
        closeSocket(fd)
        throw error
    }
}
