/** Another configuration for a running daemon: with models, and with files that are texts. */
import { setImmediate } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { describe, expect, it } from "vitest"
import { memoryStore } from "../../../src/adapters/store/memory.ts"
import type { Config } from "../../../src/core/config/config.ts"
import { REST_MS } from "../../../src/core/errand.ts"
import type { Report } from "../../../src/core/report.ts"
import { type ReloadKeeping, reloadOnce } from "../../../src/daemon/reload.ts"
import type { Store } from "../../../src/ports/store.ts"
import { config } from "../core/world.ts"
import { type Gate, makeGate } from "./gate.ts"

const HITS = ["7000", "8000:udp", "9000"]
const command = { start: ["/bin/start", "{source}"], stop: ["/bin/stop"], after: 5000, timeout: 1000 }
const ssh = { name: "ssh", opens: ["tcp/22"], hits: HITS, hide: true }
const wake = { name: "wake", hits: ["1", "2", "3"], command }
const me = "192.0.2.7"

async function settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await setImmediate()
}

function started(...[of, replace]: Parameters<typeof makeGate>): Gate {
    const gate = makeGate(of, replace)
    gate.loop.start()
    gate.said()
    gate.follows()
    return gate
}

const store = () => memoryStore(() => Date.UTC(2024, 0, 1))

describe("Loop.reload()", () => {
    it("lets knocks and grants of doors that stay go on, hides what is hidden now, and ends the others' grants", () => {
        const web = { name: "web", opens: ["tcp/80"], hits: ["4", "5"], hide: true }
        const gate = started(config([ssh, web]))
        gate.knock(me, ["4", "5"])
        gate.knock("192.0.2.8", HITS)
        gate.knock(me, HITS.slice(0, 2))
        gate.said()
        expect(gate.loop.reload(config([wake, ssh]), null)).toEqual({ ok: true, ended: 1 })
        expect(gate.firewall.wanted()!.hidden).toEqual([{ protocol: "tcp", port: 22 }])
        expect(gate.open()).toEqual(["192.0.2.8 . tcp . 22 29970"])
        expect(gate.said()).toEqual([
            "notice hide: tcp/80: not hidden from now on",
            `notice web: ${me}: closed by a new configuration`,
        ])
        gate.send(me, HITS[2]!)
        expect(gate.open()).toHaveLength(2)
        gate.knock(me, ["1", "2", "3"])
        expect(gate.running).toHaveLength(1)
        expect(gate.loop.config.doors.map(({ name }) => name)).toEqual(["wake", "ssh"])
    })

    it("watches other interfaces, and says so", () => {
        const gate = started(config([ssh]))
        gate.loop.reload(config([ssh], { interfaces: ["wg0"] }), null)
        expect(gate.follows()).toEqual(["wg0 without "])
        expect(gate.said()).toEqual(["notice watching wg0"])
        gate.knock(me, HITS, "eth0")
        expect(gate.open()).toEqual([])
        gate.knock(me, HITS, "wg0")
        expect(gate.open()).toHaveLength(1)
    })

    it("changes nothing if the firewall refuses", () => {
        const gate = started(config([ssh]), ({ capture }) => ({ capture: { ...capture, name: "nflog" } }))
        gate.knock(me, HITS)
        gate.knock("192.0.2.8", HITS.slice(0, 2))
        gate.firewall.breakWith({ ok: false, code: "failed", detail: "no room" })
        gate.said()
        expect(gate.loop.reload(config([wake]), null)).toEqual({ ok: false, code: "firewall", detail: "no room" })
        expect([gate.said(), gate.follows()]).toEqual([["error firewall: no room"], []])
        gate.firewall.breakWith(null)
        gate.knock("192.0.2.8", HITS.slice(2))
        expect(gate.open()).toHaveLength(2)
        expect(gate.firewall.wanted()!.hidden).toHaveLength(1)
        expect(gate.loop.config.doors).toHaveLength(1)
    })

    it("changes nothing if the capture refuses: the table is as it was", () => {
        let refuse = false
        const gate = started(config([ssh]), ({ capture }) => ({
            capture: {
                ...capture,
                follow(watching) {
                    if (refuse) throw new Error("the filter is too long")
                    capture.follow(watching)
                },
            },
        }))
        refuse = true
        expect(gate.loop.reload(config([{ ...ssh, opens: ["tcp/23"] }]), null)).toEqual({
            ok: false,
            code: "failed",
            detail: "trace: the filter is too long",
        })
        expect(gate.firewall.wanted()!.hidden).toEqual([{ protocol: "tcp", port: 22 }])
        gate.knock(me, HITS)
        expect(gate.open()).toEqual([`${me} . tcp . 22 29990`])
    })

    it("is refused where there is no firewall and a door opens services now, and after the end", async () => {
        const gate = started(config([wake]), () => ({ firewall: null }))
        expect(gate.loop.reload(config([ssh]), null)).toMatchObject({ ok: false, code: "firewall" })
        expect(gate.loop.reload(config([wake]), null)).toMatchObject({ ok: true })
        await gate.loop.stop()
        expect(gate.loop.reload(config([wake]), null)).toMatchObject({ ok: false, code: "failed" })
    })

    it("runs the old stop and then the new start, and notes the new one's stop alone", async () => {
        const kept = store()
        const gate = started(config([wake]), () => ({ store: kept }))
        const programs = () => gate.running.map(({ job }) => job.argv.join(" "))
        gate.knock(me, ["1", "2", "3"])
        await settle()
        gate.running[0]!.end({ ended: "exit", code: 0 })
        await settle()
        expect(kept.pending()).toHaveLength(1)
        const after = { ...wake, command: { start: ["/bin/new"], stop: ["/bin/end"], after: 60_000, timeout: 1000 } }
        gate.loop.reload(config([after]), kept)
        expect(programs()).toEqual(["/bin/stop"])
        gate.knock(me, ["1", "2", "3"])
        await settle()
        gate.running[0]!.end({ ended: "exit", code: 0 })
        await settle()
        expect(programs()).toEqual(["/bin/new"])
        // The end of the old stop has left the new note alone.
        expect(kept.pending()).toHaveLength(1)
        gate.running[0]!.end({ ended: "exit", code: 0 })
        await settle()
        gate.clock.advance(60_000)
        await settle()
        expect(programs()).toEqual(["/bin/end"])
        gate.running[0]!.end({ ended: "exit", code: 0 })
        await settle()
        gate.clock.advance(REST_MS)
        expect([kept.pending(), gate.loop.standing.facts().leases]).toEqual([[], []])
    })

    it("stops the programs of a door that is gone, and strikes their notes", async () => {
        const kept = store()
        const gate = started(config([wake, ssh]), () => ({ store: kept }))
        gate.knock(me, ["1", "2", "3"])
        await settle()
        gate.loop.reload(config([ssh]), kept)
        expect(gate.running.map(({ job }) => job.argv[0])).toEqual(["/bin/start"])
        gate.running[0]!.end({ ended: "exit", code: 0 })
        await settle()
        expect(gate.running.map(({ job }) => job.argv[0])).toEqual(["/bin/stop"])
        gate.running[0]!.end({ ended: "exit", code: 0 })
        await settle()
        gate.clock.advance(REST_MS)
        expect([kept.pending(), gate.loop.standing.facts().leases]).toEqual([[], []])
    })

    it("takes a store into use where there was none, with what is unfinished in it", async () => {
        const gate = started(config([ssh]))
        const kept: Store = store()
        await kept.note({ door: "wake", source: [0, 0, 0xffff, 0xc0000207] }, 0)
        gate.loop.reload(config([ssh, wake]), kept)
        gate.clock.advance(0)
        await settle()
        expect(gate.running.map(({ job }) => job.argv[0])).toEqual(["/bin/stop"])
        gate.knock("192.0.2.8", ["1", "2", "3"])
        await settle()
        expect(kept.pending()).toHaveLength(2)
    })

    it("keeps nothing of a thousand configurations that came and went", async () => {
        setFlagsFromString("--expose-gc")
        const collect: unknown = runInNewContext("gc")
        if (typeof collect !== "function") throw new Error("no gc")
        const kept = store()
        const gate = started(config([ssh, wake]), () => ({ store: kept }))
        const past: WeakRef<Config>[] = []
        for (let i = 0; i < 1000; i++) {
            const next = config([ssh, { ...wake, command: { ...command, after: 1000 + i } }])
            past.push(new WeakRef(next))
            if (i % 50 === 0) {
                gate.knock(`192.0.2.${i / 50 + 1}`, HITS)
                gate.knock(me, ["1", "2", "3"])
                await settle()
            }
            expect(gate.loop.reload(next, kept)).toMatchObject({ ok: true })
            for (const program of gate.running.slice()) program.end({ ended: "exit", code: 0 })
            if (i % 50 === 0) await settle()
        }
        await settle()
        gate.clock.advance(REST_MS)
        expect(gate.open()).toHaveLength(20)
        collect()
        await setImmediate()
        collect()
        const alive = past.filter((one) => one.deref() !== undefined).length
        expect(alive).toBeLessThan(10)
        expect(gate.loop.standing.facts().leases.length).toBeLessThan(25)
    })
})

const TEXT = `
[[door]]
name  = "ssh"
opens = ["tcp/22"]
  [door.sequence]
  hits = ["48231", "51002:udp", "33871"]
`

const keeping = (text: () => string, gate: Gate, more: Partial<ReloadKeeping> = {}) => {
    const lines: string[] = []
    const reports: Report[] = []
    const all: ReloadKeeping = {
        loop: gate.loop,
        log: (level, line) => lines.push(`${level} ${line}`),
        read: { files: () => [{ file: "postern.toml", text: text() }], knockers: nobody },
        knockers: () => [],
        taken: () => {},
        state: () => Promise.resolve({ ok: true, store: null, journal: null }),
        report: (report) => reports.push(report),
        ...more,
    }
    return { lines, reports, ask: (...uids: readonly (number | null)[]) => reloadOnce(all, uids) }
}

const nobody = () => Promise.resolve({ ok: true as const, knockers: [], issues: [] })

const broken = () => {
    throw new Error("a bug")
}

describe("reloadOnce()", () => {
    it("takes over what is right, and reports what has changed", async () => {
        const gate = started(config([ssh, { ...wake, command: { ...command, stop: null } }]))
        const { ask, reports } = keeping(() => TEXT, gate)
        expect(await ask(1000)).toMatchObject({
            ok: true,
            changes: { doors: { added: [], removed: ["wake"], changed: ["ssh"], kept: 0 } },
            problems: [expect.stringMatching(/warning: .*without hide/)],
        })
        expect(reports).toEqual([
            {
                type: "reload",
                uid: 1000,
                done: true,
                added: 0,
                removed: 1,
                changed: 1,
                kept: 0,
                hooks: 0,
                knockers: 0,
                gateway: ["attempts"],
                ended: 0,
            },
        ])
        expect(await ask(7, null, 7, 0)).toMatchObject({
            changes: { doors: { added: [], removed: [], changed: [], kept: 1 }, gateway: [] },
        })
        expect(reports[1]).toMatchObject({ uid: 7, others: [null, 0] })
    })

    it("changes nothing for a mistake, and tells all of them with their places", async () => {
        const gate = started(config([ssh]))
        const bad = TEXT.replace('"ssh"', "7").replace("33871", "99999999")
        const { ask, lines, reports } = keeping(() => bad, gate)
        const outcome = await ask(null)
        expect(outcome).toMatchObject({ ok: false, code: "configuration" })
        expect(outcome.problems.map((line) => /^postern\.toml:\d+:\d+: /.exec(line)?.[0])).toEqual([
            "postern.toml:3:9: ",
            "postern.toml:6:33: ",
        ])
        expect(lines).toEqual(outcome.problems.map((line) => `error ${line}`))
        expect(reports).toEqual([{ type: "reload", uid: null, done: false, code: "configuration", problems: 2 }])
        gate.knock(me, HITS)
        expect(gate.open()).toHaveLength(1)
    })

    it.each([
        ["state", '"/srv/postern"'],
        ["socket", '"/run/other/control"'],
        ["socket_group", '"adm"'],
        ["capture", '"nflog"'],
        ["log_group", "7"],
    ])("refuses another `%s`, which holds from start to end", async (key, value) => {
        const gate = started(config([ssh]))
        const { ask } = keeping(() => `${TEXT}[gateway]\n${key} = ${value}\n`, gate)
        const outcome = await ask()
        expect(outcome.problems).toEqual([
            expect.stringMatching(new RegExp(`^postern\\.toml:8:\\d+: gateway\\.${key}: cannot change while`)),
        ])
    })

    it("does not compare a [gateway] with mistakes, and finds a key that was taken away", async () => {
        const gate = started(config([ssh], { logGroup: 9 }))
        expect((await keeping(() => `${TEXT}[gateway]\ncapture = "none"\n`, gate).ask()).problems).toHaveLength(1)
        expect((await keeping(() => `${TEXT}[gateway`, gate).ask()).problems).toHaveLength(1)
        expect((await keeping(() => TEXT, gate).ask()).problems).toEqual([
            expect.stringMatching(/^postern\.toml:1:1: gateway\.log_group: cannot change/),
        ])
    })

    it("is refused if the state cannot be used, or the firewall refuses; a mistake of ours is told", async () => {
        const gate = started(config([ssh]))
        const no = { ok: false, locked: false, reason: "no", detail: "state: no" } as const
        expect(await keeping(() => TEXT, gate, { state: () => Promise.resolve(no) }).ask()).toEqual({
            ok: false,
            code: "failed",
            problems: ["state: no"],
        })
        gate.firewall.breakWith({ ok: false, code: "denied", detail: "not allowed" })
        expect(await keeping(() => TEXT, gate).ask()).toMatchObject({ code: "firewall", problems: ["not allowed"] })
        expect(await keeping(() => TEXT, gate, { read: { files: broken, knockers: nobody } }).ask()).toMatchObject({
            problems: ["a bug"],
        })
    })

    it("tells a hundred problems, and how many more there are", async () => {
        const gate = started(config([ssh]))
        const many = Array.from({ length: 120 }, (_, i) => `key${i} = 1`).join("\n")
        const { problems } = await keeping(() => `${many}\n${TEXT}`, gate).ask()
        expect(problems).toHaveLength(101)
        expect(problems.at(-1)).toBe("and 20 more: see postern check")
    })
})
