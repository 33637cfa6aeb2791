/**
 * Who is connected, bounded. When there is no room the connection goes that has waited longest without asking for
 * anything: so somebody who holds connections open keeps nobody out. One address, or one /64 of IPv6, has a share of the
 * room; this host itself, where a reverse proxy would be, has all of it.
 */
import type { Socket } from "node:net"
import { contains, networkOf, parseAddress, parseNetwork } from "../core/net/address.ts"

/** Ours: connections at once, and of them those of one source. */
export type Bounds = { readonly most: number; readonly ofOne: number }

type Connection = { readonly socket: Socket; readonly source: string | null; busy: number }

type Key = string | Socket

const OURSELVES = ["127.0.0.0/8", "::1/128"].flatMap((text) => parseNetwork(text) ?? [])

export class Connections {
    readonly #bounds: Bounds
    readonly #away: () => void
    /** In the order they came. */
    readonly #all = new Map<Key, Connection>()
    readonly #shares = new Map<string, number>()

    /** `away` hears of each that is turned away or has to make room. */
    constructor(bounds: Bounds, away: () => void) {
        this.#bounds = bounds
        this.#away = away
    }

    get size(): number {
        return this.#all.size
    }

    /** Takes a connection in, or ends it at once. */
    admit(socket: Socket): void {
        const key = keyOf(socket)
        const source = sourceOf(socket)
        // Who comes back with the same port before its end was heard of must not count twice for ever.
        const former = this.#all.get(key)
        if (former !== undefined) this.#leave(key, former.socket)
        const share = source === null ? 0 : (this.#shares.get(source) ?? 0)
        if (share >= this.#bounds.ofOne) {
            this.#away()
            socket.destroy()
            return
        }
        if (this.#all.size >= this.#bounds.most) this.#makeRoom()
        this.#all.set(key, { socket, source, busy: 0 })
        if (source !== null) this.#shares.set(source, share + 1)
        socket.once("close", () => this.#leave(key, socket))
    }

    /** A request of this connection is being answered, until the function that is returned is called. */
    busy(socket: Socket): () => void {
        const connection = this.#all.get(keyOf(socket))
        if (connection === undefined) return () => {}
        connection.busy++
        return () => void connection.busy--
    }

    /** Ends all of them. */
    end(): void {
        for (const { socket } of this.#all.values()) socket.destroy()
    }

    #makeRoom(): void {
        const [key, { socket }] = this.#longestWaiting()
        this.#away()
        this.#leave(key, socket)
        socket.destroy()
    }

    /** Or the oldest, if all are being answered. Asked only where there is one. */
    #longestWaiting(): [Key, Connection] {
        for (const one of this.#all) if (one[1].busy === 0) return one
        return this.#all.entries().next().value!
    }

    #leave(key: Key, socket: Socket): void {
        const connection = this.#all.get(key)
        if (connection?.socket !== socket) return
        this.#all.delete(key)
        const { source } = connection
        if (source === null) return
        const left = (this.#shares.get(source) ?? 1) - 1
        if (left === 0) this.#shares.delete(source)
        else this.#shares.set(source, left)
    }
}

/** What both ends are, which is the same for a connection and for what TLS makes of it; a local socket has no such thing. */
function keyOf(socket: Socket): Key {
    const { remoteAddress, remotePort, localAddress, localPort } = socket
    return remoteAddress === undefined ? socket : [remoteAddress, remotePort, localAddress, localPort].join(" ")
}

/** Whose share it counts to; null for this host itself. */
function sourceOf({ remoteAddress }: Socket): string | null {
    const address = parseAddress(remoteAddress ?? "")
    if (address === null || OURSELVES.some((network) => contains(network, address))) return null
    return networkOf(address)
}
