/** The socket of the system's log, against servers of both kinds that come and go. */
import { mkdtempSync, rmSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import {
    AF_UNIX,
    bindSocket,
    closeSocket,
    localAddress,
    openSocket,
    receive,
    SOCK_DGRAM,
} from "../../../src/adapters/system/socket.ts"
import { SyslogSocket } from "../../../src/adapters/system/syslog.ts"

const message = (text: string) => Buffer.from(`${text}\0`)

describe("SyslogSocket.write()", () => {
    let folder: string
    let path: string
    let now = 0
    let socket: SyslogSocket
    beforeEach(() => {
        folder = mkdtempSync(join(tmpdir(), "postern-syslog-"))
        path = join(folder, "log")
        now = 0
        socket = new SyslogSocket(() => now, path)
    })
    afterEach(() => {
        socket.close()
        rmSync(folder, { recursive: true })
    })

    function serve(): { read: () => string | null; close: () => void } {
        const fd = openSocket(AF_UNIX, SOCK_DGRAM, 0)
        bindSocket(fd, localAddress(path)!)
        const bytes = new Uint8Array(1000)
        return {
            read() {
                const length = receive(fd, bytes)
                return length <= 0 ? null : Buffer.from(bytes.subarray(0, length)).toString()
            },
            close() {
                closeSocket(fd)
                rmSync(path, { force: true })
            },
        }
    }

    function serveStreams(heard: string[], peers: Socket[]): Promise<Server> {
        const server = createServer((peer) => {
            peers.push(peer)
            peer.setEncoding("utf8").on("data", (text: string) => heard.push(text))
        })
        return new Promise((resolve) => server.listen(path, () => resolve(server)))
    }

    it("sends datagrams without their NUL, to whoever listens then; says why where nobody ever did", () => {
        expect(socket.write(message("one"))).toMatch(/^ENOENT/)
        const server = serve()
        expect(socket.write(message("two"))).toBe(4)
        expect([server.read(), server.read()]).toEqual(["two", null])
        server.close()
        const next = serve()
        expect(socket.write(message("three"))).toBe(6)
        expect(next.read()).toBe("three")
        next.close()
    })

    it("waits for a server that is away, for half a minute", () => {
        const server = serve()
        socket.write(message("one"))
        server.close()
        expect(socket.write(message("two"))).toBe(0)
        now = 29_999
        expect(socket.write(message("two"))).toBe(0)
        now = 30_000
        expect(socket.write(message("two"))).toMatch(/^ENOENT/)
    })

    it("never waits for one that does not read", () => {
        const server = serve()
        let taken = 0
        while (taken < 10_000 && socket.write(message("a line")) !== 0) taken++
        expect(taken).toBeLessThan(10_000)
        while (server.read() !== null) taken--
        expect(taken).toBe(0)
        expect(socket.write(message("room again"))).toBe(11)
        server.close()
    })

    it("speaks to a server of streams, with a NUL after each message, and to the one after it", async () => {
        const heard: string[] = []
        const peers: Socket[] = []
        for (const what of ["one", "two"]) {
            const server = await serveStreams(heard, peers)
            // The first message after the end of a connection says that it has ended.
            await expect.poll(() => socket.write(message(what))).toBe(4)
            expect(socket.write(message("more"))).toBe(5)
            await expect.poll(() => heard.join("")).toContain(`${what}\0more\0`)
            for (const peer of peers.splice(0)) peer.destroy()
            await new Promise((resolve) => server.close(resolve))
        }
    })
})
