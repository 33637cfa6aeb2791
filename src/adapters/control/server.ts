/**
 * The daemon's end of the control socket. Whoever may connect is asked for by the kernel; still nobody holds the daemon
 * up, nor anybody else: clients, their lines and their time are bounded, each has one request under way, and a client
 * whose answer waits is not read from.
 */
import { chmodSync, chownSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { type Answer, encodeAnswer } from "../../core/control/answer.ts"
import { type ControlCode, type Refused, refuse } from "../../core/control/message.ts"
import { decodeRequest, REQUEST_MOST, type Request } from "../../core/control/request.ts"
import { messageOf } from "../../core/thrown.ts"
import { hasGone, type Peer, peerOf } from "../system/peer.ts"
import { groupId } from "./group.ts"
import { takePlace } from "./place.ts"
import { queue } from "./queue.ts"

/** Clients at once; the next one is told so. */
export const CLIENTS_MOST = 16
/** Clients that are being told why not, and for how long (ms) they may take to hear it. */
const LEAVING_MOST = 64
const LEAVING_MS = 1000
/** Who says nothing for so long, or does not read what he asked for, is let go (ms). */
const IDLE_MS = 30_000
/** Where the group that may ask cannot be had. */
const ALONE = "root and the daemon's own user alone can connect"

export type ControlOptions = {
    readonly path: string
    /** A group whose members may connect beside root; null: root and the daemon's own user alone. */
    readonly group: string | null
    /** Does what is asked; may take its time, and ask whether the client has `gone`. Neither throws nor rejects. */
    readonly answer: (request: Request, peer: Peer, gone: () => boolean) => Answer | Promise<Answer>
    /** Something is not as it was wanted; the socket works. */
    readonly trouble: (what: string) => void
    /** Somebody is turned away before he could ask anything, or for a line that cannot be read. */
    readonly refused?: (code: ControlCode) => void
    /** Other than IDLE_MS: for tests. */
    readonly idle?: number
}

/** A socket that listens. */
export type ControlServer = {
    /** Ends all connections and removes the socket. Can be called twice. */
    readonly close: () => void
    /** Clients that are served now. */
    readonly clients: () => number
}

/** Listens at `path`. Returns why not as a text: a daemon without a control socket is still a daemon. */
export async function listenControl(options: ControlOptions): Promise<ControlServer | string> {
    /** Each with what says whether it waits for an answer. */
    const clients = new Map<Socket, () => boolean>()
    const inTurn = queue()
    const { path, group, trouble, refused = () => {} } = options
    try {
        const place = await takePlace(path)
        if (!place.ok) return place.reason
        const gid = group === null ? null : groupId(group)
        if (gid === undefined) trouble(`there is no group ${group}: ${ALONE}: make it, and restart the daemon`)
        const allowed = new Set([0, process.geteuid?.() ?? 0])
        // Who has asked all he wants to may say so at once, and still hears every answer.
        const server = createServer({ allowHalfOpen: true }, (socket) => {
            if (clients.size >= CLIENTS_MOST) letGoneGo(clients)
            if (clients.size >= CLIENTS_MOST) return turnAway(socket, refuse("busy"), refused)
            const peer = askPeer(socket)
            if (peer === null || !(allowed.has(peer.uid) || (gid != null && peer.gids.includes(gid)))) {
                return turnAway(socket, refuse("denied"), refused)
            }
            socket.once("close", () => clients.delete(socket))
            clients.set(socket, serve(socket, peer, inTurn, options))
        })
        await bind(server, path)
        server.on("error", (error) => trouble(error.message))
        if (gid != null) share(path, gid, trouble)
        return {
            close() {
                server.close()
                for (const socket of [...clients.keys(), ...leaving]) socket.destroy()
            },
            clients: () => clients.size,
        }
    } catch (error) {
        return messageOf(error)
    }
}

/** Binds so that at no time anybody else could connect: libuv binds before `listen` returns, with the mask of then. */
function bind(server: Server, path: string): Promise<void> {
    const mask = process.umask(0o177)
    try {
        return new Promise((resolve, reject) => {
            server.once("error", reject)
            server.listen(path, () => {
                server.removeListener("error", reject)
                resolve()
            })
        })
    } finally {
        process.umask(mask)
    }
}

function share(path: string, gid: number, trouble: (what: string) => void): void {
    try {
        chownSync(path, -1, gid)
        chmodSync(path, 0o660)
    } catch (error) {
        const mend = "the daemon has to be in that group, as by SupplementaryGroups= of its service"
        trouble(`its group cannot be set (${messageOf(error)}): ${ALONE}: ${mend}`)
    }
}

function askPeer(socket: Socket): Peer | null {
    try {
        return peerOf(socket)
    } catch {
        return null
    }
}

/** Who has had his last line, and has not hung up yet. */
const leaving = new Set<Socket>()

/**
 * One last line, and the end. What he still sends is read and forgotten for a while: on a closed connection he would hear
 * of a broken pipe before he hears our line.
 */
function turnAway(socket: Socket, answer: Refused, refused: (code: ControlCode) => void): void {
    refused(answer.code)
    socket.removeAllListeners("data")
    socket.on("error", () => {})
    if (leaving.size >= LEAVING_MOST) return void socket.destroy()
    leaving.add(socket)
    const late = setTimeout(() => socket.destroy(), LEAVING_MS)
    socket.once("close", () => {
        clearTimeout(late)
        leaving.delete(socket)
    })
    socket.end(`${encodeAnswer(answer)}\n`)
    socket.resume()
}

/** Who has hung up while he waits for an answer gives his place back. Without a wait there may be a line still to be read. */
function letGoneGo(clients: Map<Socket, () => boolean>): void {
    for (const [socket, waits] of clients) {
        if (!waits() || !hasGone(socket)) continue
        clients.delete(socket)
        socket.destroy()
    }
}

/** Serves a client until it ends. Returns what says whether it waits for an answer. */
function serve(
    socket: Socket,
    peer: Peer,
    inTurn: ReturnType<typeof queue>,
    { answer, refused = () => {}, idle = IDLE_MS }: ControlOptions,
): () => boolean {
    let text = ""
    /** A line of his is being answered; no other will come. */
    let busy = false
    let ended = false
    const take = () => {
        const end = text.indexOf("\n")
        busy = end >= 0
        if (end < 0) {
            if (text.length > REQUEST_MOST) turnAway(socket, refuse("too-long"), refused)
            else if (ended) socket.end()
            else socket.resume()
            return
        }
        const read = decodeRequest(text.slice(0, end))
        text = text.slice(end + 1)
        if (!read.ok) return turnAway(socket, read, refused)
        inTurn(() => void reply(read.request))
    }
    const reply = async (request: Request) => {
        const said = await answer(request, peer, () => hasGone(socket))
        if (socket.destroyed) return
        // The next line is looked at when this answer is on its way.
        socket.write(`${encodeAnswer(said)}\n`, (error) => {
            // A connection that we ended calls it a success.
            if (!error && !socket.destroyed) take()
        })
    }
    socket.setEncoding("utf8")
    socket.setTimeout(idle, () => socket.destroy())
    socket.on("error", () => {})
    socket.on("end", () => {
        ended = true
        if (!busy) socket.end()
    })
    socket.on("data", (more: string) => {
        socket.pause()
        text += more
        take()
    })
    return () => busy
}
