/** Lines of the audit trail: what is written is read again, and damage is always seen. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { AUDIT_KINDS, readEntry } from "../../../../src/core/audit/entry.ts"
import { formatLine, LINE_MOST, parseLine } from "../../../../src/core/audit/line.ts"
import { crc32 } from "../../../../src/core/store/crc32.ts"
import { anyEntry, FACTS } from "./entries.ts"

const signed = (json: string) => `${crc32(Buffer.from(json, "latin1")).toString(16).padStart(8, "0")} ${json}`

describe("formatLine() and parseLine()", () => {
    it("give every entry back, in one line of ASCII", () => {
        const kinds = new Set<string>()
        fc.assert(
            fc.property(anyEntry, (entry) => {
                kinds.add(entry.what)
                const line = formatLine(entry)
                expect(line).toMatch(/^[0-9a-f]{8} \{[ -~]*\}\n$/)
                expect(parseLine(line.slice(0, -1))).toEqual(entry)
            }),
            { numRuns: 500 },
        )
        expect([...kinds].sort()).toEqual([...AUDIT_KINDS].sort())
    })

    it("see every changed, lost and added character", () => {
        fc.assert(
            fc.property(anyEntry, fc.nat(), fc.integer({ min: 1, max: 255 }), (entry, where, flip) => {
                const line = formatLine(entry).slice(0, -1)
                const at = where % line.length
                const changed = String.fromCharCode(line.charCodeAt(at) ^ flip)
                expect(parseLine(line.slice(0, at) + changed + line.slice(at + 1))).toBe("bad")
                expect(parseLine(line.slice(0, at) + line.slice(at + 1))).toBe("bad")
                expect(parseLine(line.slice(0, at))).toBe("bad")
                expect(parseLine(line + changed)).toBe("bad")
            }),
            { numRuns: 500 },
        )
    })

    it("take what a later version says for `other`, and leave out members they do not know", () => {
        expect(parseLine(signed('{"serial":7,"time":1,"what":"teleported"}'))).toBe("other")
        expect(parseLine(signed('{"serial":7,"time":1,"what":"toString"}'))).toBe("other")
        expect(parseLine(signed('{"serial":7,"time":1,"what":"closed","door":"ssh"}'))).toBe("other")
        expect(parseLine(signed('{"serial":7,"time":1,"what":"stopped","signal":"SIGTERM","more":1}'))).toEqual({
            serial: 7,
            time: 1,
            ...FACTS.stopped,
        })
        for (const json of ["{}", '{"serial":0,"time":1,"what":"lost"}']) expect(parseLine(signed(json))).toBe("other")
        expect(parseLine(signed("{"))).toBe("bad")
    })

    it("never throw, whatever is there", () => {
        fc.assert(
            fc.property(fc.string({ unit: "binary" }), fc.boolean(), (text, sign) => {
                expect(["bad", "other"]).toContain(parseLine(sign ? signed(text) : text))
            }),
        )
        expect(parseLine(signed(`{"a":"${"x".repeat(LINE_MOST)}"}`))).toBe("bad")
        expect(readEntry(null)).toBeNull()
    })
})
