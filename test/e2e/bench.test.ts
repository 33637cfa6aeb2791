/**
 * The short form of `make bench`: that what is promised in figures holds by a wide margin, whatever else this machine
 * does. Ratios only, of measurements that were taken one after the other.
 */
import { afterAll, beforeAll, expect, it } from "vitest"
import { makeRig, type Rig } from "../../bench/rig.ts"
import { came, lost, quantile, type Subject } from "../../bench/row.ts"
import { engineCost } from "../../bench/rows/core.ts"
import { flooded } from "../../bench/rows/flood.ts"

let rig: Rig

beforeAll(() => {
    rig = makeRig()
})

afterAll(() => {
    rig?.remove()
})

it("the port opens several times as soon after the last hit as with knockd, and sooner in knockd's place", async () => {
    const times: Partial<Record<Subject, number[]>> = {}
    for (const subject of ["postern", "drop-in", "knockd"] as const) {
        const running = await rig.start(subject)
        await rig.knock({ subject, count: 2 })
        times[subject] = await rig.knock({ subject, count: 16 })
        await running.finish()
    }
    expect(lost(times.postern)).toBe(0)
    expect(lost(times["drop-in"])).toBe(0)
    // Not the median: other work on the machine adds to both of them alike, and this is about what they take themselves.
    expect(quantile(came(times.knockd), 0.25) / quantile(came(times.postern), 0.25)).toBeGreaterThan(4)
    // Both run the same command, which takes its time.
    expect(quantile(came(times.knockd), 0.25) / quantile(came(times["drop-in"]), 0.25)).toBeGreaterThan(1.3)
})

it("a flood of spoofed first hits loses no knock, and handles several times the packets that knockd does with the same processor time", async () => {
    const wish = { family: 4, rate: 20_000, seconds: 3 } as const
    const postern = await flooded(rig, "postern", wish)
    const knockd = await flooded(rig, "knockd", wish)
    expect(postern["during"]?.length).toBeGreaterThan(2)
    expect(lost(postern["during"])).toBe(0)
    expect(postern["share"]![0]).toBeGreaterThan(99)
    expect(postern["handled"]![0]! / knockd["handled"]![0]!).toBeGreaterThan(3)
})

it("ten thousand doors cost the engine hardly more per packet than one", () => {
    const [one, many] = [1, 10_000].map((doors) => engineCost({ doors, sources: 1000 }))
    expect(many! / one!).toBeLessThan(3)
})
