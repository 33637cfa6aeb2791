/** Files of knockers as commands change them: several at once, killed at each step, and beside people with editors. */
import { execFile, spawnSync } from "node:child_process"
import {
    chmodSync,
    chownSync,
    lstatSync,
    mkdirSync,
    mkdtempSync,
    readdirSync,
    readFileSync,
    renameSync,
    rmSync,
    statSync,
    symlinkSync,
    writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { HeldKnockers } from "../../src/adapters/knockers/held.ts"
import { type Bundled, bundleWorker, runMounted } from "../lab/bundled.ts"

const rooted = process.geteuid?.() === 0
const why = rooted ? "" : " (needs root)"

let worker: Bundled
let directory = ""
const fileOf = (name: string) => join(directory, `${name}.toml`)
const textOf = (name: string) => readFileSync(fileOf(name), "utf8")

beforeAll(() => {
    worker = bundleWorker("knockers-worker")
})
afterAll(() => worker.remove())
beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "postern-held-"))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const take = (options: Partial<Parameters<typeof HeldKnockers.take>[1]> = {}, where = directory) =>
    HeldKnockers.take(where, { group: undefined, patience: 0, ...options })

/** Takes it, writes one file, and lets go. */
async function write(name: string, change: (text: string | null) => string | null, effect?: () => void) {
    const held = await take(effect && { effect })
    if (held === null) throw new Error("somebody has it")
    try {
        return await held.write(name, async (before) =>
            change(before === null ? null : typeof before.text === "string" ? before.text : before.text.trouble),
        )
    } finally {
        await held.release()
    }
}

describe("HeldKnockers.take()", () => {
    it("is for one at a time, and makes a directory that the daemon's group can read, whatever our umask is", async () => {
        const users = join(directory, "of/users.d")
        const before = process.umask(0o077)
        try {
            const first = await take({ group: process.getegid!() }, users)
            expect(statSync(users).mode & 0o7777).toBe(0o750)
            expect(await take({}, users)).toBe(null)
            await first!.release()
            const second = await take({}, users)
            expect(second).not.toBe(null)
            await second!.release()
        } finally {
            process.umask(before)
        }
    })

    it("throws where there is no directory and none can be made", async () => {
        writeFileSync(join(directory, "file"), "")
        symlinkSync("nowhere", join(directory, "link"))
        await expect(take({}, join(directory, "file"))).rejects.toMatchObject({ code: "ENOTDIR" })
        await expect(take({}, join(directory, "link"))).rejects.toMatchObject({ code: "ENOENT" })
        await expect(take({}, join(directory, "file/users.d"))).rejects.toMatchObject({ code: "ENOTDIR" })
        await expect(take({}, "/proc/none/users.d")).rejects.toMatchObject({ code: "ENOENT" })
    })
})

describe("HeldKnockers.write()", () => {
    it("writes through a link, and leaves whose a file is and who may read it", async () => {
        mkdirSync(join(directory, "users.d"))
        writeFileSync(join(directory, "anna"), "one\n")
        chmodSync(join(directory, "anna"), 0o604)
        if (rooted) chownSync(join(directory, "anna"), 65_534, 65_534)
        symlinkSync("../anna", join(directory, "users.d/anna.toml"))
        const held = await take({}, join(directory, "users.d"))
        await held!.write("anna", async () => "two\n")
        await held!.release()
        expect(lstatSync(join(directory, "users.d/anna.toml")).isSymbolicLink()).toBe(true)
        expect(readFileSync(join(directory, "anna"), "utf8")).toBe("two\n")
        const { mode, uid, gid } = statSync(join(directory, "anna"))
        expect(mode & 0o7777).toBe(0o604)
        if (rooted) expect([uid, gid]).toEqual([65_534, 65_534])
    })

    it("begins again where somebody saves, makes or takes away the file meanwhile, and loses none of it", async () => {
        const meanwhile: readonly ((path: string) => void)[] = [
            (path) => writeFileSync(path, "by hand\n"),
            (path) => {
                writeFileSync(`${path}~`, "by hand\n")
                renameSync(`${path}~`, path)
            },
            (path) => rmSync(path, { force: true }),
        ]
        for (const there of [true, false])
            for (const [index, act] of meanwhile.entries()) {
                const name = `k${index}${there}`
                if (there) writeFileSync(fileOf(name), "before\n")
                const seen: (string | null)[] = []
                let done = false
                await write(name, (text) => {
                    seen.push(text)
                    if (!done) act(fileOf(name))
                    done = true
                    return `${text ?? ""}ours\n`
                })
                const gone = index === 2
                const first = there ? "before\n" : null
                expect(seen).toEqual(gone ? (there ? [first, null] : [first]) : [first, "by hand\n"])
                expect(textOf(name)).toBe(gone ? "ours\n" : "by hand\nours\n")
            }
        expect(readdirSync(directory).filter((name) => name.startsWith("."))).toEqual([])
    })

    it("gives up where somebody saves it again and again, and writes nothing", async () => {
        let saved = 0
        const change = () => {
            writeFileSync(fileOf("anna"), `${saved++}\n`)
            return "ours\n"
        }
        expect(await write("anna", change)).toBe(false)
        expect(textOf("anna")).toBe(`${saved - 1}\n`)
        expect(readdirSync(directory)).toEqual(["anna.toml"])
    })

    it("leaves everything as it was where the disk refuses a step, or the change throws", async () => {
        writeFileSync(fileOf("anna"), "before\n")
        const steps = ["create", "write", "sync", "rename"]
        for (const [index, step] of steps.entries()) {
            let left = index
            const effect = () => {
                if (left-- === 0) throw Object.assign(new Error(step), { code: "ENOSPC" })
            }
            await expect(write("anna", () => "ours\n", effect)).rejects.toThrow(step)
        }
        const failing = write("anna", () => {
            throw new Error("ours")
        })
        await expect(failing).rejects.toThrow("ours")
        expect(textOf("anna")).toBe("before\n")
        expect(readdirSync(directory)).toEqual(["anna.toml"])
    })

    it("loses nothing of many commands at once", async () => {
        const lines = Array.from({ length: 10 }, (_, index) => `line ${index}`)
        const run = promisify(execFile)
        await Promise.all(lines.map((line) => run(process.execPath, [worker.file, directory, "anna", line])))
        expect(textOf("anna").trimEnd().split("\n").sort()).toEqual(lines)
        expect(readdirSync(directory)).toEqual(["anna.toml"])
    })
})

const run = (name: string, line: string, at: number) => {
    const argv = [worker.file, directory, name, line, String(at)]
    const { signal, stdout } = spawnSync(process.execPath, argv, { encoding: "utf8", timeout: 20_000 })
    return { killed: signal === "SIGKILL", changes: Number(stdout) }
}

describe("HeldKnockers, killed by SIGKILL", () => {
    it("leaves the old file or the new one at every step, and nothing else once another command has run", () => {
        const { changes } = run("anna", "0", 0)
        expect(changes).toBe(5)
        let halves = 0
        for (let at = 1; at <= changes; at++) {
            const before = textOf("anna")
            expect(run("anna", String(at), at).killed).toBe(true)
            expect([before, `${before}${at}\n`]).toContain(textOf("anna"))
            halves += readdirSync(directory).length - 1
        }
        // What was begun lies beside it, hidden, until the next one: but where nothing was, or all.
        expect(halves).toBe(changes - 2)
        expect(run("bob", "x", 0).killed).toBe(false)
        expect(readdirSync(directory).sort()).toEqual(["anna.toml", "bob.toml"])
        expect(run("anna", "", 1).killed && textOf("anna")).toContain("0\n")
        expect(run("anna", "", 2).killed).toBe(true)
        expect(readdirSync(directory)).toEqual(["bob.toml"])
    })
})

describe("HeldKnockers on a real disk", () => {
    it.skipIf(!rooted)(`refuses where it is full or read-only, and leaves what is there${why}`, () => {
        // All of its pages are in use: a directory entry needs none of them, the text of a file one.
        const full = `mount -t tmpfs -o size=16k postern "$1"
        echo before > "$1/anna.toml"; head -c 64k /dev/zero > "$1/filler" 2>/dev/null || true`
        expect(runMounted(worker, directory, full, "anna line")).toBe("ENOSPC")
        const fixed = `mount -t tmpfs -o ro postern "$1"`
        expect(runMounted(worker, directory, fixed, "anna line")).toBe("EROFS")
    })
})
