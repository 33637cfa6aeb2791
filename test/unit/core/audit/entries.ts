/** One fact of every kind, and arbitrary ones. */
import fc from "fast-check"
import type { AuditEntry, AuditFact, AuditKind } from "../../../../src/core/audit/entry.ts"

const who = { door: "ssh", source: "198.51.100.7" } as const
const opens = ["tcp/22", "udp/53"]

/** Whoever adds a kind adds one here. */
export const FACTS: { readonly [K in AuditKind]: Extract<AuditFact, { what: K }> } = {
    opened: { what: "opened", ...who, knocker: "unknown", opens, until: 1_700_000_030_000 },
    renewed: { what: "renewed", ...who, knocker: "unknown", opens, until: 1_700_000_060_000 },
    given: { what: "given", ...who, source: "2001:db8::7", opens: [], until: null, uid: 1000 },
    used: { what: "used", ...who, knocker: "anna" },
    revoked: { what: "revoked", ...who, uid: 0 },
    closed: { what: "closed", ...who, by: "reload" },
    refused: { what: "refused", ...who, knocker: "unknown", code: "grants" },
    paused: { what: "paused", source: "203.0.113.9", until: 1_700_000_030_000 },
    program: { what: "program", ...who, which: "stop", how: "error", detail: "spawn é\u2028\ud800 ENOENT" },
    orphans: { what: "orphans", uid: 0, count: 3 },
    table: { what: "table", made: false, detail: "EPERM" },
    hiding: { what: "hiding", how: "trial", services: ["tcp/22"], until: 1_700_000_060_000, uid: 0 },
    started: { what: "started", version: "0.1.0", pid: 812, last: "crashed" },
    stopped: { what: "stopped", signal: "SIGTERM" },
    reloaded: { what: "reloaded", done: false, problems: 2, uid: null, others: [0, 1000] },
    journal: { what: "journal", found: "damaged", since: 1_700_000_000_000 },
    trust: { what: "trust", from: 1_700_000_000_000, uid: 0 },
    disclosed: { what: "disclosed", knocker: "anna", uid: 0 },
    located: { what: "located", knocker: "anna", uid: 0 },
    rekeyed: { what: "rekeyed", uid: 0 },
    suppressed: { what: "suppressed", count: 84_210 },
    summed: { what: "summed", of: "refused", door: null, uid: null, count: 84_210, sources: 4096, since: 1 },
    lost: { what: "lost", count: 12, since: 1_700_000_000_000 },
}

/** Entries of all kinds, with texts of any characters. */
export const anyEntry: fc.Arbitrary<AuditEntry> = fc
    .record({
        serial: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        time: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
        fact: fc.constantFrom(...Object.values(FACTS)),
        text: fc.string({ unit: "binary", maxLength: 100 }),
    })
    .map(({ serial, time, fact, text }): AuditEntry => {
        const head = { serial, time }
        if (fact.what === "program") return { ...head, ...fact, detail: text }
        if (fact.what === "table") return { ...head, ...fact, detail: text }
        return { ...head, ...fact }
    })
