import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { configFile, readConfigFiles } from "../../../src/adapters/config/files.ts"
import { withoutCapabilities } from "../../lab/privilege.ts"

let folder: string

beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "postern-files-"))
})

afterEach(() => rmSync(folder, { recursive: true }))

/** The files as `name mode text`, or `name trouble`. */
function found(main = "postern.toml"): string[] {
    return readConfigFiles(join(folder, main)).map(({ file, text, mode }) => {
        const name = relative(folder, file)
        return typeof text === "string" ? `${name} ${mode?.toString(8)} ${text}` : `${name} ${text.trouble}`
    })
}

function write(name: string, text: string | Uint8Array, mode = 0o600): void {
    writeFileSync(join(folder, name), text)
    chmodSync(join(folder, name), mode)
}

describe("readConfigFiles()", () => {
    test("reads the main file, then conf.d in the order of names", () => {
        mkdirSync(join(folder, "conf.d"))
        write("postern.toml", "main")
        for (const name of ["b.toml", "a.toml", "B.toml", "10.toml", "9.toml"]) write(`conf.d/${name}`, name, 0o640)
        for (const name of [".hidden.toml", "c.toml~", "c.toml.dpkg-old", "README"]) write(`conf.d/${name}`, name)
        symlinkSync("../elsewhere", join(folder, "conf.d/link.toml"))
        write("elsewhere", "linked", 0o644)
        expect(found()).toEqual([
            "postern.toml 600 main",
            "conf.d/10.toml 640 10.toml",
            "conf.d/9.toml 640 9.toml",
            "conf.d/B.toml 640 B.toml",
            "conf.d/a.toml 640 a.toml",
            "conf.d/b.toml 640 b.toml",
            "conf.d/link.toml 644 linked",
        ])
    })

    test("takes the byte order mark away", () => {
        write("postern.toml", "\u{feff}main")
        expect(found()).toEqual(["postern.toml 600 main"])
    })

    test("says why a file has no text", () => {
        mkdirSync(join(folder, "conf.d/dir.toml"), { recursive: true })
        symlinkSync("nowhere", join(folder, "conf.d/dangling.toml"))
        symlinkSync("loop.toml", join(folder, "conf.d/loop.toml"))
        execFileSync("sh", ["-c", 'mkfifo "$0"', join(folder, "conf.d/fifo.toml")])
        write("conf.d/latin1.toml", new Uint8Array([0xe4]))
        write("conf.d/large.toml", "#".repeat(1_048_577))
        expect(found()).toEqual([
            "postern.toml missing",
            "conf.d/dangling.toml missing",
            "conf.d/dir.toml not-a-file",
            "conf.d/fifo.toml not-a-file",
            "conf.d/large.toml too-large",
            "conf.d/latin1.toml not-utf8",
            "conf.d/loop.toml failed",
        ])
    })

    test("reads four MiB over all files, and no more", () => {
        write("postern.toml", "main")
        mkdirSync(join(folder, "conf.d"))
        for (const name of "abcde") write(`conf.d/${name}.toml`, name.repeat(1_000_000))
        const trouble = readConfigFiles(join(folder, "postern.toml")).map(({ text }) => typeof text !== "string")
        expect(trouble).toEqual([false, false, false, false, false, true])
    })

    test("says what it may not read, folder included", () => {
        mkdirSync(join(folder, "conf.d"))
        write("postern.toml", "main", 0)
        chmodSync(join(folder, "conf.d"), 0)
        chmodSync(folder, 0o711)
        try {
            // Root may read everything.
            expect(withoutCapabilities(() => found())).toEqual(["postern.toml permission", "conf.d permission"])
        } finally {
            chmodSync(folder, 0o700)
            chmodSync(join(folder, "conf.d"), 0o700)
        }
    })
})

test.each([
    ["asked", {}, "asked"],
    ["asked", { POSTERN_CONFIG: "env" }, "asked"],
    [undefined, { POSTERN_CONFIG: "env" }, "env"],
    [undefined, { POSTERN_CONFIG: "" }, "/etc/postern/postern.toml"],
    [undefined, {}, "/etc/postern/postern.toml"],
])("configFile(%s, %j) is %s", (asked, env, expected) => {
    expect(configFile(asked, env)).toBe(expected)
})
