import { describe, expect, it } from "vitest"
import { codeOf } from "../../../../src/core/knock/hit.ts"
import { parseHit } from "../../../../src/core/knock/language.ts"
import { type WrongHit, wrongHit } from "../../../../src/core/knock/wrong.ts"

const code = (text: string) => {
    const read = parseHit(text)
    if (!read.ok) throw new Error(text)
    return codeOf(read.value)
}
const SEQUENCE = ["7000", "8000:udp", "9000", "7000", "icmp:321"].map(code)

describe("wrongHit()", () => {
    it.each<[number, string, WrongHit]>([
        [1, "7000", { what: "again", nth: 1 }],
        [2, "7000", { what: "again", nth: 1 }],
        [2, "8000:udp", { what: "again", nth: 2 }],
        [2, "icmp:321", { what: "early", nth: 5 }],
        [1, "9000", { what: "early", nth: 3 }],
        [1, "8000", { what: "protocol", protocol: "tcp" }],
        [4, "321:udp", { what: "protocol", protocol: "udp" }],
        [4, "icmp:322", { what: "other", protocol: "icmp" }],
        [1, "1", { what: "other", protocol: "tcp" }],
    ])("after %d hits, %s", (stage, hit, wanted) => {
        expect(wrongHit(SEQUENCE, stage, code(hit))).toEqual(wanted)
    })
})
