/** The messages between daemon and command line: what goes in comes out, and no line makes a reader throw. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { EVERYTHING } from "../../../src/core/audit/filter.ts"
import { ANSWER_MOST, type Answer, decodeAnswer, encodeAnswer } from "../../../src/core/control/answer.ts"
import { decodeRequest, encodeRequest, REQUEST_MOST, type Request } from "../../../src/core/control/request.ts"
import { type Address, parseAddress, parseNetwork } from "../../../src/core/net/address.ts"
import type { Status } from "../../../src/core/status.ts"
import { FACTS } from "./audit/entries.ts"

const me = parseAddress("192.0.2.7")!
const REQUESTS: readonly Request[] = [
    { ask: "status" },
    { ask: "metrics" },
    { ask: "grant", door: "ssh", source: me, ms: null },
    { ask: "grant", door: "ssh", source: parseAddress("2001:db8::7")!, ms: 600_000 },
    { ask: "revoke", door: null, source: null, knocker: null },
    { ask: "reload" },
    { ask: "revoke", door: "ssh", source: null, knocker: null },
    { ask: "revoke", door: null, source: parseNetwork("2001:db8::/32")!, knocker: null },
    { ask: "revoke", door: "ssh", source: parseNetwork("192.0.2.7")!, knocker: null },
    { ask: "revoke", door: null, source: null, knocker: "anna" },
    { ask: "revoke", door: "ssh", source: parseNetwork("192.0.2.7")!, knocker: "anna" },
    { ask: "log", after: 0, last: null, filter: EVERYTHING },
    { ask: "log", after: 7, last: 0, filter: EVERYTHING },
    {
        ask: "log",
        after: 0,
        last: 10,
        filter: {
            since: 5,
            until: 9,
            door: "ssh",
            source: parseNetwork("192.0.2.0/24")!,
            knocker: "anna",
            kinds: ["opened", "lost"],
        },
    },
    { ask: "grant", door: "ssh", source: parseAddress("192.0.2.7")!, ms: 1000 },
    { ask: "grant", door: "ssh", source: parseAddress("192.0.2.7")!, ms: 604_800_000 },
    { ask: "trust", since: 1_700_000_000_000 },
    { ask: "trust", since: 0 },
    { ask: "hide", service: { protocol: "tcp", port: 22 }, ms: 120_000 },
    { ask: "unhide", service: { protocol: "udp", port: 53 } },
    { ask: "bundle", knocker: "anna", secret: false },
    { ask: "bundle", knocker: "anna", secret: true },
    { ask: "publish" },
    { ask: "rotate", grace: 0 },
    { ask: "rotate", grace: 7_776_000_000 },
]
const status: Status = {
    pid: 7,
    now: 2000,
    started: 1000,
    loaded: 1000,
    capture: "nflog",
    interfaces: ["eth0"],
    offered: ["tcp/443"],
    table: { by: "nftables", inPlace: true, leads: false },
    doors: [{ name: "ssh", opens: ["tcp/22"], for: 30_000, hide: true, grants: 1 }],
    hiding: { hidden: ["tcp/443"], trials: [{ service: "tcp/22", left: 9, arrived: ["192.0.2.9"] }] },
    attempts: [{ door: "ssh", source: "192.0.2.7", stage: 1, of: 3, left: 900 }],
    grants: [
        {
            door: "ssh",
            source: "192.0.2.8",
            network: "192.0.2.0/24",
            left: 1,
            used: true,
            since: 1500,
            by: "hand",
            uid: 0,
            knocker: null,
            program: "idle",
        },
        {
            door: "ssh",
            source: "2001:db8::8",
            network: null,
            left: null,
            used: false,
            since: 1500,
            by: "knock",
            uid: null,
            knocker: "anna",
            program: "stopping",
        },
    ],
    totals: { doors: 1, attempts: 1, grants: 2, grantsRoom: 16, sources: 1, sourcesRoom: 1024 },
    counters: { delivered: 9, dropped: 0, hits: 4, repeats: 1, ignored: 0, turnedAway: 0 },
    state: {
        directory: "/var/lib/postern",
        journal: { since: 900, why: "damage", claims: 1, counters: 2, stops: 3, trouble: "ENOSPC" },
        audit: { serial: 12, bytes: 2000, waiting: 1, lost: 0, trouble: null },
    },
    oneTime: {
        waitsFor: null,
        knockers: 2,
        sequences: 20,
        members: [
            { knocker: "anna", door: "ssh", next: 3, left: 10, used: 1100, published: 1000 },
            { knocker: "bert", door: "ssh", next: 0, left: 10, used: null, published: null },
        ],
        total: 2,
    },
    publication: {
        trouble: null,
        last: { serial: 7, made: 1000, files: 64, took: 90 },
        targets: [{ name: "directory /www", done: 2000, serial: 7, trouble: "no room", failures: 3 }],
    },
    warnings: [{ time: 1200, level: "error", text: "firewall: no", times: 2 }],
}
const ANSWERS: readonly Answer[] = [
    { ok: true, answer: "status", status },
    { ok: true, answer: "status", status: { ...status, interfaces: null } },
    { ok: true, answer: "metrics", text: "# TYPE a gauge\na 1\n" },
    { ok: true, answer: "grant", ms: 600_000, opens: ["tcp/22"] },
    { ok: true, answer: "revoke", grants: 2, orphans: 0 },
    {
        ok: true,
        answer: "log",
        entries: Object.values(FACTS).map((fact, i) => ({ serial: i + 1, time: 5, ...fact })),
        next: 99,
        more: true,
        missing: 2,
    },
    { ok: true, answer: "hide" },
    { ok: true, answer: "unhide", was: "trial" },
    { ok: true, answer: "trust", before: 1_700_000_000_000 },
    { ok: false, code: "door", detail: "ssh, web" },
]
const LINES = [...REQUESTS.map(encodeRequest), ...ANSWERS.map(encodeAnswer)]

/** What both readers say to a line; neither may throw. */
const verdicts = (line: string) => [decodeRequest(line), decodeAnswer(line)] as const

describe("decodeRequest()", () => {
    it.each(REQUESTS)("reads what encodeRequest() wrote: %j", (request) => {
        const line = encodeRequest(request)
        expect(line).not.toContain("\n")
        expect(decodeRequest(line)).toEqual({ ok: true, request })
    })

    it("reads any grant back", () => {
        const word = fc.integer({ min: 0, max: 0xffff_ffff })
        const v4 = word.map((d): Address => [0, 0, 0xffff, d])
        const v6 = fc.tuple(word, word, word, word)
        const ms = fc.option(fc.integer({ min: 1000, max: 7 * 86_400_000 }))
        fc.assert(
            fc.property(fc.oneof(v4, v6), fc.string({ maxLength: 64 }), ms, (source, door, ms) => {
                const request: Request = { ask: "grant", door, source, ms }
                expect(decodeRequest(encodeRequest(request))).toEqual({ ok: true, request })
            }),
        )
    })

    it.each([
        ["", "malformed"],
        ["status", "malformed"],
        ["null", "malformed"],
        ["[]", "malformed"],
        ["{}", "malformed"],
        ['{"postern":2,"ask":"status"}', "version"],
        ['{"postern":"1","ask":"status"}', "version"],
        ['{"postern":1}', "unknown"],
        ['{"postern":1,"ask":"stop"}', "unknown"],
        ['{"postern":1,"ask":"__proto__"}', "unknown"],
        ['{"postern":1,"ask":"status","more":1}', "malformed"],
        ['{"postern":1,"ask":"grant","door":"ssh"}', "malformed"],
        ['{"postern":1,"ask":"grant","door":"ssh","source":"gate"}', "source"],
        ['{"postern":1,"ask":"grant","door":"ssh","source":"192.0.2.0/24"}', "source"],
        ['{"postern":1,"ask":"grant","door":"ssh","source":"192.0.2.7","for":999}', "for"],
        ['{"postern":1,"ask":"grant","door":"ssh","source":"192.0.2.7","for":1500.5}', "for"],
        ['{"postern":1,"ask":"grant","door":"ssh","source":"192.0.2.7","for":604800001}', "for"],
        ['{"postern":1,"ask":"grant","door":"ssh","source":"192.0.2.7","for":"10m"}', "malformed"],
        ['{"postern":1,"ask":"revoke"}', "malformed"],
        ['{"postern":1,"ask":"revoke","all":false}', "malformed"],
        ['{"postern":1,"ask":"revoke","all":true,"door":"ssh"}', "malformed"],
        ['{"postern":1,"ask":"revoke","all":true,"source":"192.0.2.7"}', "malformed"],
        ['{"postern":1,"ask":"revoke","all":true,"knocker":"ann"}', "malformed"],
        ['{"postern":1,"ask":"revoke","source":"192.0.2.7/24"}', "source"],
    ])("refuses %s", (line, code) => {
        expect(decodeRequest(line)).toMatchObject({ ok: false, code })
    })

    it("refuses a line without bounds", () => {
        const line = encodeRequest({ ask: "status" })
        expect(decodeRequest(line + " ".repeat(REQUEST_MOST - line.length)).ok).toBe(true)
        expect(decodeRequest(line + " ".repeat(REQUEST_MOST - line.length + 1))).toMatchObject({ code: "too-long" })
    })
})

describe("decodeAnswer()", () => {
    it.each(ANSWERS)("reads what encodeAnswer() wrote: %j", (answer) => {
        const line = encodeAnswer(answer)
        expect(line).not.toContain("\n")
        expect(decodeAnswer(line)).toEqual(answer)
    })

    it("skips what a newer daemon says beyond it", () => {
        const line = JSON.stringify({ postern: 1, ok: true, answer: "revoke", grants: 1, orphans: 0, later: [1] })
        expect(decodeAnswer(line)).toEqual({ ok: true, answer: "revoke", grants: 1, orphans: 0 })
        const refused = JSON.stringify({ postern: 1, ok: false, code: "of-tomorrow", detail: "no" })
        expect(decodeAnswer(refused)).toEqual({ ok: false, code: "failed", detail: "no" })
    })

    it.each([
        ["", "malformed"],
        ['{"postern":1}', "malformed"],
        ['{"postern":1,"ok":true,"answer":"secret"}', "malformed"],
        ['{"postern":1,"ok":true,"answer":"revoke","grants":-1,"orphans":0}', "malformed"],
        ['{"postern":2,"ok":true,"answer":"revoke","grants":1,"orphans":0}', "version"],
    ])("refuses %s", (line, code) => expect(decodeAnswer(line)).toMatchObject({ ok: false, code }))

    it("refuses a line without bounds", () =>
        expect(decodeAnswer(" ".repeat(ANSWER_MOST + 1))).toMatchObject({ ok: false, code: "too-long" }))
})

describe("a line that was damaged", () => {
    it("is refused wherever it is cut", () => {
        for (const line of LINES) {
            for (let end = 0; end < line.length; end++) {
                for (const read of verdicts(line.slice(0, end))) expect(read.ok).toBe(false)
            }
        }
    })

    it("never makes a reader throw, however it was changed", () => {
        let read = 0
        let refused = 0
        const edit = fc.record({ line: fc.constantFrom(...LINES), at: fc.nat(), by: fc.string({ maxLength: 3 }) })
        fc.assert(
            fc.property(edit, fc.nat({ max: 3 }), ({ line, at, by }, cut) => {
                const place = at % line.length
                for (const verdict of verdicts(line.slice(0, place) + by + line.slice(place + cut))) {
                    if (verdict.ok) read++
                    else refused++
                }
            }),
            { numRuns: 3000 },
        )
        // Some changes are harmless, such as one of a door's name: the generator reaches both sides.
        expect(read).toBeGreaterThan(100)
        expect(refused).toBeGreaterThan(1000)
    })

    it("never makes a reader throw, whatever JSON it is", () => {
        fc.assert(
            fc.property(fc.oneof(fc.json(), fc.string()), (line) => {
                for (const { ok } of verdicts(line)) expect(ok).toBe(false)
            }),
        )
        for (const { ok } of verdicts(`${"[".repeat(2000)}${"]".repeat(2000)}`)) expect(ok).toBe(false)
    })
})
