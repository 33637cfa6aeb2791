/**
 * What every capture promises (src/ports/capture.ts), on each adapter.
 *
 *     client: out ── veth ── in :server        the client sends bytes as they are (test/lab/sender.ts),
 *             192.0.2.9      192.0.2.1         the server captures (test/lab/watcher.ts)
 *             2001:db8::9    2001:db8::1
 *                            198.51.100.1, 2001:db8:1::1   the addresses that the vectors are sent to
 *
 * Deviations are listed with their reason. The kernel rules that nflog needs are made here, as small as they can be:
 * those of the program belong to the firewall. This kernel has neither 8021q nor PPP, so frames of VLANs, Q-in-Q and
 * PPPoE are fed to the trace alone (test/unit/capture/decode.test.ts has each link type by name).
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { traceCapture } from "../../src/adapters/capture/trace.ts"
import { FIN } from "../../src/core/net/packet.ts"
import { writePcap } from "../../src/core/net/pcap.ts"
import type { WatchPlan } from "../../src/core/watch.ts"
import * as make from "../../tools/vectors/bytes.ts"
import { FRAMES, IPV4, IPV6, type PacketVector } from "../../tools/vectors/packet.ts"
import { joinNamespaces, makeNamespace, type Namespace, whyNoNamespaces } from "../lab/namespace.ts"
import { startWorker, type Worker } from "../lab/worker.ts"
import { describePacket } from "../unit/capture/vectors.ts"

const GROUP = 77
const reason = whyNoNamespaces()

const view = {
    strict: true,
    flags: { set: 2, clear: 0 },
    target: [],
    firsts: [],
    named: [],
    drawn: [],
    within: 5000,
    doors: [0],
    oneTime: [],
}
const plan: WatchPlan = {
    views: [view],
    services: [{ protocol: "tcp", port: 22 }],
    uniform: false,
    logGroup: GROUP,
    attempts: 1024,
}

/** Vectors that do not come out on a live host as they do from a file, and why. */
const DEVIATIONS: Readonly<Record<string, { readonly adapters: readonly string[]; readonly reason: string }>> = {
    "ipv4/echo size is what was sent, not what was captured": {
        adapters: ["nflog"],
        reason: "the vector is a cut capture; as a frame it is a damaged packet, which the kernel drops",
    },
    "ipv6/echo size is what was sent, not what was captured": {
        adapters: ["nflog"],
        reason: "the same",
    },
    "ipv6/authentication header": {
        adapters: ["nflog"],
        reason: "nftables takes the authentication header for the transport; without keys for it, so does the host",
    },
    "ipv4/highest addresses": {
        adapters: ["nflog", "packet-socket", "trace"],
        reason: "it is sent to a multicast address, which is not this host's",
    },
}

type Live = "nflog" | "packet-socket"

/** A server that captures and a client that sends. */
type Lab = {
    readonly server: Namespace
    readonly client: Namespace
    readonly watcher: Worker
    readonly sender: Worker
    /** Sends IP packets from the client to the server, and then a marker; returns the ports of all that was captured. */
    readonly see: (packets: readonly Uint8Array[], way?: Way) => Promise<Seen[]>
}

type Way = {
    /** The client's interface and the server's, whose hardware address it is sent to. */
    readonly via?: string
    readonly to?: string
    readonly etherType?: number
    /** The addresses of the marker. */
    readonly marker?: string
    /** Written to this tun device of the server instead. */
    readonly tun?: string
}

type Seen = NonNullable<PacketVector["expect"]>

let markers = 0
/** What is to be cleaned up. */
const namespaces: Namespace[] = []
const workers: Worker[] = []

async function makeLab(adapter: Live, interfaces: readonly string[] | null): Promise<Lab> {
    const server = makeNamespace("server")
    namespaces.push(server)
    const client = makeNamespace("client")
    namespaces.push(client)
    joinNamespaces(
        {
            namespace: server,
            device: "in",
            addresses: ["192.0.2.1/24", "198.51.100.1/32", "2001:db8::1/64", "2001:db8:1::1/128"],
        },
        { namespace: client, device: "out", addresses: ["192.0.2.9/24", "2001:db8::9/64"] },
    )
    const watcher = startWorker(server, "watcher.ts")
    workers.push(watcher)
    // On one processor, so that packets arrive in the order they are sent.
    const sender = startWorker(client, "sender.ts", ["taskset", "-c", "0"])
    workers.push(sender)
    await watcher.next("ready")
    if (adapter === "nflog") rules(server, interfaces)
    watcher.send({ start: adapter, watching: { plan, interfaces, offered: [] } })
    await watcher.next("started")
    let tun: Worker | null = null

    async function see(packets: readonly Uint8Array[], way: Way = {}): Promise<Seen[]> {
        const { via = "out", to = "in" } = way
        const last = packets.at(-1)
        const six = way.marker?.includes(":") ?? (last !== undefined && last.length > 0 && last[0]! >>> 4 === 6)
        const port = 20_000 + (++markers % 20_000)
        const destination = way.marker ?? (six ? make.LOCAL6 : make.LOCAL4)
        const marker = six
            ? make.ipv6(make.udp(65_001, make.zeros(0), { from: port }), { destination })
            : make.ipv4(make.udp(65_001, make.zeros(0), { from: port }), { destination })
        if (way.tun !== undefined) {
            if (tun === null) {
                tun = startWorker(server, "sender.ts")
                workers.push(tun)
            }
            tun.send({ tun: way.tun, packets: [...packets, marker].map(make.hex) })
            await tun.next("sent")
        } else {
            const mac = hardware(server, to)
            const rest = way.etherType === undefined ? {} : { etherType: way.etherType }
            sender.send({ via, mac, packets: packets.map(make.hex), ...rest })
            await sender.next("sent")
            sender.send({ via, mac, packets: [make.hex(marker)] })
            await sender.next("sent")
        }
        const seen: Seen[] = []
        for (;;) {
            const event = await watcher.next("packet")
            expect(event.ordered, "times are whole and in order").toBe(true)
            const { packet } = event
            if (packet.port === 65_001 && packet.sourcePort === port) return seen
            // Neighbour discovery and the like of the systems themselves are no hits and never come here.
            seen.push(packet)
        }
    }
    return { server, client, watcher, sender, see }
}

/**
 * The smallest rules that pass up what can be a hit. The chain is flushed and never deleted, as the daemon does it: of a
 * deleted one the kernel may send a packet through the old and the new.
 */
function rules(server: Namespace, interfaces: readonly string[] | null): void {
    const names = interfaces === null ? "" : `iifname != { ${interfaces.map((name) => `"${name}"`).join(", ")} } return`
    const log = `log group ${GROUP} snaplen 128`
    const input = `
        table inet watch { chain in { type filter hook prerouting priority -310; }; }
        flush chain inet watch in
        table inet watch {
            chain in {
                ${interfaces?.length === 0 ? "return" : names}
                fib daddr type != local return
                tcp flags & syn == syn ${log}
                meta l4proto udp ${log}
                icmp type echo-request ${log}
                icmpv6 type echo-request ${log}
            }
        }`
    server.must(["nft", "-f", "-"], { input })
}

/** The hardware address of a device, and whether it is up. */
function link(namespace: Namespace, device: string): { readonly address: string; readonly operstate: string } {
    return JSON.parse(namespace.must(["ip", "-j", "link", "show", "dev", device]))[0]
}

function hardware(namespace: Namespace, device: string): string {
    return link(namespace, device).address
}

const ports = (seen: readonly Seen[]) => seen.map(({ port }) => port)
const syn = (port: number, destination: string = make.LOCAL4) => make.ipv4(make.tcp(port), { destination })
const syn6 = (port: number, destination: string = make.LOCAL6) => make.ipv6(make.tcp(port), { destination })

/** What a vector should come out as, from this adapter. */
function expected(adapter: string, { name, expect: wanted }: PacketVector): Seen[] {
    const deviates = DEVIATIONS[name]?.adapters.includes(adapter)
    return wanted === null || deviates ? [] : [wanted]
}

describe("capture: trace", () => {
    const local = [make.address(make.LOCAL4), make.address(make.LOCAL6)]

    function replay(linkType: number, frames: readonly Uint8Array[]): Seen[] {
        const seen: Seen[] = []
        const capture = traceCapture({
            source: writePcap(
                linkType,
                frames.map((bytes) => ({ time: 1, bytes })),
            ),
            local,
        })
        const sink = {
            packet: (packet: Parameters<typeof describePacket>[0]) => void seen.push(describePacket(packet)),
        }
        capture.start(
            { plan, interfaces: null, offered: [] },
            { ...sink, drained() {}, trouble: (what) => expect.unreachable(what) },
        )
        capture.replay()
        return seen
    }

    it("delivers every vector as it should come out", () => {
        for (const vector of [...IPV4, ...IPV6]) {
            expect(replay(101, [make.unhex(vector.input)]), vector.name).toEqual(expected("trace", vector))
        }
        for (const vector of FRAMES) {
            expect(replay(vector.linkType, [make.unhex(vector.input)]), vector.name).toEqual(expected("trace", vector))
        }
    })
})

for (const adapter of ["nflog", "packet-socket"] as const) {
    describe(`capture: ${adapter}`, () => {
        let lab: Lab

        beforeEach((ctx) => {
            if (reason !== null) ctx.skip(reason)
        })

        beforeAll(async () => {
            if (reason !== null) return
            lab = await makeLab(adapter, ["in"])
        })

        afterAll(async () => {
            // Also when the set-up failed half-way.
            for (const worker of workers.splice(0)) await worker.end()
            for (const namespace of namespaces.splice(0)) namespace.remove()
        })

        /** Changes the watched interfaces: in the kernel's rules or in the capture. */
        async function follow(interfaces: readonly string[] | null): Promise<void> {
            if (adapter === "nflog") rules(lab.server, interfaces)
            lab.watcher.send({ follow: true, watching: { plan, interfaces, offered: [] } })
            await lab.watcher.next("followed")
        }

        it("delivers every vector as it should come out", async () => {
            for (const vector of [...IPV4, ...IPV6]) {
                const bytes = make.unhex(vector.input)
                if (bytes.length === 0) continue
                const six = vector.name.startsWith("ipv6")
                const seen = await lab.see([bytes], {
                    etherType: six ? 0x86dd : 0x0800,
                    marker: six ? make.LOCAL6 : make.LOCAL4,
                })
                expect(seen, vector.name).toEqual(expected(adapter, vector))
            }
        })

        it("leaves out flags of no view, other hosts' addresses and frames of other VLANs", async () => {
            const tagged = (id: number) => make.join(make.be16(id), make.be16(0x0800), syn(7003))
            expect(
                ports(
                    await lab.see([
                        make.ipv4(make.tcp(7001, { flags: 4 })),
                        syn(7002, "192.0.2.77"),
                        syn6(7002, "2001:db8::77"),
                    ]),
                ),
            ).toEqual([])
            expect(await lab.see([tagged(5)], { etherType: 0x8100, marker: make.LOCAL4 })).toEqual([])
            // Priority tags (VLAN 0) are no VLAN.
            expect(ports(await lab.see([tagged(0)], { etherType: 0x8100, marker: make.LOCAL4 }))).toEqual([7003])
        })

        it("never sees what this host itself sends", async () => {
            lab.server.exec(["bash", "-c", "echo > /dev/udp/192.0.2.9/7100; exec 3<>/dev/tcp/192.0.2.9/7101"])
            expect(await lab.see([])).toEqual([])
        })

        it("follows the watched interfaces: one, several, any, none", async () => {
            joinNamespaces(
                { namespace: lab.server, device: "in2", addresses: ["203.0.113.1/24"] },
                { namespace: lab.client, device: "out2", addresses: ["203.0.113.9/24"] },
            )
            const second = { via: "out2", to: "in2", marker: "203.0.113.1" }
            const both = async (port: number) => {
                lab.sender.send({ via: "out2", mac: hardware(lab.server, "in2"), packets: [make.hex(syn(port))] })
                await lab.sender.next("sent")
                return ports(await lab.see([syn(port + 1)]))
            }
            expect(await both(7200)).toEqual([7201])
            await follow(["in", "in2"])
            expect(await both(7210)).toEqual([7210, 7211])
            expect(ports(await lab.see([syn(7212)], second))).toEqual([7212])
            await follow(null)
            expect(await both(7220)).toEqual([7220, 7221])
            lab.server.exec(["bash", "-c", "echo > /dev/udp/127.0.0.1/7222"])
            expect(ports(await lab.see([]))).toEqual([7222])
            await follow([])
            lab.sender.send({ via: "out", mac: hardware(lab.server, "in"), packets: [make.hex(syn(7230))] })
            await lab.sender.next("sent")
            await follow(["in"])
            expect(await both(7240)).toEqual([7241])
        })

        it("follows addresses that come and go", async () => {
            const elsewhere = syn(7301, "198.51.100.50")
            expect(await lab.see([elsewhere])).toEqual([])
            lab.server.must(["ip", "address", "add", "198.51.100.50/32", "dev", "in"])
            expect(ports(await lab.see([elsewhere]))).toEqual([7301])
            lab.server.must(["ip", "address", "del", "198.51.100.50/32", "dev", "in"])
            expect(await lab.see([elsewhere])).toEqual([])
        })

        it("survives an interface that goes down and comes up", async () => {
            lab.server.must(["ip", "link", "set", "in", "down"])
            lab.server.must(["ip", "link", "set", "in", "up"])
            lab.server.must(["ip", "address", "replace", "2001:db8:1::1/128", "dev", "in", "nodad"])
            lab.server.must(["ip", "address", "replace", "2001:db8::1/64", "dev", "in", "nodad"])
            await carrier(lab.client, "out")
            expect(ports(await lab.see([syn(7401)]))).toEqual([7401])
            expect(ports(await lab.see([syn6(7402)]))).toEqual([7402])
        })

        it("finds interfaces that are absent at first, vanish, come back and are renamed", async () => {
            await follow(["in", "late"])
            const create = () =>
                joinNamespaces(
                    { namespace: lab.server, device: "late", addresses: ["100.64.0.1/24"] },
                    { namespace: lab.client, device: "late0", addresses: ["100.64.0.9/24"] },
                )
            const way = { via: "late0", to: "late", marker: "100.64.0.1" }
            create()
            expect(ports(await lab.see([syn(7501)], way))).toEqual([7501])
            lab.server.must(["ip", "link", "del", "late"])
            expect(ports(await lab.see([syn(7502)]))).toEqual([7502])
            if (adapter === "packet-socket") {
                expect((await lab.watcher.next("trouble")).trouble).toBe("interface late is gone; waiting")
            }
            create()
            expect(ports(await lab.see([syn(7503)], way))).toEqual([7503])
            lab.server.must(["ip", "link", "set", "late", "down"])
            lab.server.must(["ip", "link", "set", "late", "name", "early"])
            lab.server.must(["ip", "link", "set", "early", "up"])
            await carrier(lab.client, "late0")
            lab.sender.send({ via: "late0", mac: hardware(lab.server, "early"), packets: [make.hex(syn(7504))] })
            await lab.sender.next("sent")
            expect(ports(await lab.see([syn(7505)]))).toEqual([7505])
            await follow(["in"])
            lab.server.must(["ip", "link", "del", "early"])
        })

        it("sees layer 3 on a tun device", async () => {
            lab.server.must(["ip", "tuntap", "add", "dev", "tun7", "mode", "tun"])
            lab.server.must(["ip", "address", "add", "100.65.0.1/24", "dev", "tun7"])
            lab.server.must(["ip", "link", "set", "tun7", "up"])
            await follow(["in", "tun7"])
            expect(ports(await lab.see([syn(7601), make.ipv4(make.icmp(33))], { tun: "tun7" }))).toEqual([7601, 33])
            expect(ports(await lab.see([syn6(7602)], { tun: "tun7" }))).toEqual([7602])
        })

        it("sees the inner packets of a tunnel on its own interface", async () => {
            for (const [namespace, device, remote] of [
                [lab.server, "in", "192.0.2.9"],
                [lab.client, "out", "192.0.2.1"],
            ] as const) {
                const kind = ["type", "vxlan", "id", "9", "dev", device, "remote", remote, "dstport", "4789"]
                namespace.must(["ip", "link", "add", "vx", ...kind])
                // Router solicitations and the like would be packets of their own.
                if (namespace === lab.client) namespace.must(["sysctl", "-qw", "net.ipv6.conf.vx.disable_ipv6=1"])
                namespace.must(["ip", "link", "set", "vx", "up"])
            }
            await follow(["vx"])
            const way = { via: "vx", to: "vx" }
            expect(ports(await lab.see([syn(7701)], way))).toEqual([7701])
            expect(ports(await lab.see([syn6(7702)], way))).toEqual([7702])
            await follow(["in"])
            // On the outside it is what it is: datagrams to the tunnel's port.
            lab.sender.send({ via: "vx", mac: hardware(lab.server, "vx"), packets: [make.hex(syn(7703))] })
            await lab.sender.next("sent")
            expect(ports(await lab.see([]))).toEqual([4789])
            lab.client.must(["ip", "link", "del", "vx"])
            lab.server.must(["ip", "link", "del", "vx"])
        })

        it("sees packets once, on the bridge and not on its port", async () => {
            joinNamespaces(
                { namespace: lab.server, device: "port", addresses: [] },
                { namespace: lab.client, device: "plug", addresses: [] },
            )
            lab.server.must(["ip", "link", "add", "br7", "type", "bridge", "stp_state", "0", "forward_delay", "0"])
            lab.server.must(["ip", "link", "set", "port", "master", "br7"])
            lab.server.must(["ip", "link", "set", "br7", "up"])
            await follow(["br7", "port"])
            expect(ports(await lab.see([syn(7801)], { via: "plug", to: "br7" }))).toEqual([7801])
        })

        it("sees packets of a macvlan on its own interface", async () => {
            lab.server.must(["ip", "link", "add", "mv7", "link", "in", "type", "macvlan", "mode", "bridge"])
            lab.server.must(["ip", "link", "set", "mv7", "up"])
            await follow(["mv7"])
            expect(ports(await lab.see([syn(7901)], { to: "mv7" }))).toEqual([7901])
            await follow(["in"])
            lab.sender.send({ via: "out", mac: hardware(lab.server, "mv7"), packets: [make.hex(syn(7902))] })
            await lab.sender.next("sent")
            expect(ports(await lab.see([syn(7903)]))).toEqual([7903])
        })

        it("follows another plan, and neither loses nor doubles a packet that both want", async () => {
            const more: WatchPlan = {
                ...plan,
                views: [view, { ...view, flags: { set: FIN, clear: 0 }, named: [9], firsts: [9] }],
                services: [{ protocol: "tcp", port: 443 }],
            }
            const sent = Array.from({ length: 500 }, (_, i) => 10_000 + i)
            const mac = hardware(lab.server, "in")
            lab.sender.send({ via: "out", mac, packets: sent.map((port) => make.hex(syn(port))), repeat: 6 })
            for (let i = 0; i < 40; i++) {
                if (adapter === "nflog") rules(lab.server, i % 2 === 0 ? null : ["in"])
                const watching = { plan: i % 2 === 0 ? more : plan, interfaces: ["in"], offered: [] }
                lab.watcher.send({ follow: true, watching })
                await lab.watcher.next("followed")
            }
            await lab.sender.next("sent")
            expect(ports(await lab.see([]))).toEqual(Array.from({ length: 6 }, () => sent).flat())
        })

        it("ends, and begins again, and ends twice", async () => {
            for (const port of [8001, 8002]) {
                lab.watcher.send({ stop: true })
                await lab.watcher.next("stopped")
                lab.watcher.send({ stop: true })
                await lab.watcher.next("stopped")
                lab.watcher.send({ start: adapter, watching: { plan, interfaces: ["in"], offered: [] } })
                await lab.watcher.next("started")
                expect(ports(await lab.see([syn(port)]))).toEqual([port])
            }
        })

        if (adapter === "packet-socket")
            it("leaves out offered services and those of doors", async () => {
                // nflog: the rules in the kernel leave them out.
                const offered = [{ protocol: "udp", port: 53 }]
                lab.watcher.send({ follow: true, watching: { plan, interfaces: ["in"], offered } })
                await lab.watcher.next("followed")
                const packets = [make.ipv4(make.udp(53)), make.ipv4(make.tcp(53)), syn(22), make.ipv4(make.udp(22))]
                expect(ports(await lab.see(packets))).toEqual([53, 22])
                await follow(["in"])
            })

        if (adapter === "nflog")
            it("says who may have its log group", async () => {
                const second = startWorker(lab.server, "watcher.ts")
                try {
                    await second.next("ready")
                    second.send({ start: adapter, watching: { plan, interfaces: ["in"], offered: [] } })
                    expect((await second.next("refused")).refused).toMatch(/another program has this group/)
                } finally {
                    await second.end()
                }
            })

        it("allocates nothing per packet", async () => {
            const packets = 3000
            const perPacket: number[] = []
            // The interpreter makes objects of large numbers; the compiler, after a while, does not.
            for (let round = 0; round < 60 && (perPacket.at(-1) ?? 99) >= 4; round++) {
                const { bytes, seen } = await stalled(packets)
                expect(seen).toBe(packets)
                perPacket.push(bytes / packets)
            }
            // Less than the smallest object, of three words, for each packet. Now and then the compiler leaves one number
            // in a box of two words, for as long as the process lives.
            expect(perPacket.at(-1), String(perPacket)).toBeLessThan(20)
        })

        it("counts what overruns it, says so, and goes on", async () => {
            lab.watcher.take("trouble")
            let [before, after] = [
                { delivered: 0, dropped: 0 },
                { delivered: 0, dropped: 0 },
            ]
            const stats = async () => {
                lab.watcher.send({ stats: true })
                return (await lab.watcher.next("stats")).stats
            }
            // What comes before the queue is empty may be lost too.
            const again = () => {
                lab.sender.send({ via: "out", mac: hardware(lab.server, "in"), packets: [make.hex(syn(8100))] })
                return lab.watcher.take("packet").map(({ packet }) => packet.port)
            }
            // On a busy machine a part of the flood can be lost on its way, before it overruns anything.
            for (let round = 0; round < 5 && after.dropped <= 1000; round++) {
                await stalled(60_000)
                before = await stats()
                await expect.poll(again, { timeout: 20_000, interval: 50 }).toContain(8100)
                after = await stats()
            }
            expect(after.dropped).toBeGreaterThan(1000)
            expect(after.delivered).toBeGreaterThan(before.delivered)
            expect((await lab.watcher.next("trouble")).trouble).toMatch(
                /^\d+ packets came faster .* dropped by the kernel$/,
            )
        })

        /** Sends packets while the watcher does not look, and returns what reading them all took. */
        async function stalled(count: number): Promise<{ bytes: number; seen: number }> {
            const directory = mkdtempSync(join(tmpdir(), "postern-"))
            try {
                const gate = join(directory, "gate")
                lab.watcher.send({ stall: gate })
                await lab.watcher.next("stalled")
                const mac = hardware(lab.server, "in")
                // Addresses and numbers that are larger than what fits into a machine word of the engine.
                const large = make.ipv4(make.tcp(8101, { sequence: 0xfffffff0 }))
                lab.sender.send({ via: "out", mac, packets: [make.hex(large)], repeat: count })
                await lab.sender.next("sent")
                writeFileSync(gate, "")
                let [bytes, seen] = [0, 0]
                // A flood is read in several turns; after an overrun their number is not known.
                const enough = count <= 3000 ? count : 1
                do {
                    const { reading } = await lab.watcher.next("reading")
                    bytes += reading.bytes
                    seen += reading.packets
                } while (seen < enough)
                // Until all of it is read: what came after `resume` would be told packet by packet.
                let delivered = -1
                const settled = async () => {
                    const before = delivered
                    lab.watcher.send({ stats: true })
                    delivered = (await lab.watcher.next("stats")).stats.delivered
                    return delivered === before
                }
                await expect.poll(settled, { timeout: 20_000, interval: 50 }).toBe(true)
                lab.watcher.send({ resume: true })
                await lab.watcher.next("resumed")
                lab.watcher.take("reading")
                return { bytes, seen }
            } finally {
                rmSync(directory, { recursive: true })
            }
        }

        it("says what it needs when it may not", async () => {
            // Root must still be able to read a checkout in somebody's home.
            const without = ["setpriv", "--inh-caps=-all", "--bounding-set=-net_admin,-net_raw"]
            const nobody = startWorker(lab.server, "watcher.ts", without)
            try {
                await nobody.next("ready")
                nobody.send({ start: adapter, watching: { plan, interfaces: ["in"], offered: [] } })
                const { refused } = await nobody.next("refused")
                expect(refused).toMatch(
                    adapter === "nflog" ? /EPERM .*needs CAP_NET_ADMIN/ : /EPERM .*needs CAP_NET_RAW/,
                )
            } finally {
                await nobody.end()
            }
        })
    })
}

/** Waits until a link is up: after the other end was down that takes a moment. */
async function carrier(namespace: Namespace, device: string): Promise<void> {
    for (let i = 0; i < 200; i++) {
        if (link(namespace, device).operstate === "UP") return
        await new Promise((resolve) => setTimeout(resolve, 10))
    }
    throw new Error(`${device} did not come up`)
}
