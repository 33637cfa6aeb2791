/**
 * From nothing to an open door, with the real daemon, the real web process and real packets: a device is enrolled by the
 * operator's link, fetches and knocks; so does the script of README and guide, with stock curl, age, gpg and nc.
 * `stranger` tries the door at the same moments and is refused at all of them.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Daemon, eventually, type Lab, makeLab, POSTERN, portState, untilPort } from "../lab/lab.ts"
import { collectLines } from "../lab/lines.ts"
import type { Result } from "../lab/namespace.ts"
import { oneTimeConfiguration } from "../lab/one-time.ts"
import { type Sshd, startSshd } from "../lab/sshd.ts"

const ROOT = join(import.meta.dirname, "../..")

let lab: Lab<"knocker" | "stranger">
let daemon: Daemon
let home: string
let sshd: Sshd

const configuration = () =>
    oneTimeConfiguration({
        gateway: lab.gateway.v4,
        users: join(lab.scratch, "users.d"),
        url: `http://${lab.gateway.v4}:8080/`,
        directory: join(lab.scratch, "web"),
        open: "10s",
        draws: 'length = 4\nwindow = 6\nprotocols = ["tcp", "udp", "icmp"]',
    })

beforeAll(async () => {
    lab = makeLab(["knocker", "stranger"])
    home = join(lab.scratch, "home")
    for (const folder of ["web", "users.d", "home"]) mkdirSync(join(lab.scratch, folder), { mode: 0o700 })
    sshd = await startSshd(lab.gateway, lab.scratch)
    daemon = await lab.startDaemon(configuration())
    const web = lab.gateway.start([POSTERN, "web", join(lab.scratch, "web"), "--listen", `${lab.gateway.v4}:8080`])
    await collectLines(web, web.stderr!).waitFor(/8080/)
})
afterAll(() => lab?.remove())

/** On the gateway, as its operator. */
function operator(...args: readonly string[]): string {
    const config = args[0] === "user" ? ["-c", daemon.file] : []
    return lab.gateway.must([POSTERN, ...args, ...config, "--socket", daemon.socket])
}

/** On the knocker's device. */
function device(...args: readonly string[]): Result {
    return lab.hosts.knocker.exec([POSTERN, ...args], { env: environment() })
}

const environment = () => ({ HOME: home, GNUPGHOME: join(home, ".gnupg"), NO_COLOR: "1" })
const strange = () => portState(lab.hosts.stranger, lab.gateway.v4, 22)
/** Nobody waits for the end of a grant. */
function closed() {
    operator("revoke", "--all")
    return untilPort("refused", lab.hosts.knocker, lab.gateway.v4, 22)
}
/** What is published for a device, once it reads so. */
const published = (found: (text: string) => boolean) =>
    eventually(() => found(device("fetch", "gate", "--json").stdout))

describe("a device", () => {
    it("is enrolled by a link and a public key, and opens the door again and again, each time by another sequence", async () => {
        const link = operator("user", "link", "anna").trim()
        const early = device("enroll", link, "--new", "--name", "gate")
        expect(early).toMatchObject({ status: 0, stderr: expect.stringContaining("no bundle for this device yet") })
        const [, , ...words] = early.stdout.trim().split(" ")
        operator("user", ...words)
        expect(await published((text) => text.includes('"left":6'))).toBe(true)

        const counters: number[] = []
        for (let n = 0; n < 2; n++) {
            expect(await closed()).toBe("refused")
            const { doors } = JSON.parse(device("fetch", "gate", "--json", "--print").stdout)
            counters.push(doors[0].next.counter)
            const knocked = device("knock", "gate", "ssh")
            expect(knocked).toMatchObject({ status: 0, stdout: expect.stringMatching(/^opened: tcp\/22 answers/) })
            expect(await strange()).toBe("refused")
            // Somebody who has seen all of it on the way gains nothing.
            const hits: readonly string[] = doors[0].next.hits
            lab.hosts.stranger.must([POSTERN, "knock", lab.gateway.v4, ...hits, "--no-wait"])
            expect(await strange()).toBe("refused")
        }
        expect(counters).toEqual([0, 1])
        await daemon.log.waitFor(/anna/)
    })

    it("knocks once for all who want in at the same moment, whose hits would spoil each other", async () => {
        expect(await published((text) => text.includes('"left":6'))).toBe(true)
        expect(await closed()).toBe("refused")
        const argv = [POSTERN, "knock", "gate", "ssh", "--json"]
        const all = [1, 2, 3].map(() => lab.hosts.knocker.run(argv, { env: environment() }))
        const results = (await Promise.all(all)).map(({ stdout }) => JSON.parse(stdout))
        const opened = results.filter(({ result }) => result === "opened")
        const found = results.filter(({ result }) => result === "already-open")
        expect([opened.length, found.length]).toEqual([1, 2])
        expect(found.map(({ knocks }) => knocks)).toEqual([0, 0])
    })

    it("opens it by what it fetched before, when nothing can be fetched", async () => {
        expect(await published((text) => text.includes('"left":6'))).toBe(true)
        expect(await closed()).toBe("refused")
        expect(device("knock", "gate", "ssh", "--offline").status).toBe(0)
        expect(await closed()).toBe("refused")
        expect(device("knock", "gate", "ssh", "--offline").status).toBe(0)
    })
})

/** The five lines, as a page has them. */
function script(page: string): string {
    return /^```sh\n(url=.*?)^```$/ms.exec(readFileSync(join(ROOT, page), "utf8"))![1]!
}

describe("the script of the guide", () => {
    it("is the same in both places, and has five lines", () => {
        expect(script("README.md")).toBe(script("docs/knock-with-standard-tools.md"))
        expect(script("README.md").trim().split("\n")).toHaveLength(5)
    })

    it.each(["age", "gpg"])("opens the door with stock curl, nc, ping and %s", async (tool) => {
        const { knocker } = lab.hosts
        const options = { env: environment() }
        const key = join(home, "key")
        if (tool === "age") {
            knocker.must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], options)
            knocker.must(
                ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-C", "", "-f", `${key}-rsa`],
                options,
            )
            knocker.must(["age-keygen", "-o", `${key}-age`], options)
            writeFileSync(`${key}-age.pub`, knocker.must(["age-keygen", "-y", `${key}-age`], options))
        } else {
            mkdirSync(join(home, ".gnupg"), { mode: 0o700 })
            const make = ["--passphrase", "", "--quick-gen-key", "bert", "future-default", "default", "1d"]
            knocker.must(["gpg", "--batch", "-q", ...make], options)
            writeFileSync(`${key}.asc`, knocker.must(["gpg", "--armor", "--export"], options))
        }
        const name = tool === "age" ? "carl" : "bert"
        const publics = tool === "age" ? ["", "-rsa", "-age"].map((kind) => `${key}${kind}.pub`) : [`${key}.asc`]
        operator("user", "add", name, ...publics.flatMap((file) => ["--key", file]))
        const url = /^file +\w+ (http\S+)$/m.exec(operator("user", "show", name))![1]!
        expect(await eventually(() => knocker.exec(["curl", "-fsS", url]).status === 0)).toBe(true)
        // One file for several keys is read with each of them.
        knocker.must(["curl", "-fsS", "-o", `${key}.file`, url])
        for (const file of publics.slice(1)) {
            const read = knocker.must(["age", "-d", "-i", file.slice(0, -".pub".length), `${key}.file`], options)
            expect(read).toContain(`\nknocker ${name}\n`)
        }
        const text = script("README.md")
            .replace(/^url=.*$/m, `url=${url} gateway=${lab.gateway.v4} door=ssh`)
            .replace("age -d -i ~/.ssh/id_ed25519", tool === "age" ? `age -d -i ${key}` : "gpg -q -d")
            .replace('ssh "$gateway"', sshd.client('"$gateway"', "echo", "inside").join(" "))
        expect(await closed()).toBe("refused")
        const ended = await knocker.run(["sh", "-c", text], options)
        expect(ended).toMatchObject({ status: 0, stdout: expect.stringMatching(/inside\n$/) })
        expect(await strange()).toBe("refused")
    })
})

/** Logs in at a name of this ~/.ssh/config. */
function login(config: string, host: string): Promise<Result> {
    const file = join(home, "ssh_config")
    writeFileSync(file, config, { mode: 0o600 })
    const argv = sshd.client(host, "echo", "inside").map((word) => (word === "none" ? file : word))
    return lab.hosts.knocker.run(argv, { env: environment() })
}

describe("ssh with the lines of the manual", () => {
    const inside = { status: 0, stdout: "inside\n" }

    it("knocks by itself, for two at the same moment, too", async () => {
        const page = readFileSync(join(ROOT, "docs/postern-knock.1.md"), "utf8")
        const [block] = /^ {4}Match host home exec .*\n {8}HostName .*$/m.exec(page)!
        const config = block
            .replaceAll("home", "gate")
            .replace("postern knock", `${POSTERN} knock`)
            .replace("gate.example.org", lab.gateway.v4)
        expect(await closed()).toBe("refused")
        const ended = await Promise.all([login(config, "gate"), login(config, "gate")])
        for (const one of ended) expect(one).toMatchObject(inside)
        expect(await strange()).toBe("refused")
    })

    it("knocks by the script of the guide, which needs no client of ours", async () => {
        const page = readFileSync(join(ROOT, "docs/knock-with-standard-tools.md"), "utf8")
        const config = /^ {4}(Match host gw\.example\.org exec .*)$/m.exec(page)![1]!
        const url = /^file +\w+ (http\S+)$/m.exec(operator("user", "show", "carl"))![1]!
        const text = script("docs/knock-with-standard-tools.md")
            .replace(/^url=.*$/m, `url=${url} gateway=${lab.gateway.v4} door=ssh`)
            .replace("~/.ssh/id_ed25519", join(home, "key"))
            .replace(/; ssh "\$gateway"$/m, "")
        mkdirSync(join(home, "bin"))
        writeFileSync(join(home, "bin/knock-gw"), `#!/bin/sh\n${text}`, { mode: 0o700 })
        expect(text).toMatch(/\nsleep 1\n$/)
        expect(await closed()).toBe("refused")
        expect(page).toContain("`flock ~/bin/knock-gw ~/bin/knock-gw >&2`")
        const queued = config.replace("~/bin/knock-gw", "flock ~/bin/knock-gw ~/bin/knock-gw")
        const ssh = () => login(queued.replace("gw.example.org", lab.gateway.v4), lab.gateway.v4)
        for (const one of await Promise.all([ssh(), ssh()])) expect(one).toMatchObject(inside)
        expect(await strange()).toBe("refused")
    })
})
