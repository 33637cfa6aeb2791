import { expect, it } from "vitest"
import { decodePacket } from "../../../src/core/net/decode.ts"
import { Packet, TCP, UDP } from "../../../src/core/net/packet.ts"
import { type FrameOrder, frameWriter } from "../../lab/frames.ts"

const ETHERNET = 14

/** The Internet checksum over a range is 0 when the checksum in it is right (RFC 1071). */
function remainder(bytes: Uint8Array, from: number, to: number, start = 0): number {
    let total = start
    for (let at = from; at < to; at += 2) total += (bytes[at]! << 8) | (at + 1 < to ? bytes[at + 1]! : 0)
    while (total > 0xffff) total = (total & 0xffff) + (total >>> 16)
    return ~total & 0xffff
}

function key({ source0, source1, source2, source3 }: Packet): string {
    return `${source0} ${source1} ${source2} ${source3}`
}

for (const family of [4, 6] as const) {
    for (const protocol of ["tcp", "udp"] as const) {
        const order = (kind: FrameOrder["sources"]["kind"]): FrameOrder => ({
            mac: "02:00:00:00:00:01",
            destination: family === 4 ? "10.77.0.1" : "fd77::1",
            protocol,
            ports: [7000, 8000],
            sources: { kind, network: family === 4 ? "10.64.0.0/10" : "2001:db8:40::/42" },
            seed: 7,
        })
        const made = (kind: FrameOrder["sources"]["kind"], count: number) => {
            const frames = [new Uint8Array(128), new Uint8Array(128)]
            const writer = frameWriter(order(kind), frames)
            return Array.from({ length: count }, (_, index) => {
                const length = writer.next(index % 2)
                return frames[index % 2]!.slice(0, length)
            })
        }

        const last = (kind: FrameOrder["sources"]["kind"]) =>
            made(kind, 6).map((frame) => frame[ETHERNET + (family === 4 ? 15 : 23)])

        it(`frameWriter() makes IPv${family} ${protocol} packets that decode, with right checksums`, () => {
            const [ip, size] = [family === 4 ? 20 : 40, protocol === "tcp" ? 20 : 9]
            for (const frame of made("random", 500)) {
                const packet = new Packet()
                expect(frame.length).toBeGreaterThanOrEqual(60)
                expect(decodePacket(frame, ETHERNET, frame.length, packet)).toBe(true)
                expect(packet.protocol).toBe(protocol === "tcp" ? TCP : UDP)
                const at = ETHERNET + ip
                if (family === 4) expect(remainder(frame, ETHERNET, at)).toBe(0)
                const start = size + packet.protocol
                expect(remainder(frame, ETHERNET + (family === 4 ? 12 : 8), at + size, start)).toBe(0)
            }
        })

        it(`frameWriter() sends each IPv${family} ${protocol} source through all ports, from its network`, () => {
            const packets = made("random", 400).map((frame) => {
                const packet = new Packet()
                decodePacket(frame, ETHERNET, frame.length, packet)
                return packet
            })
            expect(packets.map(({ port }) => port)).toEqual(packets.map((_, index) => (index % 2 ? 8000 : 7000)))
            packets.forEach((packet, index) => {
                if (index % 2 === 1) expect(key(packet)).toBe(key(packets[index - 1]!))
                const [word, mask, net] = family === 4 ? [packet.source3, 0xffc0_0000, 0x0a40_0000] : [0, 0, 0]
                expect((word & mask) >>> 0).toBe(net)
                if (family === 6) expect([packet.source0, packet.source1 >>> 22]).toEqual([0x2001_0db8, 1])
            })
            expect(new Set(packets.map(key)).size).toBe(200)
        })

        it(`frameWriter() counts up to the next IPv${family} ${protocol} source, or stays`, () => {
            expect(last("sequential")).toEqual([1, 1, 2, 2, 3, 3])
            expect(last("fixed")).toEqual([0, 0, 0, 0, 0, 0])
        })
    }
}
