/**
 * The protocol of sd_notify(3), which systemd and others understand: one datagram of lines `NAME=value` to a local
 * socket. No library is needed, and none is loaded where nobody asks for it.
 */
import type { News, Notifier } from "../../ports/notifier.ts"
import { EAGAIN, SystemError } from "../system/errno.ts"
import { AF_UNIX, closeSocket, localAddress, openSocket, SOCK_DGRAM, sendBytesTo } from "../system/socket.ts"

/** Ours: a listener whose queue is full is tried again so soon (ms), and so often; so many messages wait for it. */
const RETRY_MS = 100
const RETRIES = 100
const WAITING_MOST = 16

const PHASES = { ready: "READY=1", reloading: "RELOADING=1", stopping: "STOPPING=1" } as const

/** The environment that sd_notify(3) and sd_watchdog_enabled(3) read. */
export type NotifyVariables = {
    NOTIFY_SOCKET?: string | undefined
    WATCHDOG_USEC?: string | undefined
    WATCHDOG_PID?: string | undefined
}

/**
 * The notifier for this environment, from which the variables are taken out: no program that we start is to speak for
 * us. Silent where nobody listens. `pid`: our process number.
 */
export function systemdNotifier(env: NotifyVariables, pid: number): Notifier {
    const { NOTIFY_SOCKET: path, WATCHDOG_USEC: usec, WATCHDOG_PID: guarded } = env
    for (const name of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] as const) delete env[name]
    const address = path === undefined ? null : listenerAddress(path)
    if (address === null) return { watchdog: null, tell: () => {}, close: () => {} }
    const ours = guarded === undefined || guarded === String(pid)
    const watchdog = ours && usec !== undefined && /^[1-9]\d{0,15}$/.test(usec) ? Math.floor(Number(usec) / 1000) : 0
    return new SystemdNotifier(address, watchdog > 0 ? watchdog : null)
}

/** A path, or an abstract name after `@`; null for what this version does not know, such as a VM's socket. */
function listenerAddress(path: string): Uint8Array | null {
    return /^[/@]./.test(path) ? localAddress(path.startsWith("@") ? `\0${path.slice(1)}` : path) : null
}

class SystemdNotifier implements Notifier {
    readonly watchdog: number | null
    readonly #address: Uint8Array
    #fd = -1
    #waiting: Uint8Array[] = []
    #tries = 0
    #retry: NodeJS.Timeout | undefined
    #closed = false

    constructor(address: Uint8Array, watchdog: number | null) {
        this.#address = address
        this.watchdog = watchdog
    }

    tell(news: News): void {
        if (this.#closed) return
        // A sign of life says "now": a late one would be a lie.
        if (news.alive && this.#waiting.length > 0) return
        this.#waiting.push(new TextEncoder().encode(formatNews(news)))
        if (this.#waiting.length > WAITING_MOST) this.#waiting.shift()
        if (this.#retry === undefined) this.#send()
    }

    close(): void {
        this.#closed = true
        clearTimeout(this.#retry)
        if (this.#fd >= 0) closeSocket(this.#fd)
        this.#fd = -1
    }

    #send(): void {
        this.#retry = undefined
        for (;;) {
            const [message] = this.#waiting
            if (message === undefined) return
            const result = this.#try(message)
            if (result === "full" && ++this.#tries < RETRIES) {
                this.#retry = setTimeout(() => this.#send(), RETRY_MS)
                return
            }
            // Said, or nobody can hear it: both are over.
            this.#tries = 0
            this.#waiting.shift()
        }
    }

    #try(message: Uint8Array): "done" | "full" {
        try {
            if (this.#fd < 0) this.#fd = openSocket(AF_UNIX, SOCK_DGRAM, 0)
            sendBytesTo(this.#fd, message, this.#address)
            return "done"
        } catch (error) {
            return error instanceof SystemError && error.errno === EAGAIN ? "full" : "done"
        }
    }
}

function formatNews({ phase, status, alive }: News): string {
    const lines: string[] = []
    if (phase !== undefined) lines.push(PHASES[phase])
    // What began before this moment is not what the reload has brought (CLOCK_MONOTONIC, which Node's is on Linux).
    if (phase === "reloading") lines.push(`MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
    if (status !== undefined) lines.push(`STATUS=${status.replaceAll(/\p{Cc}+/gu, " ")}`)
    if (alive) lines.push("WATCHDOG=1")
    return lines.join("\n")
}
