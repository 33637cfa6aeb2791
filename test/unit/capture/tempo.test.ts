import { expect, it } from "vitest"
import { Tempo } from "../../../src/adapters/capture/tempo.ts"

/** Readings that find so many packets each, one after another with the pauses they ask for; what they ask for. */
function run(
    tempo: Tempo,
    begin: number,
    found: readonly number[],
): { readonly pauses: number[]; readonly end: number } {
    let now = begin
    const pauses = found.map((count) => {
        const pause = tempo.after(count, now)
        now += Math.max(1, pause)
        return pause
    })
    return { pauses, end: now }
}

const times = (count: number, found: number) => Array.from({ length: count }, () => found)

it("Tempo.after() never pauses for a knocker, however often he knocks", () => {
    const tempo = new Tempo()
    // A packet every millisecond: eight in each window.
    expect(run(tempo, 0, times(500, 1)).pauses).toEqual(times(500, 0))
    expect(tempo.busy).toBe(false)
})

it("Tempo.after() pauses as soon as more than eight packets come within eight milliseconds, in one reading or in many", () => {
    expect(new Tempo().after(9, 100)).toBe(2)
    const tempo = new Tempo()
    expect([tempo.after(4, 100), tempo.after(4, 103), tempo.after(1, 107)]).toEqual([0, 0, 2])
    const slower = new Tempo()
    expect([slower.after(4, 100), slower.after(4, 103), slower.after(1, 108)]).toEqual([0, 0, 0])
})

it("Tempo.after() ends the pauses when a reading finds one packet or none", () => {
    for (const few of [0, 1]) {
        const tempo = new Tempo()
        expect(run(tempo, 0, [9, 2, 2, few]).pauses).toEqual([2, 2, 2, 0])
        expect(tempo.busy).toBe(false)
    }
})

it("Tempo.after() keeps to the shortest pause for as long as a reading finds fewer than 32", () => {
    expect(run(new Tempo(), 0, times(1000, 31)).pauses).toEqual(times(1000, 2))
})

it("Tempo.after() pauses for longer while readings are rich, 8 ms at most, and at once for less when they are not", () => {
    const tempo = new Tempo()
    const { pauses, end } = run(tempo, 0, times(200, 32))
    expect(pauses.slice(0, 31)).toEqual(times(31, 2))
    expect(pauses.slice(31, 63)).toEqual(times(32, 4))
    expect(pauses.slice(63)).toEqual(times(137, 8))
    expect(tempo.after(31, end)).toBe(2)
    expect(tempo.after(32, end + 2)).toBe(2)
})
