/**
 * Sessions with the built `postern knock`, between two hosts: what is typed, what is said where, and how it ends.
 * The server's gate is a stand-in: a datagram to port 5000 of it makes tcp/2222 listen.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Built, buildClient } from "../lab/client.ts"
import { collectLines } from "../lab/lines.ts"
import { joinNamespaces, makeNamespace, type Namespace, type Result, whyNoNamespaces } from "../lab/namespace.ts"
import { AS_NOBODY } from "../lab/privilege.ts"

const GATE = `
const net = require("node:net"), gate = require("node:dgram").createSocket("udp6")
const listen = (port) => net.createServer((socket) => socket.on("error", () => {}).resume()).listen(port, "::")
listen(80)
let door
gate.on("message", (_, from) => {
    if (from.address.endsWith("10.93.0.9")) return
    door ??= listen(2222)
})
gate.bind(5000, () => console.log("up"))
require("node:dgram").createSocket("udp6").on("message", () => { door?.close(); door = undefined }).bind(5001)
`
const PROFILE = `
host = "10.93.0.1"
delay = "10ms"
timeout = "2s"
retries = 1
[[door]]
name = "ssh"
hits = ["31337", "5000:udp"]
wait = "tcp/2222"
[[door]]
name = "quiet"
hits = ["31337", "31338:udp"]
`
const SECRETS = /31337|31338/

function secret(file: string, text: string, mode = 0o600): string {
    writeFileSync(file, text)
    chmodSync(file, mode)
    return file
}

const lines = (...lines: readonly string[]) => lines.map((line) => `${line}\n`).join("")

const reason = whyNoNamespaces()

describe.skipIf(reason !== null)(`postern knock${reason === null ? "" : ` (${reason})`}`, () => {
    let client: Namespace
    let server: Namespace
    let built: Built
    let bare: Built
    let home: string

    beforeAll(async () => {
        client = makeNamespace("client")
        server = makeNamespace("server")
        joinNamespaces(
            { namespace: client, device: "lan0", addresses: ["10.93.0.2/24", "fd93::2/64"] },
            { namespace: server, device: "lan0", addresses: ["10.93.0.1/24", "fd93::1/64"] },
        )
        const gate = server.start(["node", "-e", GATE])
        await collectLines(gate, gate.stdout!).waitFor(/up/)
        built = await buildClient(true)
        bare = await buildClient(false)
        home = mkdtempSync(join(tmpdir(), "postern-home-"))
        profile("home", PROFILE)
        profile(
            "other",
            PROFILE.replace("10.93.0.1", "fd93::1")
                .split(/(?=\[\[door)/, 2)
                .join(""),
        )
    })

    afterAll(() => {
        client?.remove()
        server?.remove()
        built?.remove()
        bare?.remove()
        if (home) rmSync(home, { recursive: true, force: true })
    })

    function profile(name: string, text: string, mode = 0o600): string {
        const folder = join(home, "postern", "hosts")
        mkdirSync(folder, { recursive: true })
        return secret(join(folder, `${name}.toml`), text, mode)
    }

    const argv = (args: readonly string[], program = built) => [process.execPath, program.path, "knock", ...args]
    const env = (more: Readonly<Record<string, string>> = {}) => ({ XDG_CONFIG_HOME: home, NO_COLOR: "1", ...more })

    /** One session, on an idle gate. */
    function session(...args: readonly string[]): Result {
        return client.exec(argv(args), { env: env() })
    }

    /** Runs a command line on a terminal of its own. */
    const terminal = (command: string, more: Readonly<Record<string, string>> = {}) =>
        client.exec(["script", "-qec", command, "/dev/null"], {
            env: { XDG_CONFIG_HOME: home, TERM: "xterm", NO_COLOR: "", ...more },
        })
    const close = () => client.must(["bash", "-c", "echo > /dev/udp/10.93.0.1/5001"])

    describe("ends with 0 when it", () => {
        it("sent the hits and nothing is waited for", () => {
            expect(session("10.93.0.1", "7000", "8000:udp", "9000:TCP", "-d", "1ms")).toEqual({
                status: 0,
                stdout: "sent: 3 hits to 10.93.0.1\n",
                stderr: "",
            })
        })

        it("opened the door of a profile, by its name or its host, and never says the hits", () => {
            for (const host of ["home", "10.93.0.1"]) {
                close()
                const { status, stdout, stderr } = session(host, "ssh")
                expect(stdout).toMatch(/^opened: tcp\/2222 answers at 10\.93\.0\.1 \(IPv4\) after \d+ ms\n$/)
                expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
            }
        })

        it("finds it open already, and does not knock", () => {
            const answer = "already open: tcp/80 answers at 10.93.0.1 (IPv4)\n"
            expect(session("10.93.0.1", "7000", "--wait", "tcp/80")).toEqual({ status: 0, stdout: answer, stderr: "" })
            const forced = session("10.93.0.1", "7000", "-w", "tcp/80", "--force")
            expect(forced.stdout).toMatch(/^opened: tcp\/80/)
        })

        it("takes the only door of a profile, over IPv6, and is silent if asked to be", () => {
            close()
            expect(session("other", "--quiet")).toEqual({ status: 0, stdout: "", stderr: "" })
        })

        it("takes hits from a file or from standard input", () => {
            const file = secret(join(home, "hits"), "# remark\n31337 5000:udp, 9000\n")
            expect(session("10.93.0.1", "--hits-file", file).stdout).toBe("sent: 3 hits to 10.93.0.1\n")
            const piped = client.exec(argv(["home", "--hits-file", "-"]), { env: env(), input: "31337\n9000:udp\n" })
            expect(piped).toEqual({ status: 0, stdout: "sent: 2 hits to home\n", stderr: "" })
        })

        it("shows what would be sent, without sending it", () => {
            close()
            expect(session("home", "ssh", "--dry-run", "--delay", "200ms").stdout).toBe(
                lines(
                    "     0 ms  31337       10.93.0.1",
                    "   200 ms  5000:udp    10.93.0.1",
                    "  then wait for tcp/2222",
                ),
            )
            expect(session("home", "quiet", "-w", "tcp/2222", "-r", "0", "-t", "50ms").status).toBe(1)
        })

        it("prints one JSON object", () => {
            close()
            const result = JSON.parse(session("home", "ssh", "--json").stdout)
            expect(result).toMatchObject({
                host: "home",
                door: "ssh",
                result: "opened",
                addresses: ["10.93.0.1"],
                hits: 2,
                knocks: 1,
                service: "tcp/2222",
                answers: [{ address: "10.93.0.1" }],
                lost: [],
            })
            const plan = JSON.parse(session("-6", "fd93::1", "7000", "-n", "--json").stdout)
            expect(plan.sends).toEqual([{ at: 0, address: "fd93::1", hit: "7000" }])
        })

        it("names the hits if asked to", () => {
            expect(session("home", "quiet", "--verbose", "--no-wait").stderr).toBe(
                lines("hit 1 of 2: 31337 to 10.93.0.1", "hit 2 of 2: 31338:udp to 10.93.0.1"),
            )
        })

        it("shows its help, examples first", () => {
            const { status, stdout, stderr } = session("--help")
            expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
            expect(stdout).toMatch(/^Examples:\n {2}postern knock home ssh/)
        })

        it("sends TCP and UDP without the FFI library within reach, and without privilege", () => {
            const { status, stdout } = client.exec([...AS_NOBODY, ...argv(["10.93.0.1", "1", "2:udp"], bare)])
            expect({ status, stdout }).toEqual({ status: 0, stdout: "sent: 2 hits to 10.93.0.1\n" })
        })
    })

    it("ends with 1 when the door does not open, having knocked again", () => {
        close()
        const { status, stdout, stderr } = session("home", "quiet", "-w", "tcp/2222", "-t", "100ms", "-r", "1")
        expect({ status, stdout }).toEqual({ status: 1, stdout: "" })
        expect(stderr).toMatch(/^postern: error: tcp\/2222 of home does not answer after 2 knocks\npostern: hint: /)
        const json = session("home", "quiet", "-w", "tcp/2222", "-t", "100ms", "-r", "0", "--json")
        expect(JSON.parse(json.stdout)).toMatchObject({ result: "not-opened", knocks: 1, answers: [] })
    })

    describe("ends with 2 and says what is wrong with", () => {
        it.each<[readonly string[], RegExp]>([
            [[], /missing required argument 'HOST'/],
            [["10.93.0.2"], /no hits to send, and no profile/],
            [["10.93.0.1", "ssh", "7000"], /ssh: names of services are not looked up: write the number .* 22/],
            [["10.93.0.2", "ssh"], /"ssh" is not a hit, and there is no profile for 10\.93\.0\.2/],
            [["10.93.0.1", "70000"], /70000: no such port: ports are 1 to 65535/],
            [["10.93.0.1", "0"], /0: no such port/],
            [["10.93.0.1", "-1"], /unknown option '-1'/],
            [["10.93.0.1", "--", "-1"], /-1: no such port/],
            [["10.93.0.1", ""], /"": something is missing/],
            [["10.93.0.1", "9000:sctp"], /9000:sctp: unknown protocol/],
            [["10.93.0.1", "udp:9000"], /udp:9000: not written as it should be.* 9000:udp/],
            [["10.93.0.1", "icmp:65508"], /no such size/],
            [["10.93.0.1", "7000 8000"], /there is a blank in it/],
            [["", "7000"], /HOST: must be/],
            [["-oProxyCommand", "7000"], /unknown option|cannot be used/],
            [["10.93.0.1", ...Array.from({ length: 33 }, (_, i) => `${7000 + i}`)], /more than 32 hits/],
            [["10.93.0.1", "7000", "--wait", "udp/53"], /only TCP services can be waited for/],
            [["10.93.0.1", "7000", "--wait", "22"], /--wait: not written as it should be.* tcp\/22/],
            [["10.93.0.1", "7000", "--delay", "100"], /--delay: a number alone is no duration.* 100s/],
            [["10.93.0.1", "7000", "--timeout", "2h"], /--timeout: at most 1h/],
            [["10.93.0.1", "7000", "--retries", "1"], /--retries: without --wait/],
            [
                ["10.93.0.1", "7000", "--retries", "many", "-w", "tcp/80"],
                /--retries: must be a whole number from 0 to 10/,
            ],
            [["10.93.0.1", "7000", "--source", "eth0"], /--source: must be an IPv4 or IPv6 address/],
            [["10.93.0.1", "7000", "--source", "fd93::2"], /IPv4 address does not go with|IPv\d address does not go/],
            [["10.93.0.1", "7000", "-6"], /IPv4 address does not go/],
            [["10.93.0.1", "7000", "--source-port", "0"], /--source-port: must be a whole number from 1 to 65535/],
            [["10.93.0.1", "7000", "--interface", "no/such"], /--interface: not the name of an interface/],
            [["10.93.0.1", "7000", "--flags", "fin,nope"], /--flags: unknown flag/],
            [["10.93.0.1", "7000", "--hits-file", "-"], /either as words or with --hits-file/],
            [
                ["10.93.0.1", "--hits-file", "/nonexistent/hits"],
                /\/nonexistent\/hits: cannot be read: there is no such file/,
            ],
            [["10.93.0.1", "7000", "--dealy", "1s"], /unknown option '--dealy'\npostern: hint: did you mean --delay\?/],
            [["home", "shs"], /home has no door "shs": did you mean ssh\?\npostern: hint: there are: ssh, quiet/],
            [["home", "7-of-nine"], /home has no door "7-of-nine"/],
            [["home"], /which door of home\?\npostern: hint: there are: ssh, quiet/],
            [["10.93.0.1", "ssh", "--profile", "hoem"], /there is no profile "hoem" in .*: did you mean home\?/],
            [["10.93.0.1", "ssh", "--profile", "/nonexistent/a.toml"], /a\.toml: cannot be read/],
        ])("%j", (args, message) => {
            const { status, stdout, stderr } = session(...args)
            expect(stderr).toMatch(message)
            expect(stderr).toMatch(/^postern: error: /)
            expect(stderr).not.toMatch(/undefined|\[object|^\s+at /m)
            expect({ status, stdout }).toEqual({ status: 2, stdout: "" })
        })

        it("several things at once", () => {
            const { stderr } = session("10.93.0.1", "70000", "-d", "x", "-w", "udp/1")
            expect(stderr.match(/^postern: error: /gm)).toHaveLength(3)
        })
    })

    describe("ends with 3 when", () => {
        it("others can read the profile or the hits, and says what to type", () => {
            const file = profile("shared", PROFILE, 0o640)
            expect(session("shared", "ssh")).toEqual({
                status: 3,
                stdout: "",
                stderr: lines(
                    `postern: error: ${file}: others than you can read it, and it holds a secret`,
                    `postern: hint: chmod 600 '${file}'`,
                ),
            })
            const hits = secret(join(home, "open-hits"), "7000\n", 0o604)
            expect(session("10.93.0.1", "--hits-file", hits)).toMatchObject({ status: 3 })
        })

        it("the profile is broken, with all problems and no hit", () => {
            const text = PROFILE.replace('"31337"', '"31337:sctp"')
                .replace("delay", "dealy")
                .replace("tcp/2222", "udp/1")
            const file = profile("broken", text)
            const { status, stdout, stderr } = session("broken", "ssh")
            expect({ status, stdout }).toEqual({ status: 3, stdout: "" })
            expect(stderr).toContain(`postern: error: ${file}: 3 problems in this profile\n`)
            expect(stderr).toMatch(/\npostern: hint: postern-knock\(1\) says what stands in one; .* makes one anew\n$/)
            expect(stderr).toContain(`${file}: door[0].hits[0]: unknown protocol`)
            expect(stderr).toContain(`${file}: door[0].wait: only TCP services can be waited for`)
            expect(stderr).toContain(`${file}: dealy: "dealy" is not a key of a profile: did you mean delay?`)
            expect(stderr).not.toMatch(SECRETS)
        })

        it("the profile is no TOML, with the line and no hit", () => {
            const file = profile("broken", PROFILE.replace('"5000:udp"]', '"5000:udp"'))
            const { status, stderr } = session("broken", "ssh")
            expect(status).toBe(3)
            expect(stderr).toMatch(new RegExp(`^${file}:\\d+:\\d+: not valid TOML: `, "m"))
            expect(stderr).not.toMatch(SECRETS)
        })

        it("a file of hits is broken, without saying the hit", () => {
            const file = secret(join(home, "bad-hits"), "7000\n31337:sctp\n")
            const { status, stderr } = session("10.93.0.1", "--hits-file", file)
            expect(status).toBe(3)
            expect(stderr).toMatch(/^postern: error: .*bad-hits: hit 2: unknown protocol/)
            expect(stderr).not.toMatch(SECRETS)
        })
    })

    describe("ends with 5 when", () => {
        it.each<[string, readonly string[], RegExp]>([
            ["there is no such host", ["nosuch.invalid", "7000"], /nosuch\.invalid: (no such host|the name service)/],
            [
                "there is no way to it",
                ["203.0.113.1", "7000"],
                /203\.0\.113\.1: there is no way to it from here \(ENETUNREACH\)/,
            ],
            [
                "the source is not ours",
                ["10.93.0.1", "7000", "--source", "192.0.2.9"],
                /--source is not one of this machine/,
            ],
            [
                "there is no such interface",
                ["10.93.0.1", "7000", "-i", "nowhere0"],
                /there is no such interface \(ENODEV\)/,
            ],
        ])("%s", (_what, args, message) => {
            const { status, stdout, stderr } = session(...args)
            expect(stderr).toMatch(message)
            expect({ status, stdout }).toEqual({ status: 5, stdout: "" })
        })
    })

    it("ends with 6 where a permission is missing, and says how else", () => {
        client.must(["sysctl", "-qw", "net.ipv4.ping_group_range=1 0"])
        const asNobody = (args: readonly string[]) => {
            const user = [...AS_NOBODY, "env", "PATH=/nonexistent"]
            return client.exec([...user, ...argv(args)], { env: { NO_COLOR: "1", XDG_CONFIG_HOME: "/nonexistent" } })
        }
        const echo = asNobody(["10.93.0.1", "icmp:10"])
        expect(echo).toMatchObject({ status: 6, stdout: "" })
        expect(echo.stderr).toMatch(/no permission to send echo requests/)
        expect(echo.stderr).toMatch(/hint: sudo sysctl -w net\.ipv4\.ping_group_range/)
        expect(asNobody(["10.93.0.1", "7000", "--flags", "fin"]).stderr).toMatch(/CAP_NET_RAW/)
        expect(asNobody(["10.93.0.1", "7000", "--source-port", "22"])).toMatchObject({ status: 6 })
    })

    it("ends with 130 at SIGINT, at once and without a trace of an error", async () => {
        close()
        const child = client.start(argv(["10.93.0.1", "7000", "-w", "tcp/2222", "-t", "1m", "-v"]), {
            env: { ...process.env, ...env() },
        })
        const said = collectLines(child, child.stderr!)
        await said.waitFor(/hit 1 of 1/)
        const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)))
        child.kill("SIGINT")
        expect(await ended).toBe(130)
        await expect
            .poll(() => said.all.filter((line) => line !== ""))
            .toEqual(["hit 1 of 1: 7000 to 10.93.0.1", "interrupted"])
    })

    it("never hands a terminal what it was given, and ends with 1 where it cannot write", () => {
        const title = "\u001b]0;title\u0007"
        for (const args of [
            ["10.93.0.1", `d${title}`],
            ["home", title],
            ["10.93.0.1", "7000", `--${title}`],
        ]) {
            const { status, stdout, stderr } = session(...args)
            expect([status, stdout]).toEqual([2, ""])
            expect(stderr).toContain("\ufffd]0;title\ufffd")
            expect(stderr).not.toMatch(/(?!\n)\p{Cc}/u)
        }
        const line = argv(["10.93.0.1", "7000", "-n", "--json"])
            .map((word) => `'${word}'`)
            .join(" ")
        const full = client.exec(["bash", "-c", `${line} > /dev/full`], { env: env() })
        expect(full).toEqual({
            status: 1,
            stdout: "",
            stderr: expect.stringMatching(/^postern: error: cannot write: /),
        })
        expect(full.stderr.split("\n")).toHaveLength(2)
    })

    it("is quiet when the reader of its output goes away", () => {
        const line = argv(["10.93.0.1", "7000"])
            .map((word) => `'${word}'`)
            .join(" ")
        const { stdout, stderr } = client.exec(["bash", "-c", `${line} | true; echo "\${PIPESTATUS[0]}"`], {
            env: env(),
        })
        expect({ stdout, stderr }).toEqual({ stdout: "0\n", stderr: "" })
    })

    it("shows its progress on a terminal, takes it away again, and colours only there", () => {
        close()
        const words = argv(["home", "ssh"]).join(" ")
        const { stdout } = terminal(words)
        expect(stdout).toContain("\r\u001b[Khome: is tcp/2222 open already?")
        expect(stdout).toContain("\r\u001b[Khome: hit 2 of 2")
        expect(stdout).toContain("\r\u001b[Kopened: tcp/2222")
        expect(stdout).not.toMatch(SECRETS)
        const wrong = argv(["home", "nowhere"]).join(" ")
        expect(terminal(wrong).stdout).toContain("\u001b[31merror\u001b[39m")
        expect(terminal(wrong, { NO_COLOR: "1" }).stdout).not.toContain("\u001b[31m")
    })
})
