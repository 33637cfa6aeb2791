import * as fc from "fast-check"
import { describe, expect, it, vi } from "vitest"
import { Drops } from "../../../src/adapters/capture/drops.ts"
import { Stamps } from "../../../src/adapters/capture/stamps.ts"
import { traceCapture } from "../../../src/adapters/capture/trace.ts"
import { simulatedClock } from "../../../src/adapters/clock/simulated.ts"
import { systemClock } from "../../../src/adapters/clock/system.ts"
import { LogReader } from "../../../src/adapters/system/nfnetlink-log.ts"
import { LITTLE } from "../../../src/adapters/system/socket.ts"
import { Packet } from "../../../src/core/net/packet.ts"
import { writePcap } from "../../../src/core/net/pcap.ts"
import type { WatchPlan } from "../../../src/core/watch.ts"
import type { CaptureSink } from "../../../src/ports/capture.ts"
import * as make from "../../../tools/vectors/bytes.ts"

const record = () => {
    const events: (string | number)[] = []
    const sink: CaptureSink = {
        packet: (packet) => void events.push(packet.time, packet.port),
        drained: () => void events.push("drained"),
        trouble: (what) => void events.push(what),
    }
    return { events, sink }
}

const syn = (port: number) => make.ethernet(0x0800, make.ipv4(make.tcp(port)))

const at = (name: string, port: number) => ({ time: 0, bytes: make.ipv4(make.tcp(port)), interface: name })

const half = (value: number) => new Uint8Array(LITTLE ? Uint8Array.of(value & 255, value >> 8) : make.be16(value))

const word = (value: number) => (LITTLE ? make.be32(value).toReversed() : make.be32(value))

const read = (bytes: Uint8Array) => {
    const reader = new LogReader()
    const found: unknown[] = []
    reader.begin(bytes, 0, bytes.length)
    while (reader.next()) {
        const { start, end, sequence, seconds, microseconds } = reader
        expect(end).toBeLessThanOrEqual(bytes.length)
        found.push({ payload: [...bytes.subarray(start, end)], sequence, seconds, microseconds })
    }
    return found
}

const attribute = (type: number, value: Uint8Array) =>
    make.join(half(4 + value.length), half(type), value, make.zeros(-value.length & 3))
const message = (type: number, ...parts: Uint8Array[]) => {
    const body = make.join(make.bytes(2, 0, 0, 5), ...parts)
    return make.join(word(16 + body.length), half(type), make.zeros(10), body)
}

describe("Stamps.set()", () => {
    it("gives a packet the age that the wall clock knows", () => {
        const clock = simulatedClock(5000, 1_000_000_000_000)
        const stamps = new Stamps(clock)
        stamps.begin()
        const seconds = Math.floor(clock.wall() / 1000)
        const packet = new Packet()
        stamps.set(packet, seconds - 2, 250_500, 1000)
        expect(packet.time).toBe(Math.floor(5000 - (clock.wall() - (seconds - 2) * 1000 - 250.5)))
        stamps.set(packet, 0, 0, 1000)
        expect(packet.time).toBe(5000)
    })

    it("never goes back, never ahead of now, and is whole, whatever the wall clock does", () => {
        const step = fc.record({
            pass: fc.nat(5000),
            jump: fc.integer({ min: -1e7, max: 1e7 }),
            age: fc.integer({ min: -1e7, max: 1e7 }),
        })
        fc.assert(
            fc.property(fc.array(step), (steps) => {
                const clock = simulatedClock()
                const stamps = new Stamps(clock)
                const packet = new Packet()
                let last = 0
                for (const { pass, jump, age } of steps) {
                    clock.advance(pass)
                    clock.jump(jump)
                    stamps.begin()
                    const stamp = clock.wall() - age + 0.25
                    stamps.set(packet, Math.floor(stamp / 1000), (stamp % 1000) * 1000, 1000)
                    const { time } = packet
                    expect(Number.isInteger(time)).toBe(true)
                    expect(time >= last && time <= clock.monotonic()).toBe(true)
                    last = time
                }
            }),
        )
    })
})

describe("Stamps.age()", () => {
    it("tells fractions of a millisecond, and nothing where a clock cannot be right", () => {
        const clock = simulatedClock()
        let real = 0
        const stamps = new Stamps(clock, () => real)
        const packet = new Packet()
        expect(stamps.age()).toBeNull()
        stamps.begin()
        stamps.set(packet, 1_700_000_000, 250_125, 1000)
        real = 1_700_000_000_250.125 + 0.75
        expect(stamps.age()).toBeCloseTo(0.75, 3)
        stamps.set(packet, 1_700_000_000, 250_125_000, 1_000_000)
        expect(stamps.age()).toBeCloseTo(0.75, 3)
        // The wall clock was set while the packet waited: back, or far on.
        for (real of [1_700_000_000_250, 1_700_000_070_000]) expect(stamps.age()).toBeNull()
        stamps.set(packet, 0, 0, 1000)
        expect(stamps.age()).toBeNull()
    })
})

it("Drops.tell() says each drop once, and not too often", () => {
    const trouble = vi.fn<(what: string) => void>()
    const sink: CaptureSink = { packet() {}, drained() {}, trouble }
    const drops = new Drops()
    drops.tell(0, sink)
    drops.add(3)
    drops.tell(1, sink)
    drops.add(4)
    drops.tell(2, sink)
    drops.tell(10_001, sink)
    drops.tell(99_999, sink)
    expect(trouble.mock.calls.map(([what]) => what.split(" ")[0])).toEqual(["3", "4"])
    expect(drops.total).toBe(7)
})

describe("simulatedClock()", () => {
    it("calls back on the way, each at its own time, and only the latest wish", () => {
        const clock = simulatedClock(100)
        const calls: number[] = []
        const again = () => {
            calls.push(clock.monotonic())
            if (calls.length < 3) clock.wake(clock.monotonic() + 50, again)
        }
        clock.wake(110, () => calls.push(-1))
        clock.wake(150, again)
        expect(clock.next()).toBe(150)
        clock.advance(1000)
        expect([calls, clock.monotonic(), clock.next()]).toEqual([[150, 200, 250], 1100, null])
    })

    it("takes a wish back", () => {
        const clock = simulatedClock()
        clock.wake(5, () => expect.unreachable())
        clock.wake(null, () => expect.unreachable())
        clock.advance(10)
    })
})

describe("systemClock()", () => {
    it("is whole and never goes back", () => {
        const clock = systemClock()
        const first = clock.monotonic()
        expect(Number.isInteger(first)).toBe(true)
        expect(clock.monotonic()).toBeGreaterThanOrEqual(first)
    })

    it("calls back once, not before its time, and only the latest wish", async () => {
        const clock = systemClock()
        const at = clock.monotonic() + 20
        const fired = vi.fn()
        clock.wake(at - 15, () => expect.unreachable())
        const time = await new Promise<number>((resolve) => {
            clock.wake(at, () => {
                fired()
                resolve(clock.monotonic())
            })
        })
        expect(time).toBeGreaterThanOrEqual(at)
        expect(fired).toHaveBeenCalledTimes(1)
    })

    it("sleeps longer than a Node timer can", () => {
        vi.useFakeTimers()
        try {
            const clock = systemClock()
            const due = vi.fn()
            const at = clock.monotonic() + 2 ** 31 + 5000
            clock.wake(at, due)
            vi.advanceTimersByTime(2 ** 31 + 4000)
            expect(due).not.toHaveBeenCalled()
            // The second piece begins when the first one has passed.
            vi.advanceTimersByTime(3000)
            expect(due).toHaveBeenCalledTimes(1)
        } finally {
            vi.useRealTimers()
        }
    })
})

describe("traceCapture()", () => {
    const view = {
        strict: true,
        flags: { set: 2, clear: 16 },
        target: [],
        firsts: [],
        named: [],
        drawn: [],
        within: 1,
        doors: [],
        oneTime: [],
    }
    const plan: WatchPlan = { views: [view], services: [], uniform: false, logGroup: 1, attempts: 16 }
    const all = { plan, interfaces: null, offered: [] }
    const local = [make.address(make.LOCAL4)]
    const frames = [
        { time: 5000.5, bytes: syn(1) },
        { time: 5010, bytes: syn(2) },
        { time: 4000, bytes: syn(3) },
        { time: 6000, bytes: make.ethernet(0x0800, make.ipv4(make.tcp(9), { destination: "192.0.2.200" })) },
        { time: 7000.6, bytes: syn(4) },
    ]

    it("replays a file with its own distances in time, never back", () => {
        const { events, sink } = record()
        const reached: number[] = []
        const capture = traceCapture({
            source: writePcap(1, frames),
            local,
            begin: 100,
            reach: (time) => reached.push(time),
        })
        capture.start(all, sink)
        capture.replay()
        expect(events).toEqual([100, 1, "drained", 109, 2, "drained", 109, 3, "drained", 2100, 4, "drained"])
        expect(reached).toEqual([100, 109, 109, 1099, 2100])
        capture.deliver({ time: 0, bytes: make.bytes(0x45, 0, 0) })
        expect(capture.stats()).toEqual({ delivered: 4, dropped: 0, unreadable: 1, unwanted: 1, overflows: 0 })
    })

    it("says where a damaged file ends, and replays what is before", () => {
        const { events, sink } = record()
        const capture = traceCapture({ source: writePcap(1, frames).subarray(0, 130), local })
        capture.start(all, sink)
        capture.replay()
        expect(events).toEqual(["capture file: cut at byte 94", 0, 1, "drained"])
    })

    it("leaves out interfaces that are not watched and services that are offered", () => {
        const { events, sink } = record()
        const capture = traceCapture({ source: [at("a", 1), at("b", 2), at("a", 80)], local })
        capture.start(all, sink)
        capture.follow({ ...all, interfaces: ["a"], offered: [{ protocol: "tcp", port: 80 }] })
        capture.replay()
        expect(events).toEqual([0, 1, "drained"])
    })

    it("ends when it is stopped, also in the midst", () => {
        const { events, sink } = record()
        const capture = traceCapture({ source: writePcap(1, frames), local })
        capture.start(all, { ...sink, packet: () => capture.stop() })
        capture.replay()
        capture.replay()
        expect(events).toEqual([])
    })
})

const packet = (payload: Uint8Array, sequence: number) =>
    message(
        0x400,
        attribute(1, make.zeros(4)),
        attribute(3, make.join(make.be32(0), make.be32(9), make.be32(0), make.be32(5))),
        attribute(12, make.be32(sequence)),
        attribute(9, payload),
    )

describe("LogReader", () => {
    const one = packet(make.bytes(1, 2, 3), 0xfffffffe)
    const two = packet(make.bytes(4), 0xffffffff)

    it("reads several packets and passes over other messages", () => {
        expect(read(make.join(one, message(2, make.zeros(4)), two))).toEqual([
            { payload: [1, 2, 3], sequence: 0xfffffffe, seconds: 9, microseconds: 5 },
            { payload: [4], sequence: 0xffffffff, seconds: 9, microseconds: 5 },
        ])
    })

    it("tells a packet that a rule with a prefix logged", () => {
        const reader = new LogReader()
        const marked = message(0x400, attribute(10, new TextEncoder().encode("full\0")), attribute(9, make.bytes(1)))
        const bytes = make.join(one, marked, two)
        reader.begin(bytes, 0, bytes.length)
        const found: boolean[] = []
        while (reader.next()) found.push(reader.prefixed)
        expect(found).toEqual([false, true, false])
    })

    it("finds nothing that is not there, for messages cut at every length", () => {
        const bytes = make.join(one, two)
        for (let end = 0; end < bytes.length; end++) {
            expect(read(bytes.slice(0, end)).length).toBe(end >= one.length ? 1 : 0)
        }
    })

    it("throws for no bytes", () => {
        fc.assert(
            fc.property(fc.array(fc.tuple(fc.nat(one.length), fc.nat(255)), { maxLength: 5 }), (changes) => {
                const bytes = make.join(one, two)
                for (const [at, value] of changes) bytes[at] = value
                read(bytes)
            }),
            { numRuns: 2000 },
        )
    })
})
