import { generateKey } from "openpgp"
import { describe, expect, it } from "vitest"
import { readKey } from "../../../src/adapters/sealing/read-key.ts"

const NOW = Date.UTC(2026, 4, 1)
const DAY = 86_400_000
const AGE = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"

/** A certificate that is good for so many seconds from NOW on. */
async function certificate(seconds: number) {
    const { publicKey } = await generateKey({
        type: "curve25519",
        userIDs: { name: "Anna" },
        date: new Date(NOW),
        keyExpirationTime: seconds,
        format: "object",
    })
    return publicKey
}

describe("readKey()", () => {
    it("understands keys, and says what to do instead of one that cannot receive files", async () => {
        expect(await readKey(AGE, NOW)).toMatchObject({ ok: true, recipient: { kind: "age", line: AGE } })
        const ecdsa = await readKey("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTY= a", NOW)
        expect(ecdsa).toMatchObject({ ok: false, why: expect.stringMatching(/ECDSA.*: give an age/) })
    })

    it("tells nothing of a text that is a secret", async () => {
        const read = await readKey(`AGE-SECRET-KEY-1${"Q".repeat(58)}`, NOW)
        expect(read).toMatchObject({ ok: false, why: expect.stringContaining("private key") })
        expect(JSON.stringify(read)).not.toContain("QQQ")
    })

    it("knows an expired certificate as the knocker's, with a doubt, and refuses one that is damaged", async () => {
        const key = await certificate(10)
        const line = `openpgp ${key.getFingerprint().toUpperCase()}`
        expect(await readKey(key.armor(), NOW + 1000)).toMatchObject({ ok: true, recipient: { kind: "openpgp", line } })
        const later = await readKey(key.armor(), NOW + DAY)
        expect(later).toMatchObject({ ok: true, doubt: expect.stringContaining("expired"), recipient: { line } })
        expect(await readKey(key.armor().replace(/\n.{20}/, "\nAAAA"), NOW)).toMatchObject({ ok: false })
    })
})
