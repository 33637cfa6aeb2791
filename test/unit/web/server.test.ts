import { connect } from "node:net"
import { setImmediate as others } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import type { Resource } from "../../../src/web/reply.ts"
import { type Find, listen } from "../../../src/web/server.ts"

const FILE: Resource = { type: "text/plain", bytes: new TextEncoder().encode("it"), etag: '"it"', modified: 0 }
const untold = { count: () => {}, access: () => {} }

/** Sends it to whoever finds so, until the other side ends it. */
async function sent(text: string, find: Find, during = async () => {}): Promise<string> {
    const web = await listen([{ host: "127.0.0.1", port: 0 }], null, find, untold)
    const socket = connect(Number(new URL(web.urls[0]!).port), "127.0.0.1", () => socket.write(text))
    let heard = ""
    socket.on("data", (bytes) => (heard += bytes.toString("latin1")))
    const ended = new Promise((resolve) => socket.once("close", resolve))
    await during()
    await ended
    await web.close()
    return heard
}

const ask = (word: string, more = "") => `GET /${word} HTTP/1.1\r\nHost: x\r\n${more}\r\n`

describe("listen()", () => {
    it("looks for one file of a connection at a time, however many are asked for ahead", async () => {
        const asked: ((found: Resource) => void)[] = []
        const find = () => new Promise<Resource>((resolve) => void asked.push(resolve))
        const heard = await sent(`${ask("a").repeat(4)}${ask("b", "Connection: close\r\n")}`, find, async () => {
            for (let turn = 0; turn < 5; turn++) {
                while (asked.length <= turn) await others()
                for (let times = 0; times < 10; times++) await others()
                expect(asked).toHaveLength(turn + 1)
                asked[turn]!(FILE)
            }
        })
        expect(heard.match(/HTTP\/1.1 200 OK\r/g)).toHaveLength(5)
    })

    it("ends at once although somebody has asked ahead and gone", async () => {
        const asked: ((found: Resource) => void)[] = []
        const find = () => new Promise<Resource>((resolve) => void asked.push(resolve))
        const web = await listen([{ host: "127.0.0.1", port: 0 }], null, find, untold)
        const socket = connect(Number(new URL(web.urls[0]!).port), "127.0.0.1", () => socket.write(ask("a").repeat(50)))
        while (asked.length === 0) await others()
        const gone = new Promise((resolve) => socket.once("close", resolve))
        socket.resetAndDestroy()
        await gone
        asked[0]!(FILE)
        await web.close()
        expect(asked).toHaveLength(1)
    })

    it("does not say that a file is gone when it cannot be read just now", async () => {
        const heard = await sent(ask("a", "Connection: close\r\n"), () => Promise.resolve("unreadable"))
        expect(heard).toMatch(/^HTTP\/1.1 503 .*\r\nRetry-After: 5\r\n/s)
    })
})
