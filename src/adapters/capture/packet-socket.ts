/**
 * Packets from packet sockets, for hosts without nftables and for routers. Two sockets, IPv4 and IPv6, bound to
 * protocol and not to "everything": so a packet is seen once, on the interface that ends up with it (the VLAN, the
 * bridge, the tunnel), and what the host itself sends is never seen. They are bound to no interface; the filter holds
 * the indices of the watched ones and follows them, so an interface that vanishes is nothing special.
 */

import { hitOf } from "../../core/knock/hit.ts"
import { decodePacket } from "../../core/net/decode.ts"
import { Packet } from "../../core/net/packet.ts"
import { onlyHits, Sieve, silentServices, watchedFlags } from "../../core/sieve.ts"
import type { Watching } from "../../core/watch.ts"
import type { Capture, CaptureSink, CaptureStats } from "../../ports/capture.ts"
import type { Clock } from "../../ports/clock.ts"
import type { LinkState, Links } from "../../ports/links.ts"
import { EPERM, SystemError } from "../system/errno.ts"
import { ETH_P_IP, ETH_P_IPV6, PacketRing, RING_SNAPLEN } from "../system/packet-ring.ts"
import { LITTLE } from "../system/socket.ts"
import { assembleFilter } from "./bpf.ts"
import { Drops } from "./drops.ts"
import { pace } from "./pace.ts"
import { Stamps } from "./stamps.ts"

/** 16384 packets for each family: 80 ms of a flood at 200 000 packets per second. */
const RING_BYTES = 4 << 20

/** `links` tells the host's own addresses and the numbers of the interfaces; the capture listens to its changes. */
export function packetSocketCapture(deps: { readonly clock: Clock; readonly links: Links }): Capture {
    return new PacketSocketCapture(deps.clock, deps.links)
}

/** What is looked for, on this host as it is. */
type Aim = {
    readonly watching: Watching
    readonly state: LinkState
    /** Watched interfaces by number; null: all. */
    readonly indices: ReadonlySet<number> | null
    readonly sieve: Sieve
}

type Running = {
    readonly sink: CaptureSink
    readonly rings: readonly PacketRing[]
    readonly pace: ReturnType<typeof pace>
}

class PacketSocketCapture implements Capture {
    readonly name = "packet-socket"
    readonly #clock: Clock
    readonly #links: Links
    /** One for each ring: what waits in one says nothing about when the other's packets came. */
    readonly #stamps: readonly [Stamps, Stamps]
    readonly #packet = new Packet()
    readonly #drops = new Drops()
    #running: Running | null = null
    #listening = false
    #aim: Aim | null = null
    #absent: ReadonlySet<string> = new Set()
    #delivered = 0
    #unreadable = 0
    #unwanted = 0
    /** Whose packet is being delivered. */
    #stamping: Stamps

    constructor(clock: Clock, links: Links) {
        this.#clock = clock
        this.#links = links
        this.#stamps = [new Stamps(clock), new Stamps(clock)]
        this.#stamping = this.#stamps[0]
    }

    start(watching: Watching, sink: CaptureSink): void {
        this.stop()
        const aim = aimAt(watching, this.#links.current())
        const rings: PacketRing[] = []
        try {
            for (const family of [4, 6] as const) {
                const filter = filterFor(aim, family)
                rings.push(new PacketRing(family === 4 ? ETH_P_IP : ETH_P_IPV6, filter, RING_BYTES))
            }
        } catch (error) {
            for (const ring of rings) ring.close()
            if (!(error instanceof SystemError) || error.errno !== EPERM) throw error
            throw new Error(`packet socket: ${error.message}: needs CAP_NET_RAW`, { cause: error })
        }
        const fds = rings.map(({ fd }) => fd)
        this.#aim = aim
        this.#running = {
            sink,
            rings,
            pace: pace(fds, { drain: (error) => this.#drain(error), now: () => this.#clock.monotonic() }),
        }
        this.#absent = missing(aim)
        if (this.#listening) return
        this.#listening = true
        this.#links.start(() => this.#adapt())
    }

    follow(watching: Watching): void {
        this.#turn(aimAt(watching, this.#links.current()))
    }

    stats(): CaptureStats {
        this.#countDrops()
        const [delivered, dropped] = [this.#delivered, this.#drops.total]
        return { delivered, dropped, unreadable: this.#unreadable, unwanted: this.#unwanted, overflows: 0 }
    }

    age(): number | null {
        return this.#stamping.age()
    }

    alive(): boolean {
        return this.#running?.pace.alive() ?? false
    }

    stop(): void {
        const running = this.#running
        if (running === null) return
        this.#countDrops()
        this.#running = null
        running.pace.close()
        for (const ring of running.rings) ring.close()
    }

    #drain(error: number): number {
        const running = this.#running
        if (running === null) return 0
        // Packets of an address or interface that came a moment ago must not meet the old sieve.
        this.#adapt()
        const before = this.#delivered
        let seen = 0
        for (const [i, ring] of running.rings.entries()) {
            seen += this.#deliver(ring, this.#stamps[i === 0 ? 0 : 1], running.sink)
        }
        if (this.#delivered !== before) running.sink.drained()
        // ENETDOWN and the like: some interface went down. The socket is bound to none, so it goes on.
        if (seen > 0 && running.pace.busy()) this.#countDrops()
        if (error !== 0 && this.#running !== null) this.#countDrops()
        this.#drops.tell(this.#clock.monotonic(), running.sink)
        return seen
    }

    /** One turn of the ring at most, so that a flood leaves room for timers. */
    #deliver(ring: PacketRing, stamps: Stamps, sink: CaptureSink): number {
        const packet = this.#packet
        let seen = 0
        stamps.begin()
        this.#stamping = stamps
        while (seen < ring.capacity && ring.next()) {
            seen++
            // Of interfaces that are not watched the filter lets nothing pass but what was under way when it changed.
            if (!this.#isWatched(ring.interface)) this.#unwanted++
            else if (!decodePacket(ring.bytes, ring.start, ring.end, packet)) this.#unreadable++
            else if (!this.#aim!.sieve.wants(packet)) this.#unwanted++
            else {
                stamps.set(packet, ring.seconds, ring.nanoseconds, 1_000_000)
                this.#delivered++
                sink.packet(packet)
                // The sink may have stopped us.
                if (this.#running === null) return seen
            }
            ring.release()
        }
        return seen
    }

    #isWatched(index: number): boolean {
        const { indices } = this.#aim!
        return indices === null || indices.has(index)
    }

    /** Takes over the links' state, if it is new. */
    #adapt(): void {
        const state = this.#links.current()
        if (this.#aim !== null && this.#aim.state !== state) this.#turn(aimAt(this.#aim.watching, state))
    }

    /** A filter is replaced at once, so no packet meets none; what waits in the rings meets the new sieve. */
    #turn(aim: Aim): void {
        const { rings, sink } = this.#running ?? { rings: [], sink: null }
        const before = this.#aim
        try {
            for (const [i, ring] of rings.entries()) ring.filter(filterFor(aim, i === 0 ? 4 : 6))
        } catch (error) {
            if (before !== null)
                for (const [i, ring] of rings.entries()) ring.filter(filterFor(before, i === 0 ? 4 : 6))
            throw error
        }
        this.#aim = aim
        const absent = missing(aim)
        for (const name of absent) if (!this.#absent.has(name)) sink?.trouble(`interface ${name} is gone; waiting`)
        this.#absent = absent
    }

    #countDrops(): void {
        for (const ring of this.#running?.rings ?? []) this.#drops.add(ring.takeDrops())
    }
}

function aimAt(watching: Watching, state: LinkState): Aim {
    const { interfaces: names } = watching
    const watched = names && state.interfaces.filter(({ name }) => names.includes(name)).map(({ index }) => index)
    const local = state.addresses.map(({ address }) => address)
    return { watching, state, indices: watched && new Set(watched), sieve: new Sieve(watching, local) }
}

function filterFor({ watching, indices }: Aim, family: 4 | 6): Uint8Array {
    const wish = {
        family,
        interfaces: indices && [...indices],
        flags: watchedFlags(watching.plan),
        silent: silentServices(watching),
        only: onlyHits(watching.plan)?.map(hitOf) ?? null,
    }
    return assembleFilter(wish, RING_SNAPLEN, LITTLE)
}

function missing({ watching, state }: Aim): Set<string> {
    const present = new Set(state.interfaces.map(({ name }) => name))
    return new Set((watching.interfaces ?? []).filter((name) => !present.has(name)))
}
