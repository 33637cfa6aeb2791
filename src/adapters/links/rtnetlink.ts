/**
 * The host's links as the kernel tells of them. A snapshot is kept and only what changed is asked for again; the same
 * object is returned as long as nothing changed, so that a capture can ask on every wake-up.
 */
import type { LinkState, Links } from "../../ports/links.ts"
import { readable, type Watch } from "../system/poll.ts"
import {
    ADDRESSES,
    heard,
    LINKS,
    listAddresses,
    listDefaultInterfaces,
    listLinks,
    openLinkEvents,
    ROUTES,
} from "../system/rtnetlink.ts"
import { closeSocket } from "../system/socket.ts"

const EVERYTHING = LINKS | ADDRESSES | ROUTES

/** Follows the links of the network namespace it is first used in. */
export function rtnetlinkLinks(): Links {
    return new RtnetlinkLinks()
}

class RtnetlinkLinks implements Links {
    readonly #listeners = new Set<() => void>()
    readonly #buffer = new Uint8Array(65_536)
    #events: { readonly fd: number; readonly watch: Watch } | null = null
    #state: LinkState = { interfaces: [], addresses: [], defaultRoutes: [] }
    #routes: readonly number[] = []
    #telling = false

    /** Reads what waits first, so that it is never behind what the caller has seen of the network. */
    current(): LinkState {
        if (this.#events) this.#refresh(heard(this.#events.fd, this.#buffer))
        else this.#read(EVERYTHING)
        return this.#state
    }

    start(changed: () => void): void {
        this.#listeners.add(changed)
        if (this.#events) return
        // Subscribe first, read then: what changes in between is heard of.
        const fd = openLinkEvents()
        const watch = readable(fd, (error) => {
            const news = heard(fd, this.#buffer)
            // An error is an overrun: anything may have changed.
            this.#refresh(error === 0 ? news : EVERYTHING)
        })
        this.#events = { fd, watch }
        this.#read(EVERYTHING)
    }

    stop(): void {
        this.#listeners.clear()
        this.#events?.watch.close()
        if (this.#events) closeSocket(this.#events.fd)
        this.#events = null
    }

    #refresh(changed: number): void {
        if (changed === 0) return
        if (!this.#read(changed) || this.#telling) return
        this.#telling = true
        // In a turn of its own: whoever asked for the state is not called back in the midst of it.
        setImmediate(() => {
            this.#telling = false
            for (const listener of this.#listeners) listener()
        })
    }

    /** Asks the kernel for what may have changed. Returns whether it did; else the snapshot stays the same object. */
    #read(changed: number): boolean {
        const interfaces = changed & LINKS ? listLinks() : this.#state.interfaces
        const addresses = changed & ADDRESSES ? listAddresses() : this.#state.addresses
        if (changed & ROUTES) this.#routes = listDefaultInterfaces()
        const names = this.#routes.flatMap((index) => interfaces.find((link) => link.index === index)?.name ?? [])
        const state = { interfaces, addresses, defaultRoutes: names }
        if (JSON.stringify(state) === JSON.stringify(this.#state)) return false
        this.#state = state
        return true
    }
}
