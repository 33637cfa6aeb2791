/** The control socket, both ends: who may connect, and that nobody who does can hold the daemon up. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import {
    chmodSync,
    existsSync,
    mkdirSync,
    mkdtempSync,
    readdirSync,
    readFileSync,
    rmSync,
    statSync,
    writeFileSync,
} from "node:fs"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { type ControlClient, controlClient } from "../../src/adapters/control/client.ts"
import {
    CLIENTS_MOST,
    type ControlOptions,
    type ControlServer,
    listenControl,
} from "../../src/adapters/control/server.ts"
import type { Peer } from "../../src/adapters/system/peer.ts"
import { type Answer, encodeAnswer } from "../../src/core/control/answer.ts"
import { encodeRequest, REQUEST_MOST, type Request } from "../../src/core/control/request.ts"

const root = process.getuid?.() === 0
const driver = join(import.meta.dirname, "../lab/control-driver.ts")
const DONE: Answer = { ok: true, answer: "revoke", grants: 1, orphans: 2 }
const ALL: Request = { ask: "revoke", door: null, source: null, knocker: null }

let folder: string
let path: string
let asked: [Request, Peer][]
let troubles: string[]
const servers: ControlServer[] = []
const clients: ControlClient[] = []
const sockets: Socket[] = []
const children: ChildProcess[] = []

beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "postern-control-"))
    path = join(folder, "run/control")
    asked = []
    troubles = []
})

afterEach(() => {
    for (const client of clients.splice(0)) client.close()
    for (const socket of sockets.splice(0)) socket.destroy()
    for (const server of servers.splice(0)) server.close()
    for (const child of children.splice(0)) child.kill("SIGKILL")
    rmSync(folder, { recursive: true, force: true })
})

const listen = async (options: Partial<ControlOptions> = {}): Promise<ControlServer | string> => {
    const server = await listenControl({
        path,
        group: null,
        answer(request, peer) {
            asked.push([request, peer])
            return DONE
        },
        trouble: (what) => troubles.push(what),
        ...options,
    })
    if (typeof server !== "string") servers.push(server)
    return server
}
const serve = async (options: Partial<ControlOptions> = {}): Promise<ControlServer> => {
    const server = await listen(options)
    if (typeof server === "string") throw new Error(server)
    return server
}
const client = (patience?: number): ControlClient => {
    const made = controlClient(path, patience)
    clients.push(made)
    return made
}
/** A connection that says what a test wants, and collects what it hears. */
const raw = async () => {
    const socket = connect(path)
    sockets.push(socket)
    let text = ""
    let over = false
    socket.setEncoding("utf8").on("data", (more: string) => (text += more))
    socket.on("error", () => {})
    socket.on("close", () => (over = true))
    await once(socket, "connect")
    return { socket, heard: () => text, over: () => over }
}
const drive = async (what: "listen" | "hang") => {
    const child = spawn(process.execPath, ["--import", "tsx", driver, what, path], {
        stdio: ["ignore", "pipe", "inherit"],
    })
    children.push(child)
    child.stdout.setEncoding("utf8")
    const [line]: unknown[] = await once(child.stdout, "data")
    return { child, line: String(line).trim() }
}
const killed = async (child: ChildProcess) => {
    const gone = once(child, "exit")
    child.kill("SIGKILL")
    await gone
}
const descriptors = () => readdirSync("/proc/self/fd").length
const mode = (of: string) => (statSync(of).mode & 0o777).toString(8)

describe("listenControl()", () => {
    it("answers what is asked, and says whose question it is", async () => {
        await serve()
        const { ask } = client()
        expect(await ask(ALL)).toEqual(DONE)
        expect(await ask({ ask: "status" })).toEqual(DONE)
        expect(asked.map(([request]) => request)).toEqual([ALL, { ask: "status" }])
        expect(asked[0]![1]).toMatchObject({ pid: process.pid, uid: process.getuid!() })
        expect(asked[0]![1].gids).toContain(process.getgid!())
    })

    it("makes its directory, and a socket that is its user's alone", async () => {
        const mask = process.umask()
        await serve()
        expect([mode(join(folder, "run")), mode(path)]).toEqual(["755", "600"])
        expect(process.umask()).toBe(mask)
    })

    it("removes its socket when it closes, and ends who is connected", async () => {
        const server = await serve()
        const { over } = await raw()
        server.close()
        server.close()
        await vi.waitFor(() => expect([over(), existsSync(path)]).toEqual([true, false]))
        expect(readdirSync(join(folder, "run"))).toEqual([])
        expect(await client().ask(ALL)).toMatchObject({ ok: false, code: "absent" })
    })

    it("never takes the place of one that lives", async () => {
        await serve()
        expect(await listen()).toMatch(/another daemon listens there/)
        expect(await client().ask(ALL)).toEqual(DONE)
    })

    it("takes the place of one that was killed", async () => {
        const { child, line } = await drive("listen")
        expect(line).toBe("ready")
        const before = client()
        expect(await before.ask(ALL)).toMatchObject({ ok: true })
        expect(await listen()).toMatch(/another daemon/)
        await killed(child)
        expect(existsSync(path)).toBe(true)
        expect(await client().ask(ALL)).toMatchObject({ ok: false, code: "absent" })
        await serve()
        expect(readdirSync(join(folder, "run"))).toEqual(["control"])
        expect(await before.ask(ALL)).toEqual(DONE)
    })

    it("touches nothing that is no socket, and no directory that others can write to", async () => {
        mkdirSync(join(folder, "run"), { mode: 0o755 })
        writeFileSync(path, "mine")
        expect(await listen()).toMatch(/something else than a socket/)
        expect(readFileSync(path, "utf8")).toBe("mine")
        rmSync(path)
        chmodSync(join(folder, "run"), 0o777)
        expect(await listen()).toMatch(/others than root can change/)
        chmodSync(join(folder, "run"), 0o1777)
        await serve()
    })

    it("refuses a path that the system would cut", async () => {
        path = join(folder, "x".repeat(108))
        expect(await listen()).toMatch(/longer than 107 bytes/)
        expect(await client().ask(ALL)).toMatchObject({ ok: false, code: "absent" })
        expect(readdirSync(folder)).toEqual([])
    })

    it("says why it cannot listen", async () => {
        writeFileSync(join(folder, "run"), "a file")
        expect(await listen()).toMatch(/ENOTDIR/)
        path = "/proc/nowhere/control"
        expect(await listen()).toMatch(/ENOENT/)
        path = join(folder, "two/levels/control")
        expect(await listen()).toMatch(/ENOENT/)
    })
})

describe.skipIf(!root)(`who may connect${root ? "" : " (needs root)"}`, () => {
    /** Connects as somebody else, asks, and prints what it hears, or the system's word. */
    const script = `
        const s = require("node:net").connect(process.argv[1])
        s.on("error", (e) => console.log(e.code)).on("data", (d) => { console.log(String(d)); s.destroy() })
        s.write(process.argv[2] + "\\n")`
    const askAs = async (gid: number, groups: readonly number[] = []): Promise<string> => {
        const more = groups.length === 0 ? "--clear-groups" : `--groups=${groups.join(",")}`
        const argv = ["--reuid=65534", `--regid=${gid}`, more, process.execPath, "-e", script, path, encodeRequest(ALL)]
        const child = spawn("setpriv", argv, { stdio: ["ignore", "pipe", "inherit"] })
        children.push(child)
        let text = ""
        child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
        await once(child, "close")
        return text
    }
    /** A group of this host that is not root's. */
    const [group, , gid] = readFileSync("/etc/group", "utf8")
        .split("\n")
        .map((line) => line.split(":"))
        .find(([, , number]) => Number(number) > 0)!

    beforeEach(() => chmodSync(folder, 0o755))

    it("the file system keeps others away", async () => {
        await serve()
        expect(await askAs(65534)).toBe("EACCES\n")
        expect(asked).toEqual([])
    })

    it("a socket that was opened to all lets nobody ask but root and its group", async () => {
        await serve()
        chmodSync(path, 0o666)
        expect(await askAs(65534)).toContain('"code":"denied"')
        expect(asked).toEqual([])
    })

    it("a group may, as first or further group of a user", async () => {
        await serve({ group: group! })
        expect([mode(path), statSync(path).gid]).toEqual(["660", Number(gid)])
        expect(await askAs(65534)).toBe("EACCES\n")
        expect(await askAs(Number(gid))).toContain('"ok":true')
        expect(await askAs(65534, [Number(gid)])).toContain('"ok":true')
        expect(asked.map(([, { uid }]) => uid)).toEqual([65534, 65534])
        expect(troubles).toEqual([])
    })

    it("a group that does not exist leaves it to root", async () => {
        await serve({ group: "no-such-group" })
        expect(mode(path)).toBe("600")
        expect(troubles).toEqual([expect.stringMatching(/no group no-such-group/)])
    })
})

describe("a client", () => {
    it.each([
        ["nonsense", "GET / HTTP/1.1\r\n\r\n", "malformed"],
        ["another version", '{"postern":99,"ask":"status"}\n', "version"],
        ["bytes that are no text", Buffer.from([0xff, 0xfe, 0, 10]), "malformed"],
        ["a line that is too long", `${"x".repeat(REQUEST_MOST + 1)}\n`, "too-long"],
        ["a line without an end", "x".repeat(REQUEST_MOST + 1), "too-long"],
    ])("that talks %s is told so, and let go", async (_, bytes, code) => {
        const refused: string[] = []
        await serve({ refused: (why) => refused.push(why) })
        const { socket, heard, over } = await raw()
        socket.write(bytes)
        await vi.waitFor(() => expect(over()).toBe(true))
        expect(JSON.parse(heard())).toEqual({ postern: 1, ok: false, code, detail: expect.any(String) })
        expect(asked).toEqual([])
        expect(refused).toEqual([code])
        expect(await client().ask(ALL)).toEqual(DONE)
    })

    it("that sends many lines at once, or each byte by itself, is answered in order", async () => {
        let number = 0
        await serve({ answer: () => ({ ok: true, answer: "revoke", grants: number++, orphans: 0 }) })
        const { socket, heard } = await raw()
        const line = `${encodeRequest(ALL)}\n`
        socket.write(line.repeat(500))
        for (const byte of line) socket.write(byte)
        await vi.waitFor(() => expect(heard().split("\n")).toHaveLength(502))
        const numbers = heard()
            .trim()
            .split("\n")
            .map((one): unknown => JSON.parse(one).grants)
        expect(numbers).toEqual(Array.from({ length: 501 }, (_, i) => i))
    })

    it("whose answer takes its time waits alone, and is answered in order", async () => {
        const waiting: ((answer: Answer) => void)[] = []
        const late = () => new Promise<Answer>((resolve) => waiting.push(resolve))
        const refused: Answer = { ok: false, code: "configuration", detail: "a:1:1: wrong" }
        await serve({ answer: (request) => (request.ask === "reload" ? late() : DONE) })
        const { socket, heard } = await raw()
        socket.write(`${encodeRequest({ ask: "reload" })}\n${encodeRequest(ALL)}\n`)
        const gone = await raw()
        gone.socket.write(`${encodeRequest({ ask: "reload" })}\n`)
        for (let i = 0; i < 3; i++) expect(await client().ask(ALL)).toEqual(DONE)
        expect(heard()).toBe("")
        gone.socket.destroy()
        for (const done of waiting) done(refused)
        await vi.waitFor(() => expect(heard().split("\n")).toHaveLength(3))
        expect(heard()).toBe(`${encodeAnswer(refused)}\n${encodeAnswer(DONE)}\n`)
    })

    it("that closes its half still hears every answer, also those that take their time, and is let go", async () => {
        let answered = 0
        const server = await serve({
            answer: async () => {
                await new Promise((resolve) => setTimeout(resolve, answered === 0 ? 20 : 0))
                return { ...DONE, grants: ++answered }
            },
        })
        const { socket, heard } = await raw()
        socket.end(`${encodeRequest(ALL)}\n`.repeat(50))
        await once(socket, "close")
        const answers = Array.from({ length: 50 }, (_, i) => encodeAnswer({ ...DONE, grants: i + 1 }))
        expect(heard()).toBe(`${answers.join("\n")}\n`)
        await vi.waitFor(() => expect(server.clients()).toBe(0))
    })

    it("that has hung up is known to be gone while it waits; one that has closed its half is not", async () => {
        const waiting: { gone: () => boolean; done: (answer: Answer) => void }[] = []
        await serve({ answer: (_request, _peer, gone) => new Promise((done) => waiting.push({ gone, done })) })
        const [leaves, closes, stays] = [await raw(), await raw(), await raw()]
        for (const { socket } of [leaves, closes, stays]) {
            socket.write(`${encodeRequest(ALL)}\n`.repeat(2))
            const before = waiting.length
            await vi.waitFor(() => expect(waiting).toHaveLength(before + 1))
        }
        expect(waiting.map(({ gone }) => gone())).toEqual([false, false, false])
        closes.socket.end()
        leaves.socket.destroy()
        await vi.waitFor(() => expect(waiting.map(({ gone }) => gone())).toEqual([true, false, false]))
        for (const { done } of waiting) done(DONE)
        // Who is there is asked for more.
        await vi.waitFor(() => expect(waiting).toHaveLength(5))
        for (const { done } of waiting.splice(3)) done(DONE)
        await vi.waitFor(() => expect(closes.heard().split("\n")).toHaveLength(3))
    })

    it("that asks and never reads is not read from, and let go in time", async () => {
        let answered = 0
        const long = (): Answer => {
            answered++
            return { ok: false, code: "failed", detail: "x".repeat(1_000_000) }
        }
        await serve({ answer: long, idle: 300 })
        const all = await Promise.all(Array.from({ length: CLIENTS_MOST }, raw))
        for (const { socket } of all) {
            socket.pause()
            socket.write(`${encodeRequest(ALL)}\n`.repeat(1000))
        }
        await vi.waitFor(() => expect(answered).toBe(CLIENTS_MOST))
        await vi.waitFor(async () => expect(await client().ask(ALL)).toMatchObject({ code: "failed" }), {
            timeout: 20_000,
        })
        expect(answered).toBe(CLIENTS_MOST + 1)
    })

    it("that says nothing is let go", async () => {
        await serve({ idle: 50 })
        const { over } = await raw()
        await vi.waitFor(() => expect(over()).toBe(true))
    })

    it("that comes when all places are taken is told so; 1000 of them leave nothing behind", async () => {
        let refused = 0
        const server = await serve({ refused: () => refused++ })
        const first = await Promise.all(Array.from({ length: CLIENTS_MOST }, raw))
        const late = await raw()
        await vi.waitFor(() => expect(late.over()).toBe(true))
        const before = descriptors()
        for (let round = 0; round < 10; round++) {
            const more = await Promise.all(Array.from({ length: 100 }, raw))
            await vi.waitFor(() => expect(more.every(({ over }) => over())).toBe(true))
            for (const { heard } of more) expect(heard()).toContain('"code":"busy"')
        }
        expect(first.filter(({ over }) => over())).toEqual([])
        expect([server.clients(), refused]).toEqual([CLIENTS_MOST, 1001])
        await vi.waitFor(() => expect(descriptors()).toBeLessThanOrEqual(before))
        first[0]!.socket.destroy()
        await vi.waitFor(async () => expect(await client().ask(ALL)).toEqual(DONE))
    })

    it("that hangs up while it waits leaves its place to the next one", async () => {
        const waiting: ((answer: Answer) => void)[] = []
        const later = () => new Promise<Answer>((resolve) => waiting.push(resolve))
        const server = await serve({ answer: ({ ask }) => (ask === "reload" ? later() : DONE) })
        const all = await Promise.all(Array.from({ length: CLIENTS_MOST }, raw))
        for (const { socket } of all) socket.write(`${encodeRequest({ ask: "reload" })}\n`)
        await vi.waitFor(() => expect(waiting).toHaveLength(CLIENTS_MOST))
        expect(await client().ask(ALL)).toMatchObject({ code: "busy" })
        for (const { socket } of all) socket.destroy()
        await vi.waitFor(async () => expect(await client().ask(ALL)).toEqual(DONE))
        for (const done of waiting) done(DONE)
        await vi.waitFor(() => expect(server.clients()).toBeLessThan(CLIENTS_MOST))
    })

    it("that is killed gives its place back", async () => {
        await serve()
        const { child } = await drive("hang")
        const others = await Promise.all(Array.from({ length: CLIENTS_MOST - 1 }, raw))
        const late = await raw()
        await vi.waitFor(() => expect(late.heard()).toContain("busy"))
        await killed(child)
        await vi.waitFor(async () => expect(await client().ask(ALL)).toEqual(DONE))
        expect(others.filter(({ over }) => over())).toEqual([])
    })
})

describe("controlClient()", () => {
    it("says that nobody is there", async () => {
        expect(await client().ask(ALL)).toMatchObject({ ok: false, code: "absent" })
    })

    it("says that it takes too long, as when the daemon is stopped", async () => {
        const { child } = await drive("listen")
        child.kill("SIGSTOP")
        expect(await client(200).ask(ALL)).toEqual({ ok: false, code: "silent", detail: "" })
        child.kill("SIGCONT")
        await vi.waitFor(async () => expect(await client().ask(ALL)).toMatchObject({ ok: true }))
    })

    it("says that the daemon went away, and finds the next one", async () => {
        const { child } = await drive("listen")
        const one = client()
        expect(await one.ask(ALL)).toMatchObject({ ok: true })
        child.kill("SIGSTOP")
        const answer = one.ask(ALL)
        await killed(child)
        expect(await answer).toMatchObject({ ok: false, code: "broken" })
        await serve()
        expect(await one.ask(ALL)).toEqual(DONE)
    })
})
