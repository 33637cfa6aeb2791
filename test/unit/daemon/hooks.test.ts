import { describe, expect, it } from "vitest"
import { memoryCommands } from "../../../src/adapters/commands/memory.ts"
import type { Hook } from "../../../src/core/config/config.ts"
import { parseAddress } from "../../../src/core/net/address.ts"
import type { Report } from "../../../src/core/report.ts"
import { HOOK_ROOM, Hooks } from "../../../src/daemon/hooks.ts"

const source = parseAddress("192.0.2.7")!
const who = { door: "ssh", source } as const
const SSH = { protocol: "tcp", port: 22 } as const
const opened: Report = { type: "opened", ...who, opens: [SSH], ms: 30_000, renewed: false }
const closed: Report = { type: "closed", ...who, by: "time" }
const refused: Report = { type: "refused", ...who, code: "source" }

/** Hooks with programs that end by hand, and a clock that stands still unless told. */
function hooks(...some: readonly Partial<Hook>[]) {
    const all = some.map((hook): Hook => {
        return { name: "tell", on: ["grant"], doors: null, run: ["/bin/tell", "{event}"], timeout: 10_000, ...hook }
    })
    const lines: string[] = []
    const commands = memoryCommands(() => {}, HOOK_ROOM)
    const time = { now: 0 }
    const it = new Hooks({
        hooks: () => all,
        commands,
        now: () => time.now,
        wall: () => Date.UTC(2026, 2, 1, 16, 5, 31),
        log: (level, text) => lines.push(`${level} ${text}`),
    })
    it.begin()
    const argvs = () => commands.running.map(({ job }) => job.argv.slice(1).join(" "))
    const inputs = (): Record<string, unknown>[] => commands.running.map(({ job }) => JSON.parse(job.input!))
    const end = async (code = 0) => {
        for (const one of commands.running.slice()) one.end({ ended: "exit", code })
        await new Promise((resolve) => setImmediate(resolve))
    }
    return { it, all, commands, time, lines, argvs, inputs, end, tell: (report: Report) => it.listener(report, true) }
}

describe("Hooks.begin()", () => {
    it("is waited for: nothing is heard before, nor after the stop", async () => {
        const commands = memoryCommands(() => {}, HOOK_ROOM)
        const all: Hook[] = [
            { name: "tell", on: ["grant", "trouble"], doors: null, run: ["/bin/tell", "{event}"], timeout: 10_000 },
        ]
        const it = new Hooks({ hooks: () => all, commands, now: () => 0, wall: () => 0, log: () => {} })
        const log = it.overhear(() => {})
        const happen = () => {
            it.listener(opened, true)
            log("error", "a full disk")
            return commands.running.length
        }
        expect(happen()).toBe(0)
        it.begin()
        expect(happen()).toBe(1)
        await it.stop()
        expect(happen()).toBe(0)
    })
})

describe("Hooks.listener()", () => {
    it("hands the facts over as one line of JSON, and fills in the arguments, each as one", () => {
        const { tell, argvs, inputs, commands } = hooks({
            run: ["/bin/tell", "{event}:{door}", "{source}", "{text}", "{x}"],
        })
        tell(opened)
        expect(commands.running[0]!.job.argv.slice(1, 3)).toEqual(["grant:ssh", "192.0.2.7"])
        expect(argvs()[0]).toMatch(/ssh: 192\.0\.2\.7: open: tcp\/22 for 30 s, until .* \{x\}$/)
        expect(commands.running[0]!.job.input!.split("\n")).toHaveLength(2)
        expect(inputs()).toEqual([
            {
                version: 1,
                time: "2026-03-01T16:05:31.000Z",
                hook: "tell",
                event: "grant",
                report: "opened",
                level: "notice",
                text: expect.stringContaining("open: tcp/22 for 30 s"),
                door: "ssh",
                source: "192.0.2.7",
                opens: ["tcp/22"],
                ms: 30_000,
                renewed: false,
                omitted: 0,
            },
        ])
    })

    it.each<[Report, string | null]>([
        [opened, "grant"],
        [{ type: "given", ...who, opens: [], ms: 0, uid: 7 }, "grant"],
        [closed, "end"],
        [{ type: "revoked", ...who, uid: 7 }, "end"],
        [refused, "refusal"],
        [{ type: "paused", source, ms: 1000 }, "refusal"],
        [{ type: "hiding", services: [SSH], how: "lapsed" }, "hiding"],
        [{ type: "stage", ...who, stage: 1, of: 3 }, null],
        [{ type: "late", ...who, stage: 2, of: 3, ms: 9, within: 8 }, null],
        [{ type: "suppressed", count: 1, sources: 1, ms: 1, kinds: [] }, null],
    ])("%j is %s", (report, event) => {
        const { tell, inputs } = hooks({ on: ["grant", "end", "refusal", "hiding", "trouble"] })
        tell(report)
        expect(inputs().map((call) => call["event"])).toEqual(event === null ? [] : [event])
    })

    it("calls those that want it: by event, and by door", () => {
        const {
            tell,
            inputs,
            it: all,
        } = hooks(
            { name: "all", on: ["grant", "end"] },
            { name: "ends", on: ["end"] },
            { name: "web", on: ["grant", "end", "trouble"], doors: ["web"] },
        )
        tell(opened)
        expect(inputs().map(({ hook }) => hook)).toEqual(["all"])
        tell({ ...closed, door: "web" })
        expect(inputs().map(({ hook, event }) => `${String(hook)} ${String(event)}`)).toEqual([
            "all grant",
            "ends end",
            "web end",
        ])
        // What is about no door is not about this one.
        all.overhear(() => {})("error", "no table")
        expect(inputs()).toHaveLength(3)
    })

    it("follows the configuration that is in force", () => {
        const { tell, all, inputs } = hooks({})
        all.splice(0)
        tell(opened)
        expect(inputs()).toEqual([])
        all.push({ name: "new", on: ["grant"], doors: null, run: ["/bin/new"], timeout: 1000 })
        tell(opened)
        expect(inputs().map(({ hook }) => hook)).toEqual(["new"])
    })

    it("calls one hook at a time, in order, so many wait, and the next call says how many were left out", async () => {
        const { tell, inputs, end, lines, time } = hooks({})
        for (let i = 0; i < 30; i++) tell({ ...opened, ms: 1000 + i })
        const seen: unknown[] = []
        for (let i = 0; i < 40; i++) {
            seen.push(...inputs().map(({ ms, omitted }) => `${String(ms)} ${String(omitted)}`))
            expect(inputs().length).toBeLessThanOrEqual(1)
            await end()
        }
        // One runs, sixteen wait.
        expect(seen).toEqual(Array.from({ length: 17 }, (_, i) => `${1000 + i} 0`))
        expect(lines).toEqual(["warning hook tell: calls are left out: it is too slow, or too much happens"])
        time.now = 60_000
        tell(opened)
        expect(inputs()).toMatchObject([{ omitted: 13 }])
        await end()
        tell(opened)
        expect(inputs()).toMatchObject([{ omitted: 0 }])
    })

    it("calls a hook so many times at once and then once a second, however quick it is", async () => {
        const { tell, inputs, end, time } = hooks({})
        let calls = 0
        for (let i = 0; i < 1000; i++) {
            tell(opened)
            calls += inputs().length
            await end()
            time.now += 10
        }
        expect(calls).toBeGreaterThanOrEqual(29)
        expect(calls).toBeLessThanOrEqual(31)
    })

    it("keeps four running over all hooks, and one that hangs holds no other up", async () => {
        const { tell, inputs, commands } = hooks(...["a", "b", "c", "d", "e"].map((name): Partial<Hook> => ({ name })))
        tell(opened)
        expect(inputs().map(({ hook }) => hook)).toEqual(["a", "b", "c", "d"])
        commands.running[3]!.end({ ended: "timeout" })
        await new Promise((resolve) => setImmediate(resolve))
        expect(inputs().map(({ hook }) => hook)).toEqual(["a", "b", "c", "e"])
    })

    it("says that a hook fails, not each time", async () => {
        const { tell, end, lines, time } = hooks({})
        for (let i = 0; i < 10; i++) {
            tell(opened)
            await end(3)
        }
        expect(lines).toEqual(Array.from({ length: 3 }, () => "warning hook tell: ended with exit code 3"))
        time.now += 60_000
        tell(opened)
        await end(3)
        expect(lines).toHaveLength(4)
    })
})

describe("Hooks.overhear()", () => {
    it("tells of trouble, not of what knockers do, nor of what is no trouble, and writes all of it", () => {
        const { it: all, inputs } = hooks({ on: ["trouble"] })
        const written: string[] = []
        const log = all.overhear((level, text) => written.push(`${level} ${text}`))
        log("notice", "ready")
        log("warning", "refused", { report: { type: "refused" } })
        log("error", "firewall: no")
        expect(written).toHaveLength(3)
        expect(inputs()).toMatchObject([{ event: "trouble", level: "error", text: "firewall: no" }])
    })
})

describe("Hooks.stop()", () => {
    it("ends what runs, forgets what waits, and calls nothing any more; nor before the beginning", async () => {
        const { it: all, tell, inputs, commands, lines } = hooks({})
        tell(opened)
        tell(opened)
        await all.stop()
        tell(opened)
        expect(inputs()).toEqual([])
        expect(commands.load()).toEqual({ running: 0, waiting: 0 })
        expect(lines.filter((line) => line.includes("left out"))).toEqual([])
    })
})
