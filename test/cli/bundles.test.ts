/**
 * A device's life with the built program: enrolled, fetching, knocking, for every kind of key; and against a server that
 * lies, hangs or is not there. The gate is a stand-in that counts hits: tests with the real one are in test/e2e.
 */

import { spawn, spawnSync } from "node:child_process"
import { createSocket, type Socket } from "node:dgram"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { readKey } from "../../src/adapters/sealing/read-key.ts"
import { generateSigningKey } from "../../src/adapters/sealing/sign.ts"
import type { BundleDoor } from "../../src/core/one-time/bundle.ts"
import { fileKindOf, type Recipient } from "../../src/core/one-time/recipient.ts"
import { makeCertificate } from "../lab/certificate.ts"
import { type Built, buildClient } from "../lab/client.ts"
import { type Different, type Publisher, startPublisher } from "../lab/publisher.ts"

type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string }

const SECRET = "tell no one"
/** Each sequence is one datagram to a port of its own, so that the gate sees which were sent, and how often. */
const COUNTERS = 5

let built: Built
let home: string
let publisher: Publisher
let gate: { readonly sockets: readonly Socket[]; readonly hits: number[]; service: Server | undefined }
let doors: readonly BundleDoor[]
/** The counter whose hit makes the service listen; null: none does. */
let opening: number | null
let servicePort: number

beforeAll(async () => {
    built = await buildClient(true)
    const sockets = await Promise.all(Array.from({ length: COUNTERS }, bound))
    gate = { sockets, hits: sockets.map(() => 0), service: undefined }
    servicePort = await freePort()
    for (const [counter, socket] of sockets.entries()) {
        socket.on("message", () => {
            gate.hits[counter]!++
            if (opening === counter) gate.service ??= createServer((one) => one.end()).listen(servicePort, "127.0.0.1")
        })
    }
    doors = [
        {
            name: "ssh",
            opens: [{ protocol: "tcp", port: servicePort }],
            within: 15_000,
            sequences: sockets.map((socket, counter) => ({
                counter,
                hits: [{ protocol: "udp", port: socket.address().port }],
            })),
        },
    ]
})

afterAll(() => {
    built?.remove()
    for (const socket of gate?.sockets ?? []) socket.close()
})

beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), "postern-device-"))
    publisher = await startPublisher({ gateway: "127.0.0.1", doors })
    opening = null
    gate.hits.fill(0)
})

afterEach(async () => {
    close()
    await publisher.close()
    if (existsSync(join(home, ".gnupg"))) tool("gpgconf", "--kill", "all")
    rmSync(home, { recursive: true, force: true })
})

function bound(): Promise<Socket> {
    return new Promise((resolve) => {
        const socket = createSocket("udp4")
        socket.bind(0, "127.0.0.1", () => resolve(socket))
    })
}

function freePort(): Promise<number> {
    return new Promise((resolve) => {
        const server = createServer().listen(0, "127.0.0.1", () => {
            const address = server.address()
            server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
        })
    })
}

function close(): void {
    gate.service?.close()
    gate.service = undefined
}

/** Runs the program on this device. */
function postern(args: readonly string[], env: Readonly<Record<string, string>> = {}, input = ""): Promise<Ended> {
    return new Promise((resolve, reject) => {
        const child = spawn(process.execPath, [built.path, ...args], {
            cwd: home,
            env: { HOME: home, PATH: process.env["PATH"] ?? "", NO_COLOR: "1", ...env },
            stdio: ["pipe", "pipe", "pipe"],
            // Without a terminal, also where the tests have one: nobody is asked for anything.
            detached: true,
            timeout: 30_000,
        })
        let [stdout, stderr] = ["", ""]
        child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
        child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
        child.on("error", reject)
        child.on("close", (status) => resolve({ status, stdout, stderr }))
        child.stdin.on("error", () => {})
        child.stdin.end(input)
    })
}

async function must(args: readonly string[], env?: Readonly<Record<string, string>>, input?: string): Promise<Ended> {
    const ended = await postern(args, env, input)
    expect({ args, ...ended }).toMatchObject({ status: 0 })
    return ended
}

function tool(program: string, ...args: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync(program, args, {
        cwd: home,
        encoding: "utf8",
        env: { ...process.env, HOME: home, GNUPGHOME: join(home, ".gnupg") },
    })
    if (status !== 0) throw new Error(`${program}: ${stderr}`)
    return stdout
}

async function recipient(text: string): Promise<Recipient> {
    const read = await readKey(text, Date.now())
    if (!read.ok) throw new Error(read.why)
    return read.recipient
}

/** Enrols a device with a key of its own, which bundles are then made for. */
async function enrolled(different?: Different): Promise<Recipient> {
    const { stdout } = await must(["enroll", publisher.link, "--new", "--name", "gate"])
    const [, key] = /^postern user add anna (?:--more )?--key (age1\w+)$/m.exec(stdout)!
    const anna = await recipient(key!)
    await publisher.publish([anna], "age", different)
    return anna
}

const knock = (...more: readonly string[]) => postern(["knock", "gate", "--no-wait", ...more])
const state = () => readdirSync(join(home, ".local/state/postern/places"), { recursive: true, encoding: "utf8" })

describe("a device of its own key", () => {
    it("is enrolled, told of what it waits for, fetches when the operator has added it, and opens a door", async () => {
        const early = await must(["enroll", publisher.link, "--new"])
        expect(early.stdout).toMatch(/^postern user add anna --key age1\w{58}\n$/)
        expect(early.stderr).toContain("there is no bundle for this device yet")
        const anna = await recipient(/age1\w+/.exec(early.stdout)![0])
        expect(await postern(["fetch", "127.0.0.1"])).toMatchObject({
            status: 5,
            stdout: "",
            stderr: expect.stringMatching(/there is no bundle for this device[\s\S]*hint: the operator has not added/),
        })

        await publisher.publish([anna], "age")
        const fetched = await must(["fetch", "127.0.0.1"])
        expect(fetched.stderr).toBe("")
        expect(fetched.stdout).toMatch(/^127\.0\.0\.1 for anna: serial 101, made \d+ seconds? ago, good until \S+Z\n/)
        expect(fetched.stdout).toContain(`  ssh  5 left  opens tcp/${servicePort} within 15s\n`)

        opening = 0
        const opened = await must(["knock", "127.0.0.1", "ssh"])
        expect(opened.stdout).toMatch(new RegExp(`^opened: tcp/${servicePort} answers at 127.0.0.1`))
        expect(gate.hits).toEqual([1, 0, 0, 0, 0])
        expect((await must(["fetch", "127.0.0.1", "--json"])).stdout).toContain('"left":4,"tried":0')
        // The key is the device's: nobody else can read it, and a second enrolment takes the same one.
        const key = readFileSync(join(home, ".config/postern/identity.txt"), "utf8")
        const again = await must(["enroll", publisher.link, "--new", "--name", "other", "--json"])
        expect(JSON.parse(again.stdout)).toMatchObject({ name: "other", keys: [anna.line], why: null })
        expect(readFileSync(join(home, ".config/postern/identity.txt"), "utf8")).toBe(key)
    })

    it("never replaces a profile that is there, unless told to, and leaves nothing behind when it fails", async () => {
        await enrolled()
        const file = join(home, ".config/postern/hosts/gate.toml")
        const before = readFileSync(file, "utf8")
        const refused = await postern(["enroll", publisher.link, "--name", "gate"])
        expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining("is there already") })
        writeFileSync(join(home, "link.txt"), `  ${publisher.link}\n`)
        await must(["enroll", "link.txt", "--name", "gate", "--replace"])
        await must(["enroll", "-", "--name", "gate", "--replace"], {}, publisher.link)
        expect(readFileSync(file, "utf8")).toBe(before)
        expect(readdirSync(join(home, ".config/postern/hosts"))).toEqual(["gate.toml"])
        const missing = await postern(["enroll", publisher.link, "--name", "x", "--identity", "nothing"])
        expect(missing).toMatchObject({ status: 4, stderr: expect.stringContaining("there is no such file") })
        writeFileSync(join(home, "id.pub"), "ssh-ed25519 AAAA anna@laptop\n", { mode: 0o644 })
        const wrong = await postern(["enroll", publisher.link, "--name", "x", "--identity", "id.pub"])
        expect(wrong).toMatchObject({ status: 4, stderr: expect.stringContaining("this is a public key") })
        expect(readdirSync(join(home, ".config/postern/hosts"))).toEqual(["gate.toml"])
        // There is a bundle for other keys: so the person is there, and gets one more.
        await must(["keygen", join(home, "second.txt")])
        const second = await must(["enroll", publisher.link, "--name", "second", "--identity", "second.txt"])
        expect(second.stdout).toMatch(/^postern user add anna --more --key age1\w+$/m)
    })
})

/** A device with a key: its public part, and how it is named when it is enrolled. */
type Device = { readonly key: string; readonly options: readonly string[] }

const ssh = (type: readonly string[], passphrase: string) => (): Device => {
    mkdirSync(join(home, ".ssh"), { mode: 0o700 })
    tool("ssh-keygen", "-q", ...type, "-N", passphrase, "-C", "", "-f", ".ssh/key")
    return { key: readFileSync(join(home, ".ssh/key.pub"), "utf8"), options: ["--identity", ".ssh/key"] }
}
const gpg = (passphrase: string) => {
    mkdirSync(join(home, ".gnupg"), { mode: 0o700 })
    // Else its agent takes seconds to find out how fast this machine is.
    writeFileSync(join(home, ".gnupg/gpg-agent.conf"), "s2k-count 65536\n")
    const user = "Anna <anna@example.org>"
    tool("gpg", "--batch", "-q", "--passphrase", passphrase, "--quick-gen-key", user, "future-default", "default", "1d")
    const secret = ["--batch", "--pinentry-mode", "loopback", "--passphrase", passphrase, "--armor"]
    writeFileSync(join(home, "key.asc"), tool("gpg", ...secret, "--export-secret-keys"), { mode: 0o600 })
    return tool("gpg", "--armor", "--export")
}

describe("every kind of key", () => {
    const KINDS: Readonly<Record<string, () => Device>> = {
        "an age identity for quantum times": () => {
            const argv = [built.path, "keygen", join(home, "pq.txt"), "--pq"]
            const key = spawnSync(process.execPath, argv, { encoding: "utf8" }).stdout
            return { key, options: ["--identity", "pq.txt"] }
        },
        "ssh-ed25519": ssh(["-t", "ed25519"], ""),
        "ssh-ed25519 with a passphrase": ssh(["-t", "ed25519", "-a", "2"], SECRET),
        "ssh-rsa": ssh(["-t", "rsa", "-b", "2048"], ""),
        OpenPGP: () => ({ key: gpg(""), options: ["--identity", "key.asc"] }),
        "OpenPGP with a passphrase": () => ({ key: gpg(SECRET), options: ["--identity", "key.asc"] }),
        "the user's own gpg": () => ({ key: gpg(""), options: ["--decrypt-with", "gpg"] }),
        "the user's own age": () => {
            tool("age-keygen", "-o", "key.txt")
            const key = tool("age-keygen", "-y", "key.txt")
            return { key, options: ["--decrypt-with", "age", "--identity", "key.txt"] }
        },
    }

    it.each(Object.entries(KINDS))("is named to the operator, reads the bundle, and knocks: %s", async (name, make) => {
        const { key, options } = make()
        const anna = await recipient(key)
        writeFileSync(join(home, "ask"), `#!/bin/sh\necho "${SECRET}"\n`, { mode: 0o700 })
        // Where there is no passphrase nobody is asked.
        const env = {
            GNUPGHOME: join(home, ".gnupg"),
            POSTERN_ASKPASS: name.includes("passphrase") ? "./ask" : "/nothing",
        }
        const { stdout } = await must(["enroll", publisher.link, "--name", "gate", ...options], env)
        const [, given] = /--key (?:- <<'END'\n)?('?[\s\S]*?)(?:\nEND)?\n$/.exec(stdout)!
        if (!name.includes("own"))
            expect(await recipient(given!.replaceAll("'", ""))).toMatchObject({ line: anna.line })
        else
            expect(stdout).toMatch(
                /^(gpg --armor --export YOU|age-keygen -y \S+key\.txt) \| postern user add anna --key -\n$/,
            )

        await publisher.publish([anna], fileKindOf(anna.kind))
        const sent = await must(["knock", "gate", "--no-wait"], env)
        // gpg says what it wants.
        expect(sent.stderr.replaceAll(/^gpg: .*\n/gm, "")).toBe("")
        expect(gate.hits).toEqual([1, 0, 0, 0, 0])
    })
})

describe("a bundle that is not as it should be", () => {
    // Every reason is in test/unit/cli/fetch.test.ts: here is what the program makes of it.
    it("is refused with the reason and the exit code, and what was fetched before stays good", async () => {
        const anna = await enrolled()
        await must(["fetch", "gate"])
        const CASES: readonly (readonly [number, RegExp, Different])[] = [
            [4, /not signed by the gateway that you know/, { signers: [generateSigningKey()] }],
            [7, /older than one that was seen before: serial 100, after 101/, { serial: 100 }],
        ]
        for (const [status, reason, different] of CASES) {
            await publisher.publish([anna], "age", different)
            const ended = await postern(["fetch", "gate"])
            expect(ended).toEqual({ status, stdout: "", stderr: expect.stringMatching(reason) })
        }
        old()
        const sent = await must(["knock", "gate", "--no-wait"])
        expect(sent.stdout).toBe("sent: 1 hit to gate\n")
        expect(sent.stderr).toMatch(
            /warning: the bundle is older .*: the bundle that was fetched before, \d+ \w+ old, is used/,
        )
        expect(gate.hits).toEqual([1, 0, 0, 0, 0])
    })

    it("is gone by with a clock that is wrong, if the person says so", async () => {
        await enrolled({ until: Date.UTC(2026, 0, 1) })
        expect((await postern(["fetch", "gate"])).status).toBe(7)
        const told = await must(["fetch", "gate", "--ignore-clock"])
        expect(told.stdout).toContain("good until 2026-01-01T00:00:00Z")
        await must(["knock", "gate", "--no-wait", "--ignore-clock"])
        expect(gate.hits).toEqual([1, 0, 0, 0, 0])
    })

    it("may name the gateway's next key, which is believed from then on, and the old one no more", async () => {
        const anna = await enrolled()
        const next = generateSigningKey()
        await publisher.publish([anna], "age", { signers: [next, publisher.signer] })
        await must(["fetch", "gate"])
        await publisher.publish([anna], "age", { signers: [next] })
        await must(["fetch", "gate"])
        await publisher.publish([anna], "age")
        expect(await postern(["fetch", "gate"])).toMatchObject({ status: 4 })
        // Somebody who names a key that is not his own gains nothing by it.
        const forged: Different = {
            signers: [next],
            spoil: (text) => text.replace(/^key .*/m, `key ${"A".repeat(43)}=`),
        }
        await publisher.publish([anna], "age", forged)
        expect(await postern(["fetch", "gate"])).toMatchObject({ status: 4 })
    })
})

describe("a web server that is not as it should be", () => {
    it("is left with the reason and with 5; a knock goes by what was fetched before", async () => {
        await enrolled()
        publisher.misbehave(() => {})
        const hangs = await postern(["fetch", "gate", "--timeout", "200ms"])
        expect(hangs).toMatchObject({ status: 5, stderr: expect.stringContaining("does not answer in time") })
        publisher.misbehave((_, response) => response.writeHead(500).end())
        expect(await knock()).toMatchObject({ status: 5 })
        publisher.misbehave(null)
        await must(["fetch", "gate"])
        old()
        publisher.misbehave((_, response) => response.writeHead(500).end())
        const sent = await must(["knock", "gate", "--no-wait"])
        expect(sent.stderr).toMatch(/warning: .*answers 500: the bundle that was fetched before, \d+ \w+ old, is used/)
    })

    it("is followed where it leads, but never from https to http; its certificate must be good", async () => {
        const anna = await enrolled()
        makeCertificate("127.0.0.1", { cert: join(home, "tls.crt"), key: join(home, "tls.key") })
        const tls = {
            key: readFileSync(join(home, "tls.key"), "utf8"),
            cert: readFileSync(join(home, "tls.crt"), "utf8"),
        }
        const secure = await startPublisher({ gateway: "127.0.0.1", doors, tls })
        try {
            await secure.publish([anna], "age")
            const trust = { NODE_EXTRA_CA_CERTS: join(home, "tls.crt") }
            const bare = await postern(["enroll", secure.link, "--new", "--name", "secure"])
            expect(bare).toMatchObject({ status: 5, stderr: expect.stringMatching(/certificate is refused/) })
            await must(["fetch", "secure"], trust)
            secure.misbehave((request, response) => {
                response.writeHead(307, { location: new URL(request.url!, publisher.url).href }).end()
            })
            expect(await postern(["fetch", "secure"], trust)).toMatchObject({
                status: 5,
                stderr: expect.stringContaining("from https to http"),
            })
            secure.misbehave(null)
            // The other way it goes on, to a file that is there, but is not signed by the gateway of this profile.
            publisher.misbehave((_, response) => {
                response.writeHead(308, { location: `${secure.url}${secure.file("age")}` }).end()
            })
            expect(await postern(["fetch", "gate"], trust)).toMatchObject({ status: 4 })
        } finally {
            await secure.close()
        }
    })
})

/** Everything in the cache was fetched long ago. */
function old(): void {
    const folder = join(home, ".cache/postern/bundles")
    for (const name of readdirSync(folder).filter((one) => one.endsWith(".json"))) {
        const remarks = JSON.parse(readFileSync(join(folder, name), "utf8"))
        writeFileSync(join(folder, name), JSON.stringify({ ...remarks, fetched: Date.now() - 3_600_000 }))
    }
}

describe("sequences", () => {
    it("go out one after the other, each once, and are fetched anew only when that can help", async () => {
        const anna = await enrolled()
        await must(["fetch", "gate"])
        publisher.answered()
        expect(await knock()).toMatchObject({ status: 0, stderr: "" })
        expect(publisher.answered()).toEqual([])
        old()
        await knock()
        expect(publisher.answered()).toEqual([`GET /knock/${publisher.file("age")} 304`])
        expect(gate.hits).toEqual([1, 1, 0, 0, 0])
        // One that does not open is followed by the next, from what is published by then.
        opening = 4
        await publisher.publish([anna], "age", { doors: [{ ...doors[0]!, sequences: doors[0]!.sequences.slice(2) }] })
        const opened = await must(["knock", "gate", "--timeout", "300ms", "--retries", "3"])
        expect(opened.stdout).toMatch(/^opened/)
        expect(gate.hits).toEqual([1, 1, 1, 1, 1])
        close()
        const none = await postern(["knock", "gate"])
        expect(none).toMatchObject({
            status: 7,
            stderr: expect.stringMatching(/every sequence of the bundle is used up/),
        })
    })

    it("go out again when all were tried, those least tried first, with a warning", async () => {
        await enrolled()
        const args = ["knock", "gate", "--timeout", "1ms", "--retries", "6", "--json"]
        const { status, stdout, stderr } = await postern(args)
        expect({ status, ...JSON.parse(stdout) }).toMatchObject({ status: 1, result: "not-opened", knocks: 7 })
        expect(stderr).toMatch(/warning: every sequence was sent before and did not open/)
        expect(gate.hits).toEqual([2, 2, 1, 1, 1])
        expect((await must(["fetch", "gate", "--json"])).stdout).toContain('"left":0,"tried":5')
    })

    it("are shared out between processes that knock at the same time", async () => {
        await enrolled()
        await must(["fetch", "gate"])
        const ended = await Promise.all(Array.from({ length: COUNTERS }, () => knock()))
        expect(ended.map(({ status }) => status)).toEqual([0, 0, 0, 0, 0])
        expect(gate.hits).toEqual([1, 1, 1, 1, 1])
    })

    it("are not touched by a door that is open already, nor by a plan", async () => {
        await enrolled()
        opening = 0
        await must(["knock", "gate", "ssh"])
        const again = await must(["knock", "gate", "ssh"])
        expect(again.stdout).toMatch(/^already open/)
        const plan = await must(["knock", "gate", "ssh", "--dry-run"])
        expect(plan.stdout).toContain(`${gate.sockets[1]!.address().port}:udp`)
        expect(gate.hits).toEqual([1, 0, 0, 0, 0])
        expect(await postern(["knock", "gate", "web"])).toMatchObject({
            status: 2,
            stderr: expect.stringContaining('gate has no door "web"'),
        })
    })

    it("are shown as lines to type, and nowhere else", async () => {
        await enrolled()
        const port = gate.sockets[0]!.address().port
        const printed = await must(["fetch", "gate", "ssh", "--print"])
        expect(printed.stdout).toContain(`\necho | nc -u -w1 127.0.0.1 ${port}\n`)
        expect(printed.stdout).toContain(`#   bash -c 'echo > /dev/udp/127.0.0.1/${port}'\n`)
        const said = [await must(["fetch", "gate"]), await must(["fetch", "gate", "--json"]), await knock("-q")]
        for (const { stdout, stderr } of said) expect(stdout + stderr).not.toContain(String(port))
        expect(JSON.parse((await must(["fetch", "gate", "--json", "--print"])).stdout).doors[0].next).toEqual({
            counter: 1,
            hits: [`${gate.sockets[1]!.address().port}:udp`],
        })
        // What is kept on the disk opens nothing.
        for (const name of state()) expect(name).not.toContain(String(port))
    })
})

describe("without a network, or a place to write", () => {
    it("knocks by what was fetched before, or brought by another way", async () => {
        const anna = await enrolled()
        expect(await knock("--offline")).toMatchObject({
            status: 5,
            stderr: expect.stringContaining("was fetched before"),
        })
        const file = await publisher.publish([anna], "age")
        await publisher.close()
        writeFileSync(join(home, "bundle.age"), file)
        expect((await must(["fetch", "gate", "--file", "bundle.age"])).stdout).toContain("5 left")
        const said = await must(["knock", "gate", "--no-wait"])
        expect(said.stderr).toMatch(/cannot be reached: connection refused: the bundle that was fetched before is used/)
        expect(await knock("--offline")).toMatchObject({ status: 0, stderr: "" })
        expect(gate.hits).toEqual([1, 1, 0, 0, 0])
    })

    it("knocks without a cache, but never without keeping what it has tried", async () => {
        await enrolled()
        writeFileSync(join(home, "file"), "")
        const cache = { XDG_CACHE_HOME: join(home, "file") }
        const sent = await must(["knock", "gate", "--no-wait"], cache)
        expect(sent.stderr).toMatch(/warning: the bundle cannot be kept/)
        expect(gate.hits).toEqual([1, 0, 0, 0, 0])
        const refused = await postern(["knock", "gate", "--no-wait"], { XDG_STATE_HOME: join(home, "file") })
        expect(refused).toMatchObject({
            status: 1,
            stderr: expect.stringMatching(/what was seen and tried cannot be kept/),
        })
        expect(gate.hits).toEqual([1, 0, 0, 0, 0])
    })

    it("says so when it no longer knows what it has seen, and goes on only if it is told to", async () => {
        await enrolled()
        await must(["fetch", "gate"])
        rmSync(join(home, ".local"), { recursive: true })
        for (const args of [
            ["fetch", "gate"],
            ["knock", "gate", "--no-wait"],
        ])
            expect(await postern(args)).toMatchObject({ status: 7, stderr: expect.stringContaining("no longer knows") })
        expect(gate.hits).toEqual([0, 0, 0, 0, 0])
        await must(["fetch", "gate", "--afresh"])
        await must(["knock", "gate", "--no-wait"])
    })

    it("fetches by a link alone, on a machine that is not enrolled", async () => {
        tool("age-keygen", "-o", "key.txt")
        await publisher.publish([await recipient(tool("age-keygen", "-y", "key.txt"))], "age")
        const printed = await must(["fetch", publisher.link, "ssh", "--identity", "key.txt", "--print"])
        expect(printed.stdout).toMatch(/^# ssh, opens tcp\/\d+ within 15s: these lines/)
        const bad = await postern(["fetch", publisher.link.replace("postern=1", "postern=2")])
        expect(bad).toMatchObject({ status: 2, stderr: expect.stringContaining("later version") })
    })
})

describe("the guide for standard tools", () => {
    const guide = readFileSync(join(import.meta.dirname, "../../docs/knock-with-standard-tools.md"), "utf8")
    const block = (first: string) =>
        [...guide.matchAll(/^```sh\n(.*?)^```$/gms)].find(([, text]) => text!.startsWith(first))![1]!

    it("finds a file by its link alone, and checks its signature with openssl", async () => {
        tool("age-keygen", "-o", "key.txt")
        const anna = await recipient(tool("age-keygen", "-y", "key.txt"))
        await publisher.publish([anna], "age")
        const [, key, place] = /key=(.*)&place=(.*)$/.exec(publisher.link)!
        const script = block("place=").replace(/^place=\w+/, `place=${place}`)
        const name = spawnSync("bash", ["-c", script], { cwd: home, encoding: "utf8" })
        expect(name).toMatchObject({ status: 0, stdout: `${publisher.file("age")}\n`, stderr: "" })

        const base64 = `${key!.replaceAll("-", "+").replaceAll("_", "/")}=`
        const check = block("key=")
            .replace(/^key=.*/, `key=${base64} url=${publisher.url}${publisher.file("age")}`)
            .replace("~/.ssh/id_ed25519", "key.txt")
        // The web server is this process: curl must not be waited for.
        const run = () =>
            new Promise<string>((resolve) => {
                const child = spawn("bash", ["-c", check], { cwd: home })
                let said = ""
                child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text))
                child.stderr.resume()
                child.on("close", () => resolve(said))
            })
        expect(await run()).toContain("Signature Verified Successfully")
        await publisher.publish([anna], "age", { signers: [generateSigningKey()] })
        expect(await run()).toContain("Signature Verification Failure")
    })
})

describe("passphrases", () => {
    it("are asked for on the terminal, without echo, three times; and by nobody where there is none", async () => {
        mkdirSync(join(home, ".ssh"), { mode: 0o700 })
        tool("ssh-keygen", "-q", "-t", "ed25519", "-a", "1", "-N", SECRET, "-C", "", "-f", ".ssh/id_ed25519")
        const anna = await recipient(readFileSync(join(home, ".ssh/id_ed25519.pub"), "utf8"))
        await publisher.publish([anna], "age")
        const dumb = await postern(["enroll", publisher.link])
        expect(dumb).toMatchObject({ status: 4, stderr: expect.stringContaining("nobody can be asked") })
        const command = `'${process.execPath}' '${built.path}' enroll '${publisher.link}' --name gate`
        const typed = await terminal(command, ["wrong", `${SECRET}x\u007f`])
        expect(typed.status).toBe(0)
        expect(typed.stdout.match(/Passphrase of \S+: /g)).toHaveLength(2)
        expect(typed.stdout).toContain("5 left")
        expect(typed.stdout).not.toContain("tell no one")
        const left = await terminal(`${command} --replace`, ["\u0003"])
        expect(left.status).toBe(130)
    })
})

/** Runs a command on a terminal, and types a line each time it asks. */
function terminal(command: string, lines: readonly string[]): Promise<Ended> {
    return new Promise((resolve, reject) => {
        const child = spawn("script", ["-qec", command, "/dev/null"], {
            cwd: home,
            env: { HOME: home, PATH: process.env["PATH"] ?? "", TERM: "xterm", NO_COLOR: "1" },
            timeout: 30_000,
        })
        let stdout = ""
        let asked = 0
        child.stdout.setEncoding("utf8").on("data", (text: string) => {
            stdout += text
            const questions = stdout.match(/Passphrase of \S+: /g)?.length ?? 0
            for (; asked < questions; asked++) child.stdin.write(`${lines[asked] ?? ""}\r`)
        })
        child.on("error", reject)
        child.on("close", (status) => resolve({ status, stdout, stderr: "" }))
    })
}
