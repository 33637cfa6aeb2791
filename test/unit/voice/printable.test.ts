import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { printable } from "../../../src/voice/printable.ts"

describe("printable()", () => {
    it("leaves words, tabs and lines as they are", () => {
        for (const text of ["two\n\twords", "… é 日本 🚪"]) {
            expect(printable(text)).toBe(text)
        }
    })

    it("leaves nothing that commands a terminal or turns a line around", () => {
        for (const [text, clean] of [
            ["\u001b]0;title\u0007", "\ufffd]0;title\ufffd"],
            ["\u001b[2Jgone", "\ufffd[2Jgone"],
            ["a\rb\u0008c\u007f", "a\ufffdb\ufffdc\ufffd"],
            ["\u009b2J \u2028 \u202egnp.exe\u202c", "\ufffd2J \ufffd \ufffdgnp.exe\ufffd"],
            ["\u001b\u001b[31m", "\ufffd\ufffd[31m"],
            ["\u001b[8mhidden\u001b[m", "\ufffd[8mhidden\ufffd[m"],
        ] as const) {
            expect(printable(text)).toBe(clean)
        }
        const nasty = fc.constantFrom("\u001b", "[", "]", "m", "3", ";", "J", "\r", "\u0000", "\u009b", "\u2066", "x")
        fc.assert(
            fc.property(
                fc.array(nasty).map((parts) => parts.join("")),
                (text) => {
                    expect(printable(text)).not.toMatch(/[\p{Cc}\u2028\u2066]/u)
                },
            ),
        )
    })
})
