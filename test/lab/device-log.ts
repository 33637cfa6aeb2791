/**
 * A server of syslog(3) for programs in a mount namespace of their own, whose /dev is another one: the host has its own
 * /dev/log, or none, and keeps it so. Reads when it is asked to, so that it can be one that stands still, too.
 */
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import {
    AF_UNIX,
    bindSocket,
    closeSocket,
    localAddress,
    openSocket,
    receive,
    SOCK_DGRAM,
} from "../../src/adapters/system/socket.ts"

const DATAGRAM_MOST = 8192

/** See the head of the file. */
export class DeviceLog {
    /** To be put before a program that is to see it. */
    readonly inside: readonly string[]
    readonly #path: string
    readonly #bytes = new Uint8Array(DATAGRAM_MOST)
    #fd: number | null = null

    /** In this directory, which is there; listens. */
    constructor(directory: string) {
        this.#path = join(directory, "log-socket")
        const dev = join(directory, "dev")
        mkdirSync(dev)
        const script = `mount -t tmpfs none ${dev}
            for device in null zero full random urandom tty; do
                touch ${dev}/$device
                mount --bind /dev/$device ${dev}/$device
            done
            ln -s /proc/self/fd ${dev}/fd
            ln -s ${this.#path} ${dev}/log
            mount --move ${dev} /dev
            exec "$@"`
        this.inside = ["unshare", "--mount", "sh", "-ec", script, "sh"]
        this.open()
    }

    /** Listens anew, as a server that was started again. */
    open(): void {
        this.close()
        this.#fd = openSocket(AF_UNIX, SOCK_DGRAM, 0)
        bindSocket(this.#fd, localAddress(this.#path)!)
    }

    /** Everything that has come, as one character a byte. */
    read(): string[] {
        const all: string[] = []
        for (;;) {
            const length = this.#fd === null ? 0 : receive(this.#fd, this.#bytes)
            if (length <= 0) return all
            all.push(Buffer.from(this.#bytes.subarray(0, length)).toString("latin1"))
        }
    }

    close(): void {
        if (this.#fd !== null) closeSocket(this.#fd)
        this.#fd = null
        rmSync(this.#path, { force: true })
    }
}
