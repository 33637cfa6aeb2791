/** What the daemon answers over its control socket: the loop with models, asked as a client would. */
import { describe, expect, it } from "vitest"
import { type Answer, decodeAnswer, encodeAnswer, type Request } from "../../../src/core/control.ts"
import { parseAddress, parseNetwork } from "../../../src/core/net/address.ts"
import { WARNINGS_MOST } from "../../../src/core/status.ts"
import { answerer } from "../../../src/daemon/control.ts"
import { rememberWarnings } from "../../../src/daemon/warnings.ts"
import { config } from "../core/world.ts"
import { makeGate } from "./gate.ts"

const HITS = ["7000", "8000:udp", "9000"]
const ssh = { name: "ssh", opens: ["tcp/22"], hits: HITS }
const close = { name: "close", hits: ["1", "2", "3"], closes: ["ssh"] }
const me = "192.0.2.7"
const peer = { pid: 1, uid: 1000, gids: [1000] }

const make = (...[of, replace]: Parameters<typeof makeGate>) => {
    const gate = makeGate(of, replace)
    gate.loop.start()
    const lines: string[] = []
    const { log, latest } = rememberWarnings(
        (level, text) => lines.push(`${level} ${text}`),
        () => gate.clock.wall(),
    )
    const { loop, clock, meter } = gate
    const started = clock.wall()
    const sources = { config: of, loop, clock, started, warnings: latest, version: "1", meter, clients: () => 1 }
    const ask = (request: Request): Answer => {
        const answer = answerer(sources, log)(request, peer)
        expect(decodeAnswer(encodeAnswer(answer))).toEqual(answer)
        return answer
    }
    const grant = (door: string, source = me, ms: number | null = null) =>
        ask({ ask: "grant", door, source: parseAddress(source)!, ms })
    return { gate, ask, grant, lines, log }
}
const ALL: Request = { ask: "revoke", door: null, source: null }

describe("answerer()", () => {
    it("grants and revokes, and says what came of it", () => {
        const { gate, ask, grant } = make(config([ssh]))
        expect(grant("ssh")).toEqual({ ok: true, answer: "grant", ms: 30_000, opens: ["tcp/22"] })
        expect(gate.open()).toEqual([`${me} . tcp . 22 30000`])
        expect(grant("ssh", me, 5000)).toMatchObject({ ms: 5000 })
        expect(gate.said().filter((line) => line.includes("by hand of user 1000"))).toHaveLength(2)
        expect(ask({ ...ALL, source: parseNetwork("192.0.2.8") })).toMatchObject({ grants: 0 })
        expect(ask(ALL)).toEqual({ ok: true, answer: "revoke", grants: 1, strays: 0 })
        expect(gate.open()).toEqual([])
    })

    it("refuses doors that are not there or have nothing to give, and what is too much", () => {
        const { grant, ask } = make(config([ssh, close], { grants: 1 }))
        expect(grant("web")).toEqual({ ok: false, code: "door", detail: "ssh, close" })
        expect(ask({ ask: "revoke", door: "web", source: null })).toMatchObject({ code: "door" })
        expect(grant("close")).toMatchObject({ ok: false, code: "nothing" })
        expect(grant("ssh")).toMatchObject({ ok: true })
        expect(grant("ssh", "192.0.2.8")).toMatchObject({ ok: false, code: "grants" })
    })

    it("says when the firewall refuses: to let in, and to take back", () => {
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
        expect(grant("ssh")).toMatchObject({ ok: false, code: "firewall" })
        expect(gate.loop.facts().leases).toEqual([])
        works = true
        gate.clock.advance(1000)
        expect(grant("ssh")).toMatchObject({ ok: true })
        works = false
        expect(ask(ALL)).toMatchObject({ ok: false, code: "firewall" })
        expect(gate.open()).toHaveLength(1)
        works = true
        // The book has forgotten it, the kernel has not.
        expect(ask(ALL)).toMatchObject({ ok: true, grants: 0, strays: 1 })
        expect(gate.open()).toEqual([])
    })

    it("ends what the book knows when the kernel does not say what is open, and says that there may be more", () => {
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
        grant("ssh")
        broken = true
        expect(ask(ALL)).toMatchObject({ ok: false, code: "firewall" })
        expect(gate.said()).toContain("error firewall: cannot see what is open: Error: the kernel does not say")
        broken = false
        expect(gate.open()).toEqual([])
    })

    it("lives on after a mistake of ours", () => {
        const { ask, lines } = make(config([ssh]), ({ capture }) => ({
            capture: {
                ...capture,
                alive: () => true,
                stats: () => {
                    throw new Error("no numbers")
                },
            },
        }))
        expect(ask({ ask: "status" })).toEqual({ ok: false, code: "failed", detail: "no numbers" })
        expect(lines).toEqual(["error control: status failed: no numbers"])
        expect(ask(ALL)).toMatchObject({ ok: true })
    })

    it("tells how things stand", () => {
        const { gate, grant, ask, log } = make(config([{ ...ssh, hide: true }]))
        gate.clock.advance(1000)
        grant("ssh", "2001:db8::7", 60_000)
        gate.clock.advance(1000)
        gate.knock(me, HITS)
        gate.send("192.0.2.8", HITS[0]!)
        log("warning", "something is wrong")
        log("warning", "about somebody", { report: { type: "paused" } })
        const answer = ask({ ask: "status" })
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
