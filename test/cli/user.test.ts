/** `postern user`, as a session: with keys from everywhere, and no daemon. */
import { execFileSync, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { recipientOfX25519 } from "../../src/core/one-time/recipient.ts"
import { POSTERN } from "../lab/lab.ts"

const AGE = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
const ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJh0UVNJT0tFTk5PVEFLRVlCVVRUSElSVFlUV09CWVRF"
const CONFIG = `
[bundles]
gateway = "gw.example.org"
[[bundles.publish]]
directory = "/tmp"
[[door]]
name = "ssh"
opens = ["tcp/22"]
hide = true
  [door.one_time]
`

let folder = ""
let keys = ""

beforeAll(() => {
    keys = mkdtempSync(join(tmpdir(), "postern-user-keys-"))
    for (const [type, name] of [
        ["ed25519", "good"],
        ["ecdsa", "signs"],
    ] as const)
        execFileSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", `${name}@laptop`, "-f", join(keys, name)])
})
afterAll(() => rmSync(keys, { recursive: true, force: true }))
beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "postern-user-"))
    writeFileSync(join(folder, "postern.toml"), CONFIG, { mode: 0o600 })
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** What it said, and its exit status if that is not 0. */
async function user(args: readonly string[], input = ""): Promise<string> {
    const env = {
        PATH: process.env["PATH"],
        POSTERN_CONFIG: join(folder, "postern.toml"),
        POSTERN_SOCKET: join(folder, "none"),
    }
    // Not spawnSync: servers of this process have to answer.
    const child = spawn(POSTERN, ["user", ...args], { env, timeout: 30_000 })
    let [stdout, stderr] = ["", ""]
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
    child.stdin.on("error", () => {}).end(input)
    const status = await new Promise<number | null>((resolve) => child.once("close", resolve))
    return `${stdout}${stderr}${status === 0 ? "" : `? ${status}`}`.trim().replaceAll(folder, "DIR")
}
const publicKey = (name: string) => readFileSync(join(keys, `${name}.pub`), "utf8").trim()
const fileOf = (name: string) => readFileSync(join(folder, "users.d", `${name}.toml`), "utf8")

describe("postern user add", () => {
    it("writes a file that a person could have written, for the daemon's group alone, and says that no daemon runs", async () => {
        expect(
            await user([
                "add",
                "anna",
                "--key",
                AGE,
                "--key",
                join(keys, "good.pub"),
                "--door",
                "ssh",
                "--comment",
                "x",
            ]),
        ).toBe(
            `anna: age …${AGE.slice(-12)}\nanna: ssh-ed25519 …${publicKey("good").split(" ")[1]!.slice(-12)} good@laptop\n` +
                "postern: anna: 2 keys added to DIR/users.d/anna.toml\npostern: no daemon runs: it takes this over when it starts",
        )
        expect(fileOf("anna")).toBe(
            `comment = "x"\ndoors = ["ssh"]\nkeys = [\n    "${AGE}",\n    "${publicKey("good")}",\n]\n`,
        )
        expect(statSync(join(folder, "users.d/anna.toml")).mode & 0o777).toBe(0o640)
        expect(readdirSync(join(folder, "users.d"))).toEqual(["anna.toml"])
    })

    it("takes the keys of a list that can receive, names the others with their lines, and ends with 4", async () => {
        const list = `# mine\n${publicKey("signs")}\n\n${publicKey("good")}\nsk-ssh-ed25519@openssh.com AAAAGnNr x\n`
        const said = await user(["add", "anna", "--key", "-"], list)
        expect(said).toMatch(/warning: standard input:2: ECDSA keys .* cannot receive files: give an age, .*\n/)
        expect(said).toMatch(/warning: standard input:5: .*security key/)
        expect(said).toMatch(/1 key added/)
        expect(said).toMatch(/\? 4$/)
        expect(fileOf("anna")).toContain("good@laptop")
        expect(await user(["add", "bob", "--key", publicKey("signs")])).toMatch(
            /no key of these can receive files: nothing was changed\n\? 4$/,
        )
        expect(readdirSync(join(folder, "users.d"))).toEqual(["anna.toml"])
    })

    it("adds to somebody who is there with --more alone, and keeps what a person wrote", async () => {
        await user(["add", "anna", "--key", AGE])
        expect(await user(["add", "anna", "--key", ED25519])).toMatch(/anna is there already\n.*--more.*\n\? 2$/)
        expect(await user(["add", "bob", "--more", "--key", AGE])).toMatch(/bob is not there yet\n.*\n\? 2$/)
        writeFileSync(join(folder, "users.d/anna.toml"), `# by hand\nkeys = ["${AGE}"] # one\n`)
        await user(["add", "anna", "--more", "--key", ED25519, "--key", AGE])
        expect(fileOf("anna")).toMatch(/^# by hand\nkeys = \[/)
        const { knockers } = JSON.parse(await user(["list", "--json"]))
        expect(
            knockers.map((one: { name: string; keys: { line: string }[] }) => [
                one.name,
                one.keys.map(({ line }) => line),
            ]),
        ).toEqual([["anna", [AGE, ED25519]]])
    })

    it("adds one person of two who get the same name at once, and every key of several commands", async () => {
        const [one = "", two = ""] = await Promise.all([AGE, ED25519].map((key) => user(["add", "anna", "--key", key])))
        expect([one, two].filter((said) => said.includes("1 key added"))).toHaveLength(1)
        expect([one, two].filter((said) => /anna is there already\n[\s\S]*\? 2$/.test(said))).toHaveLength(1)
        const more = Array.from({ length: 3 }, () => recipientOfX25519(randomBytes(32)).line)
        await Promise.all(more.map((key) => user(["add", "anna", "--more", "--key", key])))
        for (const key of more) expect(fileOf("anna")).toContain(key)
    })

    it("writes no file that the daemon would not read", async () => {
        const many = Array.from({ length: 33 }, () => recipientOfX25519(randomBytes(32)).line).join("\n")
        expect(await user(["add", "anna", "--key", "-"], many)).toMatch(
            /error: anna: keys: must be a list of 1 to 32\n.*nothing was changed\n\? 2$/,
        )
        expect(await user(["add", "anna", "--key", "-"], "x".repeat(2_000_000))).toMatch(
            /standard input: more than any list of keys has \(1 MiB\)\n[\s\S]*\? 4$/,
        )
        expect(readdirSync(join(folder, "users.d"))).toEqual([])
        rmSync(join(folder, "users.d"), { recursive: true })
        writeFileSync(join(folder, "users.d"), "")
        expect(await user(["add", "anna", "--key", AGE])).toMatch(/users\.d: not a directory\n[\s\S]*\? 3$/)
    })

    it("shows nothing of a secret that was given by mistake", async () => {
        const secret = `AGE-SECRET-KEY-1${"Q".repeat(58)}`
        for (const said of [
            await user(["add", "anna", "--key", secret]),
            await user(["add", "anna", "--key", join(keys, "good")]),
        ]) {
            expect(said).toMatch(/private key/)
            expect(said).not.toMatch(/QQQQ|BEGIN/)
        }
    })

    it("says what is wrong with names, doors, sources and configurations, and changes nothing", async () => {
        expect(await user(["add", "an na", "--key", AGE])).toMatch(/not a name/)
        expect(await user(["add", "anna"])).toMatch(/no key was given/)
        expect(await user(["add", "anna", "--key", AGE, "--door", "shs"])).toMatch(
            /shs: no door .*\n.*there are: ssh\n\? 2$/,
        )
        expect(await user(["add", "anna", "--key", "/nowhere"])).toMatch(/no such file, and it is no key either/)
        expect(await user(["add", "anna", "--key", ""])).toMatch(/--key: it is empty: keys begin with/)
        expect(await user(["add", "anna", "--key", folder])).toMatch(/this is not a file/)
        // A key that was broken into lines on its way is one mistake, not one for each line.
        const broken = AGE.match(/.{1,20}/g)!
        const told = await user(["add", "anna", "--key", broken.join("\n")])
        expect(told).toMatch(/--key:1: this key is damaged: .*SSH keys are one line\n/)
        expect(told).toContain(`--key:2-${broken.length}: this is not a key`)
        expect(told.match(/warning/g)).toHaveLength(2)
        expect(await user(["add", "anna", "--key", "http://example.org/anna.keys"])).toMatch(/take https/)
        expect(await user(["dance", "anna"])).toMatch(/no such verb\n.*there are add, list, show, link, remove/)
        writeFileSync(
            join(folder, "postern.toml"),
            CONFIG.replace(/\[bundles\][\s\S]*?(?=\[\[door)/, "").replace(
                "[door.one_time]",
                '[door.sequence]\nhits = ["32144", "21312", "27015", "41414"]',
            ),
        )
        expect(await user(["add", "anna", "--key", AGE])).toMatch(/there is no \[bundles\]/)
        writeFileSync(join(folder, "postern.toml"), "x")
        expect(await user(["list"])).toMatch(/not valid TOML[\s\S]*\? 3$/)
    })
})

describe("postern user add --key https://…", () => {
    let server: Server
    let body = ""
    beforeAll(async () => {
        server = createServer((request, response) => {
            if (request.url === "/away") response.writeHead(302, { location: "http://example.org/" })
            if (request.url === "/near") response.writeHead(307, { location: "/anna.keys" })
            if (request.url === "/round") response.writeHead(301, { location: "round" })
            if (request.url === "/gone") response.statusCode = 404
            response.end(body)
        })
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    })
    afterAll(() => server.close())
    const at = (path: string) => {
        const address = server.address()
        return `http://127.0.0.1:${address !== null && typeof address === "object" ? address.port : 0}${path}`
    }

    it("fetches keys, of this host without https, and refuses what is too much or not there", async () => {
        body = `${publicKey("good")}\n${publicKey("signs")}\n`
        expect(await user(["add", "anna", "--key", at("/anna.keys")])).toMatch(/1 key added[\s\S]*\? 4$/)
        expect(await user(["add", "bob", "--key", at("/gone")])).toMatch(/the server answers 404/)
        expect(await user(["add", "carol", "--key", at("/near")])).toMatch(/1 key added/)
        // Where one step of the way can be changed by others, all that comes after it can.
        expect(await user(["add", "bob", "--key", at("/away")])).toMatch(/it leads to an address that is not https/)
        expect(await user(["add", "bob", "--key", at("/round")])).toMatch(/it leads nowhere/)
        body = "<!DOCTYPE html><title>Sign in</title>"
        expect(await user(["add", "bob", "--key", at("/page")])).toMatch(/a page to look at, and no list of keys\n/)
        body = "x".repeat(2_000_000)
        expect(await user(["add", "bob", "--key", at("/large")])).toMatch(/more than any list of keys has/)
    })
})

describe("postern user list, show and remove", () => {
    it("tell who there is, and take one away", async () => {
        expect(await user(["list"])).toBe("postern: nobody: DIR/users.d holds no knocker")
        await user(["add", "bob", "--key", ED25519, "--comment", "the old\none"])
        await user(["add", "anna", "--key", AGE, "--key", ED25519, "--door", "ssh"])
        expect(await user(["list"])).toBe(
            "anna  ssh  2 keys (age, ssh-ed25519)\nbob   all doors  1 key (ssh-ed25519)  the old one",
        )
        expect(await user(["show", "bob"])).toMatch(
            /^comment {5}the old one\nkey {9}ssh-ed25519 .*\ndoors {7}all: ssh\npostern: no daemon runs/,
        )
        expect(await user(["remove", "carol"])).toMatch(/no such knocker\n.*there are: anna, bob\n\? 2$/)
        expect(await user(["remove", "bob"])).toMatch(/removed DIR\/users\.d\/bob\.toml/)
        expect(await user(["show", "bob"])).toMatch(/no such knocker/)
        writeFileSync(join(folder, "users.d/carol.toml"), "keys = []")
        expect(await user(["list"])).toMatch(/carol\.toml:1:8: keys: must be a list of 1 to 32[\s\S]*\? 3$/)
    })
})
