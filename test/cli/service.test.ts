/** What `make install` puts into place, and what systemd says of it. The real start is in test/e2e/service.test.ts. */
import { spawnSync } from "node:child_process"
import {
    chmodSync,
    existsSync,
    mkdirSync,
    mkdtempSync,
    readdirSync,
    readFileSync,
    rmSync,
    statSync,
    symlinkSync,
    writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const root = join(import.meta.dirname, "../..")
/** The least exposed is 0; systemd calls up to 2 "OK". */
const EXPOSURE_MOST = 2
/** Of the process that hears the internet. */
const WEB_EXPOSURE_MOST = 1
/** It has to be root. */
const LEAD_EXPOSURE_MOST = 2.5

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
        expect(readFileSync(file, "utf8")).toBe(readFileSync(join(root, "docs/postern.toml"), "utf8"))
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

    it("gives knockd's names to the program where it is asked to, and never takes the place of others", () => {
        const stage = join(folder, "named")
        const links = ["usr/local/bin/knock", "usr/local/sbin/knockd"].map((name) => join(stage, name))
        mkdirSync(dirname(links[0]!), { recursive: true })
        writeFileSync(links[0]!, "another's")
        const taken = make("install", `DESTDIR=${stage}`, "NAMES=knock knockd")
        expect(taken.text).toContain(`install: error: ${links[0]} is there and is not postern's\n`)
        expect(readdirSync(join(stage, "usr/local"))).toEqual(["bin"])
        rmSync(links[0]!)
        expect(make("install", `DESTDIR=${stage}`, "NAMES=telnet").text).toContain("NAMES: telnet is not a program")
        for (let times = 0; times < 2; times++)
            expect(make("install", `DESTDIR=${stage}`, "NAMES=knock knockd")).toEqual({ status: 0, text: "" })
        expect(spawnSync(links[0]!, ["-V"], { encoding: "utf8" }).stdout).toMatch(/^knock 0\.8\nPostern /)
        expect(spawnSync(links[1]!, ["-V"], { encoding: "utf8" }).stdout).toMatch(/^knockd 0\.8\n/)
        expect(make("uninstall", `DESTDIR=${stage}`).status).toBe(0)
        expect(links.filter((link) => existsSync(link))).toEqual([])
    })

    it("brings manual pages whose links lead somewhere", () => {
        const documents = join(folder, "usr/share/doc/postern")
        const pages = readdirSync(documents, { recursive: true, encoding: "utf8" }).filter((one) => one.endsWith(".md"))
        const links = pages.flatMap((page) =>
            [...readFileSync(join(documents, page), "utf8").matchAll(/\]\((?![a-z]+:|#)([^)#]+)/g)].map(([, link]) => ({
                page,
                link,
                leads: existsSync(join(documents, dirname(page), link!)),
            })),
        )
        expect(links.length).toBeGreaterThan(50)
        expect(links.filter(({ leads }) => !leads)).toEqual([])
    })

    it("says who can do it, and changes nothing, where it cannot write", (ctx) => {
        if (process.getuid?.() !== 0) ctx.skip("needs root, to be somebody else")
        const place = join(folder, "roots")
        mkdirSync(place)
        chmodSync(folder, 0o755)
        const script = join(folder, "install/tools/install.sh")
        mkdirSync(dirname(script), { recursive: true })
        writeFileSync(script, readFileSync(join(root, "tools/install.sh")), { mode: 0o755 })
        for (const there of ["dist", "node_modules/@koromix/koffi-linux"])
            mkdirSync(join(folder, "install", there), { recursive: true })
        writeFileSync(join(folder, "install/dist/daemon.js"), "")
        for (const step of ["install", "uninstall"]) {
            const env = { PATH: process.env["PATH"], PREFIX: `${place}/usr`, SYSCONFDIR: `${place}/etc` }
            const { status, stderr } = spawnSync("sh", [script, step], { encoding: "utf8", uid: 65_534, env, cwd: "/" })
            expect({ status, stderr }).toEqual({
                status: 1,
                stderr: `install: error: ${place} cannot be written\ninstall: hint: do it as root, or set PREFIX, SYSCONFDIR or DESTDIR to a place of yours\n`,
            })
        }
        expect(readdirSync(place)).toEqual([])
    })

    it("leaves an enabled service its program: make uninstall says to disable it first", () => {
        const wants = join(folder, "etc/systemd/system/multi-user.target.wants")
        mkdirSync(wants, { recursive: true })
        for (const name of ["postern", "postern-knockd"]) {
            symlinkSync(unit, join(wants, `${name}.service`))
            const { status, text } = make("uninstall", `PREFIX=${folder}/usr`, `SYSCONFDIR=${folder}/etc`)
            expect(status).not.toBe(0)
            expect(text).toContain(`systemctl disable --now ${name},`)
            expect(existsSync(unit)).toBe(true)
            rmSync(join(wants, `${name}.service`))
        }
        rmSync(wants, { recursive: true })
    })
})

/** The unit that stands in for knockd's. */
const standIn = () => join(dirname(unit), "postern-knockd.service")
const settings = (file: string) => readFileSync(file, "utf8").match(/^(?:CapabilityBoundingSet|ProtectSystem)=.*$/gm)

describe("postern-knockd.service", () => {
    it("is without a fault: systemd-analyze verify", (ctx) => {
        const reason = without("systemd-analyze")
        if (reason !== null) ctx.skip(reason)
        expect(run("systemd-analyze", "verify", standIn())).toEqual({ status: 0, text: "" })
    })

    it("lets commands do what Debian's unit lets them do, and is less exposed", (ctx) => {
        const debian = "/lib/systemd/system/knockd.service"
        const reason = existsSync(debian) ? without("systemd-analyze") : "needs knockd (Debian package knockd)"
        if (reason !== null) ctx.skip(reason)
        expect(settings(standIn())).toEqual(expect.arrayContaining(settings(debian)!))
        const [theirs, here] = [debian, standIn()].map((file) => {
            const { text } = run("systemd-analyze", "security", "--offline=true", "--no-pager", file)
            return Number(/exposure level for .*: (\d+\.\d+)/.exec(text)?.[1])
        })
        expect(here).toBeLessThan(theirs! - 1)
    })
})

const web = () => join(dirname(unit), "postern-web.service")

describe("postern-web.service", () => {
    it("and its socket are without a fault: systemd-analyze verify", (ctx) => {
        const reason = without("systemd-analyze")
        if (reason !== null) ctx.skip(reason)
        const socket = join(dirname(unit), "postern-web.socket")
        expect(run("systemd-analyze", "verify", web(), socket)).toEqual({ status: 0, text: "" })
    })

    it(`is exposed by ${WEB_EXPOSURE_MOST} at most: systemd-analyze security`, (ctx) => {
        const reason = without("systemd-analyze")
        if (reason !== null) ctx.skip(reason)
        const limit = `--threshold=${WEB_EXPOSURE_MOST * 10}`
        const { status, text } = run("systemd-analyze", "security", "--offline=true", "--no-pager", limit, web())
        expect(status, text).toBe(0)
    })
})

const lead = () => join(dirname(unit), "postern-lead@.service")

describe("postern-lead@.service", () => {
    it("is without a fault: systemd-analyze verify", (ctx) => {
        const reason = without("systemd-analyze")
        if (reason !== null) ctx.skip(reason)
        expect(run("systemd-analyze", "verify", lead())).toEqual({ status: 0, text: "" })
    })

    it(`is exposed by ${LEAD_EXPOSURE_MOST} at most: systemd-analyze security`, (ctx) => {
        const reason = without("systemd-analyze")
        if (reason !== null) ctx.skip(reason)
        const limit = `--threshold=${LEAD_EXPOSURE_MOST * 10}`
        const { status, text } = run("systemd-analyze", "security", "--offline=true", "--no-pager", limit, lead())
        expect(status, text).toBe(0)
    })
})

const early = () =>
    ["postern-hide", "postern-hide-iptables", "postern-grace"].map((name) => join(dirname(unit), `${name}.service`))

describe("postern-hide.service, its kin for iptables, and postern-grace.service", () => {
    it("are without a fault: systemd-analyze verify", (ctx) => {
        const reason = without("systemd-analyze")
        if (reason !== null) ctx.skip(reason)
        expect(run("systemd-analyze", "verify", ...early(), unit)).toEqual({ status: 0, text: "" })
    })

    it(`are exposed by ${EXPOSURE_MOST} at most, that for iptables, which is root, by ${LEAD_EXPOSURE_MOST}: systemd-analyze security`, (ctx) => {
        const reason = without("systemd-analyze")
        if (reason !== null) ctx.skip(reason)
        for (const file of early()) {
            const most = file.endsWith("-iptables.service") ? LEAD_EXPOSURE_MOST : EXPOSURE_MOST
            const limit = `--threshold=${most * 10}`
            const { status, text } = run("systemd-analyze", "security", "--offline=true", "--no-pager", limit, file)
            expect(status, text).toBe(0)
        }
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
