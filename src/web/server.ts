/**
 * HTTP/1.1, and nothing of it that nobody needs: GET and HEAD of exact names. Whoever is slow, sends too much or does not
 * come to the point is cut off; all figures are ours.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { createServer as createTlsServer } from "node:https"
import type { Duplex } from "node:stream"
import type { Certificate } from "./certificate.ts"
import { Connections } from "./connections.ts"
import type { Place } from "./places.ts"
import {
    emptyPage,
    missing,
    type Reply,
    type Resource,
    resource,
    unreadable,
    unwantedBody,
    wrongMethod,
} from "./reply.ts"
import type { Kind } from "./tally.ts"

/** Connections at once; and of one source. */
const BOUNDS = { most: 512, ofOne: 64 }
const LIMITS = {
    /** Bytes of a request's head. */
    maxHeaderSize: 8 << 10,
    /** Until the head is there, until all of the request is there, and between two requests (ms). */
    headersTimeout: 10_000,
    requestTimeout: 10_000,
    keepAliveTimeout: 5000,
    connectionsCheckingInterval: 1000,
    /** Only what we ask for is kept of the headers. */
    joinDuplicateHeaders: false,
}
/** Header lines of a request; more are not looked at. */
const HEADERS_MOST = 64
/** Requests of one connection: then it ends, so that others have their turn. */
const REQUESTS_MOST = 100
/** Nothing moves for so long, or an answer takes so long to be taken (ms). */
const IDLE_MOST = 15_000
const ANSWER_MOST = 30_000
/** What is under way at the end may take so long (ms). */
const GRACE = 5000

/** What there is: the word after the first slash, to a file or to nothing. */
export type Find = (word: string) => Promise<Resource | "unreadable" | null>

/** Told of each request that was answered. */
export type Told = {
    readonly count: (kind: Kind) => void
    readonly access: (method: string, word: string, status: number, bytes: number) => void
}

/** It listens. */
export type Web = {
    /** As `http://127.0.0.1:8080`, in the order of the places. */
    readonly urls: readonly string[]
    /** Ends: nobody new is let in, what is being answered may finish. */
    readonly close: () => Promise<void>
}

/** Listens at all of these places. Rejects with the system's error if one of them cannot be had; nothing listens then. */
export async function listen(
    places: readonly Place[],
    certificate: Certificate | null,
    find: Find,
    told: Told,
): Promise<Web> {
    const connections = new Connections(BOUNDS, () => told.count("away"))
    const servers: Server[] = []
    const answering = new Set<Promise<void>>()
    /** Requests that are sent ahead wait for their turn: of each connection one file is in our hands, not a hundred. */
    const turns = new WeakMap<Duplex, Promise<void>>()
    const urls: string[] = []
    const answerOne = (request: IncomingMessage, response: ServerResponse): void => {
        const { socket } = request
        const one = (turns.get(socket) ?? Promise.resolve())
            .then(() => answer(request, response, find, told, connections))
            .finally(() => answering.delete(one))
        answering.add(one)
        turns.set(socket, one)
    }
    try {
        for (const place of places) {
            const server = certificate === null ? createServer(LIMITS) : tlsServer(certificate)
            servers.push(server)
            bound(server, connections)
            server.on("clientError", (_, socket: Duplex) => {
                told.count("refused")
                // What follows is not read, and what was asked before it is answered first: nobody may take this for that.
                socket.pause()
                void (turns.get(socket) ?? Promise.resolve()).then(() => refuse(socket))
            })
            server.on("request", answerOne)
            // Nobody is told to go on with what nobody will read.
            server.on("checkContinue", answerOne)
            server.on("checkExpectation", answerOne)
            urls.push(await listening(server, place, certificate !== null))
        }
    } catch (error) {
        for (const server of servers) server.close()
        throw error
    }
    return {
        urls,
        async close() {
            const closed = servers.map((server) => new Promise<void>((resolve) => void server.close(() => resolve())))
            for (const server of servers) server.closeIdleConnections()
            const cut = setTimeout(() => connections.end(), GRACE)
            await Promise.all(answering)
            connections.end()
            await Promise.all(closed)
            clearTimeout(cut)
        },
    }
}

function tlsServer(certificate: Certificate): Server {
    const server = createTlsServer({ ...LIMITS, ...certificate.current(), handshakeTimeout: 10_000 })
    certificate.onChange((fresh) => server.setSecureContext(fresh))
    // Whoever does not come to TLS is gone by himself; there is nothing to say to him.
    server.on("tlsClientError", () => {})
    return server
}

function bound(server: Server, connections: Connections): void {
    server.maxHeadersCount = HEADERS_MOST
    server.maxRequestsPerSocket = REQUESTS_MOST
    server.timeout = IDLE_MOST
    // Who says that nothing more will come from him, as nc does at the end of its input, is answered: Node.js has that, untyped.
    Object.assign(server, { httpAllowHalfOpen: true })
    server.on("connection", (socket) => connections.admit(socket))
}

/** Ends what is not HTTP, or not as it must be. */
function refuse(socket: Duplex): void {
    if (socket.writable) socket.write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    socket.destroy()
}

function listening(server: Server, place: Place, tls: boolean): Promise<string> {
    return new Promise((resolve, reject) => {
        server.once("error", reject)
        // As it is written: an address of IPv6 is not all of IPv4 as well.
        const where = "fd" in place ? place : { ...place, ipv6Only: true }
        server.listen(where, () => {
            server.off("error", reject)
            const address = server.address()
            if (address === null || typeof address === "string") return resolve(address ?? "a socket")
            const host = address.family === "IPv6" ? `[${address.address}]` : address.address
            resolve(`${tls ? "https" : "http"}://${host}:${address.port}`)
        })
    })
}

async function answer(
    request: IncomingMessage,
    response: ServerResponse,
    find: Find,
    told: Told,
    connections: Connections,
): Promise<void> {
    const { socket } = request
    // Who has gone meanwhile is owed nothing more.
    if (socket.destroyed) return
    const done = connections.busy(socket)
    const cut = setTimeout(() => socket.destroy(), ANSWER_MOST)
    const over = new Promise<void>((resolve) => {
        response.once("close", resolve)
        socket.once("close", resolve)
        response.once("close", () => socket.off("close", resolve))
    })
    const { method = "" } = request
    const word = wordOf(request.url ?? "")
    const reply = await replyTo(request, method, word, find)
    const bytes = reply.body?.length ?? 0
    // Before it is sent: who has the answer finds it in the counts.
    told.count(kindOf(reply, word))
    told.access(method, word, reply.status, bytes)
    const length = reply.status === 304 ? {} : { "Content-Length": String(bytes) }
    response.writeHead(reply.status, { ...reply.headers, ...length })
    response.end(method === "HEAD" ? undefined : (reply.body ?? undefined))
    await over
    clearTimeout(cut)
    done()
    if (!response.writableFinished) told.count("broken")
}

async function replyTo(request: IncomingMessage, method: string, word: string, find: Find): Promise<Reply> {
    const { headers } = request
    if (headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0") return unwantedBody()
    if (headers.expect !== undefined) return unwantedBody()
    if (method !== "GET" && method !== "HEAD") return wrongMethod()
    // The same work for every word, whatever it looks like.
    const found = await find(word)
    if (found === "unreadable") return unreadable()
    if (found === null) return word === "" ? emptyPage() : missing()
    const { "if-none-match": ifNoneMatch, "if-modified-since": ifModifiedSince } = headers
    return resource(found, { method, ifNoneMatch, ifModifiedSince }, Date.now())
}

/** What stands behind the first slash, as it was sent: nothing in it is decoded. Proxies may send the whole URL (RFC 9112, 3.2.2). */
function wordOf(target: string): string {
    const path = target.replace(/^https?:\/\/[^/?]*/i, "").replace(/[?#].*$/s, "")
    return path.startsWith("/") ? path.slice(1) : path === "" ? "" : `?${path}`
}

function kindOf({ status }: Reply, word: string): Kind {
    if (status === 200) return word.includes(".") || word === "" ? "pages" : "files"
    if (status === 304) return "unchanged"
    if (status === 503) return "failed"
    return status === 404 ? "missing" : "refused"
}
