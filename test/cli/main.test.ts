import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
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
        ! (Did you mean check?)
        ! (postern --help shows what there is)
        ? 2
        $ postern --version
        ${version}
        `,
    )
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
