/** Hears what a service tells its manager (sd_notify(3)): a real datagram socket, as systemd binds it. */
import {
    AF_UNIX,
    bindSocket,
    closeSocket,
    localAddress,
    openSocket,
    receive,
    SOCK_DGRAM,
} from "../../src/adapters/system/socket.ts"

export type Manager = {
    /** For NOTIFY_SOCKET. */
    readonly path: string
    /** All messages so far. */
    readonly heard: () => readonly string[]
    readonly close: () => void
}

/** Listens at a path, or at an abstract name after `@`. */
export function listenAsManager(path: string): Manager {
    const fd = openSocket(AF_UNIX, SOCK_DGRAM, 0)
    bindSocket(fd, localAddress(path.replace(/^@/, "\0"))!)
    const messages: string[] = []
    const room = new Uint8Array(8192)
    return {
        path,
        heard() {
            for (let length = receive(fd, room); length > 0; length = receive(fd, room)) {
                messages.push(new TextDecoder().decode(room.subarray(0, length)))
            }
            return messages
        },
        close: () => closeSocket(fd),
    }
}
