import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { KnockerFiles } from "../../../src/adapters/knockers/directory.ts"
import type { ReadKey } from "../../../src/core/one-time/knocker.ts"

let folder = ""
let asked: string[] = []
const readKey: ReadKey = (text) => {
    asked.push(text)
    return text.startsWith("age1")
        ? { ok: true, recipient: { kind: "age", line: text, text, comment: "" } }
        : { ok: false, why: "no key" }
}
const doors = new Set(["ssh"])
const write = (name: string, text = `keys = ["age1${name}"]`) =>
    writeFileSync(join(folder, name), text, { mode: 0o600 })

beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "postern-knockers-"))
    asked = []
})
afterEach(() => rmSync(folder, { recursive: true }))

describe("KnockerFiles.read()", () => {
    it("reads all in the order of their names, and tells what is left out, but not of what editors leave", async () => {
        for (const name of ["b.toml", "a.toml", "C.toml"]) write(name)
        for (const name of ["a.toml~", ".a.toml.swp", "#a.toml#", ".#a.toml", "a.toml.dpkg-old", "b.toml.bak"])
            write(name)
        for (const name of ["README", "an na.toml", "x\n\u001b[2Jforged: line.toml"]) write(name)
        const read = await new KnockerFiles(readKey).read(folder, doors)
        expect(read.ok && read.knockers.map(({ name }) => name)).toEqual(["C", "a", "b"])
        expect(read.issues.map(({ file, code }) => [file, code])).toEqual([
            [join(folder, "README"), "knocker-name"],
            [join(folder, "an na.toml"), "knocker-name"],
            // Nothing of it is a line of its own, or commands a terminal.
            [join(folder, "x\ufffd\ufffd[2Jforged: line.toml"), "knocker-name"],
        ])
    })

    it("leaves out whoever is taken away while it reads", async () => {
        for (const name of ["a.toml", "b.toml"]) write(name)
        const files = new KnockerFiles(async (text) => {
            rmSync(join(folder, "b.toml"), { force: true })
            return readKey(text)
        })
        const read = await files.read(folder, doors)
        expect(read.ok && read.knockers.map(({ name }) => name)).toEqual(["a"])
        // A link that leads nowhere was meant to be somebody.
        symlinkSync("nowhere", join(folder, "c.toml"))
        expect((await files.read(folder, doors)).issues).toMatchObject([{ code: "unreadable" }])
    })

    it("tells the mistakes of all files, and reads none then", async () => {
        write("a.toml", 'keys = ["x"]')
        write("b.toml", 'doors = ["wiki"]\nkeys = ["age1b"]')
        write("d.toml")
        mkdirSync(join(folder, "c.toml"))
        const read = await new KnockerFiles(readKey).read(folder, doors)
        expect(read.ok).toBe(false)
        expect(read.issues.map(({ file, line, code }) => [file.slice(folder.length + 1), line, code])).toEqual([
            ["a.toml", 1, "key"],
            ["b.toml", 1, "knocker-door"],
            ["c.toml", 0, "unreadable"],
        ])
    })

    it("takes a directory that is not there for one without knockers, and warns", async () => {
        const read = await new KnockerFiles(readKey).read(join(folder, "users.d"), doors)
        expect(read).toMatchObject({
            ok: true,
            knockers: [],
            issues: [{ code: "knockers-missing", severity: "warning" }],
        })
    })

    it("refuses a directory that is a file, and a file that is too large or no text", async () => {
        write("file")
        expect(await new KnockerFiles(readKey).read(join(folder, "file"), doors)).toMatchObject({
            ok: false,
            issues: [{ code: "unreadable", message: expect.stringMatching(/^not a directory/) }],
        })
        write("a.toml", " ".repeat(300_000))
        writeFileSync(join(folder, "b.toml"), Buffer.from([0xff, 0xfe]))
        const { issues } = await new KnockerFiles(readKey).read(folder, doors)
        expect(issues.map(({ code, message }) => [code, message])).toEqual([
            ["knocker-name", expect.anything()],
            ["unreadable", expect.stringContaining("256 KiB")],
            ["unreadable", expect.stringContaining("UTF-8")],
        ])
    })

    it("reads again only what has changed, with every way to change it", async () => {
        for (const name of ["a.toml", "b.toml", "c.toml"]) write(name)
        const files = new KnockerFiles(readKey)
        await files.read(folder, doors)
        asked = []
        expect(await files.read(folder, doors)).toMatchObject({ ok: true, knockers: { length: 3 } })
        expect(asked).toEqual([])
        write("a.toml", 'keys = ["age1new"]')
        // In place of another, of the same size and time.
        write("other")
        const before = new Date(2026, 1)
        utimesSync(join(folder, "other"), before, before)
        utimesSync(join(folder, "b.toml"), before, before)
        renameSync(join(folder, "other"), join(folder, "b.toml"))
        rmSync(join(folder, "c.toml"))
        const read = await files.read(folder, doors)
        expect(asked).toEqual(["age1new", "age1other"])
        expect(read.ok && read.knockers.map(({ name }) => name)).toEqual(["a", "b"])
    })

    it("looks at the doors of what has not changed as well", async () => {
        write("a.toml", 'doors = ["ssh"]\nkeys = ["age1a"]')
        const files = new KnockerFiles(readKey)
        expect((await files.read(folder, doors)).ok).toBe(true)
        expect(await files.read(folder, new Set(["other"]))).toMatchObject({
            ok: false,
            issues: [{ line: 1, column: 10 }],
        })
        expect((await files.read(folder, doors)).ok).toBe(true)
    })

    it("lets others have their turn in between", async () => {
        for (let i = 0; i < 3000; i++) write(`k${i}.toml`)
        let turns = 0
        let reading = true
        const turn = () => {
            turns++
            if (reading) setImmediate(turn)
        }
        setImmediate(turn)
        const read = await new KnockerFiles(readKey).read(folder, doors)
        reading = false
        expect(read.ok && read.knockers.length).toBe(3000)
        expect(turns).toBeGreaterThan(5)
    })
})
