import { Socket } from "node:net"
import { describe, expect, it } from "vitest"
import { Connections } from "../../../src/web/connections.ts"

/** A connection from this address; each has a port of its own. */
function from(address: string, port: number): Socket {
    const ends = { remoteAddress: address, remotePort: port, localAddress: "192.0.2.1", localPort: 80 }
    return Object.defineProperties(
        new Socket(),
        Object.fromEntries(Object.entries(ends).map(([name, value]) => [name, { value }])),
    )
}

function make(bounds: { readonly most: number; readonly ofOne: number }) {
    const told = { away: 0 }
    return { told, connections: new Connections(bounds, () => told.away++) }
}

const closed = (socket: Socket) => new Promise((resolve) => socket.once("close", resolve))

describe("Connections", () => {
    it("gives one address, or one /64, a share of the room, and gets it back", async () => {
        const { told, connections } = make({ most: 100, ofOne: 2 })
        for (const addresses of [
            ["198.51.100.7", "::ffff:198.51.100.7", "198.51.100.7"],
            ["2001:db8::1", "2001:db8::2", "2001:db8::3"],
        ]) {
            const sockets = addresses.map((address, port) => from(address, port))
            for (const socket of sockets) connections.admit(socket)
            expect(sockets.map(({ destroyed }) => destroyed)).toEqual([false, false, true])
            const gone = closed(sockets[0]!)
            sockets[0]!.destroy()
            await gone
            const next = from(addresses[0]!, 9)
            connections.admit(next)
            expect(next.destroyed).toBe(false)
        }
        expect(told.away).toBe(2)
        const other = from("2001:db8:0:1::1", 1)
        connections.admit(other)
        expect(other.destroyed).toBe(false)
    })

    it("lets this host itself have all of it, for a proxy", () => {
        const { told, connections } = make({ most: 100, ofOne: 2 })
        for (const [port, address] of ["127.0.0.1", "127.0.0.1", "127.0.0.1", "::1", "::1", "::1"].entries())
            connections.admit(from(address, port))
        expect({ ...told, size: connections.size }).toEqual({ away: 0, size: 6 })
    })

    it("makes room by the one that has waited longest, and spares those that are answered", () => {
        const { told, connections } = make({ most: 3, ofOne: 64 })
        const sockets = Array.from({ length: 5 }, (_, n) => from(`198.51.100.${n}`, n))
        const admit = (n: number) => connections.admit(sockets[n]!)
        for (const n of [0, 1, 2]) admit(n)
        const done = connections.busy(sockets[0]!)
        admit(3)
        expect(sockets.map(({ destroyed }) => destroyed)).toEqual([false, true, false, false, false])
        done()
        admit(4)
        expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true, false, false, false])
        expect({ ...told, size: connections.size }).toEqual({ away: 2, size: 3 })
        connections.end()
        expect(sockets.every(({ destroyed }) => destroyed)).toBe(true)
    })

    it("gives a share back also where a port came again before its end was heard of", async () => {
        const { told, connections } = make({ most: 10, ofOne: 3 })
        for (let times = 0; times < 20; times++) {
            const sockets = [from("198.51.100.7", 4000), from("198.51.100.7", 4000)]
            for (const socket of sockets) connections.admit(socket)
            const gone = sockets.map(closed)
            for (const socket of sockets) socket.destroy()
            await Promise.all(gone)
        }
        expect({ ...told, size: connections.size }).toEqual({ away: 0, size: 0 })
        for (const port of [1, 2, 3, 4]) connections.admit(from("198.51.100.7", port))
        expect({ ...told, size: connections.size }).toEqual({ away: 1, size: 3 })
    })
})
