import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it, test } from "vitest"
import { session } from "./session.ts"

const root = join(import.meta.dirname, "../..")
const CONF = readFileSync(join(root, "vectors/import/start-and-stop.conf"), "utf8")
const TOML = readFileSync(join(root, "vectors/import/start-and-stop.toml"), "utf8")
const LEFT = `[gone]
	one_time_sequences = /etc/knockd/once
[one]
	sequence = 7000
`

test("postern import: prints the configuration, says how many doors, and postern check has nothing against it", () => {
    const wanted = TOML.split("\n").filter((line) => line !== "")
    session(
        { "knockd.conf": CONF },
        `
        $ postern import knockd.conf
        ${wanted.join("\n        ")}
        ! postern: 4 doors, none left out
        $ postern import knockd.conf -o postern.toml
        ! postern: 4 doors, none left out
        $ postern check --no-host postern.toml
        ! postern: 4 doors, no problems
        `,
    )
})

test("postern import: a door that cannot be taken over is named, and the exit status says so", () => {
    session(
        { "knockd.conf": LEFT },
        `
        $ postern import knockd.conf -o postern.toml
        ! postern: warning: [gone] is left out: its sequences are in /etc/knockd/once, each for one knock…
        ! postern: warning: [one] is left out: a port scan would open this door: …
        ! postern: 0 doors, 2 left out
        ? 3
        `,
    )
})

test("postern import: what is no knockd.conf is refused, by its name where that is known", () => {
    session(
        {
            "bad.conf": "[ssh]\nsequence = 1,2,3\nseqence = 4\n",
            "empty.conf": "# nothing\n",
            "access.conf": "SOURCE  ANY\nKEY_BASE64 c2VjcmV0\n",
            fwknoprc: "[gate]\nSPA_SERVER gate.example.org\nKEY_BASE64 c2VjcmV0\n",
            "fwknopd.conf": "PCAP_INTF   eth0;\n",
            "postern.toml": '[[door]]\nname = "ssh"\n',
            "large.conf": `#${" ".repeat(1 << 20)}\n`,
        },
        `
        $ postern import bad.conf
        ! postern: error: bad.conf: config: line 3: syntax error
        ! postern: hint: postern check --knockd bad.conf names all that knockd refuses
        ? 3
        $ postern import empty.conf
        ! postern: error: empty.conf: there is no door in it
        ! postern: hint: is it the right file?
        ? 3
        $ postern import access.conf
        ! postern: error: access.conf: not a knockd.conf: it looks like an access.conf of fwknop
        ! postern: hint: only knockd.conf can be imported yet
        ? 3
        $ postern import fwknoprc
        ! postern: error: fwknoprc: not a knockd.conf: it looks like a .fwknoprc of fwknop
        ! postern: hint: only knockd.conf can be imported yet
        ? 3
        $ postern import fwknopd.conf
        ! postern: error: fwknopd.conf: not a knockd.conf: it looks like a fwknopd.conf
        ! postern: hint: only knockd.conf can be imported yet
        ? 3
        $ postern import postern.toml
        ! postern: error: postern.toml: not a knockd.conf: it looks like a configuration of Postern
        ! postern: hint: postern check says whether it is right
        ? 3
        $ postern import large.conf
        ! postern: error: large.conf: larger than any sensible configuration (1 MiB)
        ! postern: hint: is it the right file?
        ? 3
        $ postern import nowhere.conf
        ! postern: error: nowhere.conf: cannot be read: there is no such file or directory
        ! postern: hint: name a knockd.conf, such as /etc/knockd.conf
        ? 3
        $ postern import .
        ! postern: error: .: cannot be read: it is a directory
        ! postern: hint: name a knockd.conf, such as /etc/knockd.conf
        ? 3
        $ postern import
        ! postern: error: missing required argument 'file'
        ! postern: hint: postern import --help shows what there is
        ? 2
        `,
    )
})

describe("postern import -o", () => {
    let folder: string
    beforeAll(() => {
        folder = mkdtempSync(join(tmpdir(), "postern-import-"))
        writeFileSync(join(folder, "knockd.conf"), CONF)
    })
    afterAll(() => rmSync(folder, { recursive: true }))

    const run = (...args: readonly string[]) =>
        spawnSync(join(root, "postern"), ["import", "knockd.conf", ...args], { cwd: folder, encoding: "utf8" })

    it("writes for its owner alone, replaces nothing unasked, and leaves nothing behind", () => {
        const before = process.umask(0)
        try {
            expect(run("-o", "new.toml")).toMatchObject({ status: 0, stdout: "" })
        } finally {
            process.umask(before)
        }
        const file = join(folder, "new.toml")
        expect(statSync(file).mode & 0o777).toBe(0o600)
        expect(readFileSync(file, "utf8")).toContain('name = "ssh"')

        writeFileSync(file, "mine\n", { mode: 0o644 })
        expect(run("-o", "new.toml")).toMatchObject({
            status: 1,
            stderr: "postern: error: new.toml: is there already\npostern: hint: name another, or replace it with --force\n",
        })
        expect(readFileSync(file, "utf8")).toBe("mine\n")
        expect(run("-o", "new.toml", "--force").status).toBe(0)
        expect(statSync(file).mode & 0o777).toBe(0o600)
        expect(readFileSync(file, "utf8")).toContain('name = "ssh"')

        expect(run("-o", "no/such/folder.toml")).toMatchObject({ status: 1 })
        expect(run("-o", ".", "--force")).toMatchObject({ status: 1 })
        expect(readdirSync(folder).toSorted()).toEqual(["knockd.conf", "new.toml"])
    })
})
