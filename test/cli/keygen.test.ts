import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it, test } from "vitest"
import { readIdentities } from "../../src/adapters/sealing/portable/identity.ts"
import { parseRecipient } from "../../src/core/one-time/recipient.ts"
import { session } from "./session.ts"

const launcher = join(import.meta.dirname, "../../postern")
let folder = ""
beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "postern-keygen-"))
})
afterAll(() => {
    rmSync(folder, { recursive: true })
})

function postern(...args: readonly string[]) {
    const { PATH } = process.env
    const env = { PATH, HOME: folder }
    return spawnSync(launcher, args, { env, cwd: folder, encoding: "utf8", timeout: 30_000 })
}

it.each([
    ["age", "one.txt", []],
    ["age-pq", "two.txt", ["--pq"]],
    ["age", ".config/postern/identity.txt", null],
] as const)("postern keygen: an identity (%s) in %s, for its owner alone", async (kind, file, options) => {
    const { status, stdout, stderr } = postern("keygen", ...(options === null ? [] : [file, ...options]))
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
    const path = join(folder, file)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const text = readFileSync(path, "utf8")
    expect(text).toMatch(/^# created: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n# public key: age1/)
    expect(text).toContain(stdout)
    expect(parseRecipient(stdout)).toMatchObject({ ok: true, value: { kind } })
    expect(await readIdentities(readFileSync(path), null)).toMatchObject({ ok: true, identities: [{ kind }] })
})

it("postern keygen: age reads what it has made, and knows its public key", (context) => {
    if (spawnSync("age-keygen", ["--version"]).error) return context.skip("age is not installed")
    const { stdout } = postern("keygen", "three.txt")
    expect(spawnSync("age-keygen", ["-y", join(folder, "three.txt")], { encoding: "utf8" }).stdout).toBe(stdout)
})

test("postern keygen: never replaces a file, and says where it cannot write", () => {
    session(
        { "mine.txt": "precious", file: "" },
        `
        $ postern keygen mine.txt
        ! postern: error: mine.txt: is there already
        ! postern: hint: a key is never replaced: name another file, or move this one away
        ? 1
        $ postern keygen file/key.txt
        ! postern: error: file/key.txt: cannot be written: part of its path is no directory
        ! postern: hint: another file can be named
        ? 1
        `,
    )
})
