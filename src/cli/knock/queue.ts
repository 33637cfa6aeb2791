/**
 * Knocks of this machine at one address go one after the other. To the gateway they come from one source, and between the
 * hits of a knock there may be no other: two at once would spoil each other, again and again.
 *
 * The lock is a local socket whose name only one process can have (unix(7), abstract): it goes with its process, whatever
 * becomes of that, and belongs to the network that the knock leaves by. Everybody on this machine could take the name, so
 * nobody waits for it for long.
 */
import { connect, createServer, type Socket } from "node:net"

/** A turn to knock. */
export type Turn = {
    /** Somebody else knocked before: the door may be open by now. */
    readonly waited: boolean
    /** Lets the next one begin. Can be called twice. */
    readonly end: () => void
}

/** Waits for the turn of this run, at addresses as text; not longer than some time, and not when it is interrupted. */
export type Queue = (addresses: readonly string[], interrupted: AbortSignal) => Promise<Turn>

/** Ours, in milliseconds: a knock of eight hits and the first answers of the door take less. */
const LIMIT = 5000

/** The queue of this machine. */
export const localQueue: Queue = async (addresses, interrupted) => {
    const enough = AbortSignal.any([AbortSignal.timeout(LIMIT), interrupted])
    const held: (() => void)[] = []
    let waited = false
    // Always in the same order: two runs never wait for each other.
    for (const address of addresses.toSorted()) {
        for (;;) {
            const release = await take(`\0postern-knock ${address}`)
            if (release !== null) {
                held.push(release)
                break
            }
            waited = true
            if (enough.aborted) break
            await whileHeld(`\0postern-knock ${address}`, enough)
        }
    }
    return {
        waited,
        end: () => {
            for (const release of held.splice(0)) release()
        },
    }
}

/** Null: somebody has it. */
function take(name: string): Promise<(() => void) | null> {
    return new Promise((resolve) => {
        const waiting = new Set<Socket>()
        const server = createServer((socket) => {
            waiting.add(socket)
            socket.on("error", () => {})
            socket.on("close", () => waiting.delete(socket))
        })
        server.once("error", () => resolve(null))
        server.listen(name, () => {
            // Whoever waits keeps no process alive.
            server.unref()
            resolve(() => {
                server.close()
                for (const socket of waiting) socket.destroy()
            })
        })
    })
}

/** Resolves when whoever has the name lets it go, or when it is enough. */
function whileHeld(name: string, enough: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
        const socket = connect(name)
        const end = () => {
            enough.removeEventListener("abort", end)
            socket.destroy()
            resolve()
        }
        enough.addEventListener("abort", end)
        socket.on("error", end)
        socket.on("close", end)
        socket.resume()
    })
}
