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

const ROOT = join(import.meta.dirname, "../..")
/** Says something to whoever comes in, also to those who only look whether it is there. */
const SERVICE = `require("node:net").createServer((one) => one.on("error", () => {}).end("inside\\n")).listen(22, "::")`

let lab: Lab<"knocker" | "stranger">
let daemon: Daemon
let home: string

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
    lab.gateway.start(["node", "-e", SERVICE])
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
        const one = () => lab.hosts.knocker.run([POSTERN, "knock", "gate", "ssh", "--json"], { env: environment() })
        const ended = await Promise.all([one(), one(), one()])
        const results = ended.map(({ stdout }) => JSON.parse(stdout))
        expect(results.map(({ result }) => result).toSorted()).toEqual(["already-open", "already-open", "opened"])
        expect(results.map(({ knocks }) => knocks).toSorted()).toEqual([0, 0, 1])
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
            .replace('ssh "$gateway"', `nc -w1 "$gateway" 22`)
        expect(await closed()).toBe("refused")
        const ended = await knocker.run(["sh", "-c", text], options)
        expect(ended).toMatchObject({ status: 0, stdout: expect.stringMatching(/inside\n$/) })
        expect(await strange()).toBe("refused")
    })
})
