/**
 * Falls into each trap of `readable` (src/adapters/system/poll.ts), one per run, and prints what came of it as JSON.
 * In a process of its own, because the way out of some of them is a crash.
 */

import { ffi, libcFunction } from "../../src/adapters/system/ffi.ts"
import { encodeMessage, NLM_F_DUMP, NLM_F_REQUEST, openNetlink } from "../../src/adapters/system/netlink.ts"
import { ETH_P_IP, linkAddress } from "../../src/adapters/system/packet-ring.ts"
import { readable, type Watch } from "../../src/adapters/system/poll.ts"
import {
    AF_PACKET,
    bindSocket,
    closeSocket,
    openSocket,
    receive,
    SOCK_DGRAM,
    sendBytes,
} from "../../src/adapters/system/socket.ts"

const buffer = new Uint8Array(65_536)

/** A netlink socket that becomes readable when asked. */
const fd = openNetlink(0)
const ask = () => sendBytes(fd, encodeMessage(18, NLM_F_REQUEST | NLM_F_DUMP, 1, new Uint8Array(16)))
const drain = () => {
    while (receive(fd, buffer) > 0);
}
const turn = () => new Promise((resolve) => setTimeout(resolve, 5))
const gc = () => global.gc!()

async function until(condition: () => boolean): Promise<boolean> {
    for (let i = 0; i < 2000 && !condition(); i++) await turn()
    return condition()
}

const traps: Readonly<Record<string, () => Promise<unknown>>> = {
    async arguments() {
        const seen: unknown[][] = []
        const handle = ffi().node.poll(fd, { readable: true }, (...args: unknown[]) => {
            seen.push(args)
            drain()
        })
        ask()
        await until(() => seen.length > 0)
        handle.close()
        return seen[0]
    },
    async throwing() {
        const caught: string[] = []
        process.on("uncaughtException", (error) => caught.push(error.message))
        let calls = 0
        const watch = readable(fd, () => {
            drain()
            calls++
            throw new Error(`call ${calls}`)
        })
        for (let i = 1; i <= 3; i++) {
            ask()
            await until(() => caught.length === i)
            gc()
        }
        watch.close()
        return { calls, caught }
    },
    async collected() {
        let calls = 0
        const forget = () => {
            readable(fd, () => {
                drain()
                calls++
            })
        }
        forget()
        for (let i = 0; i < 5; i++) {
            gc()
            await turn()
        }
        ask()
        await until(() => calls > 0)
        // Nothing refers to the watch, so only the end of the process ends it.
        setImmediate(() => process.exit())
        return { calls }
    },
    async closed() {
        let calls = 0
        const watch: Watch = readable(fd, () => {
            calls++
            watch.close()
        })
        ask()
        await until(() => calls > 0)
        watch.close()
        watch.pause()
        watch.resume()
        gc()
        await turn()
        return { calls }
    },
    async paused() {
        let calls = 0
        const watch = readable(fd, () => {
            drain()
            calls++
        })
        watch.pause()
        watch.pause()
        ask()
        for (let i = 0; i < 5; i++) await turn()
        const before = calls
        watch.resume()
        watch.resume()
        await until(() => calls > 0)
        watch.close()
        return { before, after: calls }
    },
    async microtasks() {
        const order: string[] = []
        const watch = readable(fd, () => {
            drain()
            order.push("callback")
            setImmediate(() => order.push("immediate"))
            void Promise.resolve().then(() => order.push("microtask"))
        })
        ask()
        await until(() => order.length >= 3)
        watch.close()
        return order
    },
    async down() {
        // Needs a namespace with an interface "one" and the ip program; bound to it, so that it hears of its end.
        const packets = openSocket(AF_PACKET, SOCK_DGRAM, 0)
        bindSocket(packets, linkAddress(ETH_P_IP, libcFunction("unsigned int if_nametoindex(const char *name)")("one")))
        const errors: number[] = []
        let received = 0
        const watch = readable(packets, (error) => {
            if (error !== 0) errors.push(error)
            while (receive(packets, buffer) > 0) received++
        })
        process.stdout.write(`${JSON.stringify({ watching: true })}\n`)
        await until(() => errors.length >= 2 && received > 0)
        watch.close()
        closeSocket(packets)
        return { errors: [...new Set(errors)], heard: received > 0 }
    },
}

const result = await traps[process.argv[2]!]!()
process.stdout.write(`${JSON.stringify({ result })}\n`)
