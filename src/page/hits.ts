/**
 * Hits that a browser can send. What makes one SYN per port, and no more (measured with Chromium, on ports that refuse
 * and on ports that say nothing, by one family and by both):
 *
 * - WebSocket: one SYN for each family. Given up after a while it sends nothing later. But browsers slow those down whose
 *   connections fail: after some ten within minutes the next one waits for seconds, so it is not used for more.
 * - fetch(): one SYN for each family where ports refuse. Where they say nothing there is a second connection after 250 ms,
 *   which would be sent again when the next hit is out already, so it is given up before that. The first one is sent
 *   again, too, by the system, once a second: that is a retransmission, which spoils nothing.
 *
 * Nothing answers TLS there, and nothing is sent to what would: no page, no cookie, no address of this page.
 */

/** What could be seen of a hit. */
export type Seen =
    /** The port answered that it is closed, or something came back: the hit arrived. */
    | "answered"
    /** Nothing came back: the hit arrived, or was lost, or a firewall keeps quiet. */
    | "silent"
    /** The browser refuses to ask this port. */
    | "refused"

/** Ours: how long an answer is waited for (ms): by both families, but not long enough for a SYN to be sent again (1 s). */
const WAIT_SOCKET = 700
const WAIT_FETCH = 200
/** So many WebSockets of a page fail before browsers slow it down noticeably, and for so long (ms). */
const SOCKETS_MOST = 8
const SOCKETS_FOR = 300_000
/** Ours: between two hits (ms), so that they arrive in order. */
export const PAUSE = 100

/** Where it is remembered when WebSockets were used: the browser remembers it longer than the page, if that is opened anew. */
const USED = "postern 1 sockets"
let used: readonly number[] = []

/** Sends one TCP hit. */
export async function hit(host: string, port: number): Promise<Seen> {
    const name = host.includes(":") ? `[${host}]` : host
    return mayUseSocket(Date.now()) ? bySocket(`wss://${name}:${port}/`) : byFetch(`https://${name}:${port}/`)
}

/** One more WebSocket, if there have not been too many. */
function mayUseSocket(now: number): boolean {
    const recent = usedBefore().filter((at) => at <= now && now - at < SOCKETS_FOR)
    if (recent.length >= SOCKETS_MOST) return false
    used = [...recent, now]
    try {
        sessionStorage.setItem(USED, JSON.stringify(used))
    } catch {
        // Then it is remembered as long as the page is open.
    }
    return true
}

function usedBefore(): readonly number[] {
    try {
        const found: unknown = JSON.parse(sessionStorage.getItem(USED) ?? "[]")
        return Array.isArray(found) ? found.filter((at) => typeof at === "number") : used
    } catch {
        return used
    }
}

function bySocket(url: string): Promise<Seen> {
    return new Promise((resolve) => {
        let socket: WebSocket
        try {
            socket = new WebSocket(url)
        } catch {
            return resolve("refused")
        }
        const end = (seen: Seen) => {
            clearTimeout(timer)
            // Also where it is still connecting: then nothing more is sent.
            socket.close()
            resolve(seen)
        }
        const timer = setTimeout(() => end("silent"), WAIT_SOCKET)
        for (const event of ["error", "open"]) socket.addEventListener(event, () => end("answered"), { once: true })
    })
}

async function byFetch(url: string): Promise<Seen> {
    const signal = AbortSignal.timeout(WAIT_FETCH)
    try {
        await fetch(url, {
            mode: "no-cors",
            credentials: "omit",
            cache: "no-store",
            referrerPolicy: "no-referrer",
            signal,
        })
        return "answered"
    } catch {
        return signal.aborted ? "silent" : "answered"
    }
}
