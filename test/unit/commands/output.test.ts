/** What becomes of a program's output, however it is cut into pieces. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { LONGEST_LINE, MOST_LINES, OutputLines } from "../../../src/adapters/commands/output.ts"

const linesOf = (pieces: readonly (readonly [string, Uint8Array])[]): string[] => {
    const seen: string[] = []
    const lines = new OutputLines((line) => seen.push(line))
    for (const [stream, bytes] of pieces) lines.bytes(stream, bytes)
    lines.end()
    return seen
}

/** The same, slowly: one stream, all of it at once. */
const twin = (text: string): string[] => {
    const all = text.split(/\r?\n/)
    if (all.at(-1) === "") all.pop()
    const shown = all.slice(0, MOST_LINES).map((line) => {
        const printable = line.replaceAll("\t", " ").replaceAll(/[\p{Cc}\u2028\u2029]/gu, "\ufffd")
        return printable.length > LONGEST_LINE ? `${printable.slice(0, LONGEST_LINE)}…` : printable
    })
    const cut = all.length - shown.length
    return cut === 0 ? shown : [...shown, `… ${cut} more ${cut === 1 ? "line" : "lines"} not shown`]
}

const piece = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("\n", "\r\n", "\n\n\n", "é\t\u001b[31m\u2028", "x".repeat(LONGEST_LINE), "\n".repeat(MOST_LINES)),
    fc.nat(MOST_LINES * 2).map((n) => "line\n".repeat(n)),
)

describe("OutputLines", () => {
    it("shows and counts the same wherever the output is cut", () => {
        let [full, long] = [0, 0]
        fc.assert(
            fc.property(fc.array(piece, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 12 }), (parts, cuts) => {
                const text = parts.join("")
                const bytes = Buffer.from(text)
                const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
                const seen = linesOf(at.slice(1).map((to, i) => ["stdout", bytes.subarray(at[i], to)] as const))
                expect(seen).toEqual(twin(text))
                if (seen.at(-1)?.endsWith("not shown") === true) full++
                if (seen.some((line) => line.length > LONGEST_LINE)) long++
            }),
        )
        expect(Math.min(full, long)).toBeGreaterThan(5)
    })

    it("shares the bound between streams, and ends each one's last line", () => {
        const many = Buffer.from("a\n".repeat(MOST_LINES - 1))
        const last = Buffer.from("b\nc")
        expect(linesOf([["out", many], ...["out", "err"].map((name) => [name, last] as const)]).slice(-2)).toEqual([
            "b",
            "… 3 more lines not shown",
        ])
    })
})
