/** What of the reports becomes an entry, and that no hit can be in it. */
import { describe, expect, it } from "vitest"
import type { AuditFact } from "../../../../src/core/audit/entry.ts"
import { factOf } from "../../../../src/core/audit/fact.ts"
import { EVERYTHING, matches } from "../../../../src/core/audit/filter.ts"
import { Sums } from "../../../../src/core/audit/sums.ts"
import { parseAddress, parseNetwork } from "../../../../src/core/net/address.ts"
import type { ProgramStep, Report } from "../../../../src/core/report.ts"
import { FACTS } from "./entries.ts"

const WALL = 1_700_000_000_000
const who = { door: "ssh", source: parseAddress("2001:db8::7")! } as const
const named = { door: "ssh", source: "2001:db8::7" }
const opens = [{ protocol: "tcp", port: 22 }] as const

describe("factOf()", () => {
    const program = (how: ProgramStep): Report => ({ type: "program", ...who, which: "start", how })
    it.each<[Report, Partial<AuditFact> | null]>([
        [{ type: "stage", ...who, stage: 1, of: 3 }, null],
        [{ type: "timeout", ...who, stage: 1, of: 3, within: 9 }, null],
        [{ type: "late", ...who, stage: 2, of: 3, ms: 10, within: 9 }, null],
        [{ type: "spoiled", ...who, stage: 1, of: 3, after: 1, by: { what: "again", nth: 1 } }, null],
        [
            { type: "opened", ...who, opens, ms: 30_000, renewed: false },
            { what: "opened", ...named, knocker: "unknown", opens: ["tcp/22"], until: WALL + 30_000 },
        ],
        [{ type: "opened", ...who, opens, ms: 1, renewed: true }, { what: "renewed" }],
        [
            { type: "given", ...who, opens, ms: 5, uid: 7 },
            { what: "given", uid: 7, until: WALL + 5 },
        ],
        [
            { type: "given", ...who, opens: [], ms: 0, uid: 7 },
            { what: "given", uid: 7, until: null },
        ],
        [
            { type: "revoked", ...who, uid: 7 },
            { what: "revoked", ...named, uid: 7 },
        ],
        [
            { type: "closed", ...who, by: "knock" },
            { what: "closed", ...named, by: "knock" },
        ],
        [
            { type: "refused", ...who, code: "source" },
            { what: "refused", ...named, code: "source" },
        ],
        [
            { type: "paused", source: who.source, ms: 5 },
            { what: "paused", source: named.source, until: WALL + 5 },
        ],
        [
            program({ step: "began", program: "/bin/secret" }),
            { what: "program", which: "start", how: "began", detail: "" },
        ],
        [program({ step: "ended", outcome: { ended: "exit", code: 0 } }), { how: "well", detail: "" }],
        [program({ step: "ended", outcome: { ended: "exit", code: 3 } }), { how: "exit", detail: "3" }],
        [
            program({ step: "ended", outcome: { ended: "signal", signal: "SIGKILL" } }),
            { how: "signal", detail: "SIGKILL" },
        ],
        [program({ step: "ended", outcome: { ended: "timeout" } }), { how: "timeout" }],
        [program({ step: "ended", outcome: { ended: "error", detail: "x".repeat(500) } }), { how: "error" }],
        [program({ step: "crowded" }), { how: "crowded" }],
        [program({ step: "unnoted", detail: "ENOSPC" }), { how: "unnoted", detail: "ENOSPC" }],
        [
            { type: "orphans", count: 2, uid: 0 },
            { what: "orphans", count: 2, uid: 0 },
        ],
        [
            { type: "hiding", services: [{ protocol: "tcp", port: 22 }], how: "trial", ms: 1000, uid: 7 },
            { what: "hiding", how: "trial", services: ["tcp/22"], until: WALL + 1000, uid: 7 },
        ],
        [
            { type: "hiding", services: [], more: 2, how: "refused", asked: "hide", code: "firewall", uid: 7 },
            { what: "hiding", how: "refused", services: [], more: 2, code: "firewall", uid: 7 },
        ],
        [
            {
                type: "reload",
                uid: null,
                done: true,
                added: 1,
                removed: 0,
                changed: 0,
                kept: 1,
                hooks: 0,
                knockers: 0,
                gateway: [],
                ended: 0,
            },
            { what: "reloaded", done: true, problems: 0, uid: null },
        ],
        [
            { type: "reload", uid: 7, others: [null, 8], done: false, code: "configuration", problems: 3 },
            { what: "reloaded", done: false, problems: 3, uid: 7, others: [null, 8] },
        ],
        [
            { type: "table", made: true },
            { what: "table", made: true, detail: "" },
        ],
        [
            { type: "table", made: false, detail: "EPERM" },
            { what: "table", made: false, detail: "EPERM" },
        ],
        [
            {
                type: "suppressed",
                count: 900,
                sources: 3,
                ms: 1000,
                kinds: [
                    { kind: "stage", count: 880 },
                    { kind: "opened", count: 11 },
                    { kind: "refused", count: 7 },
                    { kind: "paused", count: 2 },
                ],
            },
            { what: "suppressed", count: 9 },
        ],
        [{ type: "suppressed", count: 1, sources: 1, ms: 1, kinds: [{ kind: "opened", count: 1 }] }, null],
    ])("%j", (report, wanted) => {
        const fact = factOf(report, WALL)
        if (wanted === null) expect(fact).toBeNull()
        else expect(fact).toMatchObject(wanted)
        expect(JSON.stringify(fact).length).toBeLessThan(400)
        expect(JSON.stringify(fact)).not.toContain("secret")
    })
})

/** How many of these pass by themselves; each of another source. */
const flood = (sums: Sums, fact: AuditFact, count: number) =>
    Array.from({ length: count }, (_, i) => {
        const source = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
        return sums.pass({ ...fact, ...("source" in fact && { source }) }, 1000, WALL + i)
    }).filter((passed) => passed !== null).length

describe("Sums", () => {
    it("lets a burst through and sums the rest up, each kind for itself", () => {
        const sums = new Sums()
        const passed = flood(sums, FACTS.refused, 1000)
        expect(passed).toBe(100)
        expect(sums.pass(FACTS.opened, 1000, WALL)).toEqual(FACTS.opened)
        expect(sums.due).toBe(11_000)
        expect(sums.take()).toEqual([
            { what: "summed", of: "refused", door: "ssh", uid: null, count: 900, sources: 900, since: WALL + 100 },
        ])
        expect(sums.due).toBeNull()
        expect(sums.take()).toEqual([])
    })

    it("names door and user only if they are the same for all, and tells a bounded number of sources apart", () => {
        const sums = new Sums()
        flood(sums, FACTS.given, 10_000)
        sums.pass({ ...FACTS.given, door: "web", uid: 7 }, 1000, WALL)
        expect(sums.take()).toMatchObject([{ of: "given", door: null, uid: null, count: 9901, sources: 4096 }])
        flood(sums, FACTS.given, 10)
        expect(sums.take()).toMatchObject([{ of: "given", door: "ssh", uid: 1000, count: 10, sources: 10 }])
    })

    it("lets a few per second through for ever", () => {
        const sums = new Sums()
        let passed = 0
        for (let now = 0; now < 1_000_000; now += 10) if (sums.pass(FACTS.refused, now, WALL) !== null) passed++
        expect(passed).toBeGreaterThan(5000)
        expect(passed).toBeLessThan(5200)
    })
})

describe("matches()", () => {
    const entry = { serial: 1, time: WALL, ...FACTS.opened }
    const sum = { serial: 2, time: WALL, ...FACTS.summed }
    it.each([
        [EVERYTHING, true, true],
        [{ ...EVERYTHING, since: WALL, until: WALL + 1 }, true, true],
        [{ ...EVERYTHING, since: WALL + 1 }, false, false],
        [{ ...EVERYTHING, until: WALL }, false, false],
        [{ ...EVERYTHING, door: "ssh" }, true, false],
        [{ ...EVERYTHING, door: "web" }, false, false],
        [{ ...EVERYTHING, source: parseNetwork("198.51.100.0/24") }, true, false],
        [{ ...EVERYTHING, source: parseNetwork("198.51.101.0/24") }, false, false],
        [{ ...EVERYTHING, kinds: ["opened" as const, "lost" as const] }, true, false],
        [{ ...EVERYTHING, kinds: ["refused" as const] }, false, true],
    ])("%j", (filter, one, other) => {
        expect([matches(entry, filter), matches(sum, filter)]).toEqual([one, other])
    })
})
