/** What is drawn anew: over itself on a terminal, one after the other elsewhere, and never more than the terminal holds. */
import pico from "picocolors"
import { afterEach, describe, expect, it, vi } from "vitest"
import { processTerminal, voiceOf } from "../../../src/voice/terminal.ts"

const { isTTY, rows } = process.stdout
afterEach(() => Object.assign(process.stdout, { isTTY, rows }))

const drawn = (terminal: { isTTY: boolean; rows: number }, lines: readonly string[]): string => {
    let text = ""
    Object.assign(process.stdout, terminal)
    const spy = vi.spyOn(process.stdout, "write").mockImplementation((more) => {
        text += String(more)
        return true
    })
    processTerminal(false).redraw(lines)
    spy.mockRestore()
    return text
}

describe("redraw()", () => {
    it("goes to the top of a terminal and wipes what was there", () => {
        expect(drawn({ isTTY: true, rows: 24 }, ["a", "b"])).toBe("\u001b[Ha\u001b[K\nb\u001b[K\n\u001b[J")
    })

    it("leaves out what the terminal has no room for", () => {
        expect(drawn({ isTTY: true, rows: 3 }, ["a", "b", "c", "d"])).toBe("\u001b[Ha\u001b[K\nb\u001b[K\n\u001b[J")
    })

    it("says one after the other where there is no terminal", () => {
        expect(drawn({ isTTY: false, rows: 0 }, ["a", "b"])).toBe("a\nb\n\n")
    })

    it("lets no line command the terminal", () => {
        const text = drawn({ isTTY: true, rows: 24 }, ["a\u001b]0;title\u0007"])
        expect(text).toBe("\u001b[Ha\ufffd]0;title\ufffd\u001b[K\n\u001b[J")
    })
})

describe("voiceOf()", () => {
    it("has colours of its own, and none that a text brings along", () => {
        const lines: string[] = []
        const { error, say } = voiceOf(pico.createColors(true), (line) => lines.push(line))
        error("a\u001b[8mb", "c\u001b[31md")
        say("e\u001b[me")
        const red = "\u001b[31merror\u001b[39m"
        expect(lines).toEqual([`postern: ${red}: a\ufffd[8mb`, "postern: hint: c\ufffd[31md", "e\ufffd[me"])
    })
})
