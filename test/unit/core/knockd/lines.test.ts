import { describe, expect, it } from "vitest"
import { knockdLines } from "../../../../src/core/knockd/lines.ts"
import { parseAddress } from "../../../../src/core/net/address.ts"
import type { ProgramStep, Report } from "../../../../src/core/report.ts"

const source = parseAddress("192.0.2.7")!

const lines = (report: Report) => knockdLines(report, new Map([["d#2", "d"]]))
const program = (which: "start" | "stop", how: ProgramStep) => lines({ type: "program", door: "d", source, which, how })

describe("knockdLines()", () => {
    it("says what knockd says, with its empty lines", () => {
        expect(lines({ type: "stage", door: "d", source, stage: 1, of: 2 })).toEqual(["192.0.2.7: d: Stage 1"])
        expect(lines({ type: "stage", door: "d#2", source, stage: 1, of: 1 })).toEqual([
            "192.0.2.7: d: Stage 1",
            "192.0.2.7: d: OPEN SESAME",
        ])
        expect(lines({ type: "timeout", door: "d", source, stage: 1, of: 2, within: 5000 })).toEqual([
            "192.0.2.7: d: sequence timeout (stage 1)",
            "",
        ])
        expect(program("start", { step: "began", program: "open 192.0.2.7" })).toEqual([
            "d: running command: open 192.0.2.7",
            "",
        ])
        expect(program("stop", { step: "began", program: "shut 192.0.2.7" })).toEqual([
            "192.0.2.7: d: command timeout",
            "d: running command: shut 192.0.2.7",
            "",
        ])
        expect(program("start", { step: "ended", outcome: { ended: "exit", code: 7 } })).toEqual([
            "d: command returned non-zero status code (7)",
        ])
        expect(program("start", { step: "ended", outcome: { ended: "exit", code: 0 } })).toEqual([])
    })

    it("says why a knock went no further, and what could not be run", () => {
        const by = { what: "other", protocol: "tcp" } as const
        expect(lines({ type: "spoiled", door: "d", source, stage: 1, of: 2, after: 30, by })).toEqual([
            "192.0.2.7: d: failed after stage 1: a wrong hit, 30 ms later",
        ])
        expect(lines({ type: "late", door: "d", source, stage: 2, of: 2, ms: 5100, within: 5000 })).toEqual([
            "192.0.2.7: d: too late for stage 2: 100 ms after seq_timeout",
        ])
        expect(lines({ type: "refused", door: "d", source, code: "used" })).toEqual(["192.0.2.7: d: not opened: used"])
        expect(program("start", { step: "crowded" })).toEqual(["192.0.2.7: d: command not run: too many are waiting"])
        expect(program("start", { step: "unnoted", detail: "no room" })[0]).toMatch(/cannot be noted: no room$/)
        expect(program("start", { step: "ended", outcome: { ended: "signal", signal: "SIGKILL" } })).toEqual([
            "d: command was ended by SIGKILL",
        ])
        expect(program("stop", { step: "ended", outcome: { ended: "timeout" } })).toHaveLength(1)
        expect(program("stop", { step: "ended", outcome: { ended: "error", detail: "no memory" } })).toEqual([
            "error: command fork failed!",
            "d: no memory",
        ])
    })

    it("sums up what a flood makes of it", () => {
        const sum = { type: "suppressed", count: 3, sources: 2, ms: 1500, kinds: [] } as const
        expect(lines(sum)).toEqual(["3 more lines of 2 sources were left out in 1.5 s"])
    })
})
