import { readFileSync } from "node:fs"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Errand, type ErrandEvent, type ErrandPlan, REST_MS, stepErrand } from "../../../src/core/errand.ts"

const after = 100
const both: ErrandPlan = { stop: true, after, eager: false }
const only: ErrandPlan = { stop: false, after, eager: false }

/** One of each kind of state, as short words. */
const STATES: Readonly<Record<string, Errand>> = {
    idle: { phase: "idle" },
    starting: { phase: "starting", ending: false, again: 0 },
    "starting, ending": { phase: "starting", ending: true, again: 0 },
    "started 50": { phase: "started", until: 50 },
    stopping: { phase: "stopping", again: false },
    "stopping, again": { phase: "stopping", again: true },
    "resting 40": { phase: "resting", until: 40, again: false },
    "resting 90": { phase: "resting", until: 90, again: false },
    "resting 40, again": { phase: "resting", until: 40, again: true },
}
const EVENTS = [
    "knock",
    "tick",
    "revoke",
    "unstarted",
    "startEnded",
    "stopEnded",
] as const satisfies readonly ErrandEvent["type"][]

function word(errand: Errand): string {
    if (errand.phase === "started") return `started ${errand.until}`
    if (errand.phase === "resting") return `resting ${errand.until}${errand.again ? ", again" : ""}`
    if (errand.phase === "starting" && errand.ending) return "starting, ending"
    if (errand.phase === "starting" && errand.again > 0) return `starting, ${errand.again} more`
    return errand.phase === "stopping" && errand.again ? "stopping, again" : errand.phase
}

/** The table as a person reads it; `.`: nothing changes, `!start`: a program is run. Every event comes at 40. */
function draw(plan: ErrandPlan): string {
    const rows = Object.entries(STATES).map(([name, errand]) => [
        name,
        ...EVENTS.map((type) => {
            const step = stepErrand(errand, { type, now: 40 }, plan)
            const next = word(step.errand) === name ? "." : word(step.errand)
            return step.run === null ? next : `${next} !${step.run}`
        }),
    ])
    const table = [["", ...EVENTS], ...rows]
    const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
    return table
        .map((row) =>
            row
                .map((cell, i) => cell.padEnd(widths[i]!))
                .join(" | ")
                .trimEnd(),
        )
        .join("\n")
}

/** Where each event leads, one after another, all at 40. */
function steps(plan: ErrandPlan, events: readonly ErrandEvent["type"][]): string[] {
    let errand: Errand = { phase: "idle" }
    return events.map((type) => {
        const step = stepErrand(errand, { type, now: 40 }, plan)
        errand = step.errand
        return step.run === null ? word(errand) : `${word(errand)} !${step.run}`
    })
}

describe("stepErrand()", () => {
    it("does in each phase and at each event what the table says", () => {
        expect(`\n${draw(both)}\n`).toMatchInlineSnapshot(`
          "
                            | knock             | tick            | revoke           | unstarted | startEnded     | stopEnded
          idle              | starting !start   | .               | .                | .         | .              | .
          starting          | .                 | .               | starting, ending | idle      | started 140    | .
          starting, ending  | starting          | .               | .                | idle      | stopping !stop | .
          started 50        | started 140       | .               | stopping !stop   | .         | .              | .
          stopping          | stopping, again   | .               | .                | .         | .              | resting 1040
          stopping, again   | .                 | .               | stopping         | .         | .              | resting 1040, again
          resting 40        | resting 40, again | idle            | .                | .         | .              | .
          resting 90        | resting 90, again | .               | .                | .         | .              | .
          resting 40, again | .                 | starting !start | resting 40       | .         | .              | .
          "
        `)
        expect(readFileSync(new URL("../../../ARCHITECTURE.md", import.meta.url), "utf8")).toContain(draw(both))
    })

    it("runs no stop where the door has none", () => {
        expect(`\n${draw(only)}\n`).toMatchInlineSnapshot(`
          "
                            | knock           | tick            | revoke           | unstarted | startEnded   | stopEnded
          idle              | starting !start | .               | .                | .         | .            | .
          starting          | .               | .               | starting, ending | idle      | resting 1040 | .
          starting, ending  | starting        | .               | .                | idle      | resting 1040 | .
          started 50        | started 140     | .               | stopping !stop   | .         | .            | .
          stopping          | stopping, again | .               | .                | .         | .            | resting 1040
          stopping, again   | .               | .               | stopping         | .         | .            | resting 1040, again
          resting 40        | .               | idle            | .                | .         | .            | .
          resting 90        | .               | .               | .                | .         | .            | .
          resting 40, again | resting 40      | starting !start | resting 40       | .         | .            | .
          "
        `)
    })

    it("starts no sooner than a second after the end of its programs, however often there are knocks", () => {
        for (const plan of [both, { ...both, after: 0 }, only]) {
            let errand: Errand = { phase: "idle" }
            let ended = Number.NEGATIVE_INFINITY
            const starts: number[] = []
            for (let now = 0; now < 20_000; now += 10) {
                for (const type of ["knock", "tick", "startEnded", "tick", "stopEnded", "tick"] as const) {
                    const step = stepErrand(errand, { type, now }, plan)
                    if (step.errand.phase === "resting" && errand.phase !== "resting") ended = now
                    if (step.run === "start") {
                        expect(now - ended).toBeGreaterThanOrEqual(REST_MS)
                        starts.push(now)
                    }
                    errand = step.errand
                }
            }
            expect(starts.length).toBeGreaterThan(plan === both ? 0 : 10)
        }
    })

    it("forgets a knock of its rest where nothing was undone, and does it afterwards where a stop has", () => {
        const resting: Errand = { phase: "resting", until: 50, again: false }
        expect(stepErrand(resting, { type: "knock", now: 40 }, only).errand).toEqual(resting)
        const again = stepErrand(resting, { type: "knock", now: 40 }, both).errand
        expect(stepErrand(again, { type: "tick", now: 50 }, both).run).toBe("start")
        expect(stepErrand(resting, { type: "tick", now: 50 }, both)).toEqual({ errand: { phase: "idle" }, run: null })
    })

    it("does not rest where it is eager: after a stop at once, and for each of the knocks during a start", () => {
        const eager = { after: 0, eager: true }
        expect(
            steps({ ...eager, stop: false }, [
                "knock",
                "knock",
                "knock",
                "startEnded",
                "startEnded",
                "startEnded",
                "knock",
            ]),
        ).toEqual([
            "starting !start",
            "starting, 1 more",
            "starting, 2 more",
            "starting, 1 more !start",
            "starting !start",
            "idle",
            "starting !start",
        ])
        expect(steps({ ...eager, stop: true }, ["knock", "knock", "startEnded", "tick", "knock", "stopEnded"])).toEqual(
            ["starting !start", "starting", "started 40", "stopping !stop", "stopping, again", "starting !start"],
        )
        expect(steps({ ...eager, stop: true }, ["knock", "startEnded", "tick", "stopEnded"]).at(-1)).toBe("idle")
    })

    it("stops at its time, not before", () => {
        const errand: Errand = { phase: "started", until: 50 }
        expect(stepErrand(errand, { type: "tick", now: 49 }, both)).toEqual({ errand, run: null })
        expect(stepErrand(errand, { type: "tick", now: 50 }, both).run).toBe("stop")
    })

    it("runs start and stop in turn, one at a time, and comes to rest when knocks end, for any events", () => {
        const counts = { start: 0, stop: 0, again: 0 }
        // Programs end sooner or later; events that mean nothing just then are in it as well.
        const events = fc.array(
            fc.oneof(
                { weight: 3, arbitrary: fc.constant("knock" as const) },
                { weight: 3, arbitrary: fc.constant("ended" as const) },
                fc.constantFrom(...EVENTS),
            ),
            { maxLength: 60, size: "max" },
        )
        fc.assert(
            fc.property(events, fc.constantFrom(both, only), (list, plan) => {
                let errand: Errand = { phase: "idle" }
                // A list, for the compiler's sake: it is filled by a function.
                const running: ("start" | "stop")[] = []
                let now = 0
                const runs: string[] = []
                const send = (type: ErrandEvent["type"]) => {
                    // A program that does not run cannot end.
                    if (type === "startEnded" || type === "stopEnded") {
                        if (`${running[0]}Ended` !== type) return
                        running.pop()
                    }
                    if (type === "unstarted") {
                        if (running[0] !== "start") return
                        running.pop()
                        runs.pop()
                    }
                    const step = stepErrand(errand, { type, now }, plan)
                    errand = step.errand
                    if (step.run === null) return
                    expect(running).toEqual([])
                    running.push(step.run)
                    counts[step.run]++
                    if (type === "tick") counts.again++
                    runs.push(step.run)
                }
                for (const type of list) {
                    now += 30
                    if (type !== "ended") send(type)
                    else for (const which of running) send(`${which}Ended`)
                }
                for (let i = 0; i < 6; i++) {
                    for (const which of running) send(`${which}Ended`)
                    now += REST_MS
                    send("tick")
                }
                expect(errand).toEqual({ phase: "idle" })
                expect(running).toEqual([])
                if (plan.stop) {
                    expect(runs.every((run, i) => run === (i % 2 === 0 ? "start" : "stop"))).toBe(true)
                    expect(runs.length % 2).toBe(0)
                } else {
                    expect(runs.includes("stop")).toBe(false)
                }
            }),
            { numRuns: 1000 },
        )
        for (const count of Object.values(counts)) expect(count).toBeGreaterThan(100)
    })
})
