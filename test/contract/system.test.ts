/** The thin layer over the system: each trap of waking the event loop, and refusals in words. */
import { type StdioOptions, spawnSync } from "node:child_process"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { pace } from "../../src/adapters/capture/pace.ts"
import { errnoText, SystemError } from "../../src/adapters/system/errno.ts"
import { dump, NETLINK_ROUTE } from "../../src/adapters/system/netlink.ts"
import { realTime } from "../../src/adapters/system/realtime.ts"
import {
    AF_UNIX,
    bindSocket,
    closeSocket,
    localAddress,
    openSocket,
    receive,
    SOCK_DGRAM,
    sendBytesTo,
} from "../../src/adapters/system/socket.ts"
import { joinNamespaces, makeNamespace, whyNoNamespaces } from "../lab/namespace.ts"

const script = join(import.meta.dirname, "../lab/poller.ts")
const root = join(import.meta.dirname, "../..")
const node = ["--expose-gc", "--import", "tsx", script]

/** Runs one trap in a process of its own. */
function fall(trap: string): unknown {
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...node, trap], {
        cwd: root,
        encoding: "utf8",
        timeout: 30_000,
        env: { PATH: process.env["PATH"] },
    })
    expect({ status, signal }, stderr).toEqual({ status: 0, signal: null })
    return JSON.parse(stdout).result
}

/** Runs a module of its own, and gives what it printed. */
function run(module: string, stdio: StdioOptions = "pipe"): string {
    const args = ["--import", "tsx", "--input-type=module", "-e", module]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8", stdio })
    expect(status, stderr).toBe(0)
    return stdout
}

describe("realTime()", () => {
    it("is the wall clock, with fractions of a millisecond", () => {
        const fine: number[] = []
        for (let i = 0; i < 1000; i++) {
            const before = Date.now()
            const now = realTime()
            const after = Date.now()
            // Unless the clock was set just now.
            if (now >= before && now < after + 1) fine.push(now)
        }
        expect(fine.length).toBeGreaterThan(900)
        expect(fine.filter((now) => !Number.isInteger(now)).length).toBeGreaterThan(500)
    })
})

describe("beginProgram()", () => {
    it("keeps a process that waits for nothing else until the program has ended, and no longer", () => {
        const module = `
            import { beginProgram } from "./src/adapters/system/program.ts"
            const standard = ["nothing", "nothing", "nothing"]
            const program = { argv: ["/bin/sleep", "0.3"], directory: "/", environment: {}, standard }
            console.log((await new Promise((resolve) => beginProgram(program, resolve))).code)`
        expect(run(module)).toBe("0\n")
    })

    it("gives a program our own standard descriptors, open, and no other, also none that we were begun with", () => {
        const module = `
            import { beginProgram } from "./src/adapters/system/program.ts"
            const standard = ["nothing", "ours", "ours"]
            const argv = ["/bin/sh", "-c", "ls /proc/self/fd; : >&2 && echo errors"]
            beginProgram({ argv, directory: "/", environment: {}, standard }, () => {})`
        // The last one is what ls reads.
        const left = Array.from({ length: 41 }, (_, fd) => (fd < 3 || fd === 40 ? "pipe" : "ignore"))
        expect(run(module, left)).toBe("0\n1\n2\n3\nerrors\n")
    })

    it("takes the end of none of Node's own children, and Node that of none of ours", () => {
        const module = `
            import { spawn, spawnSync } from "node:child_process"
            import { beginProgram } from "./src/adapters/system/program.ts"
            const standard = ["nothing", "nothing", "nothing"]
            const begin = (code) => ({ argv: ["/bin/sh", "-c", "exit " + code], directory: "/", environment: {}, standard })
            const ends = []
            for (let code = 0; code < 40; code++) {
                ends.push(new Promise((resolve) => beginProgram(begin(code), (end) => resolve(end.code === code))))
                ends.push(new Promise((resolve) => {
                    spawn("/bin/sh", ["-c", "exit " + code]).once("exit", (found) => resolve(found === code))
                }))
                if (code % 8 === 0) ends.push(spawnSync("/bin/sh", ["-c", "exit " + code]).status === code)
            }
            const told = await Promise.all(ends)
            console.log(told.length, told.every((one) => one))`
        expect(run(module)).toBe("85 true\n")
    })
})

describe("trimMemory()", () => {
    it("gives most of the program's file back, and everything works as before", () => {
        const { before, after, works } = JSON.parse(
            run(`
                import { createHash } from "node:crypto"
                import { readFileSync } from "node:fs"
                import { trimMemory } from "./src/adapters/system/trim.ts"
                const fileMemory = () => Number(/^RssFile:\\s+(\\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))[1])
                const work = () => createHash("sha256").update(JSON.stringify({ a: [1, 2] })).digest("hex")
                const expected = work()
                const before = fileMemory()
                trimMemory()
                const after = fileMemory()
                trimMemory()
                console.log(JSON.stringify({ before, after, works: work() === expected }))`),
        )
        expect(works).toBe(true)
        expect(after).toBeLessThan(before * 0.75)
    })
})

describe("readable()", () => {
    it("knows the order of the library's arguments", () => {
        expect(fall("arguments")).toEqual([0, { readable: true, writable: false, disconnect: false }])
    })

    it("turns what a callback throws into an ordinary uncaught exception, and survives garbage collection", () => {
        expect(fall("throwing")).toEqual({ calls: 3, caught: ["call 1", "call 2", "call 3"] })
    })

    it("is not collected while nobody refers to it", () =>
        expect(fall("collected")).toEqual({ calls: expect.anything() }))

    it("can be closed within its callback and twice, and is inert after", () =>
        expect(fall("closed")).toEqual({ calls: 1 }))

    it("is silent while paused and wakes for what came meanwhile", () => {
        expect(fall("paused")).toEqual({ before: 0, after: expect.toSatisfy((calls: number) => calls > 0) })
    })

    it("lets microtasks run before anything else", () => {
        expect(fall("microtasks")).toEqual(["callback", "microtask", "immediate"])
    })

    it("listens on after an error of the socket, however often", async (ctx) => {
        const reason = whyNoNamespaces()
        if (reason !== null) ctx.skip(reason)
        const [here, there] = [makeNamespace("here"), makeNamespace("there")]
        try {
            joinNamespaces(
                { namespace: here, device: "one", addresses: ["192.0.2.1/24"] },
                { namespace: there, device: "two", addresses: ["192.0.2.2/24"] },
            )
            const [program, ...args] = [process.execPath, ...node, "down"]
            const running = here.start([program, ...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] })
            let [stdout, stderr] = ["", ""]
            running.stdout!.setEncoding("utf8").on("data", (text: string) => {
                stdout += text
            })
            running.stderr!.setEncoding("utf8").on("data", (text: string) => {
                stderr += text
            })
            await expect.poll(() => stdout, { timeout: 10_000 }).toContain("watching")
            for (let flap = 0; flap < 6; flap++) {
                here.must(["ip", "link", "set", "one", "down"])
                here.must(["ip", "link", "set", "one", "up"])
            }
            await expect
                .poll(
                    () => {
                        there.exec(["bash", "-c", "echo > /dev/udp/192.0.2.1/9"])
                        return stdout
                    },
                    { timeout: 20_000, interval: 100 },
                )
                .toContain("result")
            expect(JSON.parse(stdout.trim().split("\n").at(-1)!), stderr).toEqual({
                result: { errors: [100], heard: true },
            })
        } finally {
            here.remove()
            there.remove()
        }
    })
})

describe("pace()", () => {
    it("alive: false when something waits and nobody reads it, or the descriptor is gone", async () => {
        const fd = openSocket(AF_UNIX, SOCK_DGRAM, 0)
        const address = localAddress(`\0postern-${process.pid}-${Math.random()}`)!
        bindSocket(fd, address)
        let reads = 0
        const room = new Uint8Array(16)
        const reader = pace([fd], {
            drain: () => {
                reads++
                return receive(fd, room) > 0 ? 1 : 0
            },
            now: () => performance.now(),
        })
        try {
            expect(reader.alive()).toBe(true)
            sendBytesTo(fd, Uint8Array.of(1), address)
            // In this turn nobody can read it.
            expect([reader.alive(), reader.alive()]).toEqual([true, false])
            await expect.poll(() => reads).toBeGreaterThan(0)
            expect([reader.alive(), reader.alive()]).toEqual([true, true])
        } finally {
            reader.close()
            closeSocket(fd)
        }
        expect(reader.alive()).toBe(false)
    })
})

describe("SystemError", () => {
    it("names the call and the refusal", () => {
        expect(() => openSocket(999, 1, 0)).toThrow("socket: EAFNOSUPPORT (address family not supported)")
        expect(() => bindSocket(-1, new Uint8Array(12))).toThrow("bind: EBADF (bad file descriptor)")
        expect(errnoText(9999)).toBe("error 9999")
        closeSocket(-1)
    })

    it("carries the kernel's refusal of a netlink request", () => {
        let refusal: unknown
        try {
            dump(NETLINK_ROUTE, 4095, new Uint8Array(16))
        } catch (error) {
            refusal = error
        }
        expect(refusal).toBeInstanceOf(SystemError)
        expect(refusal).toMatchObject({ errno: 95, call: "dump" })
    })
})
