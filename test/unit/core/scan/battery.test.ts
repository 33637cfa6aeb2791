import { describe, expect, it } from "vitest"
import { decodePacket } from "../../../../src/core/net/decode.ts"
import { Packet, SYN } from "../../../../src/core/net/packet.ts"
import { battery } from "../../../../src/core/scan/battery.ts"
import { ETHERNET } from "../../../../src/core/scan/link.ts"
import { type Probe, probe } from "../../../../src/core/scan/probe.ts"
import { shoot } from "../../../../src/core/scan/shoot.ts"
import { segment } from "../../../../src/core/scan/tcp-probes.ts"
import { endsOf } from "../../../lab/ends.ts"

const FAMILIES = [4, 6] as const
const sizes = (probes: readonly Probe[]) => {
    const count = new Map<string, number>()
    for (const { group } of probes) count.set(group, (count.get(group) ?? 0) + 1)
    return Object.fromEntries(count)
}

describe("battery()", () => {
    it("has the 255 probes for TCP that the claim of a closed port rests on", () => {
        const both = { flags: 23, dscp: 7, malformed: 12, fragments: 7, link: 5, sequences: 16 }
        const [v4, v6] = FAMILIES.map((family) => sizes(battery(family, "tcp")))
        expect(v4).toEqual({ ...both, options: 16, header: 10, extensions: 9, addresses: 17, others: 8 })
        expect(v6).toEqual({ ...both, options: 17, header: 7, extensions: 11, addresses: 15, others: 5 })
    })

    it("has those of the layers below for UDP, and all of them wait for room to be answered", () => {
        for (const [family, size] of [
            [4, 66],
            [6, 62],
        ] as const) {
            const probes = battery(family, "udp")
            expect(probes).toHaveLength(size)
            expect(probes.filter(({ rationed, group }) => !rationed && group !== "link")).toEqual([])
        }
    })

    it("has no two probes of one name, and none that send the same", () => {
        for (const family of FAMILIES) {
            for (const protocol of ["tcp", "udp"] as const) {
                const probes = battery(family, protocol)
                expect(new Set(probes.map(({ group, name }) => `${group} ${name}`)).size).toBe(probes.length)
                const sent = probes.map((one) => shoot(one, endsOf(family, 8022)).frames.map(String).join())
                expect(new Set(sent).size).toBe(sent.length)
            }
        }
    })

    it("needs a place on the link for frames, and the addresses of others for their sources alone", () => {
        for (const one of battery(4, "tcp")) {
            const source = one.packets[0]!.header?.source
            expect(one.needs === "spoof").toBe(source !== undefined)
            if (one.group === "link") expect(one.needs).toBe("link")
        }
    })
})

describe("shoot()", () => {
    it("makes an ordinary SYN of an ordinary probe", () => {
        for (const family of FAMILIES) {
            const { frames } = shoot(probe("flags", "SYN", { body: segment() }), endsOf(family, 22))
            expect(frames).toHaveLength(1)
            const packet = new Packet()
            expect(decodePacket(frames[0]!, ETHERNET, frames[0]!.length, packet)).toBe(true)
            expect(packet).toMatchObject({ port: 22, sourcePort: 61_234, flags: SYN, sequence: 0x01020304 })
        }
    })

    it("sends the same to two ports, but for the port and the checksums that cover it", () => {
        for (const family of FAMILIES) {
            for (const one of battery(family, "tcp")) {
                const [here, there] = [22, 23].map((port) => shoot(one, endsOf(family, port)).frames)
                expect(here!.map(({ length }) => length)).toEqual(there!.map(({ length }) => length))
                const different = here!.flatMap((frame, index) =>
                    [...frame].filter((byte, at) => byte !== there![index]![at]),
                )
                // A port's lower byte and two of a checksum, twice where a quote or a source port has them, too.
                expect(different.length, one.name).toBeLessThanOrEqual(6 * here!.length)
            }
        }
    })

    it("cuts a packet into pieces that make it whole again", () => {
        const all = battery(4, "tcp").filter(({ group }) => group === "fragments")
        const whole = shoot({ ...all[0]!, packets: [{ body: all[0]!.packets[0]!.body }] }, endsOf(4, 22)).packets[0]!
        for (const { packets } of all.slice(0, 4).map((one) => shoot(one, endsOf(4, 22)))) {
            expect(packets.length).toBeGreaterThan(1)
            const body = new Uint8Array(whole.length - 20)
            for (const piece of packets) body.set(piece.subarray(20), (((piece[6]! & 31) << 8) | piece[7]!) * 8)
            expect(body).toEqual(whole.subarray(20))
        }
    })
})
