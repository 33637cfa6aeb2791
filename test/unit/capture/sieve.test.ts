import * as fc from "fast-check"
import { describe, expect, it, vi } from "vitest"
import { assembleFilter } from "../../../src/adapters/capture/bpf.ts"
import { codeOf, type Service } from "../../../src/core/knock/hit.ts"
import { sameAddress } from "../../../src/core/net/address.ts"
import { AddressSet } from "../../../src/core/net/address-set.ts"
import { decodePacket } from "../../../src/core/net/decode.ts"
import { ACK, FIN, Packet, RST, SYN } from "../../../src/core/net/packet.ts"
import { Sieve, silentServices } from "../../../src/core/sieve.ts"
import type { View, WatchPlan } from "../../../src/core/watch.ts"
import * as make from "../../../tools/vectors/bytes.ts"
import { readPackets } from "./vectors.ts"

const plain: View = {
    strict: true,
    flags: { set: SYN, clear: ACK },
    target: [],
    firsts: [codeOf({ protocol: "tcp", port: 7000 })],
    named: [codeOf({ protocol: "tcp", port: 7000 }), codeOf({ protocol: "udp", port: 443 })],
    drawn: [],
    within: 5000,
    doors: [0],
    oneTime: [],
}
const router: View = { ...plain, flags: { set: FIN, clear: SYN }, target: [make.address("203.0.113.7")], named: [] }
const plan: WatchPlan = {
    views: [plain, router],
    services: [{ protocol: "tcp", port: 22 }],
    uniform: false,
    logGroup: 5,
    attempts: 1024,
}
const offered: readonly Service[] = [
    { protocol: "tcp", port: 443 },
    { protocol: "udp", port: 443 },
    { protocol: "tcp", port: 7000 },
]
const local = [make.address(make.LOCAL4), make.address(make.LOCAL6)]

function decoded(bytes: Uint8Array): Packet {
    const packet = new Packet()
    expect(decodePacket(bytes, 0, bytes.length, packet)).toBe(true)
    return packet
}

const familyOf = (bytes: Uint8Array) => ((bytes[0] ?? 0) >>> 4 === 6 ? 6 : 4)

describe("Sieve.wants()", () => {
    const sieve = new Sieve({ plan, interfaces: null, offered }, local)
    for (const [what, bytes, wanted] of [
        ["a hit", make.ipv4(make.tcp(7000)), true],
        ["any other port: it can spoil a knock", make.ipv4(make.tcp(9)), true],
        ["the same by IPv6", make.ipv6(make.udp(9)), true],
        ["an echo request", make.ipv6(make.icmp6(9)), true],
        ["no openly offered service", make.ipv4(make.tcp(443)), false],
        ["an offered service that a sequence names", make.ipv4(make.udp(443)), true],
        ["the service of a door not", make.ipv4(make.tcp(22)), false],
        ["udp to a port of which only tcp is a service", make.ipv4(make.udp(22)), true],
        ["no answer to us", make.ipv4(make.tcp(7000, { flags: SYN | ACK })), false],
        ["flags of another view", make.ipv4(make.tcp(7000, { flags: FIN })), true],
        ["flags of no view", make.ipv4(make.tcp(7000, { flags: RST })), false],
        ["no packet for another host", make.ipv4(make.tcp(7000), { destination: "198.51.100.2" }), false],
        ["a packet for a target", make.ipv4(make.tcp(7000), { destination: "203.0.113.7" }), true],
    ] as const) {
        it(`${wanted ? "takes" : "refuses"} ${what}`, () => expect(sieve.wants(decoded(bytes))).toBe(wanted))
    }

    it("allocates nothing per packet", async () => {
        // Read anew: what other tests have shown to the compiler would count as well.
        vi.resetModules()
        const { Sieve } = await import("../../../src/core/sieve.ts")
        const sieve = new Sieve({ plan, interfaces: null, offered }, local)
        const packet = decoded(make.ipv6(make.tcp(9)))
        const round = (count: number) => {
            for (let i = 0; i < count; i++) sieve.wants(packet)
        }
        round(200_000)
        const before = process.memoryUsage().heapUsed
        round(500_000)
        expect(process.memoryUsage().heapUsed - before).toBeLessThan(1_000_000)
    })
})

it("silentServices() leaves out what a sequence names, and names each service once", () => {
    expect(silentServices({ plan, offered: [...offered, { protocol: "tcp", port: 22 }] })).toEqual([
        { protocol: "tcp", port: 22 },
        { protocol: "tcp", port: 443 },
    ])
})

it("AddressSet agrees with a list", () => {
    // Few different words, so that addresses collide and look alike.
    const word = fc.constantFrom(0, 1, 0xffff, 0xffffffff, 0x80000000, 0xc0000209)
    const address = fc.tuple(word, word, word, word)
    let [inside, outside] = [0, 0]
    fc.assert(
        fc.property(fc.array(address, { maxLength: 40 }), fc.array(address, { minLength: 20 }), (list, asked) => {
            const set = new AddressSet(list)
            for (const [a, b, c, d] of [...list, ...asked]) {
                const wanted = list.some((one) => sameAddress(one, [a, b, c, d]))
                expect(set.has(a, b, c, d)).toBe(wanted)
                if (wanted) inside++
                else outside++
            }
        }),
    )
    expect(Math.min(inside, outside)).toBeGreaterThan(200)
})

/** A slow, obvious machine for classic BPF: what the kernel would return. Reading beyond the packet is 0. */
function run(program: Uint8Array, packet: Uint8Array, kernel: { type: number; index: number }): number {
    const view = new DataView(program.buffer)
    let [a, x, pc] = [0, 0, 0]
    for (;;) {
        const at = pc++ * 8
        const [code, yes, no, k] = [
            view.getUint16(at, true),
            view.getUint8(at + 2),
            view.getUint8(at + 3),
            view.getUint32(at + 4, true),
        ]
        const load = (from: number, size: number): number | null => {
            if (from + size > packet.length) return null
            return packet.subarray(from, from + size).reduce((sum, byte) => sum * 256 + byte, 0)
        }
        const jump = (condition: boolean) => {
            pc += condition ? yes : no
        }
        let loaded: number | null = a
        if (code === 0x06) return k
        if (code === 0x05) pc += k
        else if (code === 0x15) jump(a === k)
        else if (code === 0x35) jump(a >= k)
        else if (code === 0x45) jump((a & k) !== 0)
        else if (code === 0x54) loaded = (a & k) >>> 0
        else if (code === 0x01) x = k
        else if (code === 0xb1) {
            const byte = load(k, 1)
            if (byte === null) return 0
            x = (byte & 15) * 4
        } else if (k === 0xfffff004) loaded = kernel.type
        else if (k === 0xfffff008) loaded = kernel.index
        else if (code === 0x28) loaded = load(k, 2)
        else if (code === 0x30) loaded = load(k, 1)
        else if (code === 0x48) loaded = load(x + k, 2)
        else if (code === 0x50) loaded = load(x + k, 1)
        else throw new Error(`unknown instruction ${code}`)
        if (loaded === null) return 0
        a = loaded
    }
}

const passes = (program: Uint8Array, bytes: Uint8Array) => run(program, bytes, { type: 0, index: 300 }) === 176

describe("assembleFilter()", () => {
    const flags = [plain.flags, router.flags]
    const silent = silentServices({ plan, offered })
    const wish = { interfaces: [3, 70_000], flags, silent, only: null }
    const onWatched = { type: 0, index: 3 }

    it("lets through every packet that the sieve takes", () => {
        const sieve = new Sieve({ plan, interfaces: null, offered }, [...local, make.address("224.0.0.1")])
        let [passed, refused] = [0, 0]
        for (const { input } of [...readPackets("ipv4"), ...readPackets("ipv6")]) {
            const bytes = make.unhex(input)
            const program = assembleFilter({ ...wish, family: familyOf(bytes) }, 176, true)
            const packet = new Packet()
            const got = run(program, bytes, onWatched)
            if (got === 0) refused++
            if (!decodePacket(bytes, 0, bytes.length, packet) || !sieve.wants(packet)) continue
            passed++
            expect(got, input).toBe(176)
        }
        expect(passed).toBeGreaterThan(20)
        expect(refused).toBeGreaterThan(10)
    })

    const four = assembleFilter({ ...wish, family: 4 }, 176, true)
    const six = assembleFilter({ ...wish, family: 6 }, 176, true)
    for (const [what, bytes, kernel] of [
        ["a silent port", make.ipv4(make.tcp(443)), onWatched],
        ["a silent port by IPv6", make.ipv6(make.tcp(22)), onWatched],
        ["flags of no view", make.ipv4(make.tcp(7000, { flags: SYN | ACK })), onWatched],
        ["a later fragment", make.ipv4(make.udp(9), { offset: 3 }), onWatched],
        ["an echo reply", make.ipv4(make.icmp(9, 0)), onWatched],
        ["an echo reply by IPv6", make.ipv6(make.icmp6(9, 129)), onWatched],
        ["another protocol", make.ipv6(make.tcp(9), { next: 132 }), onWatched],
        ["another interface", make.ipv4(make.tcp(7000)), { type: 0, index: 4 }],
        ["a packet for another host", make.ipv4(make.tcp(7000)), { type: 3, index: 3 }],
        ["a packet of our own", make.ipv6(make.tcp(7000)), { type: 4, index: 3 }],
        ["a packet cut before its flags", make.ipv4(make.tcp(7000)).subarray(0, 33), onWatched],
    ] as const) {
        it(`refuses ${what}`, () => expect(run(familyOf(bytes) === 4 ? four : six, bytes, kernel)).toBe(0))
    }

    it("passes the second interface, a broadcast frame, and every interface if none is named", () => {
        const bytes = make.ipv4(make.tcp(7000))
        expect(run(four, bytes, { type: 0, index: 70_000 })).toBe(176)
        expect(run(four, bytes, { type: 1, index: 3 })).toBe(176)
        expect(
            run(assembleFilter({ ...wish, family: 4, interfaces: null }, 176, true), bytes, { type: 0, index: 9 }),
        ).toBe(176)
        expect(run(assembleFilter({ ...wish, family: 4, interfaces: [] }, 176, true), bytes, onWatched)).toBe(0)
    })

    it("agrees with the sieve about every port, for lists of any length", () => {
        const ports = fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { maxLength: 500 })
        let refused = 0
        fc.assert(
            fc.property(ports, ports, (tcp, udp) => {
                const services = [
                    ...tcp.map((port): Service => ({ protocol: "tcp", port })),
                    ...udp.map((port): Service => ({ protocol: "udp", port })),
                ]
                const interfaces = Array.from({ length: 300 }, (_, i) => i + 1)
                const more = { family: 4, interfaces, flags } as const
                const but = assembleFilter({ ...more, silent: services, only: null }, 176, true)
                const only = assembleFilter({ ...more, silent: [], only: services }, 176, true)
                for (const program of [but, only]) expect(program.length / 8).toBeLessThanOrEqual(4096)
                for (const port of [...tcp.slice(0, 5), ...tcp.slice(-5), ...udp.slice(0, 5), ...udp.slice(-5)]) {
                    const [a, b] = [make.ipv4(make.tcp(port)), make.ipv4(make.udp(port))]
                    expect([passes(but, a), passes(but, b)]).toEqual([!tcp.includes(port), !udp.includes(port)])
                    expect([passes(only, a), passes(only, b)]).toEqual([tcp.includes(port), udp.includes(port)])
                    refused++
                }
                expect(passes(but, make.ipv4(make.icmp(9)))).toBe(true)
                expect(passes(only, make.ipv4(make.icmp(9)))).toBe(false)
            }),
            { numRuns: 30 },
        )
        expect(refused).toBeGreaterThan(100)
    })

    it("never grows past what the kernel takes", () => {
        const many = Array.from(
            { length: 65_535 },
            (_, i): Service => ({ protocol: i % 2 ? "tcp" : "udp", port: i + 1 }),
        )
        const interfaces = Array.from({ length: 600 }, (_, i) => i)
        for (const only of [null, many]) {
            const program = assembleFilter({ family: 6, interfaces, flags, silent: many, only }, 176, true)
            expect(program.length / 8).toBeLessThanOrEqual(4096)
        }
    })
})
