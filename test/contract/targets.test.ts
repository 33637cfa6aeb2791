/** One suite for every place where bundles are published; then what only one of them can do. Real servers and programs. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import {
    chmodSync,
    existsSync,
    linkSync,
    mkdirSync,
    mkdtempSync,
    readdirSync,
    readFileSync,
    rmSync,
    statSync,
    symlinkSync,
    utimesSync,
    writeFileSync,
} from "node:fs"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { spawnCommands } from "../../src/adapters/commands/spawn.ts"
import { directoryTarget } from "../../src/adapters/targets/directory.ts"
import { putTarget } from "../../src/adapters/targets/put.ts"
import { rememberIn } from "../../src/adapters/targets/remembered.ts"
import { runTarget } from "../../src/adapters/targets/run.ts"
import type { Files, Target } from "../../src/ports/target.ts"

let folder = ""
const inFolder = (...parts: string[]) => join(folder, ...parts)
const never = () => new AbortController().signal
const has = (program: string) => ["/usr/bin", "/bin", "/usr/local/bin"].some((path) => existsSync(join(path, program)))
const name = (letter: string) => letter.repeat(32)
/** Of the last publication. */
let made = Date.UTC(2026, 4, 1)
const text = (what: string) => `-----BEGIN AGE ENCRYPTED FILE-----\n${what}\n`

beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "postern-targets-"))
    mkdirSync(inFolder("state"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A publication with these files, each with contents of its own. */
function filesOf(contents: Readonly<Record<string, string>>): Files {
    const directory = inFolder("state", "bundles")
    made += 1000
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory)
    for (const [file, what] of Object.entries(contents)) {
        writeFileSync(join(directory, file), text(what))
        utimesSync(join(directory, file), made / 1000, made / 1000)
    }
    const names = Object.keys(contents).sort()
    return { directory, names, made, read: async (file) => readFileSync(join(directory, file)) }
}

/** A place to publish to, and what is there. */
type Place = {
    readonly target: Target
    readonly there: () => Record<string, string>
    readonly put: (file: string, what: string) => void
}
type Maker = {
    readonly title: string
    readonly needs: readonly string[]
    readonly make: () => Place
    readonly others: boolean
}

const contentsOf = (directory: string) => () =>
    Object.fromEntries(
        readdirSync(directory)
            .filter((file) => !file.startsWith(".git"))
            .map((file) => [file, readFileSync(join(directory, file), "utf8")]),
    )

/** A real WebDAV server, for all tests of this file. */
let dav: { readonly process: ChildProcess; readonly url: string; readonly root: string } | null = null
const commands = spawnCommands()

beforeAll(async () => {
    if (!has("rclone")) return
    const root = mkdtempSync(join(tmpdir(), "postern-dav-"))
    const child = spawn(
        "rclone",
        ["serve", "webdav", root, "--addr", "127.0.0.1:0", "--user", "me", "--pass", "x", "--dir-cache-time", "0s"],
        {
            stdio: ["ignore", "ignore", "pipe"],
            env: { PATH: process.env["PATH"], HOME: root, RCLONE_CONFIG: "/dev/null" },
        },
    )
    const url = await new Promise<string>((resolve, reject) => {
        let said = ""
        child.stderr.on("data", (bytes: Buffer) => {
            said += bytes.toString()
            const found = /http:\/\/127\.0\.0\.1:\d+\//.exec(said)
            if (found) resolve(found[0])
        })
        child.once("exit", () => reject(new Error(said)))
    })
    dav = { process: child, url, root }
})
afterAll(async () => {
    await commands.stop()
    dav?.process.kill()
    if (dav) rmSync(dav.root, { recursive: true, force: true })
})

const MAKERS: readonly Maker[] = [
    {
        title: "directory",
        needs: [],
        others: true,
        make: () => {
            mkdirSync(inFolder("www"))
            const put = (file: string, what: string) => writeFileSync(inFolder("www", file), what)
            return { target: directoryTarget(inFolder("www")), there: contentsOf(inFolder("www")), put }
        },
    },
    {
        title: "put, to rclone's WebDAV server",
        needs: ["rclone"],
        others: true,
        make: () => {
            const root = mkdtempSync(join(dav!.root, "p"))
            writeFileSync(inFolder("headers"), `# who we are\nAuthorization: Basic ${btoa("me:x")}\n`, { mode: 0o600 })
            const url = `${dav!.url}${root.slice(dav!.root.length + 1)}/`
            const target = putTarget({
                url,
                headers: inFolder("headers"),
                timeout: 10_000,
                remembered: rememberIn(inFolder("state"), url),
            })
            return { target, there: contentsOf(root), put: (file, what) => writeFileSync(join(root, file), what) }
        },
    },
    {
        title: "run, rsync",
        needs: ["rsync"],
        others: false,
        make: () => {
            const run = ["/usr/bin/rsync", "-a", "--delete", "{directory}/", `${inFolder("www")}/`]
            mkdirSync(inFolder("www"))
            return {
                target: runTarget({ run, timeout: 10_000, commands }),
                there: contentsOf(inFolder("www")),
                put: () => {},
            }
        },
    },
    {
        title: "run, git",
        needs: ["git"],
        others: false,
        make: () => {
            mkdirSync(inFolder("www"))
            const git = (...words: string[]) =>
                execFileSync("git", ["-C", inFolder("www"), ...words], { stdio: "ignore" })
            git("init", "-q")
            git("-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-q", "--allow-empty", "-m", "first")
            const here = `git -C {directory} --work-tree={directory} --git-dir=${inFolder("www", ".git")}`
            const commit = "-c user.name=gateway -c user.email=gateway@example.org commit -qm bundles --allow-empty"
            const run = ["/bin/sh", "-c", `${here} add -A . && ${here} ${commit}`]
            const there = () => {
                git("reset", "-q", "--hard")
                git("clean", "-fdq")
                return contentsOf(inFolder("www"))()
            }
            return { target: runTarget({ run, timeout: 10_000, commands }), there, put: () => {} }
        },
    },
]

for (const { title, needs, make, others } of MAKERS) {
    describe.skipIf(needs.some((program) => !has(program)))(`Target.publish(): ${title}`, () => {
        it("puts files there, in place of older ones, and takes away what is no longer wanted", async () => {
            const { target, there } = make()
            expect(await target.publish(filesOf({ [name("a")]: "1", [name("b")]: "2" }), never())).toEqual({ ok: true })
            expect(there()).toEqual({ [name("a")]: text("1"), [name("b")]: text("2") })
            expect(await target.publish(filesOf({ [name("a")]: "3", [name("c")]: "4" }), never())).toEqual({ ok: true })
            expect(there()).toEqual({ [name("a")]: text("3"), [name("c")]: text("4") })
            expect(await target.publish(filesOf({}), never())).toEqual({ ok: true })
            expect(there()).toEqual({})
        })

        it("does nothing more once it is told to end", async () => {
            const { target, there } = make()
            const result = await target.publish(filesOf({ [name("a")]: "1" }), AbortSignal.abort())
            expect(result.ok).toBe(false)
            expect(Object.keys(there())).toEqual([])
        })

        if (!others) return
        it("leaves the files of others alone, whatever they are called", async () => {
            const { target, there, put } = make()
            put("index.html", "hello")
            put(name("z"), "looks like ours by its name alone")
            await target.publish(filesOf({ [name("a")]: "1" }), never())
            await target.publish(filesOf({}), never())
            expect(there()).toEqual({ "index.html": "hello", [name("z")]: "looks like ours by its name alone" })
        })
    })
}

const silent = () => {}

const www = () => directoryTarget(inFolder("www"))

describe("directoryTarget()", () => {
    beforeEach(() => mkdirSync(inFolder("www")))

    it("gives all files one time and one mode, that everybody may read", async () => {
        await www().publish(filesOf({ [name("a")]: "1", [name("b")]: "2" }), never())
        for (const file of [name("a"), name("b")]) {
            const { mtimeMs, mode } = statSync(inFolder("www", file))
            expect([mtimeMs, mode & 0o777]).toEqual([made, 0o644])
        }
    })

    it("never follows a link out of the directory", async () => {
        writeFileSync(inFolder("secret"), text("not ours"))
        symlinkSync(inFolder("secret"), inFolder("www", name("a")))
        symlinkSync(inFolder("secret"), inFolder("www", name("b")))
        await www().publish(filesOf({ [name("a")]: "1" }), never())
        expect(readFileSync(inFolder("secret"), "utf8")).toBe(text("not ours"))
        expect(readFileSync(inFolder("www", name("a")), "utf8")).toBe(text("1"))
        expect(readdirSync(inFolder("www")).sort()).toEqual([name("a"), name("b")])
    })

    it("replaces all others where one name cannot be had, and says the same each time, without a name", async () => {
        const all = { [name("a")]: "1", [name("b")]: "1", [name("c")]: "1" }
        await www().publish(filesOf(all), never())
        for (const file of [name("b"), name("c")]) rmSync(inFolder("www", file))
        // What somebody who can write there can put in the way.
        mkdirSync(inFolder("www", name("b")))
        mkdirSync(inFolder("www", ".postern-0123456789abcdef"))
        writeFileSync(inFolder("secret"), text("not ours"))
        linkSync(inFolder("secret"), inFolder("www", name("c")))
        execFileSync("mkfifo", [inFolder("www", name("d"))])
        const detail = "a directory in it is called as one of the files: take it away"
        for (const what of ["2", "3"]) {
            const changed = filesOf({ [name("a")]: what, [name("b")]: what, [name("c")]: what })
            expect(await www().publish(changed, never())).toEqual({ ok: false, detail })
            for (const other of [name("a"), name("c")])
                expect(readFileSync(inFolder("www", other), "utf8")).toBe(text(what))
        }
        expect(readFileSync(inFolder("secret"), "utf8")).toBe(text("not ours"))
        const strange = directoryTarget(inFolder("www"), (what, path) => {
            if (what === "rename") throw new Error(`EIO: i/o error, rename '${path}'`)
        })
        const told = await strange.publish(filesOf(all), never())
        expect(told).toEqual({ ok: false, detail: `EIO: i/o error, rename '${inFolder("www")}/…'` })
        expect(readdirSync(inFolder("www")).filter((file) => file.startsWith("."))).toEqual([
            ".postern-0123456789abcdef",
        ])
    })

    it("takes away what a killed daemon has left half written, and nothing of anybody else", async () => {
        writeFileSync(inFolder("www", ".postern-0123456789abcdef"), "half")
        writeFileSync(inFolder("www", ".postern-notes"), "mine")
        await www().publish(filesOf({}), never())
        expect(readdirSync(inFolder("www"))).toEqual([".postern-notes"])
    })

    it("says what is wrong with a directory that is not there, is a file, or has no room; what is there stays", async () => {
        const missing = await directoryTarget(inFolder("nowhere")).publish(filesOf({}), never())
        expect(missing).toEqual({ ok: false, detail: expect.stringContaining("make it") })
        writeFileSync(inFolder("file"), "")
        expect(await directoryTarget(inFolder("file")).publish(filesOf({}), never())).toMatchObject({ ok: false })
        await www().publish(filesOf({ [name("a")]: "1" }), never())
        const broken = (code: string) =>
            directoryTarget(inFolder("www"), (what) => {
                if (what === "write") throw Object.assign(new Error(code), { code })
            })
        for (const [code, detail] of [
            ["ENOSPC", "full"],
            ["EROFS", "read-only"],
            ["EACCES", "may not write"],
        ] as const) {
            const result = await broken(code).publish(filesOf({ [name("a")]: "2", [name("b")]: "2" }), never())
            expect(result).toEqual({ ok: false, detail: expect.stringContaining(detail) })
            expect(contentsOf(inFolder("www"))()).toEqual({ [name("a")]: text("1") })
        }
    })
})

describe("putTarget()", () => {
    let server: Server
    let heard: { readonly method: string; readonly url: string; readonly headers: IncomingMessage["headers"] }[] = []
    let answer: (request: IncomingMessage, response: ServerResponse) => void = silent
    beforeEach(async () => {
        heard = []
        server = createServer((request, response) => {
            const { method = "", url = "", headers } = request
            heard.push({ method, url, headers })
            request.resume().on("end", () => answer(request, response))
        })
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    })
    afterEach(() => {
        server.closeAllConnections()
        server.close()
    })
    const url = () => {
        const address = server.address()
        return `http://127.0.0.1:${address !== null && typeof address === "object" ? address.port : 0}/k/`
    }
    const target = (headers: string | null = null, timeout = 5000) =>
        putTarget({ url: url(), headers, timeout, remembered: rememberIn(inFolder("state"), "one") })
    const status = (code: number, headers = {}) => {
        answer = (_, response) => response.writeHead(code, headers).end("what it says is not told")
    }

    it("tells what a server refuses, and follows it nowhere", async () => {
        for (const [code, detail] of [
            [401, "headers"],
            [403, "headers"],
            [409, "collection"],
            [413, "size"],
            [507, "room"],
            [500, "500"],
        ] as const) {
            status(code)
            const result = await target().publish(filesOf({ [name("a")]: "1" }), never())
            expect(result).toEqual({ ok: false, detail: expect.stringContaining(detail) })
            expect(JSON.stringify(result)).not.toContain("what it says")
            // Whose file it was is nobody's business: a name is the address of a knocker's bundle.
            expect(JSON.stringify(result)).not.toContain(name("a"))
        }
        heard = []
        status(302, { location: `/elsewhere/${name("a")}` })
        const moved = await target().publish(filesOf({ [name("a")]: "1" }), never())
        expect(moved).toEqual({ ok: false, detail: expect.stringContaining("at /elsewhere/…: write") })
        expect(heard.map((one) => one.url)).toEqual([`/k/${name("a")}`])
        status(302, { location: `https://example.org/\x9b31m${"x".repeat(5000)}` })
        const told = await target().publish(filesOf({ [name("a")]: "1" }), never())
        expect(told).toEqual({ ok: false, detail: expect.stringMatching(/^[\x20-\x7e…]{1,400}$/) })
    })

    it("keeps nothing of a publication that is over: there are many before the signal ends them", async () => {
        let heard = 0
        const signal = {
            aborted: false,
            addEventListener: () => heard++,
            removeEventListener: () => heard--,
        }
        for (const code of [201, 500]) {
            status(code)
            await target().publish(filesOf({ [name("a")]: "1" }), signal)
            expect(heard).toBe(0)
        }
    })

    it("sends no more after the first refusal, and all of it the next time", async () => {
        const many = Object.fromEntries(Array.from("abcdefghij", (letter) => [name(letter), letter]))
        status(500)
        await target().publish(filesOf(many), never())
        expect(heard.length).toBeLessThanOrEqual(4)
        heard = []
        status(201)
        expect(await target().publish(filesOf(many), never())).toEqual({ ok: true })
        expect(heard).toHaveLength(10)
    })

    it("deletes what it put there before it was killed or refused; what is gone already is well", async () => {
        status(201)
        await target().publish(filesOf({ [name("a")]: "1", [name("b")]: "1" }), never())
        // It never heard that these were put.
        status(500)
        await target().publish(filesOf({ [name("c")]: "1" }), never())
        heard = []
        status(404)
        answer = (request, response) => response.writeHead(request.method === "DELETE" ? 404 : 201).end()
        expect(await target().publish(filesOf({ [name("d")]: "1" }), never())).toEqual({ ok: true })
        expect(heard.map(({ method, url: at }) => `${method} ${at.at(-1)}`).sort()).toEqual([
            "DELETE a",
            "DELETE b",
            "DELETE c",
            "PUT d",
        ])
        heard = []
        await target().publish(filesOf({ [name("d")]: "2" }), never())
        expect(heard.map(({ method }) => method)).toEqual(["PUT"])
    })

    it("gives up on a server that does not answer, and on one that is not there", async () => {
        answer = silent
        const late = await target(null, 50).publish(filesOf({ [name("a")]: "1" }), never())
        expect(late).toEqual({ ok: false, detail: expect.stringContaining("no answer within") })
        const ending = new AbortController()
        const ended = target().publish(filesOf({ [name("a")]: "1" }), ending.signal)
        ending.abort()
        expect(await ended).toMatchObject({ ok: false })
        const plain = putTarget({
            url: url().replace("http:", "https:"),
            headers: null,
            timeout: 5000,
            remembered: rememberIn(inFolder("state"), "y"),
        })
        expect(await plain.publish(filesOf({ [name("a")]: "1" }), never())).toEqual({
            ok: false,
            detail: expect.stringMatching(/: TLS: [a-z ]+$/),
        })
        const gone = putTarget({
            url: "http://127.0.0.1:9999/",
            headers: null,
            timeout: 5000,
            remembered: rememberIn(inFolder("state"), "x"),
        })
        expect(await gone.publish(filesOf({ [name("a")]: "1" }), never())).toEqual({
            ok: false,
            detail: expect.stringContaining("ECONNREFUSED"),
        })
    })

    it("sends the headers of the file, and tells nothing of them where it is wrong", async () => {
        status(201)
        const write = (contents: string, mode = 0o600) => {
            writeFileSync(inFolder("h"), contents)
            chmodSync(inFolder("h"), mode)
            return target(inFolder("h")).publish(filesOf({ [name("a")]: "1" }), never())
        }
        expect(await write("# one\n\nAuthorization: Bearer abc\nX-Acl:public\n")).toEqual({ ok: true })
        expect(heard[0]!.headers).toMatchObject({ authorization: "Bearer abc", "x-acl": "public" })
        heard = []
        expect(await write("Bearer hush\n")).toEqual({
            ok: false,
            detail: `${inFolder("h")}:1: not a header, as in "Name: value"`,
        })
        expect(await write("A: b\n", 0o644)).toEqual({ ok: false, detail: expect.stringContaining("chmod 640") })
        expect(await write("A: b\n", 0o660)).toEqual({ ok: false, detail: expect.stringContaining("chmod 640") })
        expect(await write("A: b\n", 0o640)).toEqual({ ok: true })
        heard = []
        for (const framing of ["Content-Length: 5", "Transfer-Encoding: chunked", "host: hush"]) {
            const detail = `${inFolder("h")}:2: ${framing.split(":")[0]} is said by Postern: take the line out`
            expect(await write(`A: b\n${framing}\n`)).toEqual({ ok: false, detail })
        }
        expect(await write("A: x\rHost: y\n")).toMatchObject({ ok: false })
        expect(heard).toEqual([])
        // An object store keeps it, and shows the file by it.
        expect(await write("Content-Type: text/html\n")).toEqual({ ok: true })
        expect(heard[0]!.headers["content-type"]).toBe("text/html")
        heard = []
        expect(await target(inFolder("none")).publish(filesOf({}), never())).toMatchObject({ ok: false })
        expect(heard).toEqual([])
    })
})

const publish = (run: readonly string[], timeout = 10_000) =>
    runTarget({ run, timeout, commands }).publish(filesOf({ [name("a")]: "1" }), never())

describe("runTarget()", () => {
    it("replaces {directory} wherever it stands, and knows no shell", async () => {
        expect(await publish(["/bin/cp", "-r", "{directory}/.", inFolder("out $(x)")])).toEqual({ ok: true })
        expect(readdirSync(inFolder("out $(x)"))).toEqual([name("a")])
    })

    it("tells how a program ended, and the last that it said", async () => {
        expect(await publish(["/bin/sh", "-c", "echo one; echo two >&2; echo; exit 3"])).toEqual({
            ok: false,
            detail: "/bin/sh ended with exit code 3: two",
        })
        const named = await publish(["/bin/sh", "-c", `echo "no room for /k/${name("a")} there"; exit 1`])
        expect(named).toEqual({ ok: false, detail: "/bin/sh ended with exit code 1: no room for /k/… there" })
        expect(await publish(["/bin/sleep", "60"], 50)).toEqual({
            ok: false,
            detail: expect.stringContaining("took too long"),
        })
        expect(await publish([inFolder("nothing")])).toEqual({
            ok: false,
            detail: expect.stringContaining("could not be run"),
        })
    })

    it.skipIf(!has("scp"))("publishes with scp, over a link that stands in for ssh", async () => {
        // scp's own protocol, with sftp-server beside it in the place of a host.
        const server = ["/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server"].find((path) =>
            existsSync(path),
        )
        mkdirSync(inFolder("www"))
        const run = server
            ? ["/usr/bin/scp", "-q", "-r", "-D", server, "{directory}/.", `host:${inFolder("www")}`]
            : ["/usr/bin/scp", "-q", "-r", "{directory}/.", inFolder("www")]
        expect(await publish(run)).toEqual({ ok: true })
        expect(readdirSync(inFolder("www"))).toEqual([name("a")])
    })
})
