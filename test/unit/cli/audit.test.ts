/** What `postern log` and `postern state` understand and say. */
import { afterAll, describe, expect, it } from "vitest"
import { parseWhen } from "../../../src/cli/log/when.ts"
import { entryText } from "../../../src/cli/texts/entries.ts"
import { stateLines } from "../../../src/cli/texts/state.ts"
import type { AuditFact } from "../../../src/core/audit/entry.ts"
import type { RefusalCode } from "../../../src/core/report.ts"
import { FACTS } from "../core/audit/entries.ts"

const { TZ } = process.env
process.env["TZ"] = "Europe/Berlin"
afterAll(() => {
    if (TZ === undefined) delete process.env["TZ"]
    else process.env["TZ"] = TZ
})

const NOW = Date.UTC(2026, 2, 1, 16, 5, 31)

describe("parseWhen()", () => {
    it.each([
        ["now", NOW],
        ["90m", NOW - 5_400_000],
        ["2d", NOW - 2 * 86_400_000],
        ["2026-03-01", Date.UTC(2026, 1, 28, 23)],
        ["2026-07-01", Date.UTC(2026, 5, 30, 22)],
        ["2026-03-01 17:05", Date.UTC(2026, 2, 1, 16, 5)],
        ["2026-03-01T17:05:31", NOW],
        ["2026-03-01T16:05:31.250Z", NOW + 250],
        ["2026-03-01 17:05:31+01:00", NOW],
    ])("%s", (text, moment) => {
        expect(parseWhen(text, NOW)).toBe(moment)
    })

    it.each([
        "",
        "yesterday",
        "90",
        "-1h",
        "2026-13-01",
        "2026-02-30",
        "2026-3-1",
        "17:05",
        "2026-03-01 25:00",
        "1969-01-01",
    ])("%s: no moment", (text) => {
        expect(parseWhen(text, NOW)).toBeNull()
    })
})

describe("entryText()", () => {
    const time = 1_700_000_000_000
    const said = Object.fromEntries(
        Object.entries(FACTS).map(([kind, fact]) => [kind, entryText({ serial: 1, time, ...fact })]),
    )

    it("has a line for each kind, with the local time", () => {
        for (const line of Object.values(said)) expect(line).toMatch(/^2023-11-14 23:13:20 {2}\S.*[^ :]$/s)
        expect(new Set(Object.values(said)).size).toBe(Object.keys(FACTS).length)
    })

    it.each([
        ["opened", "ssh: 198.51.100.7: open: tcp/22, udp/53 for 30 s, until 23:13:50"],
        ["given", "ssh: 2001:db8::7: run by hand of user 1000"],
        ["closed", "ssh: 198.51.100.7: closed by a new configuration"],
        ["refused", "ssh: 198.51.100.7: refused: the right knock, but as many grants are open as `grants` allows"],
        ["paused", "203.0.113.9: too many near-misses: paused for 30 s"],
        ["started", "postern 0.1.0 started (pid 812); the one before did not end cleanly"],
        ["reloaded", "the configuration was refused by SIGHUP, user 0, user 1000: 2 problems"],
        ["summed", '84210 more of "refused" from 4096 sources since 01:00:00'],
        ["lost", "12 entries since 2023-11-14T23:13:20.000+01:00 could not be written"],
    ])("%s", (kind, text) => {
        expect(said[kind]).toBe(`2023-11-14 23:13:20  ${text}`)
    })
})

const textOf = (fact: AuditFact) => entryText({ serial: 1, time: 1_700_000_000_000, ...fact }).slice(21)

describe("entryText() of counts and codes", () => {
    it("counts one thing as one", () => {
        expect(textOf({ ...FACTS.reloaded, problems: 1 })).toMatch(/^the configuration was refused.*: 1 problem$/)
        expect(textOf({ ...FACTS.lost, count: 1 })).toMatch(/^1 entry since /)
        expect(textOf({ ...FACTS.summed, sources: 1 })).toMatch(/ from 1 source since /)
    })

    it("has words for every reason to refuse, and shows one of a later version as it is", () => {
        for (const code of ["source", "share", "grants", "firewall"] satisfies RefusalCode[])
            expect(textOf({ ...FACTS.refused, code })).toMatch(/ refused: the right knock, but \S+ .* \S+$/)
        expect(textOf({ ...FACTS.refused, code: "moon" })).toMatch(/ but moon$/)
        expect(textOf({ ...FACTS.refused, code: "toString" })).toMatch(/ but toString$/)
    })
})

describe("stateLines()", () => {
    it("says what is kept, and what is wrong with it", () => {
        const since = NOW
        const journal = { since, why: "damage", claims: 1, counters: 2, stops: 3, trouble: "ENOSPC" } as const
        const audit = { serial: 12, bytes: 3_400_000, waiting: 7, lost: 5, trouble: "EROFS" }
        expect(stateLines({ directory: "/srv", journal, audit })).toEqual([
            "state    /srv",
            "journal  1 claims, 2 counters, 3 stop programs to come",
            "known    from 2026-03-01T17:05:31.000+01:00 on, when the journal was found damaged: what may have been used before is refused",
            "audit    entries up to 12, 3.2 MiB",
            "journal  cannot be written: ENOSPC",
            "journal  was damaged: what may have been used before 2026-03-01T17:05:31.000+01:00 is refused (postern-state(1))",
            "audit    cannot be written: EROFS: 7 entries wait",
            "audit    5 entries were lost since the start",
        ])
        expect(stateLines({ directory: "/srv", journal: null, audit: null })).toEqual([
            "state    /srv",
            "journal  none: no door needs one",
            "audit    none is kept",
        ])
        const well = { ...journal, why: "operator", trouble: null } as const
        const small = { serial: 1, bytes: 130, waiting: 0, lost: 0, trouble: null }
        expect(stateLines({ directory: "/srv", journal: well, audit: small })).toHaveLength(4)
        expect(stateLines({ directory: "/srv", journal: well, audit: { ...small, bytes: 2048 } })[3]).toMatch(/2 KiB$/)
    })
})
