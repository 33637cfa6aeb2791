import { randomBytes } from "node:crypto"
import { Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption"
import { describe, expect, it } from "vitest"
import { ageSize, beginAge, encodeAge } from "../../../src/adapters/sealing/encode-age.ts"
import { wrapperOf } from "../../../src/adapters/sealing/stanzas.ts"

describe("encodeAge()", () => {
    it("makes files that the library reads, around the ends of chunks, of the length that was told", async () => {
        const identity = await generateX25519Identity()
        const text = await identityToRecipient(identity)
        const wrapper = wrapperOf({ kind: "age", line: text, text, comment: "" })
        if (typeof wrapper === "string") throw new Error("the library's")
        for (const length of [0, 1, 65_535, 65_536, 65_537, 131_071, 131_072, 200_000]) {
            const head = beginAge([wrapper, wrapper])
            const plain = randomBytes(length)
            const file = encodeAge(head, plain)
            expect(file).toHaveLength(ageSize(head, length))
            const decrypter = new Decrypter()
            decrypter.addIdentity(identity)
            expect(plain.equals(await decrypter.decrypt(file))).toBe(true)
        }
    })
})
