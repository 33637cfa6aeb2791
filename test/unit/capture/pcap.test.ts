import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { readCaptureFile, writePcap } from "../../../src/core/net/pcap.ts"
import { bytes, join, zeros } from "../../../tools/vectors/bytes.ts"

/** Numbers in one byte order. */
function order(little: boolean) {
    const number = (value: number, width: 2 | 4) => {
        const view = new DataView(new ArrayBuffer(width))
        if (width === 2) view.setUint16(0, value, little)
        else view.setUint32(0, value, little)
        return new Uint8Array(view.buffer)
    }
    return { u16: (value: number) => number(value, 2), u32: (value: number) => number(value, 4) }
}

function pcap(little: boolean, nano: boolean, frames: readonly { s: number; f: number; data: Uint8Array }[]) {
    const { u16, u32 } = order(little)
    const header = [u32(nano ? 0xa1b23c4d : 0xa1b2c3d4), u16(2), u16(4), zeros(8), u32(65_535), u32(1)]
    return join(...header, ...frames.flatMap(({ s, f, data }) => [u32(s), u32(f), u32(data.length), u32(99), data]))
}

/** Filled up to a multiple of 4 bytes. */
function pad(data: Uint8Array): Uint8Array {
    return join(data, zeros(-data.length & 3))
}

function pcapng(little: boolean) {
    const { u16, u32 } = order(little)
    const block = (type: number, ...parts: Uint8Array[]) => {
        const body = pad(join(...parts))
        return join(u32(type), u32(body.length + 12), body, u32(body.length + 12))
    }
    const option = (code: number, data: Uint8Array) => join(u16(code), u16(data.length), pad(data))
    return {
        u32,
        block,
        section: () => block(0x0a0d0d0a, u32(0x1a2b3c4d), u16(1), u16(0), u32(0xffffffff), u32(0xffffffff)),
        device: (linkType: number, snap: number, options: readonly (readonly [number, Uint8Array])[]) =>
            block(1, u16(linkType), u16(0), u32(snap), ...options.map(([code, data]) => option(code, data)), u32(0)),
        enhanced: (device: number, high: number, low: number, data: Uint8Array) =>
            block(6, u32(device), u32(high), u32(low), u32(data.length), u32(data.length), data),
        simple: (size: number, data: Uint8Array) => block(3, u32(size), data),
    }
}

const name = Uint8Array.from(Buffer.from("eth0"))

function sample(little: boolean) {
    const { section, device, enhanced, simple, block } = pcapng(little)
    return join(
        section(),
        device(1, 0, [[2, name]]),
        device(101, 4, [[9, bytes(9)]]),
        device(228, 0, [[9, bytes(0x80 | 10)]]),
        block(5, zeros(12)),
        enhanced(0, 0x0005_0000, 1_000_500, bytes(1, 2, 3)),
        simple(2, bytes(9, 8)),
        enhanced(1, 0, 2_000_000, bytes(4, 5, 6, 7)),
        enhanced(2, 0, 1536, bytes(7)),
    )
}

describe("readCaptureFile()", () => {
    for (const little of [true, false]) {
        for (const nano of [true, false]) {
            it(`reads pcap, ${little ? "little" : "big"}-endian, ${nano ? "nano" : "micro"}seconds`, () => {
                const f = nano ? 500_000 : 500
                const file = pcap(little, nano, [
                    { s: 10, f, data: bytes(1, 2) },
                    { s: 4_000_000_000, f: 0, data: bytes() },
                ])
                expect(readCaptureFile(file)).toEqual({
                    frames: [
                        { time: 10_000.5, linkType: 1, interface: null, start: 40, end: 42 },
                        { time: 4e12, linkType: 1, interface: null, start: 58, end: 58 },
                    ],
                    problems: [],
                })
            })
        }
        it(`reads pcapng, ${little ? "little" : "big"}-endian`, () => {
            const file = sample(little)
            const { frames, problems } = readCaptureFile(file)
            const at = (0x0005_0000 * 2 ** 32 + 1_000_500) / 1000
            expect(problems).toEqual([])
            expect(
                frames.map(({ start, end, ...rest }) => ({ ...rest, data: [...file.subarray(start, end)] })),
            ).toEqual([
                { time: at, linkType: 1, interface: "eth0", data: [1, 2, 3] },
                { time: at, linkType: 1, interface: "eth0", data: [9, 8] },
                { time: 2, linkType: 101, interface: null, data: [4, 5, 6, 7] },
                { time: 1500, linkType: 228, interface: null, data: [7] },
            ])
        })
    }

    it("reads files of several sections, each in its own byte order", () => {
        const { frames, problems } = readCaptureFile(join(sample(true), sample(false)))
        expect([frames.length, problems]).toEqual([8, []])
    })

    it("keeps the frames before the cut, for a file cut at every length", () => {
        for (const file of [sample(true), sample(false), pcap(true, false, [{ s: 1, f: 0, data: bytes(1, 2, 3) }])]) {
            const whole = readCaptureFile(file).frames
            for (let end = 0; end < file.length; end++) {
                const { frames, problems } = readCaptureFile(file.subarray(0, end))
                expect(frames).toEqual(whole.slice(0, frames.length))
                for (const { offset } of problems) expect(offset).toBeLessThanOrEqual(end)
                if (problems.length === 0) expect(readCaptureFile(file.subarray(0, end + 1)).problems).not.toEqual([])
            }
        }
    })

    const { section, device, enhanced, simple, block, u32 } = pcapng(true)
    const huge = pcap(true, false, [{ s: 1, f: 0, data: bytes(1) }])
    new DataView(huge.buffer).setUint32(32, 262_145, true)
    const lying = enhanced(0, 0, 0, bytes(1))
    new DataView(lying.buffer).setUint32(20, 500, true)
    const unequal = section()
    unequal[unequal.length - 4] = 0
    const disordered = section()
    disordered[8] = 0
    for (const [what, file, problem] of [
        ["no known file", bytes(1, 2, 3, 4, 5), { code: "unknown-format", offset: 0 }],
        ["an empty file", bytes(), { code: "unknown-format", offset: 0 }],
        ["a frame that is too long", huge, { code: "bad-length", offset: 24 }],
        [
            "a packet of no interface",
            join(section(), enhanced(0, 0, 0, bytes(1))),
            { code: "no-interface", offset: 28 },
        ],
        ["a simple packet of no interface", join(section(), simple(1, bytes(1))), { code: "no-interface", offset: 28 }],
        [
            "a packet longer than its block",
            join(section(), device(1, 0, []), lying),
            { code: "bad-length", offset: 52 },
        ],
        ["a packet block too short", join(section(), block(6, u32(0))), { code: "bad-length", offset: 28 }],
        ["an interface block too short", join(section(), block(1, u32(0))), { code: "bad-length", offset: 28 }],
        ["a block of length 0", join(section(), zeros(12)), { code: "bad-length", offset: 28 }],
        ["a block whose two lengths differ", unequal, { code: "bad-length", offset: 0 }],
        ["a section of no byte order", disordered, { code: "unknown-format", offset: 0 }],
    ] as const) {
        it(`says what is wrong with ${what}`, () => expect(readCaptureFile(file).problems).toEqual([problem]))
    }

    it("throws for no bytes, and mutated files reach frames and problems", () => {
        let [good, bad] = [0, 0]
        const change = fc.tuple(fc.nat(300), fc.nat(255))
        fc.assert(
            fc.property(fc.boolean(), fc.array(change, { maxLength: 4 }), (little, changes) => {
                const file = sample(little)
                for (const [at, value] of changes) if (at < file.length) file[at] = value
                const { frames, problems } = readCaptureFile(file)
                for (const { start, end } of frames) expect(start <= end && end <= file.length).toBe(true)
                if (problems.length > 0) bad++
                else if (frames.length > 0) good++
            }),
            { numRuns: 2000 },
        )
        expect(Math.min(good, bad)).toBeGreaterThan(200)
    })
})

describe("writePcap()", () => {
    it("writes what readCaptureFile() reads", () => {
        // Whole microseconds, as the file can hold them.
        const frame = fc.record({
            time: fc.integer({ min: 0, max: 2 ** 32 * 1000 - 1 }),
            bytes: fc.uint8Array({ maxLength: 50 }),
        })
        fc.assert(
            fc.property(fc.constantFrom(1, 101, 276), fc.array(frame), (linkType, frames) => {
                const file = writePcap(linkType, frames)
                const read = readCaptureFile(file)
                expect(read.problems).toEqual([])
                expect(read.frames.map(({ time, start, end }) => ({ time, bytes: file.slice(start, end) }))).toEqual(
                    frames,
                )
                for (const found of read.frames) expect(found.linkType).toBe(linkType)
            }),
        )
    })
})
