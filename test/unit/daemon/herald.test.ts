/** What the daemon says of itself, with a clock that stands still and a notifier that remembers. */
import { describe, expect, it } from "vitest"
import { simulatedClock } from "../../../src/adapters/clock/simulated.ts"
import { memoryNotifier } from "../../../src/adapters/notify/memory.ts"
import { Herald } from "../../../src/daemon/herald.ts"

function make(watchdog: number | null = null) {
    const world = { status: "one", trouble: null as string | null, lines: [] as string[] }
    const clock = simulatedClock()
    const notifier = memoryNotifier(watchdog)
    const herald = new Herald({
        notifier,
        clock,
        status: () => world.status,
        trouble: () => world.trouble,
        log: (level, text) => void world.lines.push(`${level}: ${text}`),
    })
    return { world, clock, herald, told: notifier.told }
}

describe("Herald", () => {
    it("says nothing before it is ready, and then how things stand", () => {
        const { herald, told, clock } = make()
        herald.changed()
        expect([told, clock.next()]).toEqual([[], null])
        herald.ready()
        expect(told).toEqual([{ phase: "ready", status: "one" }])
    })

    it("is not woken while nothing changes and nobody guards", () => {
        const { herald, clock } = make()
        herald.ready()
        expect(clock.next()).toBeNull()
        herald.changed()
        clock.advance(1000)
        expect(clock.next()).toBeNull()
    })

    it("says what changed, at most once a second, and not what is as it was", () => {
        const { herald, told, clock, world } = make()
        herald.ready()
        for (let step = 1; step <= 30; step++) {
            world.status = `${step}`
            herald.changed()
            clock.advance(100)
        }
        expect(told.slice(1)).toEqual([{ status: "10" }, { status: "20" }, { status: "30" }])
        herald.changed()
        clock.advance(5000)
        expect(told).toHaveLength(4)
    })

    it("gives signs of life twice in the time that is allowed", () => {
        const { herald, told, clock } = make(10_000)
        herald.ready()
        clock.advance(20_000)
        expect(told.filter(({ alive }) => alive)).toHaveLength(4)
    })

    it("gives none while it does not do its work, says so once, and goes on when it does", () => {
        const { herald, told, clock, world } = make(10_000)
        herald.ready()
        world.trouble = "deaf"
        clock.advance(60_000)
        expect(told.filter(({ alive }) => alive)).toEqual([])
        expect(world.lines).toEqual(["error: no sign of life for the watchdog: deaf"])
        world.trouble = null
        clock.advance(1000)
        expect(told.at(-1)).toEqual({ alive: true })
    })

    it("forgives what was so for a moment, as after a long sleep of the process", () => {
        const { herald, told, clock, world } = make(10_000)
        herald.ready()
        world.trouble = "late"
        clock.advance(5000)
        world.trouble = null
        clock.advance(1000)
        expect([told.at(-1), world.lines]).toEqual([{ alive: true }, []])
    })

    it("a reload: says that it begins, keeps giving signs of life, and is ready again", () => {
        const { herald, told, clock, world } = make(10_000)
        herald.reloading()
        herald.ready()
        herald.reloading()
        world.status = "two"
        herald.changed()
        clock.advance(5000)
        herald.ready()
        expect(told).toEqual([
            { phase: "ready", status: "one" },
            { phase: "reloading" },
            { alive: true },
            { phase: "ready", status: "two" },
        ])
    })

    it("stopping is the last word", () => {
        const { herald, told, clock } = make(10_000)
        herald.ready()
        herald.changed()
        herald.stopping()
        herald.stopping()
        herald.ready()
        herald.changed()
        clock.advance(60_000)
        expect(told.slice(1)).toEqual([{ phase: "stopping", status: "stopping" }])
        expect(clock.next()).toBeNull()
    })
})
