import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Service } from "../../../src/core/knock/hit.ts"
import { parseAddress } from "../../../src/core/net/address.ts"
import type { ProgramStep, RefusalCode, Report } from "../../../src/core/report.ts"
import { formatStamp, reportText } from "../../../src/voice/reports.ts"
import { config, World } from "../core/world.ts"

const { TZ } = process.env
const zone = (name: string) => {
    process.env["TZ"] = name
}
beforeEach(() => zone("UTC"))
afterEach(() => {
    if (TZ === undefined) delete process.env["TZ"]
    else zone(TZ)
})

const source = parseAddress("192.0.2.7")!
const opens: Service[] = [
    { protocol: "tcp", port: 22 },
    { protocol: "udp", port: 53 },
]
const wall = Date.UTC(2026, 2, 1, 16, 5, 31, 250)

describe("reportText()", () => {
    const who = { door: "ssh", source }
    const program = (how: ProgramStep): Report => ({ type: "program", ...who, which: "stop", how })
    const far = { ...who, stage: 2, of: 3 }
    const wrong = { type: "spoiled", ...who, stage: 2, of: 4, after: 1200 } as const
    const spoiled = "info ssh: 192.0.2.7: spoiled at stage 2 of 4: 1.2 s after hit 2 came"
    it.each<[Report, string]>([
        [{ type: "stage", ...far }, "info ssh: 192.0.2.7: stage 2 of 3"],
        [
            { type: "timeout", ...far, within: 15_000 },
            "info ssh: 192.0.2.7: timed out at stage 2 of 3: hit 3 did not come within 15 s of hit 1",
        ],
        [
            { type: "late", ...who, stage: 3, of: 3, ms: 15_400, within: 15_000 },
            "info ssh: 192.0.2.7: hit 3 of 3 came 400 ms too late: 15.4 s after hit 1 (within = 15 s)",
        ],
        [{ ...wrong, by: { what: "again", nth: 1 } }, `${spoiled} hit 1 again: the knock was begun anew`],
        [{ ...wrong, by: { what: "again", nth: 2 } }, `${spoiled} hit 2 again in place of hit 3`],
        [
            { ...wrong, by: { what: "early", nth: 4 } },
            `${spoiled} hit 4 in place of hit 3: out of order, or one was lost`,
        ],
        [{ ...wrong, by: { what: "protocol", protocol: "udp" } }, `${spoiled} hit 3 by a wrong protocol, udp`],
        [{ ...wrong, by: { what: "other", protocol: "tcp" } }, `${spoiled} another hit, by tcp, in place of hit 3`],
        [{ type: "orphans", count: 2, uid: 7 }, "notice user 7 took back 2 that no door has opened"],
        [
            { type: "hiding", services: opens, how: "trial", ms: 60_000, uid: 7 },
            "notice hide: tcp/22, udp/53: hidden on trial for 60 s, by hand of user 7",
        ],
        [
            { type: "hiding", services: Array.from({ length: 100 }, () => opens[0]!), more: 3, how: "hidden" },
            `notice hide: ${"tcp/22, ".repeat(10).slice(0, -2)} and 93 more: hidden from now on`,
        ],
        [
            { type: "hiding", services: [opens[0]!], how: "refused", asked: "hide", code: "service", uid: 7 },
            "notice hide: tcp/22: as it was, against the wish of user 7: no door opens it",
        ],
        [
            { type: "table", made: false, detail: "EPERM" },
            "error firewall: our table was taken away and cannot be made again: EPERM",
        ],
        [program({ step: "began", program: "/bin/on" }), "info ssh: 192.0.2.7: running stop: /bin/on"],
        [program({ step: "ended", outcome: { ended: "exit", code: 0 } }), "debug ssh: 192.0.2.7: stop: ended well"],
        [
            program({ step: "ended", outcome: { ended: "exit", code: 3 } }),
            "warning ssh: 192.0.2.7: stop: ended with exit code 3",
        ],
        [
            program({ step: "ended", outcome: { ended: "signal", signal: "SIGKILL" } }),
            "warning ssh: 192.0.2.7: stop: was ended by SIGKILL",
        ],
        [
            program({ step: "ended", outcome: { ended: "timeout" } }),
            "warning ssh: 192.0.2.7: stop: took too long and was ended (see `timeout`)",
        ],
        [
            program({ step: "ended", outcome: { ended: "error", detail: "ENOENT" } }),
            "warning ssh: 192.0.2.7: stop: could not be run: ENOENT",
        ],
        [
            { type: "opened", ...who, opens, ms: 30_000, renewed: false },
            "notice ssh: 192.0.2.7: open: tcp/22, udp/53 for 30 s, until 16:06:01",
        ],
        [
            { type: "opened", ...who, opens, ms: 3_600_000, renewed: true },
            "notice ssh: 192.0.2.7: open for longer: tcp/22, udp/53 for 60 min, until 17:05:31",
        ],
        [
            { type: "given", ...who, opens, ms: 30_000, uid: 1000 },
            "notice ssh: 192.0.2.7: open by hand of user 1000: tcp/22, udp/53 for 30 s, until 16:06:01",
        ],
        [{ type: "given", ...who, opens: [], ms: 0, uid: 0 }, "notice ssh: 192.0.2.7: run by hand of user 0"],
        [{ type: "revoked", ...who, uid: 0 }, "notice ssh: 192.0.2.7: revoked by hand of user 0"],
        [{ type: "closed", ...who, by: "time" }, "notice ssh: 192.0.2.7: closed on time"],
        [{ type: "closed", ...who, by: "knock" }, "notice ssh: 192.0.2.7: closed by a closing knock"],
        [
            { type: "paused", source, ms: 64_000 },
            "warning 192.0.2.7: too many near-misses, its hits do not count for 64 s",
        ],
        [
            {
                type: "suppressed",
                count: 84_210,
                sources: 61_003,
                ms: 10_000,
                kinds: [
                    { kind: "stage", count: 80_000 },
                    { kind: "timeout", count: 4210 },
                ],
            },
            "notice 84 210 more lines from about 61 000 sources were left out in 10 s: stages 80 000, time-outs 4 210",
        ],
        [
            { type: "suppressed", count: 1, sources: 1, ms: 1000, kinds: [{ kind: "opened", count: 1 }] },
            "notice 1 more line from one source was left out in 1 s: opened 1",
        ],
        [
            { type: "closed", door: "ssh", source: parseAddress("2001:db8::7")!, by: "time" },
            "notice ssh: 2001:db8::7: closed on time",
        ],
    ])("%j", (report, wanted) => {
        const { level, text } = reportText(report, wall)
        expect(`${level} ${text}`).toBe(wanted)
    })

    it("has a sentence of its own for each refusal", () => {
        const codes = Object.keys({
            source: 1,
            share: 1,
            grants: 1,
            firewall: 1,
            used: 1,
            state: 1,
            cooldown: 1,
        } satisfies Record<RefusalCode, 1>)
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of the record above
        const texts = (codes as RefusalCode[]).map((code) => reportText({ type: "refused", ...who, code }, wall))
        for (const { level, text } of texts)
            expect(`${level} ${text}`).toMatch(/^warning ssh: 192\.0\.2\.7: refused: \S/)
        expect(new Set(texts.map(({ text }) => text)).size).toBe(codes.length)
    })

    it("never tells a hit, whatever happens", () => {
        // Hits that cannot be mistaken for a stage, a time, an address or a service that is opened.
        const hits = ["47321", "48654:udp", "icmp:4987"]
        const secret = /47321|48654|4987|icmp/
        const door = { name: "ssh", opens: ["tcp/22"], hits, sources: ["192.0.2.0/28"], for: 2000 }
        const close = { name: "close", hits: [...hits].reverse(), closes: ["ssh"] }
        const kinds = new Map<string, number>()
        const some = fc.oneof(
            { weight: 4, arbitrary: fc.constantFrom(hits, close.hits) },
            fc.constant([...Array.from({ length: 6 }, () => [...hits.slice(0, 2), "9"]).flat(), "9"]),
            fc.array(fc.constantFrom("9", "10", ...hits), { maxLength: 5 }),
        )
        const act = fc.record({
            from: fc.constantFrom("192.0.2.1", "192.0.2.2", "203.0.113.9", "192.0.2.3"),
            some,
            gap: fc.constantFrom(1, 600, 16_000),
            works: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
        })
        fc.assert(
            fc.property(fc.array(act, { maxLength: 20, size: "max" }), (acts) => {
                const world = new World(config([door, close], { grants: 2 }))
                for (const { from, some: list, gap, works } of acts) {
                    world.firewallWorks = works
                    world.knock(from, list, gap)
                }
                for (let i = 0; i < 200; i++) world.send(`10.0.0.${i}`, hits[0]!)
                world.pass(60_000)
                for (const report of world.reports) {
                    kinds.set(report.type, (kinds.get(report.type) ?? 0) + 1)
                    expect(reportText(report, wall).text).not.toMatch(secret)
                    expect(JSON.stringify(report)).not.toMatch(secret)
                }
            }),
            { numRuns: 50 },
        )
        const every: readonly Report["type"][] = [
            "stage",
            "timeout",
            "late",
            "spoiled",
            "refused",
            "paused",
            "opened",
            "closed",
            "suppressed",
        ]
        for (const kind of every) expect(kinds.get(kind) ?? 0, kind).toBeGreaterThan(5)
    })
})

describe("reportText(), lengths of time", () => {
    it.each([
        [0, "0 ms"],
        [999, "999 ms"],
        [1000, "1 s"],
        [1500, "1.5 s"],
        [30_000, "30 s"],
        [119_900, "119.9 s"],
        [120_000, "2 min"],
        [5_400_000, "90 min"],
        [7_200_000, "2 h"],
        [7 * 86_400_000, "168 h"],
    ])("%d ms: %s", (ms, text) => {
        expect(reportText({ type: "paused", source, ms }, wall).text).toBe(
            `192.0.2.7: too many near-misses, its hits do not count for ${text}`,
        )
    })
})

describe("formatStamp()", () => {
    it.each([
        ["UTC", "2026-03-01T16:05:31.250+00:00"],
        ["Europe/Berlin", "2026-03-01T17:05:31.250+01:00"],
        ["America/St_Johns", "2026-03-01T12:35:31.250-03:30"],
        ["Asia/Kathmandu", "2026-03-01T21:50:31.250+05:45"],
        ["Pacific/Kiritimati", "2026-03-02T06:05:31.250+14:00"],
        ["Pacific/Pago_Pago", "2026-03-01T05:05:31.250-11:00"],
    ])("in %s", (name, text) => {
        zone(name)
        expect(formatStamp(wall)).toBe(text)
        const opened: Report = { type: "opened", door: "ssh", source, opens, ms: 0, renewed: false }
        expect(reportText(opened, wall).text).toContain(`until ${text.slice(11, 19)}`)
    })

    it("names the same moment in any zone, also where clocks are put forward and back", () => {
        const zones = [
            "UTC",
            "Europe/Berlin",
            "Asia/Kolkata",
            "America/New_York",
            "Australia/Lord_Howe",
            "Africa/Casablanca",
        ]
        const offsets = new Set<string>()
        fc.assert(
            fc.property(fc.constantFrom(...zones), fc.integer({ min: 0, max: 4e12 }), (name, at) => {
                zone(name)
                const text = formatStamp(at)
                expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$/)
                expect(Date.parse(text)).toBe(at)
                offsets.add(`${name} ${text.slice(-6)}`)
            }),
            { numRuns: 2000 },
        )
        expect(offsets.size).toBeGreaterThan(zones.length + 2)
    })
})
