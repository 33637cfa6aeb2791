/**
 * The socket of the system's log, as syslog(3) uses it, but never waiting: that would stand still where the server does.
 * Datagrams to whoever has the socket at that moment, so that a server may come and go; a stream for servers of that kind.
 */
import { sendSome } from "./descriptor.ts"
import { EAGAIN, ENOBUFS, EPROTOTYPE, errnoText, SystemError } from "./errno.ts"
import {
    AF_UNIX,
    closeSocket,
    connectSocket,
    localAddress,
    openSocket,
    SOCK_DGRAM,
    SOCK_STREAM,
    sendBytesTo,
} from "./socket.ts"

const DEV_LOG = "/dev/log"
/** Ours: a server that was there is waited for so long (ms). */
const RESTART_MS = 30_000

/** See the head of the file. */
export class SyslogSocket {
    readonly #address: Uint8Array
    readonly #now: () => number
    #datagrams: number | null = null
    #stream: number | null = null
    /** Until when a server that is away is waited for. */
    #patience = Number.NEGATIVE_INFINITY

    /** `now`: monotonic milliseconds. `path`: other than that of the system, for tests. */
    constructor(now: () => number, path = DEV_LOG) {
        const address = localAddress(path)
        if (address === null) throw new RangeError(`not a name of a socket: ${path}`)
        this.#address = address
        this.#now = now
    }

    /**
     * Hands over one message, which ends with a NUL. How many bytes were taken: 0, if there is no room now, or if the
     * server is away and was there a moment ago. A text: why none will be.
     */
    write(message: Uint8Array): number | string {
        try {
            const taken = this.#stream === null ? this.#datagram(message) : this.#onStream(this.#stream, message)
            if (typeof taken === "number" && taken > 0) this.#patience = this.#now() + RESTART_MS
            return taken
        } catch (error) {
            if (!(error instanceof SystemError)) throw error
            if (error.errno === EAGAIN || error.errno === ENOBUFS) return 0
            this.close()
            return this.#now() < this.#patience ? 0 : errnoText(error.errno)
        }
    }

    /** Lets go of it; the next message opens it again. */
    close(): void {
        for (const fd of [this.#datagrams, this.#stream]) if (fd !== null) closeSocket(fd)
        this.#datagrams = null
        this.#stream = null
    }

    #datagram(message: Uint8Array): number | string {
        this.#datagrams ??= openSocket(AF_UNIX, SOCK_DGRAM, 0)
        try {
            // A datagram has an end of its own.
            sendBytesTo(this.#datagrams, message.subarray(0, -1), this.#address)
            return message.length
        } catch (error) {
            if (!(error instanceof SystemError && error.errno === EPROTOTYPE)) throw error
        }
        this.close()
        const stream = openSocket(AF_UNIX, SOCK_STREAM, 0)
        try {
            connectSocket(stream, this.#address)
        } catch (error) {
            closeSocket(stream)
            throw error
        }
        this.#stream = stream
        return this.#onStream(stream, message)
    }

    /** Part of a message may have gone: the rest of it would be another one to the next server. */
    #onStream(fd: number, message: Uint8Array): number | string {
        const sent = sendSome(fd, message)
        if (sent >= 0) return sent
        if (sent === -EAGAIN) return 0
        this.close()
        return errnoText(-sent)
    }
}
