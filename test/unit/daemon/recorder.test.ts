/** From the loop to the audit trail: models, a simulated clock, and what is written down of a knock and of a flood. */
import { describe, expect, it } from "vitest"
import { memoryAudit } from "../../../src/adapters/audit/memory.ts"
import { simulatedClock } from "../../../src/adapters/clock/simulated.ts"
import { EVERYTHING } from "../../../src/core/audit/filter.ts"
import { parseAddress } from "../../../src/core/net/address.ts"
import { howLastEnded, recorder } from "../../../src/daemon/recorder.ts"
import { config } from "../core/world.ts"
import { makeGate } from "./gate.ts"

const HITS = ["7000", "8000:udp", "9000"]
const me = "192.0.2.7"
const ALL = { after: 0, last: null, filter: EVERYTHING }

function make() {
    const clock = simulatedClock(1000)
    const audit = memoryAudit(() => clock.wall())
    const trail = recorder(audit, clock)
    const kinds = async () => (await audit.read(ALL)).entries.map(({ what }) => what)
    return { clock, audit, trail, kinds }
}

describe("recorder()", () => {
    it("writes a knock down from its opening to its end, and no attempt", async () => {
        const { audit, trail } = make()
        const gate = makeGate(config([{ name: "ssh", opens: ["tcp/22"], hits: HITS }]), () => ({
            listeners: [trail.hear],
        }))
        gate.loop.start()
        gate.knock(me, HITS)
        gate.knock("192.0.2.8", HITS.slice(0, 2))
        gate.clock.advance(60_000)
        const { entries } = await audit.read(ALL)
        expect(entries).toMatchObject([
            { what: "opened", door: "ssh", source: me, knocker: "unknown", opens: ["tcp/22"] },
            { what: "closed", door: "ssh", source: me, by: "time" },
        ])
        expect(JSON.stringify(entries)).not.toMatch(/7000|8000|9000/)
    })

    it("sums a flood up, and says so a little later, or at the end", async () => {
        const { clock, trail, kinds } = make()
        const source = parseAddress(me)!
        const flood = (count: number) => {
            for (let i = 0; i < count; i++) trail.hear({ type: "refused", door: "ssh", source, code: "grants" }, false)
        }
        flood(500)
        expect(await kinds()).toHaveLength(100)
        clock.advance(9999)
        expect(await kinds()).toHaveLength(100)
        clock.advance(1)
        expect((await kinds()).at(-1)).toBe("summed")
        flood(500)
        trail.stop()
        expect((await kinds()).filter((kind) => kind === "summed")).toHaveLength(2)
        expect(clock.next()).toBeNull()
    })

    it("without a trail hears and says nothing", () => {
        const trail = recorder(null, simulatedClock())
        trail.hear({ type: "orphans", count: 1, uid: 0 }, true)
        trail.note({ what: "stopped", signal: "SIGTERM" })
        trail.stop()
    })
})

describe("howLastEnded()", () => {
    it("is clean if the trail ends with the daemon's end", () => {
        const head = { serial: 1, time: 1 }
        expect(howLastEnded(null)).toBe("none")
        expect(howLastEnded({ ...head, what: "stopped", signal: "SIGTERM" })).toBe("clean")
        expect(howLastEnded({ ...head, what: "suppressed", count: 1 })).toBe("crashed")
    })
})
