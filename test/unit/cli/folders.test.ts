import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { cacheFolder, deviceKeyFile, homeFolder, profileFolder, stateFolder } from "../../../src/cli/device/folders.ts"
import { makeFolder } from "../../../src/cli/save.ts"

let folder: string
beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "postern-folders-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

test("homeFolder(): what the account says, where HOME says nothing, as under cron", () => {
    expect(homeFolder({ HOME: "/home/anna" })).toBe("/home/anna")
    for (const env of [{}, { HOME: "" }, { HOME: "anna" }]) {
        expect(homeFolder(env)).toBe(userInfo().homedir)
        expect(profileFolder(env)).toBe(join(userInfo().homedir, ".config/postern/hosts"))
    }
})

const places = (env: Readonly<Record<string, string>>) => [
    profileFolder(env),
    deviceKeyFile(env),
    stateFolder(env, "p"),
    cacheFolder(env),
]

test("all folders follow XDG's variables, and none that is relative", () => {
    const home = [
        "/h/.config/postern/hosts",
        "/h/.config/postern/identity.txt",
        "/h/.local/state/postern/places/p",
        "/h/.cache/postern/bundles",
    ]
    expect(places({ HOME: "/h" })).toEqual(home)
    const relative = { XDG_CONFIG_HOME: "c", XDG_STATE_HOME: "", XDG_CACHE_HOME: "./d" }
    expect(places({ HOME: "/h", ...relative })).toEqual(home)
    const named = { XDG_CONFIG_HOME: "/c", XDG_STATE_HOME: "/s", XDG_CACHE_HOME: "/d" }
    expect(places({ HOME: "/h", ...named })).toEqual([
        "/c/postern/hosts",
        "/c/postern/identity.txt",
        "/s/postern/places/p",
        "/d/postern/bundles",
    ])
})

test("makeFolder(): for its owner alone, twice, and what is in the way is told by its own word", () => {
    makeFolder(join(folder, "a/b/c"))
    makeFolder(join(folder, "a/b/c"))
    for (const one of ["a", "a/b", "a/b/c"]) expect(statSync(join(folder, one)).mode & 0o777).toBe(0o700)
    writeFileSync(join(folder, "file"), "")
    expect(() => makeFolder(join(folder, "file/b"))).toThrow("ENOTDIR")
    mkdirSync(join(folder, "there"), { mode: 0o755 })
    makeFolder(join(folder, "there"))
    expect(statSync(join(folder, "there")).mode & 0o777).toBe(0o755)
})
