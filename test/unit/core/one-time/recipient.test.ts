import { readFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { MAX_KEY_TEXT, parseRecipient, splitKeys } from "../../../../src/core/one-time/recipient.ts"
import { recipientRefusal } from "../../../../src/core/one-time/recipient-texts.ts"
import { decodeBase64, decodeSshKey } from "../../../../src/core/one-time/ssh-line.ts"
import { SshReader } from "../../../../src/core/one-time/ssh-reader.ts"
import type { RecipientVector } from "../../../../tools/vectors/recipients.ts"

const cases = ["accepted", "refused"].flatMap((name) => {
    const path = join(import.meta.dirname, `../../../../vectors/recipients/${name}.json`)
    const vector: RecipientVector = JSON.parse(readFileSync(path, "utf8"))
    return vector.cases
})

/** In the form of a vector. */
function read(text: string) {
    const found = parseRecipient(text)
    if (!found.ok) return { refused: found.code }
    if (found.found === "certificate") return { certificate: true }
    const { kind, line, comment } = found.value
    return { kind, line, comment }
}

describe("parseRecipient()", () => {
    it.each(cases.map((one) => [one.why, one] as const))("%s", (_, { text, expect: to }) => {
        expect(read(text)).toEqual(to)
    })

    it("reads its own lines to the same, and refuses them cut anywhere", () => {
        const lines = cases.flatMap(({ expect: to }) => ("line" in to && to.line.length < 500 ? [to.line] : []))
        expect(lines.length).toBeGreaterThan(5)
        for (const line of new Set(lines)) {
            expect(read(line)).toMatchObject({ line, comment: "" })
            for (let length = 0; length < line.length; length++) {
                expect(read(line.slice(0, length)), `${length} of ${line}`).toHaveProperty("refused")
            }
        }
    })

    it("refuses what is longer than any key at once", () => {
        expect(read("x".repeat(MAX_KEY_TEXT + 1))).toEqual({ refused: "too-long" })
        // As long as may be, and made for whoever searches again and again.
        for (const part of ['"', '\\"', '" ', 'a"b" ', "age1", "ssh-rsa ", "no-pty,"]) {
            expect(read(part.repeat(MAX_KEY_TEXT / part.length))).toHaveProperty("refused")
        }
    })

    it("never throws", () => {
        const part = fc.oneof(
            fc.constantFrom("ssh-ed25519", "ssh-rsa", "age1", "age1pq1", '"', "\\", " ", "\n", "-----BEGIN ", "AAAA"),
            fc.string(),
            fc.base64String(),
        )
        const kinds = new Set<string>()
        const property = fc.property(fc.array(part), (parts) => {
            const found = read(parts.join(""))
            kinds.add("refused" in found ? found.refused : "read")
        })
        fc.assert(property, { numRuns: 2000 })
        expect([...kinds]).toEqual(expect.arrayContaining(["damaged", "unknown", "several"]))
    })
})

describe("recipientRefusal()", () => {
    it("has what to do instead for each reason, and nothing of the text", () => {
        const codes = new Set(cases.flatMap(({ expect: to }) => ("refused" in to ? [to.refused] : [])))
        expect(codes.size).toBe(16)
        for (const { text, expect: to } of cases) {
            const found = parseRecipient(text)
            if (found.ok || !("refused" in to)) continue
            const { what, instead } = recipientRefusal(found.code)
            expect(what.length, to.refused).toBeGreaterThan(10)
            expect(instead.length, to.refused).toBeGreaterThan(10)
        }
    })
})

describe("splitKeys()", () => {
    const block = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxjME\n-----END PGP PUBLIC KEY BLOCK-----"

    it("finds keys with the lines they begin in", () => {
        expect(splitKeys(`# mine\n\n age1x \r\n${block}\nssh-rsa AAAA x\n`)).toEqual([
            { line: 3, text: "age1x" },
            { line: 4, text: block },
            { line: 8, text: "ssh-rsa AAAA x" },
        ])
        expect(splitKeys("")).toEqual([])
    })

    it("keeps a block that never ends as one", () => {
        expect(splitKeys("-----BEGIN X-----\na\nb")).toEqual([{ line: 1, text: "-----BEGIN X-----\na\nb" }])
    })
})

describe("decodeSshKey()", () => {
    it("never throws, and takes only what it would write", () => {
        const blobs = cases.flatMap(({ text }) => decodeBase64(text.split(" ")[1] ?? "") ?? [])
        let whole = 0
        const part = fc.oneof(fc.uint8Array(), fc.constantFrom(...blobs))
        const property = fc.property(part, fc.nat(2000), fc.nat(255), (blob, at, by) => {
            const changed = Uint8Array.from(blob)
            if (at < changed.length) changed[at]! ^= by
            if (decodeSshKey(changed) !== undefined) whole++
        })
        fc.assert(property, { numRuns: 2000 })
        expect(whole).toBeGreaterThan(50)
    })
})

describe("SshReader", () => {
    it("reads nothing any more after it has refused", () => {
        const reader = new SshReader(Uint8Array.of(0, 0, 0, 9, 1, 2))
        expect(reader.string()).toBeUndefined()
        expect(reader.bytes(1)).toBeUndefined()
        expect(reader.done).toBe(false)
        expect(reader.rest).toHaveLength(0)
    })

    it("refuses a text as long as a file, which nothing is called", () => {
        const long = new Uint8Array(180_000).fill(0x61)
        new DataView(long.buffer).setUint32(0, long.length - 4)
        expect(new SshReader(long).text()).toBeUndefined()
        expect(parseRecipient(`ssh-ed25519 ${Buffer.from(long).toString("base64")}`)).toEqual({
            ok: false,
            code: "damaged",
        })
    })
})
