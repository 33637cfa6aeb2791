import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, it, vi } from "vitest"
import {
    fileKinds,
    type Identity,
    type IdentityRefusal,
    readIdentities,
    unsealerOf,
} from "../../../src/adapters/sealing/portable/identity.ts"
import { identityRefusal } from "../../../src/adapters/sealing/portable/identity-texts.ts"
import { parseSshPrivate } from "../../../src/adapters/sealing/portable/ssh-private.ts"
import { MAX_FILE } from "../../../src/core/one-time/accept.ts"
import { parseSigned } from "../../../src/core/one-time/bundle.ts"
import type { SealedVector } from "../../../tools/record-sealed.ts"

const folder = join(import.meta.dirname, "../../../vectors/sealed")
const names = readdirSync(folder)
const vectors = new Map(
    names.map((name): readonly [string, SealedVector] => [name, JSON.parse(readFileSync(join(folder, name), "utf8"))]),
)
const bytes = (text: string) => Buffer.from(text, "latin1")

/** Opening a key with a passphrase takes long, so each is opened once. */
const opened = new Map<string, Promise<readonly Identity[]>>()
function open(name: string): Promise<readonly Identity[]> {
    const { identity, passphrase } = vectors.get(name)!
    const found =
        opened.get(identity) ??
        readIdentities(bytes(identity), passphrase).then((read) => {
            if (!read.ok) throw new Error(read.code)
            return read.identities
        })
    opened.set(identity, found)
    return found
}

async function unseal(name: string, file: string) {
    const found = await unsealerOf(await open(name)).unseal(bytes(file))
    return found.ok ? Buffer.from(found.text).toString("latin1") : found.code
}

async function refusal(text: string, passphrase: string | null = null) {
    const read = await readIdentities(bytes(text), passphrase)
    return read.ok ? "ok" : read.code
}

const WRONG = /^(damaged|not-for-us)$/

describe("unsealerOf()", () => {
    it.each(names)("reads vectors/sealed/%s", async (name) => {
        const { file, text, by } = vectors.get(name)!
        const found = await unseal(name, file)
        // Whatever comes before is padding, and only ours has some.
        expect(found.endsWith(text)).toBe(true)
        expect(found.slice(0, -text.length)).toMatch(by === "postern" ? /^[ \n]+\n$/ : /^$/)
        expect(parseSigned(found)).toMatchObject({ ok: true, value: { bundle: { knocker: "anna" } } })
        if (by === "postern") expect(file).toHaveLength(file.length <= 4096 ? 4096 : 8192)
    })

    it.each(names)("refuses vectors/sealed/%s cut or changed anywhere", async (name) => {
        const { file } = vectors.get(name)!
        // The checksum of OpenPGP's armour says nothing, and nobody looks at it (RFC 9580, section 6.1).
        const checksum = file.search(/^=.{4}$/m)
        const end = checksum < 0 ? file.trimEnd().length : checksum
        const first = file.indexOf("\n") + 1
        for (let at = 0; at < end; at += Math.ceil(end / 12)) {
            expect(await unseal(name, file.slice(0, at)), `cut at ${at}`).toMatch(WRONG)
            // Another letter of the alphabet, so that the armour stays one.
            const place = Math.max(first, at)
            const letter = /[A-Za-z0-9+/]/.exec(file.slice(place))!
            const where = place + letter.index
            if (where >= end) continue
            const other = letter[0] === "A" ? "B" : "A"
            const found = await unseal(name, file.slice(0, where) + other + file.slice(where + 1))
            expect(found, `changed at ${where}`).toMatch(WRONG)
        }
    })

    it("says that a file is for somebody else, whichever the kinds are", async () => {
        let others = 0
        const files = [...vectors].filter(([, { by }]) => by === "postern")
        for (const [name] of files) {
            for (const [other, { identity, file }] of files) {
                if (identity === vectors.get(name)!.identity) continue
                expect(await unseal(name, file), `${name} reads ${other}`).toBe("not-for-us")
                others++
            }
        }
        expect(others).toBe(90)
    })

    it("reads with any of several keys", async () => {
        const identities = (await Promise.all(names.map(open))).flat()
        expect(fileKinds(identities).toSorted()).toEqual(["age", "age-pq", "openpgp"])
        const unsealer = unsealerOf(identities)
        for (const [name, { file }] of vectors) {
            expect(await unsealer.unseal(bytes(file)), name).toMatchObject({ ok: true })
        }
    })

    it("refuses what is no armoured file, or too large a one, without reading it", async () => {
        const unsealer = unsealerOf(await open("age-x25519-by-age.json"))
        for (const text of ["", "hello", "<html>", "-----BEGIN AGE ENCRYPTED FILE-----", "x".repeat(MAX_FILE + 1)]) {
            expect(await unsealer.unseal(bytes(text))).toMatchObject({ ok: false, code: "damaged" })
        }
    })

    it("never throws", async () => {
        const unsealer = unsealerOf((await Promise.all(names.map(open))).flat())
        const lines = [...vectors.values()].flatMap(({ file }) => file.split("\n"))
        const part = fc.oneof(fc.constantFrom(...lines), fc.string(), fc.base64String())
        const property = fc.asyncProperty(
            fc.constantFrom("AGE ENCRYPTED FILE", "PGP MESSAGE"),
            fc.array(part),
            async (kind, parts) => {
                const file = `-----BEGIN ${kind}-----\n\n${parts.join("\n")}\n-----END ${kind}-----\n`
                expect(await unsealer.unseal(bytes(file))).toMatchObject({ ok: false })
            },
        )
        await fc.assert(property, { numRuns: 200 })
    })
})

describe("readIdentities()", () => {
    const locked = names.filter((name) => name.includes("passphrase-by-postern"))

    it.each(locked)("asks for the passphrase of the key of %s, and tells a wrong one", async (name) => {
        const { identity } = vectors.get(name)!
        expect(await refusal(identity)).toBe("passphrase-needed")
        expect(await refusal(identity, "wrong")).toBe("passphrase-wrong")
        expect(await refusal(identity, "")).toBe("passphrase-wrong")
    })

    const key = vectors.get("age-x25519-by-age.json")!.identity
    const line = key.trimEnd().split("\n").at(-1)!
    const openssh = vectors.get("ssh-ed25519-by-age.json")!.identity
    const cases = [
        ["", "empty"],
        ["# only a comment", "empty"],
        ["x".repeat(256 * 1024 + 1), "too-long"],
        [`${line}\n`.repeat(101), "too-long"],
        [line.slice(0, -1), "damaged"],
        [line.toLowerCase(), "unknown"],
        [line.replace("KEY-1", "KEY-2"), "damaged"],
        ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", "public"],
        ["ssh-ed25519 AAAA", "public"],
        ["-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "public"],
        ["AGE-PLUGIN-YUBIKEY-1QQPQ", "plugin"],
        [`${line}\nAGE-PLUGIN-YUBIKEY-1QQPQ`, "plugin"],
        ["-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "pem"],
        ["-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "pem"],
        ["-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE\n", "pem"],
        ["PuTTY-User-Key-File-3: ssh-ed25519", "putty"],
        ["-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----", "damaged"],
        [openssh.slice(0, 200), "damaged"],
        [openssh.replace(/\n.{3}/, "\nAAA"), "damaged"],
        ["hello", "unknown"],
    ] as const satisfies readonly (readonly [string, IdentityRefusal])[]

    it("refuses what is no private key, or none that can be used", async () => {
        for (const [text, code] of cases) expect(await refusal(text), `${text.slice(0, 40)}…`).toBe(code)
    })

    it("reads keys with comments, blank lines and other line ends", async () => {
        const read = await readIdentities(bytes(`\r\n# mine\r\n${line}\r\n\r\n${line}\r\n`), null)
        expect(read).toMatchObject({ ok: true, identities: [{ kind: "age" }, { kind: "age" }] })
    })

    it("refuses the keys that nothing but WebCrypto opens where a browser keeps that from a page", async () => {
        vi.stubGlobal("crypto", { getRandomValues: crypto.getRandomValues.bind(crypto) })
        try {
            const plain = [...vectors].filter(([, { passphrase }]) => passphrase === null)
            const seen = await Promise.all(plain.map(async ([name, { identity }]) => [name, await refusal(identity)]))
            expect(seen).toEqual(plain.map(([name]) => [name, /^age|ed25519/.test(name) ? "ok" : "no-webcrypto"]))
            expect(new Set(seen.map(([, code]) => code)).size).toBe(2)
        } finally {
            vi.unstubAllGlobals()
        }
    })

    it("has a sentence and what to do instead for each refusal", () => {
        for (const code of ["signs-only", "cipher", "elsewhere", "plugin", "no-webcrypto"] as const) {
            const { what, instead } = identityRefusal(code)
            expect(what.length).toBeGreaterThan(10)
            expect(instead.length).toBeGreaterThan(10)
        }
    })

    it("never throws", async () => {
        const files = [...vectors.values()].filter(({ passphrase }) => passphrase === null)
        const lines = files.flatMap(({ identity }) => identity.split("\n").slice(0, 8))
        const part = fc.oneof(fc.constantFrom(...lines), fc.string(), fc.base64String())
        const property = fc.asyncProperty(fc.array(part, { maxLength: 8 }), async (parts) => {
            await readIdentities(bytes(parts.join("\n")), null)
        })
        await fc.assert(property, { numRuns: 200 })
    })
})

describe("parseSshPrivate()", () => {
    const plain = names.filter((name) => name.startsWith("ssh-") && !name.includes("passphrase"))

    it("refuses a key with any byte of its file changed, or reads the same key", () => {
        let [refused, read] = [0, 0]
        for (const name of plain) {
            const { identity } = vectors.get(name)!
            const [begin, ...rest] = identity.trim().split("\n")
            const blob = Buffer.from(rest.slice(0, -1).join(""), "base64")
            const whole = parseSshPrivate(identity, null)
            const property = fc.property(fc.nat(blob.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
                const changed = Buffer.from(blob)
                changed[at]! ^= by
                const found = parseSshPrivate(`${begin}\n${changed.toString("base64")}\n${rest.at(-1)}\n`, null)
                // Secret numbers and the comment can be anything; the public key cannot.
                if (found.ok && whole.ok) expect([...found.value.blob]).toEqual([...whole.value.blob])
                if (found.ok) read++
                else refused++
            })
            fc.assert(property, { numRuns: 200 })
        }
        expect(refused).toBeGreaterThan(100)
        expect(read).toBeGreaterThan(10)
    })

    it("takes no key that would cost minutes to open", () => {
        const { identity } = vectors.get("ssh-ed25519-passphrase-by-age.json")!
        const [begin, ...rest] = identity.trim().split("\n")
        const blob = Buffer.from(rest.slice(0, -1).join(""), "base64")
        // magic, "aes256-ctr", "bcrypt", options: salt of 16, rounds.
        const rounds = 15 + 4 + 10 + 4 + 6 + 4 + 4 + 16
        expect([16, 24]).toContain(blob.readUInt32BE(rounds))
        blob.writeUInt32BE(2 ** 31, rounds)
        const text = `${begin}\n${blob.toString("base64")}\n${rest.at(-1)}\n`
        expect(parseSshPrivate(text, "x")).toEqual({ ok: false, code: "cipher" })
    })
})
