import { bech32 } from "@scure/base"
import { armor, Encrypter, generateHybridIdentity, generateX25519Identity, identityToRecipient } from "age-encryption"
import fc from "fast-check"
import {
    createMessage,
    encrypt,
    enums,
    generateKey,
    type PrivateKey,
    readMessage,
    readKey as readOne,
    revokeKey,
} from "openpgp"
import { beforeAll, describe, expect, it } from "vitest"
import { readCertificate } from "../../../src/adapters/sealing/portable/certificate.ts"
import { readIdentities, unsealerOf } from "../../../src/adapters/sealing/portable/identity.ts"
import { verifySignature as everywhere } from "../../../src/adapters/sealing/portable/verify.ts"
import { readKey } from "../../../src/adapters/sealing/read-key.ts"
import { recipientFault, sealer } from "../../../src/adapters/sealing/seal.ts"
import {
    generateSigningKey,
    verifySignature as onNode,
    signBundle,
    signingKey,
} from "../../../src/adapters/sealing/sign.ts"
import { MAX_FILE, signedBytes } from "../../../src/core/one-time/accept.ts"
import { fileKindOf, MAX_RECIPIENTS, parseRecipient, type Recipient } from "../../../src/core/one-time/recipient.ts"
import { sizeClass } from "../../../src/core/one-time/size-class.ts"

const NOW = Date.UTC(2026, 4, 1)
const DAY = 86_400_000

/** A key with what reads its files. */
type Pair = { readonly recipient: Recipient; readonly identity: string }

async function recipientOf(text: string): Promise<Recipient> {
    const read = await readKey(text, NOW)
    if (!read.ok) throw new Error(read.why)
    return read.recipient
}

async function agePair(make: () => Promise<string>): Promise<Pair> {
    const identity = await make()
    return { identity, recipient: await recipientOf(await identityToRecipient(identity)) }
}

/** A key of OpenPGP, made at NOW; `seconds`: until it expires, 0: never. */
function pgpKey(seconds = 0, subkeys: readonly object[] = [{}]): Promise<{ readonly privateKey: PrivateKey }> {
    return generateKey({
        type: "curve25519",
        userIDs: { name: "Anna \u001b[31m", email: "anna@example.org" },
        date: new Date(NOW),
        keyExpirationTime: seconds,
        subkeys: [...subkeys],
        format: "object",
    })
}

const pairs: Record<string, Pair> = {}
beforeAll(async () => {
    pairs["age"] = await agePair(generateX25519Identity)
    pairs["age, another"] = await agePair(generateX25519Identity)
    pairs["age-pq"] = await agePair(generateHybridIdentity)
    for (const name of ["openpgp", "openpgp, another"]) {
        const { privateKey } = await pgpKey()
        pairs[name] = {
            identity: privateKey.armor(),
            recipient: await recipientOf(privateKey.toPublic().armor()),
        }
    }
})

async function file(text: Uint8Array, names: readonly string[]): Promise<Uint8Array> {
    const recipients = names.map((name) => pairs[name]!.recipient)
    const sealed = await sealer.seal(text, fileKindOf(recipients[0]!.kind), recipients, NOW)
    if (!sealed.ok) throw new Error(sealed.detail)
    return sealed.file
}

async function read(sealed: Uint8Array, name: string): Promise<string> {
    const identities = await readIdentities(Buffer.from(pairs[name]!.identity), null)
    if (!identities.ok) return identities.code
    const found = await unsealerOf(identities.identities).unseal(sealed)
    return found.ok ? Buffer.from(found.text).toString() : found.code
}

/** Lines with this point in them, whatever it is. */
const age = (point: Uint8Array) => bech32.encodeFromBytes("age", point)
const hybrid = (bytes: Uint8Array) => bech32.encode("age1pq", bech32.toWords(bytes), false)
const ed = (point: Uint8Array) => {
    const text = Buffer.from("\0\0\0\x0bssh-ed25519\0\0\0\x20", "latin1")
    return `ssh-ed25519 ${Buffer.concat([text, point]).toString("base64")}`
}

/** Until when a certificate is good, or why it is not. */
async function code(armour: string, now = NOW) {
    const found = await readCertificate(armour, now)
    return found.ok ? found.until : found.code
}

describe("sealer.seal()", () => {
    it.each(["age", "age-pq", "openpgp"])("makes files of whole size classes, whatever the text (%s)", async (name) => {
        const classes = new Set<number>()
        const property = fc.asyncProperty(fc.integer({ min: 1, max: 13_000 }), async (length) => {
            const text = `x${"y".repeat(length - 1)}`
            const sealed = await file(Buffer.from(text), [name])
            classes.add(sealed.length)
            expect(sealed).toHaveLength(sizeClass(sealed.length))
            expect((await read(sealed, name)).trimStart()).toBe(text)
        })
        await fc.assert(property, {
            numRuns: 40,
            examples: [[1], [191], [192], [2500], [4500], [8383], [8384], [12_500]],
        })
        expect([...classes].toSorted((a, b) => a - b)).toEqual([4096, 8192, 16_384, 32_768])
    })

    it.each([[["age", "age, another"]], [["openpgp", "openpgp, another"]]])(
        "makes a file that each of %j reads",
        async (names) => {
            const sealed = await file(Buffer.from("text"), names)
            expect(sealed).toHaveLength(4096)
            for (const name of names) expect((await read(sealed, name)).trim()).toBe("text")
            const [, other] = await Promise.all([pgpKey(), agePair(generateX25519Identity)])
            pairs["nobody"] = other
            expect(await read(sealed, "nobody")).toContain("not-for-us")
        },
    )

    it("never makes the same file twice", async () => {
        const files = await Promise.all(
            ["age", "age", "openpgp", "openpgp"].map((name) => file(Buffer.from("a"), [name])),
        )
        expect(new Set(files.map((one) => Buffer.from(one).toString("latin1"))).size).toBe(4)
    })

    it("mixes no kinds of files, and makes none for nobody", async () => {
        for (const names of [["age", "age-pq"], ["age", "openpgp"], []]) {
            const recipients = names.map((name) => pairs[name]!.recipient)
            await expect(sealer.seal(new Uint8Array(1), "age", recipients, NOW)).rejects.toThrow(RangeError)
        }
    })

    it("names the certificate that has expired since it was read", async () => {
        const { privateKey } = await pgpKey(DAY / 1000)
        const recipient = await recipientOf(privateKey.toPublic().armor())
        const recipients = [pairs["openpgp"]!.recipient, recipient]
        expect(await sealer.seal(new Uint8Array(1), "openpgp", recipients, NOW)).toMatchObject({ ok: true })
        expect(await sealer.seal(new Uint8Array(1), "openpgp", recipients, NOW + DAY)).toEqual({
            ok: false,
            line: recipient.line,
            detail: expect.stringMatching(/^the certificate of Anna .*[0-9A-F]{40}\) has expired on 2026-05-02$/),
        })
    })

    it("says nothing of whose an OpenPGP file is, and is one that old programs read", async () => {
        const sealed = await file(Buffer.from("a"), ["openpgp"])
        const message = await readMessage({ armoredMessage: Buffer.from(sealed).toString() })
        expect(message.getEncryptionKeyIDs().map((id) => id.toHex())).toEqual(["0".repeat(16)])
        expect(message.packets.map((packet) => packet.constructor.name)).toHaveLength(2)
        expect(message.packets.at(-1)).toMatchObject({ version: 1 })
    })
})

describe("files that somebody has made to do harm", () => {
    it("with very many recipients are refused at once", async () => {
        const { recipient } = pairs["age, another"]!
        const encrypter = new Encrypter()
        for (let i = 0; i <= MAX_RECIPIENTS; i++) encrypter.addRecipient(recipient.text)
        const text = armor.encode(await encrypter.encrypt("a"))
        expect(await read(Buffer.from(text), "age")).toBe("damaged")
        const key = await readOne({ armoredKey: pairs["openpgp, another"]!.recipient.text })
        const keys = Array.from({ length: MAX_RECIPIENTS + 1 }, () => key)
        const message = await createMessage({ text: "a" })
        const many = await encrypt({ message, encryptionKeys: keys, wildcard: true, date: new Date(NOW) })
        expect(await read(Buffer.from(many), "openpgp")).toBe("damaged")
    })

    it("that grow when they are unpacked are refused", async () => {
        const encryptionKeys = await readOne({ armoredKey: pairs["openpgp"]!.recipient.text })
        const message = await createMessage({ binary: new Uint8Array(4 * MAX_FILE) })
        const config = { preferredCompressionAlgorithm: enums.compression.zlib }
        const bomb = await encrypt({ message, encryptionKeys, date: new Date(NOW), config })
        expect(bomb.length).toBeLessThan(MAX_FILE / 10)
        expect(await read(Buffer.from(bomb), "openpgp")).toBe("damaged")
    })

    it("for more keys than anybody reads are not made", async () => {
        const recipients = Array.from({ length: MAX_RECIPIENTS + 1 }, () => pairs["age"]!.recipient)
        expect(await sealer.seal(new Uint8Array(1), "age", recipients, NOW)).toMatchObject({ ok: false })
    })
})

describe("recipientFault()", () => {
    const one = Uint8Array.of(1, ...new Uint8Array(31))
    const none = new Uint8Array(32).fill(0xff)

    it.each([
        ["a point of low order", age(new Uint8Array(32))],
        ["another one", age(one)],
        ["no point of the Edwards curve", ed(none)],
        ["the neutral point of the Edwards curve", ed(one)],
        ["a hybrid with a point of low order", hybrid(new Uint8Array(1216))],
    ])("finds %s, which reads like a key", async (_, text) => {
        const found = parseRecipient(text)
        if (!found.ok || found.found !== "key") throw new Error("does not read like a key")
        expect(await recipientFault(found.value)).toMatch(/damaged/)
        const { kind, line } = found.value
        const sealed = await sealer.seal(new Uint8Array(1), fileKindOf(kind), [found.value], NOW)
        expect(sealed).toMatchObject({ ok: false, line, detail: expect.stringContaining("damaged") })
    })

    it("finds nothing in a good key", async () => {
        for (const name of ["age", "age-pq", "openpgp"]) expect(await recipientFault(pairs[name]!.recipient)).toBeNull()
    })
})

describe("readCertificate()", () => {
    it("knows until when files can be encrypted to it", async () => {
        const [forever, day] = await Promise.all([pgpKey(), pgpKey(86_400)])
        expect(await code(forever.privateKey.toPublic().armor())).toBe(Number.POSITIVE_INFINITY)
        expect(await code(day.privateKey.toPublic().armor())).toBe(NOW + DAY)
    })

    it("refuses one that is expired, revoked, from the future, without a subkey, private, damaged, or not alone", async () => {
        const { privateKey } = await pgpKey(DAY / 1000)
        const armour = privateKey.toPublic().armor()
        expect(await code(armour, NOW + DAY)).toBe("expired")
        expect(await code(armour, NOW - DAY)).toBe("not-yet")
        const revoked = await revokeKey({ key: privateKey, date: new Date(NOW), format: "object" })
        expect(await code(revoked.publicKey.armor(), NOW + 1000)).toBe("revoked")
        const signer = await pgpKey(0, [{ sign: true }])
        expect(await code(signer.privateKey.toPublic().armor())).toBe("no-encryption")
        expect(await code(privateKey.armor())).toBe("private")
        expect(await code(armour.replace(/\n.{8}/, "\nAAAAAAAA"))).toBe("damaged")
        expect(await code("")).toBe("damaged")
    })

    it("names the subkey that has expired, of a certificate that has not", async () => {
        const { privateKey } = await pgpKey(0, [{ keyExpirationTime: 3600 }])
        const found = await readCertificate(privateKey.toPublic().armor(), NOW + DAY)
        expect(found).toMatchObject({
            ok: false,
            code: "no-encryption",
            detail: expect.stringMatching(/^the encryption subkey of .* has expired on 2026-05-01$/),
        })
    })

    it("shows names without what terminals obey", async () => {
        const { privateKey } = await pgpKey()
        const found = await readCertificate(privateKey.toPublic().armor(), NOW)
        expect(found).toMatchObject({ value: { comment: "Anna [31m <anna@example.org>" } })
    })

    it("never throws", async () => {
        const armour = (await pgpKey()).privateKey.toPublic().armor()
        const lines = armour.split("\n")
        const part = fc.oneof(fc.constantFrom(...lines), fc.base64String())
        const property = fc.asyncProperty(fc.array(part, { maxLength: 12 }), async (parts) => {
            await readCertificate(`${lines[0]}\n\n${parts.join("\n")}\n${lines.at(-2)}\n`, NOW)
        })
        await fc.assert(property, { numRuns: 100 })
    })
})

describe("signBundle()", () => {
    it("signs as RFC 8032 has it, and both ways to verify agree", () => {
        const seed = Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex")
        expect(Buffer.from(signingKey(seed).key).toString("hex")).toBe(
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        )
        const [own, other] = [generateSigningKey(), generateSigningKey()]
        let valid = 0
        const text = fc.string({ unit: "binary-ascii" })
        const property = fc.property(text, fc.nat(63), fc.integer({ min: 0, max: 255 }), (signed, at, by) => {
            const signature = Buffer.from(signBundle(own, signed))
            signature[at]! ^= by
            const message = signedBytes(signed)
            const expected = by === 0
            for (const verify of [onNode, everywhere]) {
                expect(verify(own.key, message, signature)).toBe(expected)
                expect(verify(other.key, message, signature)).toBe(false)
                expect(verify(own.key, message, signature.subarray(1))).toBe(false)
                expect(verify(own.key.subarray(1), message, signature)).toBe(false)
                expect(verify(new Uint8Array(32).fill(0xff), message, signature)).toBe(false)
            }
            if (expected) valid++
        })
        fc.assert(property, { numRuns: 40, examples: [["", 0, 0]] })
        expect(valid).toBeGreaterThan(0)
    })
})
