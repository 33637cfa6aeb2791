import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { DIGESTS } from "../../../../src/adapters/system/digests.ts"
import { dummyNameOf, fileNameOf, formatPlace, parsePlace, placeOf } from "../../../../src/core/one-time/place.ts"
import type { PlaceVector } from "../../../../tools/vectors/places.ts"

const folder = join(import.meta.dirname, "../../../../vectors/places")
const KINDS = ["age", "age-pq", "openpgp"] as const

describe("vectors/places", () => {
    const vectors = readdirSync(folder).map((file): PlaceVector => JSON.parse(readFileSync(join(folder, file), "utf8")))
    for (const { name, placeKey, place, files } of vectors) {
        it(`${name}, ${placeKey.slice(0, 4)}…: place and names are as the vector says`, () => {
            const bytes = placeOf(DIGESTS, Buffer.from(placeKey, "hex"), name)
            expect(formatPlace(bytes)).toBe(place)
            for (const kind of KINDS) expect(fileNameOf(DIGESTS, bytes, kind)).toBe(files[kind])
        })
    }

    it("differ in every name", () => {
        const names = vectors.flatMap(({ place, files }) => [place, ...Object.values(files)])
        expect(names).toHaveLength(6 * 4)
        expect(new Set(names).size).toBe(names.length)
    })
})

describe("parsePlace()", () => {
    it("reads what formatPlace() wrote, whatever the bytes", () => {
        fc.assert(
            fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (bytes) => {
                expect(parsePlace(formatPlace(bytes))).toEqual(bytes)
            }),
        )
    })

    it("refuses what is shorter, longer, in other letters or padded", () => {
        const good = formatPlace(Uint8Array.from({ length: 20 }, (_, i) => i))
        expect(parsePlace(good)).not.toBeNull()
        for (const bad of [good.slice(1), `${good}a`, good.toUpperCase(), `1${good.slice(1)}`, `${good}=`])
            expect(parsePlace(bad), bad).toBeNull()
    })
})

describe("dummyNameOf()", () => {
    it("looks like any name, and is that of no knocker", () => {
        const key = new Uint8Array(32)
        const names = [0, 1, 10].map((n) => dummyNameOf(DIGESTS, key, n))
        const knocker = fileNameOf(DIGESTS, placeOf(DIGESTS, key, "0"), "age")
        for (const name of names) expect(parsePlace(name)).not.toBeNull()
        expect(new Set([...names, knocker]).size).toBe(4)
    })
})
