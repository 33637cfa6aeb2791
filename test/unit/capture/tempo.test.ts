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

it("Tempo.after() keeps to the shortest pause for as long as fewer than eight packets come in a millisecond", () => {
    expect(run(new Tempo(), 0, times(1000, 15)).pauses).toEqual(times(1000, 2))
})

it("Tempo.after() pauses for longer while many come, in bursts or not, 8 ms at most", () => {
    for (const bursts of [[40], [78, 2], [20, 60, 20, 60, 40]]) {
        const tempo = new Tempo()
        let [now, pause] = [0, 2]
        const pauses: number[] = []
        for (let index = 0; index < 400; index++) {
            // So many in two milliseconds.
            pause = tempo.after((bursts[index % bursts.length]! * pause) / 2, now)
            now += pause
            pauses.push(pause)
        }
        expect(pauses[0]).toBe(2)
        expect(pauses.slice(200)).toEqual(times(200, 8))
        expect(pauses.indexOf(4)).toBeGreaterThanOrEqual(31)
    }
})

it("Tempo.after() goes back to the shortest pause when fewer come, and stays in between", () => {
    const tempo = new Tempo()
    const { end } = run(tempo, 0, times(200, 80))
    const between = run(tempo, end, times(200, 48))
    expect(between.pauses).toEqual(times(200, 8))
    const { pauses } = run(tempo, between.end, times(50, 8))
    expect(pauses.at(-1)).toBe(2)
})

it("Tempo.after() goes on pausing where the kernel hands packets over in lumps, until fewer come", () => {
    const tempo = new Tempo()
    const { end } = run(tempo, 0, times(200, 80))
    expect(tempo.rushed).toBe(true)
    // Ten packets a millisecond, a hundred and sixty at once.
    const lumps = run(
        tempo,
        end,
        Array.from({ length: 100 }, (_, index) => (index % 2) * 160),
    )
    expect([lumps.pauses, tempo.rushed]).toEqual([times(100, 8), true])
    const { pauses } = run(tempo, lumps.end, times(20, 0))
    expect([pauses.at(-1), tempo.busy, tempo.rushed]).toEqual([0, false, false])
})

it("Tempo.rushed: while more than eight come in a millisecond, until fewer than four do", () => {
    const tempo = new Tempo()
    let end = 0
    const rushed = [15, 60, 12, 7].map((found) => {
        end = run(tempo, end, times(100, found)).end
        return [tempo.busy, tempo.rushed]
    })
    // Twelve in 2 ms that were 60, by pauses of 8 ms; and seven.
    expect(rushed).toEqual([
        [true, false],
        [true, true],
        [true, false],
        [true, false],
    ])
})
