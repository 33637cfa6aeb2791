/** Frames onto a link and off it, the way to a host, and when packets passed: against a real kernel's links. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { listLinks } from "../../src/adapters/system/rtnetlink.ts"
import { openStamps } from "../../src/adapters/wire/stamps.ts"
import { findWay } from "../../src/adapters/wire/way.ts"
import { openWire } from "../../src/adapters/wire/wire.ts"
import { formatAddress } from "../../src/core/net/address.ts"
import { enterNamespace } from "../lab/enter.ts"
import { joinNamespaces, makeNamespace, type Namespace, whyNoNamespaces } from "../lab/namespace.ts"
import { joinByTunnel } from "../lab/tunnel.ts"

const why = whyNoNamespaces()

/** What `act` gives, begun inside of that host. */
const within = <T>(host: Namespace, act: () => T): T => {
    const leave = enterNamespace(host)
    try {
        return act()
    } finally {
        leave()
    }
}
const indexOf = (name: string) => listLinks().find((link) => link.name === name)!.index
const wireOf = (host: Namespace, name: string, own = false) => within(host, () => openWire(indexOf(name), own))
const macOf = (host: Namespace) => /link\/ether (\S+)/.exec(host.must(["ip", "link", "show", "eth0"]))![1]
const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString("hex")

describe.skipIf(why !== null)(`adapters/wire${why === null ? "" : ` (${why})`}`, () => {
    let here: Namespace
    let there: Namespace
    const undo: (() => void)[] = []

    beforeAll(() => {
        here = makeNamespace("here")
        undo.push(() => here.remove())
        there = makeNamespace("there")
        undo.push(() => there.remove())
        joinNamespaces(
            { namespace: here, device: "eth0", addresses: ["10.66.0.1/24", "fd66::1/64"] },
            { namespace: there, device: "eth0", addresses: ["10.66.0.2/24", "fd66::2/64"] },
        )
        here.must(["ip", "route", "add", "198.51.100.0/24", "via", "10.66.0.2"])
        there.must(["ip", "address", "add", "198.51.100.7/32", "dev", "lo"])
        undo.push(
            joinByTunnel("tn", [
                [here, ["10.88.0.1/24", "fd88::1/64"]],
                [there, ["10.88.0.2/24", "fd88::2/64"]],
            ]),
        )
    })
    afterAll(() => {
        for (const one of undo.toReversed()) one()
    })

    const way = (family: 4 | 6, address: string) => within(here, () => findWay(family, address, 23))

    describe("openWire()", () => {
        it("hands whole frames to the other end and to whoever wants to hear his own, until nobody listens", async () => {
            const [sender, witness, other] = [wireOf(here, "eth0"), wireOf(here, "eth0", true), wireOf(there, "eth0")]
            // An EtherType for experiments (IEEE 802), to everyone.
            const frame = Buffer.from(`ffffffffffff02000000000188b5${"5a".repeat(60)}`, "hex")
            const heard: Record<string, Uint8Array[]> = { sender: [], witness: [], other: [] }
            const stops = Object.entries({ sender, witness, other }).map(([name, wire]) =>
                wire.listen((bytes) => {
                    if (bytes[12] === 0x88 && bytes[13] === 0xb5) heard[name]!.push(bytes)
                }),
            )
            sender.send(frame)
            await expect.poll(() => heard["other"]!.map(hex)).toEqual([hex(frame)])
            await expect.poll(() => heard["witness"]!.map(hex)).toEqual([hex(frame)])
            expect(heard["sender"]).toEqual([])
            for (const stop of stops) stop()
            sender.send(frame)
            other.drain()
            expect(heard["other"]).toHaveLength(1)
            for (const wire of [sender, witness, other]) wire.close()
        })

        it("throws what the kernel says of a frame that is too long, and is quiet about a link that is down", () => {
            here.must(["ip", "link", "add", "eth1", "type", "veth", "peer", "name", "far1"])
            for (const name of ["eth1", "far1"]) here.must(["ip", "link", "set", name, "up"])
            const wire = wireOf(here, "eth1")
            expect(() => wire.send(new Uint8Array(2000))).toThrow(/EMSGSIZE/)
            here.must(["ip", "link", "set", "eth1", "down"])
            expect(() => wire.drain()).not.toThrow()
            expect(() => wire.send(new Uint8Array(60))).toThrow(/ENETDOWN/)
            here.must(["ip", "link", "delete", "eth1"])
            expect(() => wire.drain()).not.toThrow()
            wire.close()
        })
    })

    describe("findWay()", () => {
        it.each([
            [4, "10.66.0.2", "10.66.0.1", 24 + 96],
            [6, "fd66::2", "fd66::1", 64],
        ] as const)(
            "knows a neighbour by IPv%i: his link address, ours, and how large the link is",
            async (family, host, us, onLink) => {
                const found = await way(family, host)
                if ("code" in found) throw new Error(found.code)
                expect(found).toMatchObject({ family, interface: "eth0", onLink })
                expect([found.us, found.host].map(formatAddress)).toEqual([us, host])
                expect(found.link).toEqual({ ours: macBytes(macOf(here)), theirs: macBytes(macOf(there)) })
                expect(found.roundTrip).toBeGreaterThan(0)
            },
        )

        it("goes by the router to who is behind it, and by a link without a header as it is", async () => {
            const routed = await way(4, "198.51.100.7")
            expect(routed).toMatchObject({ interface: "eth0", onLink: null, link: { theirs: macBytes(macOf(there)) } })
            for (const [family, host] of [
                [4, "10.88.0.2"],
                [6, "fd88::2"],
            ] as const) {
                const tunnelled = await way(family, host)
                expect(tunnelled).toMatchObject({ interface: "tn", link: null, onLink: null })
                expect("code" in tunnelled ? null : tunnelled.roundTrip).toBeGreaterThan(0)
            }
        })

        it("says why there is none: itself, nobody there, no route, no answer to its SYN is none of them", async () => {
            for (const own of ["10.66.0.1", "127.0.0.1"]) expect(await way(4, own)).toEqual({ code: "here" })
            expect(await way(6, "::1")).toEqual({ code: "here" })
            expect(await way(4, "10.66.0.99")).toEqual({ code: "silent" })
            expect(await way(4, "203.0.113.1")).toMatchObject({ code: "unreachable" })
            there.must(["nft", "table inet f { chain i { type filter hook input priority 0; tcp dport 23 drop; }; }"])
            expect(await way(4, "10.66.0.2")).toMatchObject({ interface: "eth0", roundTrip: null })
            there.must(["nft", "flush ruleset"])
            // And nothing is left of any of them but connections that the kernel forgets.
            expect(here.must(["ss", "-Hant"])).not.toContain("SYN-SENT")
        })
    })

    it("openStamps() has what comes and goes by one interface alone, in order, without the link's header", async () => {
        const stamps = within(here, () => openStamps(indexOf("eth0")))
        const seen: [string, number][] = []
        const take = () =>
            stamps.take((packet, ns) => {
                if (packet[0] === 0x45 && packet[9] === 1) seen.push([formatPing(packet), ns])
            })
        for (const to of ["10.88.0.2", "10.66.0.2"]) await here.run(["ping", "-c1", "-W2", to])
        const names = () => {
            take()
            return seen.map(([what]) => what)
        }
        await expect.poll(names).toEqual(["10.66.0.1 asks", "10.66.0.2 answers"])
        expect(seen[1]![1]).toBeGreaterThan(seen[0]![1])
        stamps.close()
    })
})

function macBytes(text: string | undefined): Uint8Array {
    return Uint8Array.from((text ?? "").split(":").map((part) => Number.parseInt(part, 16)))
}

function formatPing(packet: Uint8Array): string {
    return `${packet.subarray(12, 16).join(".")} ${packet[20] === 8 ? "asks" : "answers"}`
}
