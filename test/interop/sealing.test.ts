/**
 * Files for the keys of knockers, with the real programs: `gpg` and `age` read ours, we read theirs, with keys that they and
 * `ssh-keygen` have made. age before 1.3, as in Debian 12, does not know the hybrid: there files recorded with 1.3
 * stand in (vectors/sealed).
 */
import { execFileSync, spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { readIdentities, unsealerOf } from "../../src/adapters/sealing/portable/identity.ts"
import { ageUnsealer, gpgUnsealer, type ProgramOptions } from "../../src/adapters/sealing/programs.ts"
import { readKey } from "../../src/adapters/sealing/read-key.ts"
import { sealer } from "../../src/adapters/sealing/seal.ts"
import { fileKindOf, type Recipient } from "../../src/core/one-time/recipient.ts"
import type { SealedVector } from "../../tools/record-sealed.ts"
import { SIGNED_BUNDLE } from "../../tools/vectors/bundle.ts"
import { account } from "../lab/account.ts"

const lacking = [
    ["age", "--version"],
    ["age-keygen", "--version"],
    ["gpg", "--version"],
    ["ssh-keygen", "-?"],
    ["script", "--version"],
].find(([program, option]) => spawnSync(program!, [option!]).error !== undefined)
const PASSPHRASE = "correct horse"

let folder = ""
let env: Record<string, string | undefined> = {}
const at = (name: string) => join(folder, name)

function run(program: string, args: readonly string[], input: string | Uint8Array = ""): string {
    return execFileSync(program, args, { input, env, encoding: "utf8", stdio: "pipe", timeout: 60_000 })
}

/** gpg that asks nobody. */
const gpg = (passphrase: string, ...args: readonly string[]) =>
    run("gpg", ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", passphrase, ...args])

/** What operators are given, what knockers have, and how the stock program reads a file. */
type Key = {
    readonly recipient: () => string
    readonly identity: () => string
    readonly passphrase: string | null
    readonly stock: (file: string) => string
    readonly make: () => void
}

const ageKey = (...options: readonly string[]): Key => ({
    make: () => run("age-keygen", ["-o", at("age.txt"), ...options]),
    recipient: () => run("age-keygen", ["-y", at("age.txt")]),
    identity: () => readFileSync(at("age.txt"), "utf8"),
    passphrase: null,
    stock: (file) => run("age", ["-d", "-i", at("age.txt"), file]),
})

function sshKey(name: string, passphrase: string | null, ...options: readonly string[]): Key {
    return {
        make: () => run("ssh-keygen", ["-q", "-N", passphrase ?? "", "-C", "anna", "-f", at(name), ...options]),
        recipient: () => readFileSync(at(`${name}.pub`), "utf8"),
        identity: () => readFileSync(at(name), "utf8"),
        passphrase,
        stock(file) {
            if (passphrase === null) return run("age", ["-d", "-i", at(name), file])
            // age asks the terminal, so it gets one, with somebody who types.
            const command = `age -d -i ${at(name)} -o ${at("out")} ${file}`
            run("script", ["-qec", command, "/dev/null"], `${passphrase}\n`)
            return readFileSync(at("out"), "utf8")
        },
    }
}

function pgpKey(user: string, passphrase: string | null, ...algorithms: readonly string[]): Key {
    return {
        make() {
            gpg(passphrase ?? "", "--quick-gen-key", user, algorithms[0]!, algorithms[1] ?? "default", "never")
            const [, fingerprint] = /^fpr:+([0-9A-F]{40}):$/m.exec(run("gpg", ["--list-keys", "--with-colons", user]))!
            if (algorithms[1] !== undefined)
                gpg(passphrase ?? "", "--quick-add-key", fingerprint!, algorithms[0]!, "encr", "never")
        },
        recipient: () => gpg("", "--armor", "--export", user),
        identity: () => gpg(passphrase ?? "", "--armor", "--export-secret-keys", user),
        passphrase,
        stock(file) {
            const args = ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", passphrase ?? ""]
            const { stdout } = spawnSync("gpg", [...args, "--decrypt", file], {
                env,
                encoding: "utf8",
                timeout: 60_000,
            })
            // Files name no keys, so gpg tries one after another: 2.2 ends with 2, and the whole text, if the first did
            // not fit. With the right one first, or alone, it ends with 0.
            return stdout
        },
    }
}

const KEYS: Readonly<Record<string, Key>> = {
    "age, X25519": ageKey(),
    "ssh-ed25519": sshKey("ed25519", null, "-t", "ed25519"),
    "ssh-ed25519 with a passphrase": sshKey("ed25519-locked", PASSPHRASE, "-t", "ed25519"),
    "ssh-ed25519, chacha20-poly1305": sshKey(
        "chacha",
        PASSPHRASE,
        "-t",
        "ed25519",
        "-Z",
        "chacha20-poly1305@openssh.com",
    ),
    "ssh-ed25519, aes256-gcm": sshKey("gcm", PASSPHRASE, "-t", "ed25519", "-Z", "aes256-gcm@openssh.com"),
    "ssh-rsa": sshKey("rsa", null, "-t", "rsa", "-b", "2048"),
    "ssh-rsa with a passphrase": sshKey("rsa-locked", PASSPHRASE, "-t", "rsa", "-b", "2048"),
    "OpenPGP, Curve25519": pgpKey("anna@example.org", null, "future-default"),
    "OpenPGP, with a passphrase": pgpKey("bob@example.org", PASSPHRASE, "future-default"),
    "OpenPGP, RSA": pgpKey("carol@example.org", null, "rsa2048", "sign"),
    "OpenPGP, NIST P-256": pgpKey("dave@example.org", null, "nistp256", "sign"),
}
/** Stock age 1.1 knows keys that are encrypted with OpenSSH's defaults alone. */
const NOT_BY_AGE = ["ssh-ed25519, chacha20-poly1305", "ssh-ed25519, aes256-gcm"]

/** A program of ours in a program's place. */
function program(name: string, line: string): string {
    writeFileSync(at(name), `#!/bin/sh\n${line}\n`)
    chmodSync(at(name), 0o755)
    return at(name)
}

async function recipientOf(key: Key): Promise<Recipient> {
    const read = await readKey(key.recipient(), Date.now())
    if (!read.ok) throw new Error(read.why)
    return read.recipient
}

/** Our file for these, where stock programs find it. */
async function sealed(...keys: readonly Key[]): Promise<string> {
    const recipients = await Promise.all(keys.map(recipientOf))
    const made = await sealer.seal(Buffer.from(SIGNED_BUNDLE), fileKindOf(recipients[0]!.kind), recipients, Date.now())
    if (!made.ok) throw new Error(made.detail)
    writeFileSync(at("bundle"), made.file)
    return at("bundle")
}

async function unsealed(key: Key, ...files: readonly Uint8Array[]): Promise<readonly string[]> {
    const read = await readIdentities(Buffer.from(key.identity()), key.passphrase)
    if (!read.ok) throw new Error(read.code)
    const unsealer = unsealerOf(read.identities)
    const found = await Promise.all(files.map((file) => unsealer.unseal(file)))
    return found.map((one) => (one.ok ? Buffer.from(one.text).toString().trimStart() : one.code))
}

function stockFile(recipient: string): Uint8Array {
    writeFileSync(at("recipient"), recipient)
    const pgp = recipient.startsWith("-----")
    const args = [
        "--batch",
        "--quiet",
        "--yes",
        "--trust-model",
        "always",
        "--recipient-file",
        at("recipient"),
        "--armor",
    ]
    if (pgp) run("gpg", [...args, "--output", at("theirs"), "--encrypt"], SIGNED_BUNDLE)
    else run("age", ["-e", "-a", "-R", at("recipient"), "-o", at("theirs")], SIGNED_BUNDLE)
    return readFileSync(at("theirs"))
}

const recordedHybrid = (by: string): SealedVector =>
    JSON.parse(readFileSync(join(import.meta.dirname, `../../vectors/sealed/age-hybrid-by-${by}.json`), "utf8"))

describe.skipIf(lacking !== undefined)(
    `with gpg, age and ssh-keygen${lacking ? ` (${lacking[0]} is missing)` : ""}`,
    () => {
        beforeAll(() => {
            folder = mkdtempSync(join(tmpdir(), "postern-sealing-"))
            mkdirSync(at("gnupg"), { mode: 0o700 })
            env = { ...process.env, HOME: folder, GNUPGHOME: at("gnupg"), LC_ALL: "C" }
            for (const { make } of Object.values(KEYS)) make()
        })
        afterAll(() => {
            spawnSync("gpgconf", ["--kill", "gpg-agent"], { env })
            rmSync(folder, { recursive: true, force: true })
        })

        it.each(Object.keys(KEYS))("our files are read by the stock program (%s)", async (name) => {
            const file = await sealed(KEYS[name]!)
            expect(readFileSync(file)).toHaveLength(4096)
            if (NOT_BY_AGE.includes(name)) return
            const text = KEYS[name]!.stock(file)
            expect(text.trimStart()).toBe(SIGNED_BUNDLE)
        })

        it.each(Object.keys(KEYS))("files of the stock program are read by us, and ours too (%s)", async (name) => {
            const key = KEYS[name]!
            const files = [stockFile(key.recipient()), readFileSync(await sealed(key))]
            expect(await unsealed(key, ...files)).toEqual([SIGNED_BUNDLE, SIGNED_BUNDLE])
        })

        it("one file for several keys is read with each of them by the stock programs", async () => {
            for (const kind of [/^age|^ssh-(ed25519|rsa)$/, /^OpenPGP/]) {
                const keys = Object.entries(KEYS).flatMap(([name, key]) => (kind.test(name) ? [key] : []))
                expect(keys.length).toBeGreaterThan(2)
                const file = await sealed(...keys)
                for (const key of keys) expect(key.stock(file).trimStart()).toBe(SIGNED_BUNDLE)
            }
        })

        it("gpg is content with a file for one key, if it tries that key first", async () => {
            const file = await sealed(KEYS["OpenPGP, with a passphrase"]!)
            const text = gpg(PASSPHRASE, "--try-secret-key", "bob@example.org", "--decrypt", file)
            expect(text.trimStart()).toBe(SIGNED_BUNDLE)
        })

        it("a subkey that was exported without its primary key reads, as of those who keep that one elsewhere", async () => {
            const key = KEYS["OpenPGP, with a passphrase"]!
            const identity = gpg(PASSPHRASE, "--armor", "--export-secret-subkeys", "bob@example.org")
            expect(await unsealed({ ...key, identity: () => identity }, stockFile(key.recipient()))).toEqual([
                SIGNED_BUNDLE,
            ])
        })

        it("hybrid files are read, of ours and of the stock program", async () => {
            if (spawnSync("age-keygen", ["-pq"]).status !== 0) {
                account("the hybrid: age here is before 1.3, so the files recorded with 1.3 stand in")
                for (const by of ["age", "postern"]) {
                    const { file, text, identity } = recordedHybrid(by)
                    const key = { ...ageKey(), identity: () => identity }
                    expect(await unsealed(key, Buffer.from(file))).toEqual([text])
                }
                return
            }
            rmSync(at("age.txt"))
            const key = ageKey("-pq")
            key.make()
            const file = await sealed(key)
            expect(key.stock(file).trimStart()).toBe(SIGNED_BUNDLE)
            expect(await unsealed(key, stockFile(key.recipient()))).toEqual([SIGNED_BUNDLE])
        })

        describe("the knocker's own programs", () => {
            const told: string[] = []
            const options = (): ProgramOptions => ({
                env,
                timeout: 30_000,
                told: (said) => told.push(said),
                interrupted: new AbortController().signal,
            })
            const own = (key: Key) =>
                key.recipient().startsWith("-----")
                    ? gpgUnsealer("gpg", options())
                    : ageUnsealer("age", at(key === KEYS["ssh-rsa"] ? "rsa" : "age.txt"), options())

            it.each(["OpenPGP, Curve25519", "OpenPGP, RSA", "age, X25519", "ssh-rsa"])(
                "read ours (%s)",
                async (name) => {
                    const file = readFileSync(await sealed(KEYS[name]!))
                    const found = await own(KEYS[name]!).unseal(file)
                    expect(found.ok && Buffer.from(found.text).toString().trimStart()).toBe(SIGNED_BUNDLE)
                },
            )

            it.each(["OpenPGP, Curve25519", "age, X25519"])("say what is wrong with others (%s)", async (name) => {
                const key = KEYS[name]!
                const file = readFileSync(await sealed(key))
                const stranger = name.startsWith("age") ? KEYS["ssh-ed25519"]! : KEYS["OpenPGP, with a passphrase"]!
                const other = readFileSync(await sealed(stranger))
                // gpg has all the keys of this test, and nobody tells it the passphrase of this one.
                expect(await gpgOrAge(key, other)).toBe("not-for-us")
                for (const length of [0, 20, 300, 3000])
                    expect(await gpgOrAge(key, file.subarray(0, length))).toBe("damaged")
                const changed = Buffer.from(file)
                changed[1500] = changed[1500] === 0x41 ? 0x42 : 0x41
                expect(await gpgOrAge(key, changed)).toBe("damaged")
            })

            async function gpgOrAge(key: Key, file: Uint8Array): Promise<string> {
                spawnSync("gpgconf", ["--kill", "gpg-agent"], { env })
                writeFileSync(at("gnupg/gpg.conf"), "pinentry-mode cancel\n")
                const found = await own(key).unseal(file)
                rmSync(at("gnupg/gpg.conf"))
                return found.ok ? "read" : found.code
            }

            it("are ended when they take too long, write too much or are no longer wanted; and named when they are not there", async () => {
                const file = new Uint8Array(4096)
                const why = async (name: string, more: Partial<ProgramOptions> = {}) => {
                    const found = await ageUnsealer(name, "x", { ...options(), ...more }).unseal(file)
                    return found.ok ? "read" : `${found.code}: ${found.detail}`
                }
                const stopped = { interrupted: AbortSignal.abort() }
                const ends = [
                    [why(program("slow", "exec sleep 100"), { timeout: 200 }), /^failed: .*longer than 200ms/],
                    [why(program("deaf", "trap '' TERM; while :; do sleep 0.1; done"), { timeout: 200 }), /longer/],
                    [why(program("much", "exec cat /dev/zero")), /^failed: .*more than any bundle/],
                    [why(program("wordy", "head -c 100000 /dev/zero >&2; exit 3")), /^failed: age: it ended with 3/],
                    [why(program("voluble", "exec yes >&2")), /^failed: .*says too much/],
                    // What it leaves behind holds its output open.
                    [why(program("parent", "sleep 20 & trap '' TERM; wait"), { timeout: 200 }), /longer/],
                    [why(program("unwanted", "exec sleep 100"), stopped), /interrupted/],
                    [why("/nowhere/age"), /^failed: there is no program \/nowhere\/age/],
                ] as const
                for (const [end, like] of ends) expect(await end).toMatch(like)
            })

            it("ask for a passphrase by the means of the knocker (gpg)", async () => {
                const typist =
                    'echo OK; while read -r word more; do case $word in GETPIN) echo "D $SAY" ;; esac; echo OK; done'
                const config = (said: string) =>
                    `pinentry-program ${program("pinentry", `SAY='${said}'; ${typist}`)}\nallow-preset-passphrase\n`
                const key = KEYS["OpenPGP, with a passphrase"]!
                const file = readFileSync(await sealed(key))
                const ask = async (said: string) => {
                    writeFileSync(at("gnupg/gpg-agent.conf"), config(said))
                    spawnSync("gpgconf", ["--kill", "gpg-agent"], { env })
                    const found = await own(key).unseal(file)
                    return found.ok ? Buffer.from(found.text).toString().trimStart() : found.code
                }
                expect(await ask("wrong")).toBe("not-for-us")
                expect(await ask(PASSPHRASE)).toBe(SIGNED_BUNDLE)
            })

            it("are told nothing secret, and what they say is passed on", async () => {
                told.length = 0
                await own(KEYS["age, X25519"]!).unseal(Buffer.from("junk"))
                expect(told.join("")).toMatch(/age: error/)
            })
        })
    },
)
