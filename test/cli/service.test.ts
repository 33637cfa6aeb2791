/** What `make install` puts into place, and what systemd says of it. The real start is in test/e2e/service.test.ts. */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const root = join(import.meta.dirname, "../..")
/** The least exposed is 0; systemd calls up to 2 "OK". */
const EXPOSURE_MOST = 2

let folder: string
let unit: string

function run(program: string, ...args: readonly string[]) {
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", timeout: 60_000 })
    return { status, text: `${stdout}${stderr}`.trim() }
}

const make = (target: string, ...variables: readonly string[]) => run("make", "-s", "-C", root, target, ...variables)
const without = (program: string) =>
    spawnSync(program, ["--version"]).error === undefined ? null : `needs ${program}, of Debian's package systemd`

beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "postern-install-"))
    expect(make("install", `PREFIX=${folder}/usr`, `SYSCONFDIR=${folder}/etc`).status).toBe(0)
    unit = join(folder, "usr/lib/systemd/system/postern.service")
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe("make install", () => {
    it("puts a program there that runs by itself", () => {
        const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
        expect(run(join(folder, "usr/bin/postern"), "--version")).toEqual({ status: 0, text: version })
        // The daemon's own library is found, too: with a configuration that is not there it gets as far as to say so.
        const { status, text } = run(join(folder, "usr/bin/postern"), "run", "-c", join(folder, "none.toml"))
        expect(status, text).toBe(3)
    })

    it("keeps the configuration from others, and never touches one that is there", () => {
        const file = join(folder, "etc/postern/postern.toml")
        expect(statSync(file).mode & 0o777).toBe(0o640)
        expect(statSync(join(folder, "etc/postern")).mode & 0o777).toBe(0o750)
        expect(readFileSync(file, "utf8")).toBe(readFileSync(join(root, "doc/postern.toml"), "utf8"))
        writeFileSync(file, "# mine\n")
        expect(make("install", `PREFIX=${folder}/usr`, `SYSCONFDIR=${folder}/etc`).status).toBe(0)
        expect(readFileSync(file, "utf8")).toBe("# mine\n")
    })

    it("into DESTDIR names the paths without it; make uninstall takes all of it away but the configuration", () => {
        const stage = join(folder, "stage")
        expect(make("install", `DESTDIR=${stage}`, "PREFIX=/opt/postern")).toEqual({ status: 0, text: "" })
        const text = readFileSync(join(stage, "opt/postern/lib/systemd/system/postern.service"), "utf8")
        expect(text).toContain("\nExecStart=/opt/postern/bin/postern run\n")
        expect(text).not.toMatch(/\/usr\/local|stage/)
        expect(make("uninstall", `DESTDIR=${stage}`, "PREFIX=/opt/postern")).toEqual({ status: 0, text: "" })
        const left = readdirSync(stage, { recursive: true, encoding: "utf8", withFileTypes: true })
        expect(left.filter((entry) => !entry.isDirectory()).map(({ name }) => name)).toEqual(["postern.toml"])
    })
})

describe("postern.service", () => {
    it("is without a fault: systemd-analyze verify", (ctx) => {
        const reason = without("systemd-analyze")
        if (reason !== null) ctx.skip(reason)
        expect(run("systemd-analyze", "verify", unit)).toEqual({ status: 0, text: "" })
    })

    it(`is exposed by ${EXPOSURE_MOST} at most: systemd-analyze security`, (ctx) => {
        const reason = without("systemd-analyze")
        if (reason !== null) ctx.skip(reason)
        const limit = `--threshold=${EXPOSURE_MOST * 10}`
        const { status, text } = run("systemd-analyze", "security", "--offline=true", "--no-pager", limit, unit)
        expect(status, text).toBe(0)
    })

    it("sysusers and tmpfiles make its user and the rights of its configuration", (ctx) => {
        const reason = process.getuid?.() === 0 ? without("systemd-sysusers") : "needs root"
        if (reason !== null) ctx.skip(reason)
        const fresh = join(folder, "fresh")
        mkdirSync(fresh)
        expect(make("install", `DESTDIR=${fresh}`).status).toBe(0)
        const users = join(fresh, "usr/local/lib/sysusers.d/postern.conf")
        expect(run("systemd-sysusers", `--root=${fresh}`, users).status).toBe(0)
        const [, uid, gid] = /^postern:[^:]*:(\d+):(\d+):.*:\/var\/lib\/postern:\S*nologin$/m.exec(
            readFileSync(join(fresh, "etc/passwd"), "utf8"),
        )!
        const files = join(fresh, "usr/local/lib/tmpfiles.d/postern.conf")
        expect(run("systemd-tmpfiles", "--create", `--root=${fresh}`, files).status).toBe(0)
        const { mode, uid: owner, gid: group } = statSync(join(fresh, "etc/postern/postern.toml"))
        expect([owner, group, mode & 0o777]).toEqual([0, Number(gid), 0o640])
        expect(Number(uid)).toBeGreaterThan(0)
        expect(existsSync(join(fresh, "etc/postern"))).toBe(true)
    })
})
