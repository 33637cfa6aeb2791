import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type EnrolmentLink, formatLink, parseLink } from "../../../../src/core/one-time/link.ts"
import type { EnrolmentVector } from "../../../../tools/vectors/enrolment.ts"

const FOLDER = join(import.meta.dirname, "../../../../vectors/enrolment")
const vectors = readdirSync(FOLDER).map((file): readonly [string, EnrolmentVector] => [
    file,
    JSON.parse(readFileSync(join(FOLDER, file), "utf8")),
])
const name = fc.stringMatching(/^[A-Za-z0-9._:][A-Za-z0-9._:-]{0,63}$/)
const links: fc.Arbitrary<EnrolmentLink> = fc.record({
    url: fc.stringMatching(/^https?:\/\/[a-z0-9.-]{1,20}(:\d{1,5})?\/([\w.~-]{1,9}\/){0,3}$/),
    gateway: name,
    knocker: name,
    key: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("base64")),
    place: fc.stringMatching(/^[a-z2-7]{32}$/),
})

describe("parseLink()", () => {
    it.each(vectors)("vectors/enrolment/%s", (_, { text, expect: wanted }) => {
        const read = parseLink(text)
        expect(read.ok ? { link: read.link } : { refused: read.code }).toEqual(wanted)
    })

    it("reads what formatLink() wrote, and there is no other way to write it", () => {
        let changed = 0
        fc.assert(
            fc.property(links, fc.nat(), fc.integer({ min: 32, max: 126 }), (link, at, byte) => {
                const text = formatLink(link)
                expect(parseLink(text)).toEqual({ ok: true, link })
                const place = at % text.length
                const other = `${text.slice(0, place)}${String.fromCharCode(byte)}${text.slice(place + 1)}`
                const read = parseLink(other)
                if (!read.ok) return
                changed++
                expect(formatLink(read.link)).toBe(other.trim())
            }),
            { numRuns: 1000 },
        )
        expect(changed).toBeGreaterThan(100)
    })
})
