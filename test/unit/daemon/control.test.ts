/** What the daemon answers over its control socket: the loop with models, asked as a client would. */
import { describe, expect, it } from "vitest"
import { memoryAudit } from "../../../src/adapters/audit/memory.ts"
import { memoryStore } from "../../../src/adapters/store/memory.ts"
import type { AuditFact } from "../../../src/core/audit/entry.ts"
import { EVERYTHING } from "../../../src/core/audit/filter.ts"
import { type Answer, decodeAnswer, encodeAnswer } from "../../../src/core/control/answer.ts"
import type { Request } from "../../../src/core/control/request.ts"
import { parseAddress, parseNetwork } from "../../../src/core/net/address.ts"
import { WARNINGS_MOST } from "../../../src/core/status.ts"
import { answerer } from "../../../src/daemon/control.ts"
import type { ReloadOutcome } from "../../../src/daemon/reload.ts"
import { rememberWarnings } from "../../../src/daemon/warnings.ts"
import { config } from "../core/world.ts"
import { makeGate } from "./gate.ts"

const HITS = ["7000", "8000:udp", "9000"]
const ssh = { name: "ssh", opens: ["tcp/22"], hits: HITS }
const close = { name: "close", hits: ["1", "2", "3"], closes: ["ssh"] }
const me = "192.0.2.7"
const peer = { pid: 1, uid: 1000, gids: [1000] }
const stays = () => false

let reloaded: ReloadOutcome | null
const make = (...[of, replace]: Parameters<typeof makeGate>) => {
    const gate = makeGate(of, replace)
    gate.loop.start()
    const lines: string[] = []
    const { log, latest } = rememberWarnings(
        (level, text) => lines.push(`${level} ${text}`),
        () => gate.clock.wall(),
    )
    const { loop, clock, meter } = gate
    const audit = memoryAudit(() => clock.wall())
    const kept = { store: memoryStore(() => clock.wall()), audit }
    const note = (fact: AuditFact) => audit.write(fact)
    const started = clock.wall()
    const told = { oneTime: null, published: null, started, loaded: () => started, warnings: latest, kept, note }
    const counted = { version: "1", meter, clients: () => 1 }
    const keeping = {
        loop,
        standing: loop.standing,
        clock,
        ...told,
        ...counted,
        publishing: null,
        trusted: () => {},
        reload: () => Promise.resolve(reloaded),
    }
    const ask = async (request: Request): Promise<Answer> => {
        const answer = await answerer(keeping, log)(request, peer, stays)
        expect(decodeAnswer(encodeAnswer(answer))).toEqual(answer)
        return answer
    }
    const grant = (door: string, source = me, ms: number | null = null) =>
        ask({ ask: "grant", door, source: parseAddress(source)!, ms })
    return { gate, ask, grant, lines, log, kept, keeping }
}
const ALL: Request = { ask: "revoke", door: null, source: null, knocker: null }

describe("answerer()", () => {
    it("grants and revokes, and says what came of it", async () => {
        const { gate, ask, grant } = make(config([ssh]))
        expect(await grant("ssh")).toEqual({ ok: true, answer: "grant", ms: 30_000, opens: ["tcp/22"] })
        expect(gate.open()).toEqual([`${me} . tcp . 22 30000`])
        expect(await grant("ssh", me, 5000)).toMatchObject({ ms: 5000 })
        expect(gate.said().filter((line) => line.includes("by hand of user 1000"))).toHaveLength(2)
        expect(await ask({ ...ALL, source: parseNetwork("192.0.2.8") })).toMatchObject({ grants: 0 })
        expect(await ask(ALL)).toEqual({ ok: true, answer: "revoke", grants: 1, orphans: 0 })
        expect(gate.open()).toEqual([])
    })

    it("refuses doors that are not there or have nothing to give, and what is too much", async () => {
        const { grant, ask } = make(config([ssh, close], { grants: 1 }))
        expect(await grant("web")).toEqual({ ok: false, code: "door", detail: "ssh, close" })
        expect(await ask({ ask: "revoke", door: "web", source: null, knocker: null })).toMatchObject({ code: "door" })
        expect(await grant("close")).toMatchObject({ ok: false, code: "nothing" })
        expect(await grant("ssh")).toMatchObject({ ok: true })
        expect(await grant("ssh", "192.0.2.8")).toMatchObject({ ok: false, code: "grants" })
    })

    it("says when the firewall refuses: to let in, and to take back", async () => {
        let works = true
        const no = { ok: false, code: "failed", detail: "no" } as const
        const { gate, grant, ask } = make(config([ssh]), ({ firewall }) => ({
            firewall: {
                ...firewall!,
                grant: (elements, ms) => (works ? firewall!.grant(elements, ms) : no),
                revoke: (elements) => (works ? firewall!.revoke(elements) : no),
            },
        }))
        works = false
        expect(await grant("ssh")).toMatchObject({ ok: false, code: "firewall" })
        expect(gate.loop.standing.facts().leases).toEqual([])
        works = true
        gate.clock.advance(1000)
        expect(await grant("ssh")).toMatchObject({ ok: true })
        works = false
        expect(await ask(ALL)).toMatchObject({ ok: false, code: "firewall" })
        expect(gate.open()).toHaveLength(1)
        works = true
        // The book has forgotten it, the kernel has not.
        expect(await ask(ALL)).toMatchObject({ ok: true, grants: 0, orphans: 1 })
        expect(gate.open()).toEqual([])
    })

    it("ends what the book knows when the kernel does not say what is open, and says that there may be more", async () => {
        let broken = false
        const { ask, grant, gate } = make(config([ssh]), ({ firewall }) => ({
            firewall: {
                ...firewall!,
                list: () => {
                    if (broken) throw new Error("the kernel does not say")
                    return firewall!.list()
                },
            },
        }))
        await grant("ssh")
        broken = true
        expect(await ask(ALL)).toMatchObject({ ok: false, code: "firewall" })
        expect(gate.said()).toContain("error firewall: cannot see what is open: the kernel does not say")
        broken = false
        expect(gate.open()).toEqual([])
    })

    it("lives on after a mistake of ours", async () => {
        const { ask, lines } = make(config([ssh]), ({ capture }) => ({
            capture: {
                ...capture,
                alive: () => true,
                stats: () => {
                    throw new Error("no numbers")
                },
            },
        }))
        expect(await ask({ ask: "status" })).toEqual({ ok: false, code: "failed", detail: "no numbers" })
        expect(lines).toEqual(["error control: status failed: no numbers"])
        expect(await ask(ALL)).toMatchObject({ ok: true })
    })

    it("tells how things stand", async () => {
        const { gate, grant, ask, log } = make(config([{ ...ssh, hide: true }]))
        gate.clock.advance(1000)
        await grant("ssh", "2001:db8::7", 60_000)
        gate.clock.advance(1000)
        gate.knock(me, HITS)
        gate.send("192.0.2.8", HITS[0]!)
        log("warning", "something is wrong")
        log("warning", "about somebody", { report: { type: "paused" } })
        const answer = await ask({ ask: "status" })
        if (!answer.ok || answer.answer !== "status") throw new Error("no status")
        const { status } = answer
        expect(status).toMatchObject({
            capture: "trace",
            interfaces: ["eth0"],
            doors: [{ name: "ssh", opens: ["tcp/22"], for: 30_000, hide: true, grants: 2 }],
            attempts: [{ door: "ssh", source: "192.0.2.8", stage: 1, of: 3, left: 15_000 }],
            grants: [
                { source: "2001:db8::7", left: 58_970, by: "hand", uid: 1000, since: status.started + 1000 },
                { source: me, left: 29_990, by: "knock", uid: null, since: status.started + 2020 },
            ],
            totals: { doors: 1, attempts: 1, grants: 2, sources: 2, sourcesRoom: 1024 },
            counters: { hits: 4, repeats: 0 },
            warnings: [{ level: "warning", text: "something is wrong", times: 1 }],
        })
        expect(JSON.stringify(status)).not.toMatch(/7000|8000|9000/)
    })

    it("reads the audit trail", async () => {
        const { ask, kept } = make(config([ssh]))
        for (let i = 1; i <= 3; i++) kept.audit.write({ what: "suppressed", count: i })
        const filter = { since: null, until: null, door: null, source: null, knocker: null, kinds: null }
        const answer = await ask({ ask: "log", after: 1, last: null, filter })
        expect(answer).toMatchObject({ next: 3, more: false, missing: 0, entries: [{ count: 2 }, { count: 3 }] })
    })

    it("tells who asks why a trail cannot be read, and the log only of a mistake of ours", async () => {
        const { keeping, log, lines } = make(config([ssh]))
        const askLog = (thrown: Error) => {
            const audit = { ...memoryAudit(() => 0), read: () => Promise.reject(thrown) }
            const answer = answerer({ ...keeping, kept: { ...keeping.kept, audit } }, log)
            return answer({ ask: "log", after: 0, last: null, filter: EVERYTHING }, peer, stays)
        }
        const [disk, ours] = [new Error("EIO: i/o error, read"), new TypeError("x is not a function")]
        for (const thrown of [disk, ours]) {
            expect(await askLog(thrown)).toEqual({ ok: false, code: "failed", detail: thrown.message })
        }
        expect(lines).toEqual([`error control: log failed: ${ours.message}`])
    })

    it("trust: moves the moment from which everything is known, and writes down who decided so", async () => {
        const { gate, ask, kept, lines } = make(config([ssh]))
        const { since } = kept.store.health()
        gate.clock.advance(5000)
        expect(await kept.store.raise("a", 1, since)).toMatchObject({ code: "unsure" })
        expect(await ask({ ask: "trust", since: since - 1 })).toEqual({ ok: true, answer: "trust", before: since })
        expect(await kept.store.raise("a", 1, since)).toEqual({ ok: true })
        expect(kept.store.health()).toMatchObject({ since: since - 1, why: "operator" })
        // Nobody decides about the future.
        await ask({ ask: "trust", since: since + 1e9 })
        expect(kept.store.health().since).toBe(since + 5000)
        expect(lines).toHaveLength(2)
        expect(lines[0]).toMatch(/^warning state: user 1000 has decided: what may have been used before .* is refused$/)
        const { entries } = await kept.audit.read({ after: 0, last: 1, filter: EVERYTHING })
        expect(entries).toMatchObject([{ what: "trust", from: since + 5000, uid: 1000 }])
    })

    it("says that there is no trail, and no journal", async () => {
        const { keeping, log } = make(config([ssh]))
        const ask = answerer({ ...keeping, kept: { store: null, audit: null } }, log)
        expect(await ask({ ask: "log", after: 0, last: null, filter: EVERYTHING }, peer, stays)).toMatchObject({
            code: "audit",
        })
        expect(await ask({ ask: "trust", since: 0 }, peer, stays)).toMatchObject({ code: "journal" })
        expect(await ask({ ask: "status" }, peer, stays)).toMatchObject({
            status: { state: { journal: null, audit: null } },
        })
    })

    it("reloads, and says what has changed or what is wrong", async () => {
        const { ask } = make(config([ssh]))
        const many = Array.from({ length: 1200 }, (_, i) => `door${i}`)
        const doors = { added: many, removed: ["web"], changed: [], kept: 1 }
        const hooks = { added: ["mail"], removed: [], changed: ["chat"], kept: 4 }
        const knockers = { added: ["anna"], removed: many, changed: [], kept: 7 }
        const changes = { doors, hooks, knockers, gateway: ["services"] }
        reloaded = { ok: true, changes, ended: 2, problems: ["postern.toml:1:1: warning: short"] }
        expect(await ask({ ask: "reload" })).toEqual({
            ok: true,
            answer: "reload",
            added: many.slice(0, 1000),
            removed: ["web"],
            changed: [],
            totals: { added: 1200, removed: 1, changed: 0, kept: 1 },
            hooks: { added: ["mail"], removed: [], changed: ["chat"] },
            knockers: {
                added: ["anna"],
                removed: many.slice(0, 1000),
                changed: [],
                totals: { added: 1, removed: 1200, changed: 0 },
            },
            gateway: ["services"],
            ended: 2,
            warnings: ["postern.toml:1:1: warning: short"],
        })
        reloaded = { ok: false, code: "configuration", problems: ["a:1:1: one", "a:2:1: two"] }
        expect(await ask({ ask: "reload" })).toEqual({
            ok: false,
            code: "configuration",
            detail: "a:1:1: one\na:2:1: two",
        })
        reloaded = null
        expect(await ask({ ask: "reload" })).toMatchObject({ ok: false, code: "failed" })
    })
})

describe("rememberWarnings()", () => {
    it("keeps the latest of each, and so many", () => {
        let now = 0
        const { log, latest } = rememberWarnings(
            () => {},
            () => ++now,
        )
        for (let i = 0; i < 50; i++) log("error", `line ${i}`)
        for (const level of ["notice", "info", "debug"] as const) log(level, level)
        log("error", "line 40")
        expect(latest()).toHaveLength(WARNINGS_MOST)
        expect(latest()[0]).toEqual({ time: 31, level: "error", text: "line 30", times: 1 })
        expect(latest().at(-1)).toEqual({ time: 51, level: "error", text: "line 40", times: 2 })
        log("warning", "a knocker's doing", { report: { type: "refused" } })
        log("warning", "a program's end", { report: { type: "program" } })
        expect(latest().at(-1)).toMatchObject({ text: "a program's end" })
        expect(latest().at(-2)).toMatchObject({ text: "line 40" })
    })
})
