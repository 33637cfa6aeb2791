/** Where the log goes: each kind of descriptor, real ones, that nobody reads; and what others see of it. */
import { spawnSync } from "node:child_process"
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { isJournal } from "../../src/adapters/log/journal.ts"
import { openOutlet } from "../../src/adapters/log/outlet.ts"
import { libcFunction } from "../../src/adapters/system/ffi.ts"
import { withoutCapabilities } from "../lab/privilege.ts"

/** A descriptor to write to, and one to read what arrives; both blocking, as a shell gives them. */
type Pair = { readonly near: number; readonly far: number }

let scratch: string
const open: number[] = []

function opened(fd: number): number {
    if (fd < 0) throw new Error("the system gives none")
    open.push(fd)
    return fd
}

beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), "postern-log-"))
})

afterEach(() => {
    for (const fd of open.splice(0)) closeSync(fd)
    rmSync(scratch, { recursive: true, force: true })
})

function pipe(mode = "600"): Pair {
    const path = join(scratch, "pipe")
    spawnSync("mkfifo", ["-m", "600", path])
    const far = opened(openSync(path, constants.O_RDWR))
    const near = opened(openSync(path, constants.O_WRONLY))
    spawnSync("chmod", [mode, path])
    return { near, far }
}

function socket(): Pair {
    const both = new Int32Array(2)
    const [AF_UNIX, SOCK_STREAM] = [1, 1]
    libcFunction("int socketpair(int domain, int type, int protocol, _Out_ int *both)")(AF_UNIX, SOCK_STREAM, 0, both)
    return { near: opened(both[0]!), far: opened(both[1]!) }
}

function terminal(): Pair {
    const far = opened(libcFunction("int posix_openpt(int flags)")(constants.O_RDWR | constants.O_NOCTTY))
    libcFunction("int unlockpt(int fd)")(far)
    const name = new Uint8Array(64)
    libcFunction("int ptsname_r(int fd, _Out_ char *name, size_t size)")(far, name, name.length)
    const path = new TextDecoder().decode(name.subarray(0, name.indexOf(0)))
    return { near: opened(openSync(path, constants.O_RDWR | constants.O_NOCTTY)), far }
}

/** Is O_NONBLOCK set on the open file, for all who share it? */
function isNonBlocking(fd: number): boolean {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))![1]!
    return (Number.parseInt(flags, 8) & constants.O_NONBLOCK) !== 0
}

const KINDS: readonly (readonly [name: string, make: () => Pair, as: <T>(act: () => T) => T])[] = [
    ["a pipe", pipe, (act) => act()],
    ["a pipe that may not be opened anew", () => pipe("000"), withoutCapabilities],
    ["a socket", socket, (act) => act()],
    ["a terminal", terminal, (act) => act()],
]

describe.each(KINDS)("openOutlet(), %s", (_, make, as) => {
    it("takes what there is room for, says when there is none, and takes more when it is read", () => {
        const { near, far } = make()
        const outlet = as(() => openOutlet(near))
        const line = Buffer.from(`${"x".repeat(200)}\n`)
        let taken = 0
        for (let count = 0; count < 100_000; count++) {
            const result = outlet.write(line)
            if (result === 0) break
            expect(result).toBeTypeOf("number")
            taken += Number(result)
        }
        expect(taken).toBeGreaterThan(1000)
        expect(outlet.write(line)).toBe(0)
        const room = Buffer.alloc(1 << 20)
        let read = 0
        // A socket counts room by what it holds, so it has to be read empty.
        while (read < taken) {
            const length = readSync(far, room)
            read += length
            expect(length).toBeGreaterThan(0)
            if (outlet.write(Buffer.from("y")) === 1) break
        }
        expect(isNonBlocking(near)).toBe(false)
        outlet.close()
    })
})

describe("openOutlet()", () => {
    it.each([
        ["a pipe", pipe],
        ["a socket", socket],
    ])("%s whose reader is gone: says so", (_, make) => {
        const { near, far } = make()
        const outlet = openOutlet(near)
        closeSync(far)
        open.splice(open.indexOf(far), 1)
        expect(outlet.write(Buffer.from("line\n"))).toMatch(/^EPIPE /)
        outlet.close()
    })

    it("a full disk: says so", () => {
        const outlet = openOutlet(opened(openSync("/dev/full", "w")))
        expect(outlet.write(Buffer.from("line\n"))).toMatch(/^ENOSPC /)
        outlet.close()
    })

    it("a file: appends, as it was opened", () => {
        const path = join(scratch, "log")
        const [one, two] = [opened(openSync(path, "a")), opened(openSync(path, "a"))]
        const outlet = openOutlet(one)
        outlet.write(Buffer.from("one\n"))
        openOutlet(two).write(Buffer.from("two\n"))
        outlet.write(Buffer.from("three\n"))
        expect(readFileSync(path, "utf8")).toBe("one\ntwo\nthree\n")
    })
})

describe("isJournal()", () => {
    it("compares device and inode, and nothing else will do", () => {
        const { near, far } = socket()
        const { stdout } = spawnSync("stat", ["-Lc", "%d:%i", `/proc/${process.pid}/fd/${near}`], { encoding: "utf8" })
        const stream = stdout.trim()
        expect(stream).toMatch(/^\d+:\d+$/)
        expect(isJournal(stream, near)).toBe(true)
        expect(isJournal(stream, far)).toBe(false)
        expect(["", "8:12345", `${stream}0`, undefined].filter((other) => isJournal(other, near))).toEqual([])
    })
})
