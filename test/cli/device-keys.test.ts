/** A device of a knocker with the built program: enrolled, and with every kind of key; and who has no program of ours. */
import { spawn, spawnSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { generateSigningKey } from "../../src/adapters/sealing/sign.ts"
import { fileKindOf } from "../../src/core/one-time/recipient.ts"
import { knockersDevice, recipient } from "../lab/knockers-device.ts"

const SECRET = "tell no one"
const device = knockersDevice()
const { postern, must, tool, terminal, enrolled } = device

describe("a device of its own key", () => {
    it("is enrolled, told of what it waits for, fetches when the operator has added it, and opens a door", async () => {
        const early = await must(["enroll", device.publisher.link, "--new"])
        expect(early.stdout).toMatch(/^postern user add anna --key age1\w{58}\n$/)
        expect(early.stderr).toContain("there is no bundle for this device yet")
        const anna = await recipient(/age1\w+/.exec(early.stdout)![0])
        expect(await postern(["fetch", "127.0.0.1"])).toMatchObject({
            status: 5,
            stdout: "",
            stderr: expect.stringMatching(/there is no bundle for this device[\s\S]*hint: the operator has not added/),
        })

        await device.publisher.publish([anna], "age")
        const fetched = await must(["fetch", "127.0.0.1"])
        expect(fetched.stderr).toBe("")
        expect(fetched.stdout).toMatch(/^127\.0\.0\.1 for anna: serial 101, made \d+ seconds? ago, good until \S+Z\n/)
        expect(fetched.stdout).toContain(`  ssh  5 left  opens tcp/${device.servicePort} within 15s\n`)

        device.openWith(0)
        const opened = await must(["knock", "127.0.0.1", "ssh"])
        expect(opened.stdout).toMatch(new RegExp(`^opened: tcp/${device.servicePort} answers at 127.0.0.1`))
        expect(device.gate.hits).toEqual([1, 0, 0, 0, 0])
        expect((await must(["fetch", "127.0.0.1", "--json"])).stdout).toContain('"left":4,"tried":0')
        // The key is the device's: nobody else can read it, and a second enrolment takes the same one.
        const key = readFileSync(join(device.home, ".config/postern/identity.txt"), "utf8")
        const again = await must(["enroll", device.publisher.link, "--new", "--name", "other", "--json"])
        expect(JSON.parse(again.stdout)).toMatchObject({ name: "other", keys: [anna.line], why: null })
        expect(readFileSync(join(device.home, ".config/postern/identity.txt"), "utf8")).toBe(key)
    })

    it("never replaces a profile that is there, unless told to, and leaves nothing behind when it fails", async () => {
        await enrolled()
        const file = join(device.home, ".config/postern/hosts/gate.toml")
        const before = readFileSync(file, "utf8")
        const refused = await postern(["enroll", device.publisher.link, "--name", "gate"])
        expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining("is there already") })
        writeFileSync(join(device.home, "link.txt"), `  ${device.publisher.link}\n`)
        await must(["enroll", "link.txt", "--name", "gate", "--replace"])
        await must(["enroll", "-", "--name", "gate", "--replace"], {}, device.publisher.link)
        expect(readFileSync(file, "utf8")).toBe(before)
        expect(readdirSync(join(device.home, ".config/postern/hosts"))).toEqual(["gate.toml"])
        const missing = await postern(["enroll", device.publisher.link, "--name", "x", "--identity", "nothing"])
        expect(missing).toMatchObject({ status: 4, stderr: expect.stringContaining("there is no such file") })
        writeFileSync(join(device.home, "id.pub"), "ssh-ed25519 AAAA anna@laptop\n", { mode: 0o644 })
        const wrong = await postern(["enroll", device.publisher.link, "--name", "x", "--identity", "id.pub"])
        expect(wrong).toMatchObject({ status: 4, stderr: expect.stringContaining("this is a public key") })
        expect(readdirSync(join(device.home, ".config/postern/hosts"))).toEqual(["gate.toml"])
        // There is a bundle for other keys: so the person is there, and gets one more.
        await must(["keygen", join(device.home, "second.txt")])
        const second = await must(["enroll", device.publisher.link, "--name", "second", "--identity", "second.txt"])
        expect(second.stdout).toMatch(/^postern user add anna --more --key age1\w+$/m)
    })
})

/** A device with a key: its public part, and how it is named when it is enrolled. */
type Device = { readonly key: string; readonly options: readonly string[] }

const ssh = (type: readonly string[], passphrase: string) => (): Device => {
    mkdirSync(join(device.home, ".ssh"), { mode: 0o700 })
    tool("ssh-keygen", "-q", ...type, "-N", passphrase, "-C", "", "-f", ".ssh/key")
    return { key: readFileSync(join(device.home, ".ssh/key.pub"), "utf8"), options: ["--identity", ".ssh/key"] }
}
const gpg = (passphrase: string) => {
    mkdirSync(join(device.home, ".gnupg"), { mode: 0o700 })
    // Else its agent takes seconds to find out how fast this machine is.
    writeFileSync(join(device.home, ".gnupg/gpg-agent.conf"), "s2k-count 65536\n")
    const user = "Anna <anna@example.org>"
    tool("gpg", "--batch", "-q", "--passphrase", passphrase, "--quick-gen-key", user, "future-default", "default", "1d")
    const secret = ["--batch", "--pinentry-mode", "loopback", "--passphrase", passphrase, "--armor"]
    writeFileSync(join(device.home, "key.asc"), tool("gpg", ...secret, "--export-secret-keys"), { mode: 0o600 })
    return tool("gpg", "--armor", "--export")
}

describe("every kind of key", () => {
    const KINDS: Readonly<Record<string, () => Device>> = {
        "an age identity for quantum times": () => {
            const argv = [device.program, "keygen", join(device.home, "pq.txt"), "--pq"]
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
        writeFileSync(join(device.home, "ask"), `#!/bin/sh\necho "${SECRET}"\n`, { mode: 0o700 })
        // Where there is no passphrase nobody is asked.
        const env = {
            GNUPGHOME: join(device.home, ".gnupg"),
            POSTERN_ASKPASS: name.includes("passphrase") ? "./ask" : "/nothing",
        }
        const { stdout } = await must(["enroll", device.publisher.link, "--name", "gate", ...options], env)
        const [, given] = /--key (?:- <<'END'\n)?('?[\s\S]*?)(?:\nEND)?\n$/.exec(stdout)!
        if (!name.includes("own"))
            expect(await recipient(given!.replaceAll("'", ""))).toMatchObject({ line: anna.line })
        else
            expect(stdout).toMatch(
                /^(gpg --armor --export YOU|age-keygen -y \S+key\.txt) \| postern user add anna --key -\n$/,
            )

        await device.publisher.publish([anna], fileKindOf(anna.kind))
        const sent = await must(["knock", "gate", "--no-wait"], env)
        // gpg says what it wants.
        expect(sent.stderr.replaceAll(/^gpg: .*\n/gm, "")).toBe("")
        expect(device.gate.hits).toEqual([1, 0, 0, 0, 0])
    })
})

describe("passphrases", () => {
    it("are asked for on the terminal, without echo, three times; and by nobody where there is none", async () => {
        mkdirSync(join(device.home, ".ssh"), { mode: 0o700 })
        tool("ssh-keygen", "-q", "-t", "ed25519", "-a", "1", "-N", SECRET, "-C", "", "-f", ".ssh/id_ed25519")
        const anna = await recipient(readFileSync(join(device.home, ".ssh/id_ed25519.pub"), "utf8"))
        await device.publisher.publish([anna], "age")
        const dumb = await postern(["enroll", device.publisher.link])
        expect(dumb).toMatchObject({ status: 4, stderr: expect.stringContaining("nobody can be asked") })
        const command = `'${process.execPath}' '${device.program}' enroll '${device.publisher.link}' --name device.gate`
        const typed = await terminal(command, ["wrong", `${SECRET}x\u007f`])
        expect(typed.status).toBe(0)
        expect(typed.stdout.match(/Passphrase of \S+: /g)).toHaveLength(2)
        expect(typed.stdout).toContain("5 left")
        expect(typed.stdout).not.toContain("tell no one")
        const left = await terminal(`${command} --replace`, ["\u0003"])
        expect(left.status).toBe(130)
    })
})

describe("the guide for standard tools", () => {
    const guide = readFileSync(join(import.meta.dirname, "../../docs/knock-with-standard-tools.md"), "utf8")
    const block = (first: string) =>
        [...guide.matchAll(/^```sh\n(.*?)^```$/gms)].find(([, text]) => text!.startsWith(first))![1]!

    it("finds a file by its link alone, and checks its signature with openssl", async () => {
        tool("age-keygen", "-o", "key.txt")
        const anna = await recipient(tool("age-keygen", "-y", "key.txt"))
        await device.publisher.publish([anna], "age")
        const [, key, place] = /key=(.*)&place=(.*)$/.exec(device.publisher.link)!
        const script = block("place=").replace(/^place=\w+/, `place=${place}`)
        const name = spawnSync("bash", ["-c", script], { cwd: device.home, encoding: "utf8" })
        expect(name).toMatchObject({ status: 0, stdout: `${device.publisher.file("age")}\n`, stderr: "" })

        const base64 = `${key!.replaceAll("-", "+").replaceAll("_", "/")}=`
        const check = block("key=")
            .replace(/^key=.*/, `key=${base64} url=${device.publisher.url}${device.publisher.file("age")}`)
            .replace("~/.ssh/id_ed25519", "key.txt")
        // The web server is this process: curl must not be waited for.
        const run = () =>
            new Promise<string>((resolve) => {
                const child = spawn("bash", ["-c", check], { cwd: device.home })
                let said = ""
                child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text))
                child.stderr.resume()
                child.on("close", () => resolve(said))
            })
        expect(await run()).toContain("Signature Verified Successfully")
        await device.publisher.publish([anna], "age", { signers: [generateSigningKey()] })
        expect(await run()).toContain("Signature Verification Failure")
    })
})
