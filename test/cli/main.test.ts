import { spawn, spawnSync } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { session } from "./session.ts"

const root = join(import.meta.dirname, "../..")
const { version }: { version: string } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

test("postern: no command, and one that does not exist", () => {
    session(
        {},
        `
        $ postern chekc
        ! postern: error: unknown command 'chekc'
        ! postern: hint: did you mean check?
        ! postern: hint: postern --help shows what there is
        ? 2
        $ postern grant ssh
        ! postern: error: missing required argument 'source'
        ! postern: hint: postern grant --help shows what there is
        ? 2
        $ postern status --jsn
        ! postern: error: unknown option '--jsn'
        ! postern: hint: did you mean --json?
        ! postern: hint: postern status --help shows what there is
        ? 2
        $ postern --version
        ${version}
        `,
    )
})

test("postern: says so where there is no Node.js, as for a service when it is in somebody's home", () => {
    const bin = mkdtempSync(join(tmpdir(), "postern-path-"))
    try {
        for (const program of ["dirname", "readlink"]) {
            const { stdout } = spawnSync("sh", ["-c", 'command -v "$0"', program], { encoding: "utf8" })
            symlinkSync(stdout.trim(), join(bin, program))
        }
        const env = { PATH: bin }
        const { status, stderr } = spawnSync("/bin/sh", [join(root, "postern"), "status"], { encoding: "utf8", env })
        expect(stderr).toMatch(/^postern: error: there is no node in PATH \(.*\)\npostern: hint: install Node.js .*\n$/)
        expect(status).toBe(1)
    } finally {
        rmSync(bin, { recursive: true })
    }
})

test("postern: finds itself through links in linked directories, with spaces in their names, whatever CDPATH says", () => {
    const scratch = mkdtempSync(join(tmpdir(), "postern-links-"))
    try {
        const [real, bin] = [join(scratch, "the real/one"), join(scratch, "some/bin")]
        for (const folder of [join(real, "dist"), bin, join(scratch, "else", "one")])
            mkdirSync(folder, { recursive: true })
        copyFileSync(join(root, "postern"), join(real, "postern"))
        writeFileSync(join(real, "dist/postern.js"), 'console.log(process.argv.slice(2).join("|"))')
        symlinkSync("../../the real/one/postern", join(bin, "postern"))
        symlinkSync(bin, join(scratch, "linked bin"))
        const CDPATH = join(scratch, "else")
        for (const [cwd, program, PATH] of [
            [".", "postern", `${join(scratch, "linked bin")}:${process.env["PATH"]}`],
            ["the real", "one/postern", process.env["PATH"]],
        ] as const) {
            const run = spawnSync(program, ["a b", "", "--c"], {
                cwd: join(scratch, cwd),
                encoding: "utf8",
                env: { PATH, CDPATH },
            })
            expect([run.stdout, run.stderr]).toEqual(["a b||--c\n", ""])
        }
    } finally {
        rmSync(scratch, { recursive: true })
    }
})

test.each([
    [["run"], true],
    [["--no-color", "run", "-c", "x"], true],
    [["status"], false],
    [["--no-color", "knock", "run"], false],
    [[], false],
])("postern %j: only the daemon is started to save memory", (words, saves) => {
    const bin = mkdtempSync(join(tmpdir(), "postern-path-"))
    try {
        writeFileSync(join(bin, "node"), '#!/bin/sh\nprintf "%s\\n" "$@"\n', { mode: 0o755 })
        const env = { PATH: `${bin}:${process.env["PATH"]}` }
        const { stdout } = spawnSync(join(root, "postern"), words, { encoding: "utf8", env })
        const options = saves ? ["--optimize-for-size"] : []
        expect(stdout.trimEnd().split("\n")).toEqual([...options, join(root, "dist/postern.js"), ...words])
    } finally {
        rmSync(bin, { recursive: true })
    }
})

test.each([["--help"], ["knock", "--help"], ["check", "/nonexistent.toml"]])(
    "postern %s %s: is quiet when the reader of its output goes away",
    async (...args) => {
        const child = spawn(join(root, "postern"), args, { stdio: ["ignore", "pipe", "pipe"] })
        // The reading end is closed long before the program can write.
        child.stdout.destroy()
        let said = ""
        child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text))
        await new Promise((resolve) => child.once("close", resolve))
        expect(said.replace("postern: 1 error\n", "")).toBe("")
    },
)
