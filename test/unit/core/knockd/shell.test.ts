import { execFileSync } from "node:child_process"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { shellText } from "../../../../src/core/knockd/shell.ts"

const ran = (command: string) => execFileSync("/bin/sh", ["-c", shellText(command)]).toString("latin1")

describe("shellText()", () => {
    it("leaves plain commands as they are, and makes UTF-8 of bytes that are that", () => {
        expect(shellText("echo 'a' $HOME %IP%")).toBe("echo 'a' $HOME %IP%")
        expect(shellText("echo caf\xc3\xa9")).toBe("echo caf\u00e9")
    })

    it("lets the shell have every byte of any other, with the command's exit code", () => {
        expect(ran("printf '%s|' '\xf6 100%\\n' \"\xff\"")).toBe("\xf6 100%\\n|\xff|")
        expect(() => ran("# \xe9\nexit 7")).toThrow(expect.objectContaining({ status: 7 }))
    })

    it("for any bytes in quotes", () => {
        let odd = 0
        const byte = fc.integer({ min: 1, max: 255 }).filter((code) => code !== 0x27)
        fc.assert(
            fc.property(fc.array(byte, { maxLength: 12 }), (codes) => {
                const text = String.fromCharCode(...codes)
                if (shellText(text).startsWith("eval")) odd++
                expect(ran(`printf %s '${text}'`)).toBe(text)
            }),
            { numRuns: 40 },
        )
        expect(odd).toBeGreaterThan(5)
    })
})
