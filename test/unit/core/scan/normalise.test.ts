import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { battery } from "../../../../src/core/scan/battery.ts"
import { compare } from "../../../../src/core/scan/compare.ts"
import { ETHERNET } from "../../../../src/core/scan/link.ts"
import { normalise } from "../../../../src/core/scan/normalise.ts"
import { probe } from "../../../../src/core/scan/probe.ts"
import { type Shot, shoot } from "../../../../src/core/scan/shoot.ts"
import { segment } from "../../../../src/core/scan/tcp-probes.ts"
import { endsOf, type Odd, resetFor } from "../../../lab/ends.ts"

const SYN = probe("flags", "SYN", { body: segment() })
const shotOf = (family: 4 | 6, port: number) => shoot(SYN, endsOf(family, port))
const FAMILIES = [4, 6] as const

/** What is different between the answers of two ports. */
function told(family: 4 | 6, odd: Odd) {
    const closed = [23, 24].map((port) => normalise(resetFor(shotOf(family, port)), shotOf(family, port))!)
    const here = normalise(resetFor(shotOf(family, 22), odd), shotOf(family, 22))!
    return compare({ here: [here], closed: [[closed[0]!], [closed[1]!]] })
}

/** A frame from the host to us around these bytes. */
function framed({ ends }: Shot, type: number, bytes: readonly number[]): Uint8Array {
    return Uint8Array.from([...ends.link!.ours, ...ends.link!.theirs, type >>> 8, type & 255, ...bytes])
}

/** The one difference of a part. */
function one(part: string, here: string, closed: string) {
    return { type: "differs", differences: [{ part, here, closed }] }
}

/** What is heard of the host's question on the link who has this address. */
function asked(shot: Shot, address: readonly number[]) {
    const request = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0]
    return normalise(framed(shot, 0x0806, [...request, ...address]), shot)
}

describe("normalise()", () => {
    it("finds the resets of two ports alike, whatever their flow labels", () => {
        for (const family of FAMILIES) expect(told(family, { flowLabel: 7 })).toEqual({ type: "same", answered: true })
    })

    it("tells the parts that a filter's reset has otherwise", () => {
        expect(told(4, { tos: 0xb8 })).toEqual(one("tos", "b8", "00"))
        expect(told(4, { ttl: 63 })).toMatchObject({ differences: [{ part: "ttl", here: "63", closed: "64" }] })
        expect(told(6, { flowLabel: 0 })).toEqual(one("flow label", "0", "random"))
        expect(told(6, { tos: 0x10 })).toEqual(one("traffic class", "10", "00"))
        // The port stands in the checksum, too, which is worked out anew.
        expect(told(4, { sport: 99 })).toEqual(one("source port", "99", "P"))
    })

    it("takes a checksum that was left to the hardware for right, and no other", () => {
        for (const [family, at] of [
            [4, ETHERNET + 36],
            [6, ETHERNET + 56],
        ] as const) {
            const sums = (change: (frame: Uint8Array) => void) => {
                const frame = resetFor(shotOf(family, 22))
                change(frame)
                return normalise(frame, shotOf(family, 22))!.fields.find(([name]) => name === "checksum")![1]
            }
            expect(sums(() => {})).toBe("ok")
            expect(sums((frame) => frame.set([frame[at]! ^ 1], at))).toBe("BAD")
            const words = [...resetFor(shotOf(family, 22)).subarray(ETHERNET + (family === 4 ? 12 : 8), at - 16)]
            let sum = 6 + 20
            for (let i = 0; i < words.length; i += 2) sum += (words[i]! << 8) | words[i + 1]!
            sum = (sum & 0xffff) + (sum >>> 16)
            expect(sums((frame) => frame.set([sum >>> 8, sum & 255], at))).toBe("ok")
        }
    })

    it("knows a quote for what was sent, on each port", () => {
        for (const port of [22, 23]) {
            const shot = shotOf(4, port)
            const quote = shot.packets[0]!.subarray(0, 28)
            const header = [0x45, 0, 0, 56, 9, 9, 0, 0, 64, 1, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]
            const reply = normalise(framed(shot, 0x0800, [...header, 3, 3, 0, 0, 0, 0, 0, 0, ...quote]), shot)!
            expect(reply.summary).toBe("icmp 3/3")
            expect(Object.fromEntries(reply.fields)).toMatchObject({
                quote: "as sent, 28 bytes",
                identification: "not 0",
            })
        }
    })

    it("hears who looks for an address that nobody has, and for ours does not", () => {
        const spoofed = shoot(
            battery(4, "tcp").find(({ name }) => name.includes("from an address of its link"))!,
            endsOf(4, 22),
        )
        expect(asked(spoofed, [192, 0, 2, 200])?.summary).toBe("who has SRC")
        expect(asked(spoofed, [192, 0, 2, 7])).toBeNull()
        expect(asked(shotOf(4, 22), [192, 0, 2, 2])).toBeNull()
    })

    it("leaves out what is not about the shot", () => {
        for (const family of FAMILIES) {
            const shot = shotOf(family, 22)
            const other = shoot(SYN, { ...endsOf(family, 22), sourcePort: 61_235 })
            expect(normalise(resetFor(other), shot)).toBeNull()
            const elsewhere = resetFor(shot)
            elsewhere[6] = 0xee
            expect(normalise(elsewhere, shot)).toBeNull()
            expect(normalise(shot.frames[0]!, shot)).toBeNull()
        }
    })

    it("never throws, whatever the bytes, and reads answers cut short at every length", () => {
        let read = 0
        fc.assert(
            fc.property(fc.constantFrom(4, 6), fc.uint8Array({ maxLength: 120 }), fc.nat(120), (family, noise, at) => {
                const shot = shotOf(family, 22)
                const frame = resetFor(shot)
                frame.set(noise.subarray(0, Math.max(0, frame.length - at)), Math.min(at, frame.length))
                for (const bytes of [
                    frame,
                    frame.subarray(0, at),
                    framed(shot, family === 4 ? 0x0800 : 0x86dd, [...noise]),
                ])
                    if (normalise(bytes, shot) !== null) read++
            }),
        )
        expect(read).toBeGreaterThan(10)
    })
})
