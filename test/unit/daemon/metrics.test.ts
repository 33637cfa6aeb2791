/** What the daemon counts and measures, asked for over models: the values, and that nothing that rises ever falls. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { batchStore } from "../../../src/adapters/store/batches.ts"
import { memoryStore } from "../../../src/adapters/store/memory.ts"
import type { Request } from "../../../src/core/control/request.ts"
import { Meter } from "../../../src/core/metrics/meter.ts"
import { parseAddress } from "../../../src/core/net/address.ts"
import { Ledger } from "../../../src/core/store/ledger.ts"
import { answerer } from "../../../src/daemon/control.ts"
import { measureFirewall, measureLog, measureStore } from "../../../src/daemon/measured.ts"
import { metricsNow } from "../../../src/daemon/metrics.ts"
import type { FirewallResult } from "../../../src/ports/firewall.ts"
import { readSamples, rising, type Samples } from "../../lab/samples.ts"
import { config } from "../core/world.ts"
import { makeGate } from "./gate.ts"

const HITS = ["7000", "8000:udp", "9000"]
const ssh = { name: "ssh", opens: ["tcp/22"], hits: HITS }
const command = { start: ["/bin/on"], stop: ["/bin/off"], after: 1000, timeout: 1000 }
const wake = { name: "wake", hits: ["1", "2", "3"], command }
const me = "192.0.2.7"

/** As many near-misses as a pause costs. */
const MISSES = Array.from({ length: 5 }, () => ["7000", "8000:udp", "4"]).flat()
/** What others do is heard in a turn of its own. */
const turn = () => new Promise(setImmediate)

/** All samples of metrics whose name begins so, together. */
const some = (samples: Samples, name: string) =>
    [...samples].reduce((sum, [key, value]) => sum + (key.startsWith(name) ? value : 0), 0)

const reload = () => Promise.reject(new Error("nobody reloads here"))

const make = (...[of, replace]: Parameters<typeof makeGate>) => {
    const gate = makeGate(of, replace)
    gate.loop.start()
    const { loop, clock, meter } = gate
    const kept = { store: null, audit: null }
    const about = {
        loop,
        standing: loop.standing,
        clock,
        started: 0,
        loaded: () => 0,
        warnings: () => [],
        oneTime: null,
        published: null,
        kept,
    }
    const keeping = {
        ...about,
        version: "1",
        meter,
        clients: () => 1,
        note: () => {},
        publishing: null,
        trusted: () => {},
        reload,
    }
    return { gate, keeping, text: () => metricsNow(keeping), samples: () => readSamples(metricsNow(keeping)).samples }
}

describe("metricsNow()", () => {
    it("tells a knock: packets, stages, the grant, and how long it took", () => {
        const ages = [0.4, 3]
        const { gate, samples } = make(config([ssh], { grants: 20 }), ({ capture }) => ({
            capture: { ...capture, age: () => ages.shift() ?? null },
        }))
        gate.knock(me, HITS)
        gate.knock("192.0.2.8", HITS)
        gate.send("192.0.2.9", "7000")
        const seen = samples()
        expect(Object.fromEntries([...seen].filter(([key]) => /door="ssh"/.test(key) && seen.get(key) !== 0))).toEqual({
            'postern_knocks_total{door="ssh"}': 2,
            'postern_grants_opened_total{door="ssh"}': 2,
            'postern_grants_open{door="ssh"}': 2,
        })
        expect(seen.get("postern_packets_delivered_total")).toBe(7)
        expect(seen.get('postern_hits_total{verdict="counted"}')).toBe(7)
        expect(seen.get('postern_attempt_stages_total{stage="1"}')).toBe(3)
        expect(seen.get('postern_attempt_stages_total{stage="2"}')).toBe(2)
        expect(seen.has('postern_attempt_stages_total{stage="3"}')).toBe(false)
        expect(seen.get("postern_attempts_live")).toBe(1)
        expect(seen.get("postern_grants_used")).toBe(2)
        expect(seen.get("postern_grants_room")).toBe(20)
        expect(seen.get("postern_sources_remembered")).toBe(3)
        expect(seen.get("postern_firewall_table_in_place")).toBe(1)
        const bucket = (le: string) => seen.get(`postern_knock_to_grant_seconds_bucket{le="${le}"}`)
        expect([bucket("0.00025"), bucket("0.0005"), bucket("0.0025"), bucket("0.005"), bucket("+Inf")]).toEqual([
            0, 1, 1, 2, 2,
        ])
        expect(seen.get("postern_knock_to_grant_seconds_sum")).toBeCloseTo(0.0034, 9)
        gate.clock.advance(60_000)
        const later = samples()
        expect(later.get('postern_grants_open{door="ssh"}')).toBe(0)
        expect(later.get('postern_grants_closed_total{door="ssh",by="time"}')).toBe(2)
        expect(later.get('postern_attempts_ended_total{cause="timeout"}')).toBe(1)
    })

    it("measures knocks alone, not grants by hand or the ones that a mended table gets back", async () => {
        const { gate, samples } = make(config([ssh]), ({ capture }) => ({ capture: { ...capture, age: () => 1 } }))
        gate.loop.grant(config([ssh]).doors[0]!, parseAddress(me)!, 5000, 0)
        gate.firewall.lose()
        await turn()
        gate.clock.advance(1000)
        const seen = samples()
        expect(seen.get("postern_firewall_table_mended_total")).toBe(1)
        expect(seen.get("postern_knock_to_grant_seconds_count")).toBe(0)
        expect(seen.get('postern_grants_by_hand_total{door="ssh"}')).toBe(1)
    })

    it("tells programs: begun, ended, running and refused", async () => {
        const store = batchStore("memory", new Ledger(), () => 0, {
            keep: () => Promise.resolve("the disk is full"),
            anew: () => Promise.resolve("the disk is full"),
            close: () => Promise.resolve(),
        })
        const forgetful = make(config([wake]), () => ({ store }))
        forgetful.gate.knock(me, ["1", "2", "3"])
        await turn()
        const refused = forgetful.samples()
        expect(refused.get('postern_programs_refused_total{cause="unnoted"}')).toBe(1)
        expect(refused.get('postern_programs_started_total{program="start"}')).toBe(0)
        expect(refused.get("postern_journal_failing")).toBe(1)
        const { gate, samples } = make(config([wake]))
        gate.knock(me, ["1", "2", "3"])
        expect(samples().get("postern_programs_running")).toBe(1)
        gate.running[0]!.end({ ended: "exit", code: 3 })
        await turn()
        gate.clock.advance(2000)
        gate.running[0]!.end({ ended: "timeout" })
        await turn()
        const seen = samples()
        expect(seen.get('postern_programs_started_total{program="stop"}')).toBe(1)
        expect(seen.get('postern_programs_ended_total{program="start",outcome="failed"}')).toBe(1)
        expect(seen.get('postern_programs_ended_total{program="stop",outcome="timeout"}')).toBe(1)
        expect(seen.get("postern_programs_running")).toBe(0)
        expect(seen.has("postern_journal_failing")).toBe(false)
    })

    it("tells the control socket's questions and refusals, and the journal's health", async () => {
        const { gate, keeping, samples } = make(config([ssh]), ({ clock }) => ({
            store: memoryStore(() => clock.wall()),
        }))
        const answers = answerer(keeping, () => {})
        const ask = (request: Request) => answers(request, { pid: 1, uid: 0, gids: [] }, () => false)
        await ask({ ask: "status" })
        await ask({ ask: "grant", door: "web", source: parseAddress(me)!, ms: null })
        const seen = samples()
        expect(seen.get('postern_control_requests_total{ask="status"}')).toBe(1)
        expect(seen.get('postern_control_requests_total{ask="grant"}')).toBe(1)
        expect(seen.get('postern_control_refused_total{code="door"}')).toBe(1)
        expect(seen.get("postern_control_clients")).toBe(1)
        expect(seen.get("postern_journal_failing")).toBe(0)
        expect(seen.get("postern_journal_known_since_seconds")).toBe(gate.clock.wall() / 1000)
    })

    it("has the process as the kernel sees it", () => {
        const { samples } = make(config([ssh]))
        const seen = samples()
        expect(seen.get("process_resident_memory_bytes")).toBeGreaterThan(10_000_000)
        expect(seen.get("process_cpu_seconds_total")).toBeGreaterThan(0)
        expect(seen.get("process_open_fds")).toBeGreaterThan(2)
        expect(seen.get("process_max_fds")).toBeGreaterThan(seen.get("process_open_fds")!)
        expect(Math.abs(seen.get("process_start_time_seconds")! - Date.now() / 1000)).toBeLessThan(3600)
    })

    it("never lets fall what rises, whatever happens, and says nothing of who it was", async () => {
        let [opened, refused, paused, mended] = [0, 0, 0, 0]
        const source = fc.constantFrom(me, "192.0.2.8", "2001:db8::7", "203.0.113.9")
        const act = fc.oneof(
            { weight: 4, arbitrary: fc.record({ type: fc.constant("knock" as const), source }) },
            { weight: 3, arbitrary: fc.record({ type: fc.constant("miss" as const), source }) },
            { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("revoke" as const, "lose" as const) }) },
            { weight: 1, arbitrary: fc.record({ type: fc.constant("pass" as const), ms: fc.nat(40_000) }) },
        )
        await fc.assert(
            fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 30 }), async (acts) => {
                const door = { ...ssh, sources: ["192.0.2.0/24", "2001:db8::/32"] }
                const { gate, text } = make(config([door, wake], { grants: 2 }))
                let before: Samples = new Map()
                for (const one of acts) {
                    if (one.type === "knock") gate.knock(one.source, HITS)
                    else if (one.type === "miss") for (const hit of MISSES) gate.send(one.source, hit)
                    else if (one.type === "pass") gate.clock.advance(one.ms)
                    else if (one.type === "lose") gate.firewall.lose()
                    else gate.loop.revoke(null, null, 0)
                    await turn()
                    const now = text()
                    expect(now).not.toMatch(/192\.0\.2|203\.0\.113|2001:db8/)
                    const seen = rising(now)
                    expect([...before].filter(([key, value]) => !(seen.get(key)! >= value))).toEqual([])
                    before = seen
                }
                opened += some(before, "postern_grants_opened")
                refused += some(before, "postern_grants_refused")
                paused += some(before, "postern_pauses")
                mended += some(before, "postern_firewall_table_mended")
            }),
            { numRuns: 25 },
        )
        for (const reached of [opened, refused, paused, mended]) expect(reached).toBeGreaterThan(5)
    })
})

describe("measured ports", () => {
    it("measureFirewall() counts transactions by result and takes their time", () => {
        const meter = new Meter()
        let [time, result]: [number, FirewallResult] = [0, { ok: true }]
        const { firewall } = makeGate(config([ssh]))
        const after = (ms: number) => () => {
            time += ms
            return result
        }
        const slow = { ...firewall, grant: after(7), revoke: after(0.3) }
        const measured = measureFirewall(slow, meter, () => time)
        measured.grant([], 1)
        result = { ok: false, code: "full", detail: "the set is full" }
        expect(measured.grant([], 1)).toBe(result)
        measured.revoke([])
        expect(meter.firewall.grant).toEqual({ ok: 1, full: 1, denied: 0, missing: 0, failed: 0 })
        expect(meter.firewall.revoke.full).toBe(1)
        expect(meter.firewallTimes.grant.sum).toBeCloseTo(0.014, 9)
        expect(meter.firewallTimes.revoke.sum).toBeCloseTo(0.0003, 9)
        expect(measured.list()).toEqual(firewall.list())
    })

    it("measureStore() counts operations by result, and times what became durable", async () => {
        const meter = new Meter()
        let time = 0
        const store = measureStore(
            memoryStore(() => 1000),
            meter,
            () => (time += 2),
        )
        expect(await store.claim("one", 2000, 3000)).toEqual({ ok: true })
        expect(await store.claim("one", 2000, 3000)).toMatchObject({ code: "used" })
        expect(await store.raise("key", 1, 2000)).toEqual({ ok: true })
        expect(await store.note({ door: "ssh", source: parseAddress(me)! }, 5)).toEqual({ ok: true })
        expect(meter.store.claim).toMatchObject({ ok: 1, used: 1, failed: 0 })
        expect([meter.store.raise.ok, meter.store.note.ok]).toEqual([1, 1])
        expect(meter.storeTimes.cumulative().at(-1)).toBe(3)
        expect(meter.storeTimes.sum).toBeCloseTo(0.006, 9)
        expect(store.health()).toMatchObject({ claims: 1, counters: 1, stops: 1 })
    })

    it("measureLog() counts lines by level and passes them on", () => {
        const meter = new Meter()
        const lines: string[] = []
        const log = measureLog((level, text) => lines.push(`${level} ${text}`), meter)
        log("warning", "one")
        log("warning", "two")
        log("info", "three")
        expect(meter.lines).toEqual({ error: 0, warning: 2, notice: 0, info: 1, debug: 0 })
        expect(lines).toHaveLength(3)
    })
})
