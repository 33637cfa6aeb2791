import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Facts, type LogForm, lineLog } from "../../../src/daemon/log.ts"
import type { Level } from "../../../src/voice/reports.ts"

const LEVELS = ["error", "warning", "notice", "info", "debug"] as const satisfies readonly Level[]
const FORMS = ["plain", "journal", "json"] as const satisfies readonly LogForm[]
const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$/
const wall = () => Date.UTC(2026, 2, 1, 16, 5, 31, 250)

function write(form: LogForm, level: Level, text: string, facts?: Facts, least: Level = "debug"): string[] {
    const lines: string[] = []
    lineLog(form, least, wall, (line) => lines.push(line))(level, text, facts)
    return lines
}

describe("lineLog()", () => {
    it("plain: the time, a mark for what matters, the text", () => {
        const lines = LEVELS.flatMap((level) => write("plain", level, "a door"))
        expect(lines.map((line) => line.replace(/^\S+ /, ""))).toEqual([
            "error: a door",
            "warning: a door",
            "a door",
            "a door",
            "a door",
        ])
        for (const line of lines) expect(line.split(" ")[0]).toMatch(STAMP)
    })

    it("journal: the priority of syslog(3), the text, no time", () => {
        const lines = LEVELS.flatMap((level) => write("journal", level, "a door", { report: { type: "opened" } }))
        expect(lines).toEqual(["<3>a door", "<4>a door", "<5>a door", "<6>a door", "<7>a door"])
    })

    it("json: one object a line, with the facts", () => {
        const opened = { report: { type: "opened", door: "ssh" } }
        const [line] = write("json", "notice", 'a "door"', opened)
        const { time, ...rest } = JSON.parse(line!)
        expect(time).toMatch(STAMP)
        expect(Date.parse(time)).toBe(wall())
        expect(rest).toEqual({ level: "notice", text: 'a "door"', report: { type: "opened", door: "ssh" } })
    })

    it("leaves out what matters less than is wanted, and nothing else", () => {
        for (const form of FORMS) {
            LEVELS.forEach((least, i) => {
                const kept = LEVELS.filter((level) => write(form, level, "x", undefined, least).length === 1)
                expect(kept).toEqual(LEVELS.slice(0, i + 1))
            })
        }
    })

    it.each([
        ["a line break", "ssh: stop: fine\n2026-03-01T00:00:00.000+00:00 ssh: 192.0.2.1: open"],
        ["a carriage return", "fine\rssh: 192.0.2.1: open"],
        ["a priority after a line break", "fine\n<3>postern: broken"],
        ["escape sequences of terminals", "fine\u001b[2K\u001b[1Gssh: 192.0.2.1: open"],
        ["C1 controls", "fine\u009b2Kforged"],
        ["NUL and DEL", "fine\0\u007fforged"],
        ["a next line, a line and a paragraph separator", "fine\u0085\u2028\u2029forged"],
        ["text that runs the other way", "fine\u202e\u2066\u200fdegrof"],
    ])("writes one clean line, whatever is in it: %s", (_, text) => {
        for (const form of FORMS) {
            const lines = write(form, "info", text)
            expect(lines).toHaveLength(1)
            const said: string = form === "json" ? JSON.parse(lines[0]!).text : lines[0]!
            expect(said).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u)
            expect(said).toContain("fine ")
        }
    })

    it("writes one line that begins as it should, for any text", () => {
        const piece = fc.oneof(
            fc.string({ unit: "binary" }),
            fc.constantFrom("\n", "\r\n", "<3>", '","text":"', "\u2028"),
        )
        let broken = 0
        fc.assert(
            fc.property(fc.array(piece), fc.constantFrom(...FORMS), (parts, form) => {
                const text = parts.join("")
                if (/[\r\n\u2028]/.test(text)) broken++
                const [line, ...more] = write(form, "info", text)
                expect(more).toEqual([])
                expect(line).not.toMatch(/[\n\r\u0085\u2028\u2029\0]/)
                if (form === "json") expect(Object.keys(JSON.parse(line!))).toEqual(["time", "level", "text"])
                if (form === "journal") expect(line!.slice(0, 3)).toBe("<6>")
                if (form === "plain") expect(line!.slice(0, line!.indexOf(" "))).toMatch(STAMP)
            }),
            { numRuns: 2000 },
        )
        expect(broken).toBeGreaterThan(200)
    })
})
