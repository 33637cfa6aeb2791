/**
 * Writes `vectors/sealed/` anew: whole files, one bundle encrypted to a key of each kind, with that key. They are made
 * with random numbers and by other programs, so they are not the same twice: once made, they stay.
 *
 *     AGE=/path/to/age npx tsx tools/record-sealed.ts
 *
 * Wants gpg, ssh-keygen, and an age from 1.3 on (with what comes with it in its folder), for the hybrid.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { readIdentities } from "../src/adapters/sealing/portable/identity.ts"
import { readKey } from "../src/adapters/sealing/read-key.ts"
import { sealer } from "../src/adapters/sealing/seal.ts"
import { fileKindOf } from "../src/core/one-time/recipient.ts"
import { SIGNED_BUNDLE } from "./vectors/bundle.ts"

/** One bundle for one key. */
export type SealedVector = {
    readonly spec: string
    /** Who encrypted it: `postern`, or a program with its version. */
    readonly by: string
    readonly recipient: string
    /** The file with the private key, as its program has written it. */
    readonly identity: string
    readonly passphrase: string | null
    readonly file: string
    /** What comes out, after any padding. */
    readonly text: string
}

const PASSPHRASE = "correct horse"
const age = process.env["AGE"] ?? "age"
const home = mkdtempSync(join(tmpdir(), "postern-sealed-"))

const run = (program: string, args: readonly string[], input: string | Uint8Array = "") =>
    execFileSync(program, args, { input, encoding: "utf8", env: { ...process.env, GNUPGHOME: home }, stdio: "pipe" })
const gpg = (...args: readonly string[]) =>
    run("gpg", ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ...args])
const gpgVersion = run("gpg", ["--version"]).split("\n")[0]!.split(" ").at(-1)!
const ageVersion = run(age, ["--version"]).trim().replace(/^v/, "")

/** A recipient and its identity. */
type Pair = { readonly recipient: string; readonly identity: string; readonly passphrase: string | null }

function agePair(...options: readonly string[]): Pair {
    const identity = run(`${age}-keygen`, options)
    return { recipient: /public key: (\S+)/.exec(identity)![1]!, identity, passphrase: null }
}

function sshPair(name: string, passphrase: string | null, ...options: readonly string[]): Pair {
    const file = join(home, name)
    run("ssh-keygen", ["-q", "-N", passphrase ?? "", "-C", "anna@example.org", "-f", file, ...options])
    return { recipient: readFileSync(`${file}.pub`, "utf8").trim(), identity: readFileSync(file, "utf8"), passphrase }
}

function pgpPair(user: string, passphrase: string | null, ...algorithms: readonly string[]): Pair {
    gpg(passphrase ?? "", "--quick-gen-key", user, ...algorithms, "never")
    const [, fingerprint] = /^fpr:+([0-9A-F]{40}):$/m.exec(run("gpg", ["--list-keys", "--with-colons", user]))!
    if (algorithms[0]!.startsWith("rsa"))
        gpg(passphrase ?? "", "--quick-add-key", fingerprint!, algorithms[0]!, "encr", "never")
    const identity = gpg(passphrase ?? "", "--armor", "--export-secret-keys", user)
    return { recipient: run("gpg", ["--armor", "--export", user]), identity, passphrase }
}

/** What stock programs make of the text for this key. */
function byProgram({ recipient }: Pair): { readonly by: string; readonly file: string } {
    if (!recipient.startsWith("-----")) {
        return { by: `age ${ageVersion}`, file: run(age, ["--encrypt", "--armor", "-r", recipient], SIGNED_BUNDLE) }
    }
    const file = join(home, "certificate.asc")
    writeFileSync(file, recipient)
    const args = ["--batch", "--quiet", "--trust-model", "always", "--armor", "--encrypt", "--recipient-file", file]
    return { by: `gpg ${gpgVersion}`, file: run("gpg", args, SIGNED_BUNDLE) }
}

/** What we make of it. */
async function byPostern({ recipient }: Pair): Promise<{ readonly by: string; readonly file: string }> {
    const key = await readKey(recipient, Date.now())
    if (!key.ok) throw new Error(key.why)
    const sealed = await sealer.seal(
        Buffer.from(SIGNED_BUNDLE),
        fileKindOf(key.recipient.kind),
        [key.recipient],
        Date.now(),
    )
    if (!sealed.ok) throw new Error(sealed.detail)
    return { by: "postern", file: Buffer.from(sealed.file).toString("ascii") }
}

/** With the identity behind a passphrase; age asks a terminal for it, or a plug-in that comes with it. */
function locked(pair: Pair): Pair {
    const plugin = {
        AGE_PASSPHRASE: PASSPHRASE,
        AGE_PASSPHRASE_WORK_FACTOR: "14",
        PATH: `${dirname(age)}:${process.env["PATH"]}`,
    }
    const identity = execFileSync(age, ["--encrypt", "--armor", "-j", "batchpass"], {
        input: pair.identity,
        encoding: "utf8",
        env: plugin,
    })
    return { ...pair, identity, passphrase: PASSPHRASE }
}

const pairs: Readonly<Record<string, Pair>> = {
    "age-x25519": agePair(),
    "age-x25519-passphrase": locked(agePair()),
    "age-hybrid": agePair("-pq"),
    "ssh-ed25519": sshPair("ed25519", null, "-t", "ed25519"),
    "ssh-ed25519-passphrase": sshPair("ed25519-passphrase", PASSPHRASE, "-t", "ed25519"),
    "ssh-rsa": sshPair("rsa", null, "-t", "rsa", "-b", "2048"),
    "ssh-rsa-passphrase": sshPair("rsa-passphrase", PASSPHRASE, "-t", "rsa", "-b", "2048"),
    "openpgp-cv25519": pgpPair("anna <anna@example.org>", null, "future-default", "default"),
    "openpgp-cv25519-passphrase": pgpPair("bob <bob@example.org>", PASSPHRASE, "future-default", "default"),
    "openpgp-rsa": pgpPair("carol <carol@example.org>", null, "rsa2048", "sign"),
}

const folder = join(import.meta.dirname, "../vectors/sealed")
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder)
try {
    for (const [name, pair] of Object.entries(pairs)) {
        const identities = await readIdentities(Buffer.from(pair.identity), pair.passphrase)
        if (!identities.ok) throw new Error(`${name}: ${identities.code}`)
        for (const made of [byProgram(pair), await byPostern(pair)]) {
            const spec = "spec/bundle.md#4-encryption"
            const vector: SealedVector = { spec, by: made.by, ...pair, file: made.file, text: SIGNED_BUNDLE }
            const file = join(folder, `${name}-by-${made.by.split(" ")[0]}.json`)
            writeFileSync(file, `${JSON.stringify(vector, null, 4)}\n`)
        }
    }
} finally {
    execFileSync("gpgconf", ["--kill", "gpg-agent"], { env: { ...process.env, GNUPGHOME: home } })
    rmSync(home, { recursive: true, force: true })
}
