import { randomBytes } from "node:crypto"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Looks, likeOthers, looksOf } from "../../../../src/core/one-time/looks.ts"
import { formatPlace } from "../../../../src/core/one-time/place.ts"

const names = Array.from({ length: 2000 }, () => formatPlace(randomBytes(20)))
const looks = (length: number): Looks => ({ kind: "age", keys: 1, length })
const key = { kind: "ssh-ed25519", line: "", text: "", comment: "" } as const

describe("looksOf()", () => {
    it("is the kind of the file, where nobody's can have it, the number of its keys and the length of its text", () => {
        expect(looksOf("age", [key, key], 7)).toEqual({ kind: "age", keys: 2, length: 7 })
        expect(looksOf("age-pq", [key], 7)).toEqual({ kind: "age-pq", keys: 1, length: 7 })
        expect(looksOf("openpgp", [key], 7)).toEqual({ kind: "age", keys: 1, length: 7 })
    })
})

describe("likeOthers()", () => {
    it("chooses one of those there are, and something where there are none", () => {
        expect(likeOthers([])(names[0]!)).toEqual({ kind: "age", keys: 1, length: 0 })
        const some = fc.array(fc.integer({ min: 1, max: 9 }).map(looks), { minLength: 1, maxLength: 9 })
        fc.assert(fc.property(some, fc.constantFrom(...names), (all, name) => all.includes(likeOthers(all)(name))))
        for (const edge of ["a", "7"])
            expect(likeOthers([looks(1), looks(2)])(edge.repeat(32))).toEqual(looks(edge === "a" ? 1 : 2))
    })

    it("gives as large a part of the files each look as it has among those there are", () => {
        const all = [looks(9), ...Array.from({ length: 3 }, () => looks(1))]
        const large = names.filter((name) => likeOthers(all)(name).length === 9).length
        // 500 are expected, with a standard deviation of 19.
        expect(large).toBeGreaterThan(380)
        expect(large).toBeLessThan(620)
    })

    it("lets nearly all files look as before when somebody comes, in whatever order", () => {
        const before = Array.from({ length: 100 }, (_, i) => looks(i < 80 ? 1 : 9))
        const after = [looks(9), ...before.toReversed()]
        const changed = names.filter((name) => likeOthers(before)(name).length !== likeOthers(after)(name).length)
        expect(changed.length).toBeLessThan(100)
    })
})
