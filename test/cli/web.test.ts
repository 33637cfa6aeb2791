/** `postern web` as it is built, asked over real sockets: by those who know a name, by strangers, and by those who flood it. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { type IncomingHttpHeaders, request } from "node:http"
import { Agent, request as requestTls } from "node:https"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { makeCertificate } from "../lab/certificate.ts"
import { collectLines, type Lines } from "../lab/lines.ts"

const LAUNCHER = join(import.meta.dirname, "../../postern")
/** A name of the right shape, made of one letter. */
const name = (letter: string) => letter.repeat(32)

type Web = { readonly url: string; readonly port: number; readonly log: Lines; readonly child: ChildProcess }
type Answer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string }

let folder: string
let directory: string
let web: Web
const running: ChildProcess[] = []

/** Puts a file into the place of the old one, as the daemon does. */
function publish(file: string, text: string): void {
    writeFileSync(join(directory, ".new"), text)
    renameSync(join(directory, ".new"), join(directory, file))
}

async function start(...args: readonly string[]): Promise<Web> {
    const child = spawn(LAUNCHER, ["web", directory, "--listen", "127.0.0.1:0", ...args])
    running.push(child)
    const log = collectLines(child, child.stderr)
    const [, url, port] = /(https?:\S+:(\d+)) serves/.exec(await log.waitFor(/ serves /))!
    return { url: url!, port: Number(port), log, child }
}

/** Asks as it is written: nothing in the path is changed on the way. */
function ask(path: string, headers: Record<string, string> = {}, method = "GET", from = web): Promise<Answer> {
    const tls = from.url.startsWith("https:")
    const options = {
        host: "127.0.0.1",
        port: from.port,
        path,
        headers,
        method,
        rejectUnauthorized: false,
        agent: tls ? new Agent() : false,
    } as const
    return new Promise((resolve, reject) => {
        const asked = (tls ? requestTls : request)(options, (answer) => {
            let body = ""
            answer.setEncoding("utf8").on("data", (text: string) => (body += text))
            answer.once("end", () => resolve({ status: answer.statusCode!, headers: answer.headers, body }))
        })
        asked.once("error", reject).end()
    })
}

/** Sends bytes as they are and resolves to what comes back until the other side ends it. `last`: ends its own side at once. */
function raw(text: string, last = false): Promise<string> {
    return new Promise((resolve) => {
        const socket = connect(web.port, "127.0.0.1", () => (last ? socket.end(text) : socket.write(text)))
        let heard = ""
        socket.on("data", (bytes) => (heard += bytes.toString("latin1")))
        socket.on("error", () => {})
        socket.once("close", () => resolve(heard))
    })
}

/** Asks until it is as it should be; the last answer if it never is. */
async function until(good: (answer: Answer) => boolean, act: () => Promise<Answer>): Promise<Answer> {
    for (let times = 0; ; times++) {
        const answer = await act()
        if (good(answer) || times === 200) return answer
        await pause(20)
    }
}

beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "postern-web-"))
    directory = join(folder, "root")
    mkdirSync(directory)
    publish(name("a"), "first")
    writeFileSync(join(folder, "secret"), "secret")
    writeFileSync(join(directory, "index.html"), "secret")
    writeFileSync(join(directory, name("l")), "x".repeat((1 << 20) + 1))
    mkdirSync(join(directory, name("d")))
    symlinkSync(join(folder, "secret"), join(directory, name("s")))
    spawnSync("mkfifo", [join(directory, name("p"))])
    web = await start("--access-log")
})

afterAll(() => {
    for (const child of running) child.kill("SIGKILL")
    rmSync(folder, { recursive: true, force: true })
})

describe("postern web", () => {
    it("gives a file to whoever knows its name, and says nothing of itself", async () => {
        const { status, headers, body } = await ask(`/${name("a")}`)
        expect({ status, body }).toEqual({ status: 200, body: "first" })
        expect(headers).toMatchObject({
            "cache-control": "no-cache, no-transform",
            "access-control-allow-origin": "*",
            "x-content-type-options": "nosniff",
        })
        expect(Object.keys(headers).filter((one) => /server|powered|via/.test(one))).toEqual([])
        expect((await ask(`/${name("a")}?again`)).body).toBe("first")
        expect((await ask(`http://elsewhere.example/${name("a")}`)).body).toBe("first")
        // As nc sends it, which ends its own side first.
        const request = `GET /${name("a")} HTTP/1.1\r\nHost: x\r\n\r\n`
        expect((await raw(request.repeat(3), true)).match(/\r\n\r\nfirst/g)).toHaveLength(3)
        expect(await raw("GET ", true)).not.toContain("first")
    })

    it("answers HEAD with the same headers, and what is known already with 304", async () => {
        const whole = await ask(`/${name("a")}`)
        const head = await ask(`/${name("a")}`, {}, "HEAD")
        expect({ ...head, headers: { ...head.headers, date: "" } }).toEqual({
            ...whole,
            headers: { ...whole.headers, date: "" },
            body: "",
        })
        const etag = whole.headers.etag!
        const again = await ask(`/${name("a")}`, { "If-None-Match": etag })
        expect(again).toMatchObject({ status: 304, headers: { etag }, body: "" })
        expect(again.headers).not.toHaveProperty("content-length")
    })

    it("gives strangers one and the same answer, whatever they ask for", async () => {
        const asked = [
            name("b"),
            name("l"),
            name("d"),
            name("s"),
            name("p"),
            "index.html",
            ".new",
            `${name("a")}/`,
            `${name("a")}.`,
            "../secret",
            "..%2fsecret",
            "%2e%2e/secret",
            `./${name("a")}`,
            `/${name("a")}`,
            `${name("a")}%00`,
            name("%61"),
            "a".repeat(4000),
        ]
        const answers = await Promise.all(asked.map((path) => ask(`/${path}`)))
        const seen = answers.map(({ status, headers, body }) =>
            JSON.stringify([status, { ...headers, date: "" }, body]),
        )
        expect(new Set(seen).size).toBe(1)
        expect(answers[0]!.status).toBe(404)
        const front = await ask("/")
        expect(front).toMatchObject({ status: 200, body: answers[0]!.body })
        expect(front.body).not.toMatch(/[a-z]{4,}(?![^<]*>)/i)
        // Nor does a condition tell what is there.
        expect((await ask(`/${name("b")}`, { "If-None-Match": "*" })).status).toBe(404)
    })

    it("refuses other methods and bodies, everywhere alike", async () => {
        for (const path of [`/${name("a")}`, "/none", "/"]) {
            for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
                expect((await ask(path, {}, method)).status, method).toBe(405)
            for (const headers of [{ "Content-Length": "0" }, { Expect: "100-continue" }, { Range: "bytes=0-1" }])
                expect((await ask(path, headers)).status).not.toBe(206)
        }
        expect(await raw(`GET /${name("a")} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello`)).toMatch(
            /^HTTP\/1\.1 413 /,
        )
        expect(await raw(`GET /${name("a")} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`)).toMatch(
            /^HTTP\/1\.1 413 /,
        )
        expect(await raw(`GET /${name("a")} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n`)).not.toContain(
            " 100 ",
        )
        // What was asked before is answered before that.
        const both = await raw(`GET /${name("a")} HTTP/1.1\r\nHost: x\r\n\r\n\xff\r\n\r\n`)
        expect(both).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nfirstHTTP\/1\.1 400 Bad Request\r\n/s)
        expect(await raw("CONNECT x:22 HTTP/1.1\r\nHost: x:22\r\n\r\n")).toBe("")
        expect(await raw("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")).toBe(
            "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        )
        expect(await raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(9000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /)
    })

    it("gives what was replaced at once, and nothing that was taken away", async () => {
        const { headers } = await ask(`/${name("a")}`)
        for (let n = 0; n < 20; n++) {
            publish(name("a"), `number ${n}`)
            expect((await ask(`/${name("a")}`)).body).toBe(`number ${n}`)
        }
        expect((await ask(`/${name("a")}`, { "If-None-Match": headers.etag! })).status).toBe(200)
        publish(name("c"), "new")
        expect(
            (
                await until(
                    ({ status }) => status === 200,
                    () => ask(`/${name("c")}`),
                )
            ).body,
        ).toBe("new")
        rmSync(join(directory, name("c")))
        expect((await ask(`/${name("c")}`)).status).toBe(404)
    })

    it("finds its directory again when another one takes its place", async () => {
        const old = join(folder, "old")
        renameSync(directory, old)
        expect((await ask(`/${name("a")}`)).status).toBe(404)
        mkdirSync(directory)
        publish(name("e"), "moved")
        expect(
            (
                await until(
                    ({ status }) => status === 200,
                    () => ask(`/${name("e")}`),
                )
            ).body,
        ).toBe("moved")
        rmSync(directory, { recursive: true })
        renameSync(old, directory)
        await until(
            ({ status }) => status === 200,
            () => ask(`/${name("a")}`),
        )
    })

    it("lets nobody out who holds connections open: those that say nothing make room", async () => {
        const held: Socket[] = []
        try {
            for (let n = 0; n < 700; n++) {
                const socket = connect(web.port, "127.0.0.1", () => socket.write("GET / HTTP/1.1\r\nX: "))
                socket.on("error", () => {})
                held.push(socket)
            }
            const answers = await Promise.all(Array.from({ length: 20 }, () => ask(`/${name("a")}`)))
            expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
        } finally {
            for (const socket of held) socket.destroy()
        }
    })

    it("logs no whole name and no address", () => {
        const lines = web.log.all.join("\n")
        expect(lines).toContain("postern web: GET /aaaa… 200 5\n")
        expect(lines).not.toMatch(/a{5}/)
        expect(web.log.all.filter((line) => line.includes("127.0.0.1"))).toEqual([expect.stringContaining(" serves ")])
    })

    it("serves the page that knocks where it is asked to, under its own policy", async () => {
        for (const [path, beside] of [
            ["/", "/knock-openpgp.js"],
            ["/x/k.html", "/x/knock-openpgp.js"],
        ] as const) {
            const paged = await start("--page", path)
            const page = await ask(path, {}, "GET", paged)
            expect(page.headers["content-security-policy"]).toBe("frame-ancestors 'none'")
            expect(page.body).toBe(readFileSync(join(LAUNCHER, "../dist/knock.html"), "utf8"))
            expect((await ask(path, { "If-None-Match": page.headers.etag! }, "GET", paged)).status).toBe(304)
            expect((await ask(beside, {}, "GET", paged)).headers["content-type"]).toMatch(/^text\/javascript/)
            expect((await ask(`/${name("a")}`, {}, "GET", paged)).status).toBe(200)
            // From this host itself browsers take it for safe.
            expect(paged.log.all.filter((line) => line.includes("plain http"))).toEqual([])
            paged.child.kill("SIGKILL")
        }
        const { status, stderr } = spawnSync(LAUNCHER, ["web", directory, "--page", "/../x.html"], { encoding: "utf8" })
        expect({ status, stderr }).toEqual({
            status: 2,
            stderr: "postern: error: --page /../x.html: not a path for it\npostern: hint: as in / or /k.html\n",
        })
    })

    it("speaks TLS, and takes a renewed certificate without a pause", async () => {
        const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") }
        const certify = (host: string) => {
            const [cert, key] = [`${files.cert}.new`, `${files.key}.new`]
            makeCertificate(host, { cert, key })
            renameSync(key, files.key)
            renameSync(cert, files.cert)
            return readFileSync(files.cert, "utf8")
        }
        certify("one.example")
        const tls = await start("--cert", files.cert, "--key", files.key)
        expect((await ask(`/${name("a")}`, {}, "GET", tls)).status).toBe(200)
        // Half of a new pair is not taken.
        writeFileSync(files.cert, "nothing")
        await tls.log.waitFor(/the new certificate is not taken, the old one stays/)
        expect((await ask(`/${name("a")}`, {}, "GET", tls)).status).toBe(200)
        // Nor what cannot even be looked at.
        rmSync(files.cert)
        symlinkSync("cert.pem", files.cert)
        await tls.log.waitFor(/the old one stays: ELOOP/)
        expect((await ask(`/${name("a")}`, {}, "GET", tls)).status).toBe(200)
        certify("two.example")
        await tls.log.waitFor(/the certificate was renewed/)
        const shown = spawnSync("openssl", ["s_client", "-connect", `127.0.0.1:${tls.port}`], {
            input: "",
            encoding: "utf8",
        })
        expect(shown.stdout).toContain("two.example")
        tls.child.kill("SIGTERM")
        await tls.log.waitFor(/ended/)
    })

    it("ends when it is told to, says what was asked for, and lets nobody wait", async () => {
        const socket = connect(web.port, "127.0.0.1")
        socket.on("error", () => {})
        const ended = new Promise<number | null>((resolve) => web.child.once("close", resolve))
        web.child.kill("SIGTERM")
        expect(await ended).toBe(0)
        expect(web.log.all.find((line) => line.includes("answered:"))).toMatch(
            /^postern web: answered: files \d+, unchanged 1, pages \d+, not there \d+, refused \d+, (?:broken off \d+, )?turned away \d+$/,
        )
        socket.destroy()
    })
})
