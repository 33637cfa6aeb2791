/** Frames onto a link and off it, as they are. */
import { readable } from "../system/poll.ts"
import { openRawLink } from "../system/raw-link.ts"
import { closeSocket, receive, sendBytes } from "../system/socket.ts"

/** Larger than any frame that a link hands over in one piece. */
const FRAME = 65_536 + 14

/** An open link. */
export type Wire = {
    /** Sends one frame. Throws SystemError. */
    readonly send: (frame: Uint8Array) => void
    /** Hands over what has come and has not been handed over yet, now and not when the event loop comes to it. */
    readonly drain: () => void
    /** Hears every frame from now on, until the returned function is called. */
    readonly listen: (sink: (frame: Uint8Array) => void) => () => void
    readonly close: () => void
}

/** Opens the interface with this index. `own`: hears what this host sends, too. Needs CAP_NET_RAW; throws SystemError. */
export function openWire(index: number, own = false): Wire {
    const fd = openRawLink(index, own)
    const buffer = new Uint8Array(FRAME)
    const sinks = new Set<(frame: Uint8Array) => void>()
    const drain = () => {
        // Errors are those of the interface, such as that it is down: then nothing comes.
        for (let length = receive(fd, buffer); length > 0; length = receive(fd, buffer)) {
            const frame = buffer.slice(0, length)
            for (const sink of sinks) sink(frame)
        }
    }
    const watch = readable(fd, drain)
    return {
        send: (frame) => sendBytes(fd, frame),
        drain,
        listen(sink) {
            sinks.add(sink)
            return () => void sinks.delete(sink)
        },
        close() {
            watch.close()
            closeSocket(fd)
        },
    }
}
