/**
 * What every knocker does, and what the real one puts on the wire.
 *
 *     client                               server
 *     lan0  10.91.0.2/24, .3/24  --------  lan0  10.91.0.1/24    tcp/7200 listens, tcp/7100 is dropped,
 *           fd91::2/64, ::3/64                   fd91::1/64      everything else is closed
 *     lan1  10.92.0.2/24, fd92::2/64  ---  lan1  10.92.0.1/24, fd92::1/64
 *                                          lo    10.99.0.1/32, fd99::1/128 (by lan0 unless lan1 is asked for)
 */
import type { ChildProcess } from "node:child_process"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { memoryKnocker } from "../../src/adapters/knocker/memory.ts"
import type { KnockerOptions } from "../../src/adapters/knocker/options.ts"
import type { Hit, Service } from "../../src/core/knock/hit.ts"
import type { Target } from "../../src/core/knock/plan.ts"
import { FIN, PSH, SYN, URG } from "../../src/core/net/packet.ts"
import type { ProbeResult, SendResult } from "../../src/ports/knocker.ts"
import type { Order } from "../lab/knocker-driver.ts"
import { collectLines, type Lines } from "../lab/lines.ts"
import { joinNamespaces, makeNamespace, type Namespace, whyNoNamespaces } from "../lab/namespace.ts"
import { AS_NOBODY } from "../lab/privilege.ts"
import { type Witness, watchPackets } from "../lab/witness.ts"

const PLAIN: KnockerOptions = { source: null, sourcePort: null, interface: null, flags: SYN }
const V4: Target = { family: 4, address: "10.91.0.1" }
const V6: Target = { family: 6, address: "fd91::1" }
const [OPEN, DROPPED, CLOSED, REJECTED] = [7200, 7100, 7000, 7300]
const FAMILIES = [V4, V6].map((target) => ({ name: `IPv${target.family}`, target }))
const root = join(import.meta.dirname, "..", "..")

/** A knocker in the client's namespace. */
type Driver = {
    readonly allowed: (hits: readonly Hit[], target: Target, options?: Partial<KnockerOptions>) => Promise<SendResult>
    readonly send: (hit: Hit, target: Target, options?: Partial<KnockerOptions>) => Promise<SendResult>
    readonly probe: (port: number, target: Target, more?: Partial<Order & { do: "probe" }>) => Promise<ProbeResult>
    readonly child: ChildProcess
}

const SSH: Service = { protocol: "tcp", port: 22 }
const tcp = (port: number): Hit => ({ protocol: "tcp", port })
const udp = (port: number): Hit => ({ protocol: "udp", port })
const icmp = (port: number): Hit => ({ protocol: "icmp", port })

describe("memoryKnocker()", () => {
    it("sends, asks and closes like the real one", async () => {
        const knocker = memoryKnocker({ probe: (target) => (target.family === 4 ? "open" : "refused") })
        const cancel = new AbortController()
        expect(await knocker.allowed([tcp(1), udp(2), icmp(3)], V4)).toEqual({ ok: true })
        for (const hit of [tcp(1), udp(2), icmp(3)]) expect(await knocker.send(hit, V4)).toEqual({ ok: true })
        expect(knocker.sent.map(({ hit }) => hit)).toEqual([tcp(1), udp(2), icmp(3)])
        expect(await knocker.probe(SSH, V4, 100, cancel.signal)).toBe("open")
        expect(await knocker.probe(SSH, V6, 100, cancel.signal)).toBe("refused")
        cancel.abort()
        expect(await knocker.probe(SSH, V4, 100, cancel.signal)).toBe("aborted")
        knocker.close()
        knocker.close()
    })
})

const reason = whyNoNamespaces()

describe.skipIf(reason !== null)(`socketKnocker()${reason === null ? "" : ` (${reason})`}`, () => {
    let client: Namespace
    let server: Namespace
    let lan0: Witness
    let lan1: Witness
    let asRoot: Driver
    let asNobody: Driver
    let current = V4

    beforeAll(async () => {
        client = makeNamespace("client")
        server = makeNamespace("server")
        const lan = (device: string, mine: readonly string[], theirs: readonly string[]) =>
            joinNamespaces(
                { namespace: client, device, addresses: mine },
                { namespace: server, device, addresses: theirs },
            )
        lan("lan0", ["10.91.0.2/24", "10.91.0.3/24", "fd91::2/64", "fd91::3/64"], ["10.91.0.1/24", "fd91::1/64"])
        lan("lan1", ["10.92.0.2/24", "fd92::2/64"], ["10.92.0.1/24", "fd92::1/64"])
        for (const [inner, net] of [
            ["10.99.0.1/32", "10.9"],
            ["fd99::1/128", "fd9"],
        ] as const) {
            const gateway = (n: number) => (net.startsWith("fd") ? `${net}${n}::1` : `${net}${n}.0.1`)
            server.must(["ip", "address", "add", inner, "dev", "lo"])
            for (const n of [1, 2])
                client.must(["ip", "route", "add", inner, "via", gateway(n), "dev", `lan${n - 1}`, "metric", `${n}0`])
        }
        client.must(["sysctl", "-qw", "net.ipv4.ping_group_range=1 0"])
        server.must(["nft", "-f", "-"], {
            input: `table inet t { chain c { type filter hook input priority 0; tcp dport ${DROPPED} drop; tcp dport ${REJECTED} reject with icmpx admin-prohibited; }; }`,
        })
        const listen = `require("node:net").createServer((s) => s.on("error", () => {})).listen(${OPEN}, "::", () => console.log("up"))`
        const listener = server.start(["node", "-e", listen])
        await collectLines(listener, listener.stdout!).waitFor(/up/)
        const filter = "tcp or udp or icmp[icmptype] == icmp-echo or icmp6[0] == 128 or ip6[6] == 44"
        lan0 = await watchPackets(server, "lan0", filter)
        lan1 = await watchPackets(server, "lan1", filter)
        asRoot = drive(client, [])
        asNobody = drive(client, AS_NOBODY)
    })

    afterAll(() => {
        client?.remove()
        server?.remove()
    })

    /** What came in since the last time. */
    const seen = (witness = lan0, to = current.address) =>
        witness.until((port) => client.must(["bash", "-c", `echo > /dev/udp/${to}/${port}`]))
    /** The TCP sockets of this family that are not listening. */
    const sockets = (namespace: Namespace) =>
        namespace
            .must(["ss", "-Htan", `-${current.family}`])
            .split("\n")
            .filter((line) => line !== "" && !line.startsWith("LISTEN"))

    describe.each(FAMILIES)("by $name", ({ target }) => {
        beforeAll(() => {
            current = target
        })

        it.each([
            ["closed", CLOSED],
            ["dropped", DROPPED],
        ])("send() puts one SYN and nothing else on the wire to a port that is %s", async (_what, port) => {
            expect(await asNobody.send(tcp(port), target)).toEqual({ ok: true })
            await expect.poll(() => sockets(client)).toEqual([])
            const packets = await seen()
            expect(packets).toHaveLength(1)
            expect(packets[0]).toContain(`${target.address}.${port}: Flags [S]`)
        })

        it("send() leaves nothing behind where something listens", async () => {
            for (let i = 0; i < 20; i++) expect(await asNobody.send(tcp(OPEN), target)).toEqual({ ok: true })
            await expect.poll(() => [...sockets(client), ...sockets(server)]).toEqual([])
            const packets = await seen()
            expect(packets.filter((line) => line.includes("Flags [S]"))).toHaveLength(20)
            expect(packets.filter((line) => line.includes("Flags [R"))).toHaveLength(20)
            expect(packets.filter((line) => line.includes("Flags [F"))).toHaveLength(0)
        })

        it("send() puts one datagram of one NUL byte on the wire", async () => {
            expect(await asNobody.send(udp(17001), target)).toEqual({ ok: true })
            const packets = await seen()
            expect(packets).toHaveLength(1)
            expect(packets[0]).toMatch(new RegExp(`${target.address}\\.17001: .*UDP, length 1$`))
        })

        it.each([
            ["tcp", tcp(7002)],
            ["udp", udp(7002)],
        ])("send() sends %s from the chosen address and port", async (_what, hit) => {
            const source = target.family === 4 ? "10.91.0.3" : "fd91::3"
            for (let i = 0; i < 2; i++)
                expect(await asNobody.send(hit, target, { source, sourcePort: 40_123 })).toEqual({ ok: true })
            const packets = await seen()
            expect(packets).toHaveLength(2)
            for (const packet of packets) expect(packet).toContain(`${source}.40123 > ${target.address}.7002: `)
        })

        it.each([
            ["tcp", tcp(7003)],
            ["udp", udp(7003)],
            ["icmp", icmp(99)],
        ])("send() sends %s by the chosen interface alone", async (_what, hit) => {
            const driver = hit.protocol === "icmp" ? asRoot : asNobody
            const inner = { ...target, address: target.family === 4 ? "10.99.0.1" : "fd99::1" }
            expect(await driver.send(hit, inner, { interface: "lan1" })).toEqual({ ok: true })
            expect(await driver.send(hit, inner, { interface: "lan0" })).toEqual({ ok: true })
            await expect.poll(() => sockets(client)).toEqual([])
            expect(await seen(lan1, target.family === 4 ? "10.92.0.1" : "fd92::1")).toHaveLength(1)
            expect(await seen()).toHaveLength(1)
        })

        it.each([0, 1, 56, 321, 1400, 3000])("send() makes an echo request of %i bytes", async (size) => {
            expect(await asRoot.send(icmp(size), target)).toEqual({ ok: true })
            const packets = await seen()
            const [first] = packets
            expect(first).toMatch(/ICMP6?,? echo request/)
            if (size > 1400) expect(packets.length).toBeGreaterThan(target.family === 4 ? 0 : 1)
            else expect(first).toContain(`> ${target.address}: `)
            if (size <= 1400) expect(first).toMatch(new RegExp(`length ${size + 8}$`))
            expect(checksumErrors(server)).toBe(0)
        })

        it("send() makes TCP packets with other flags, as root", async () => {
            const options = { flags: FIN | PSH | URG, sourcePort: 40_321 }
            expect(await asRoot.send(tcp(7004), target, options)).toEqual({ ok: true })
            const packets = await seen()
            expect(packets).toHaveLength(1)
            expect(packets[0]).toMatch(/\.40321 > .*\.7004: Flags \[FPU\]/)
            expect(checksumErrors(server)).toBe(0)
        })

        it("send() says that other flags need a permission", async () => {
            const result = await asNobody.send(tcp(7004), target, { flags: FIN })
            expect(result).toMatchObject({ ok: false, code: "raw-denied" })
            expect(await asNobody.allowed([tcp(1)], target, { flags: FIN })).toEqual({ ...result, detail: "EPERM" })
            expect(await asRoot.allowed([tcp(1), icmp(2)], target, { flags: FIN })).toEqual({ ok: true })
            expect(await seen()).toEqual([])
        })

        it("send() uses the unprivileged ping socket where the system allows it", async () => {
            client.must(["sysctl", "-qw", "net.ipv4.ping_group_range=65534 65534"])
            const withoutPing = drive(client, [...AS_NOBODY, "env", "PATH=/nonexistent"])
            expect(await withoutPing.allowed([tcp(1), icmp(77)], target)).toEqual({ ok: true })
            expect(await withoutPing.send(icmp(77), target)).toEqual({ ok: true })
            client.must(["sysctl", "-qw", "net.ipv4.ping_group_range=1 0"])
            expect(await withoutPing.send(icmp(77), target)).toMatchObject({ ok: false, code: "echo-denied" })
            const refused = { ok: false, code: "echo-denied" }
            expect(await withoutPing.allowed([tcp(1), icmp(77)], target)).toMatchObject(refused)
            expect(await withoutPing.allowed([tcp(1), udp(2)], target)).toEqual({ ok: true })
            withoutPing.child.kill()
            const packets = await seen()
            expect(packets).toHaveLength(1)
            expect(packets[0]).toContain("length 85")
        })

        it("send() uses the installed ping where a socket is not allowed", async () => {
            const withPing = drive(client, [...PRIVILEGED_PING, ...AS_NOBODY, "env", "PATH=/mnt"])
            expect(await withPing.send(icmp(78), target)).toEqual({ ok: true })
            withPing.child.kill()
            const packets = await seen()
            expect(packets).toHaveLength(1)
            expect(packets[0]).toContain("length 86")
        })

        it("probe() tells open, refused, silent and cancelled apart", async () => {
            for (const name of [null, "lan0"]) {
                const options = { ...PLAIN, interface: name }
                expect(await asNobody.probe(OPEN, target, { options })).toBe("open")
                expect(await asNobody.probe(CLOSED, target, { options })).toBe("refused")
                expect(await asNobody.probe(DROPPED, target, { options, ms: 50 })).toBe("silent")
                expect(await asNobody.probe(DROPPED, target, { options, cancelAfter: 20 })).toBe("aborted")
                expect(await asNobody.probe(OPEN, target, { options, cancelAfter: 0 })).toBe("aborted")
            }
            await expect.poll(() => sockets(client).filter((line) => !line.startsWith("TIME-WAIT"))).toEqual([])
            await seen()
        })

        it("send() has sent what a filter on the way rejects, however fast it says so", async () => {
            for (const name of [null, "lan0"])
                expect(await asNobody.send(tcp(REJECTED), target, { interface: name })).toEqual({ ok: true })
            expect(await seen()).toHaveLength(2)
        })

        it("send() says why a packet cannot leave", async () => {
            const elsewhere = { ...target, address: target.family === 4 ? "203.0.113.1" : "2001:db8::1" }
            const foreign = target.family === 4 ? "192.0.2.9" : "2001:db8::9"
            for (const hit of [tcp(7005), udp(7005)]) {
                const fails = async (to: Target, options: Partial<KnockerOptions>, code: string) =>
                    expect(await asNobody.send(hit, to, options), code).toMatchObject({ ok: false, code })
                await fails(elsewhere, {}, "unreachable")
                await fails(target, { source: foreign }, "source")
                await fails(target, { source: foreign, interface: "lan0" }, "source")
                await fails(target, { interface: "nowhere0" }, "interface")
                await fails(target, { sourcePort: 22 }, "privileged-port")
                await fails(target, { sourcePort: 22, interface: "lan0" }, "privileged-port")
            }
            // Before anything is sent, and before a sequence is used for it.
            expect(await asNobody.allowed([tcp(1)], elsewhere)).toMatchObject({ ok: false, code: "unreachable" })
            expect(await asRoot.send(icmp(1), elsewhere)).toMatchObject({ ok: false, code: "unreachable" })
            expect(await asRoot.send(tcp(1), elsewhere, { flags: FIN })).toMatchObject({ code: "unreachable" })
            expect(await asNobody.probe(CLOSED, elsewhere)).toBe("unreachable")
            expect(await seen()).toEqual([])
        })
    })

    it("send() does not repeat a SYN that nobody answers", async () => {
        for (const { target } of FAMILIES) expect(await asRoot.send(tcp(DROPPED), target)).toEqual({ ok: true })
        // The kernel would repeat it after one second: the clock of the kernel is what is tested here.
        await new Promise((resolve) => setTimeout(resolve, 1500))
        expect(await seen()).toHaveLength(2)
    })

    it("send() keeps the order of what is sent without a pause", async () => {
        const ports = Array.from({ length: 16 }, (_, i) => 7300 + ((i * 7) % 16))
        for (const port of ports)
            expect(await asNobody.send(port % 2 ? tcp(port) : udp(port), V4)).toEqual({ ok: true })
        const order = (await seen(lan0, V4.address)).map((line) => Number(/10\.91\.0\.1\.(\d+): /.exec(line)?.[1]))
        expect(order).toEqual(ports)
    })
})

/** Packets whose checksum the kernel of this namespace found wrong. */
function checksumErrors(namespace: Namespace): number {
    const counters = namespace.must(["cat", "/proc/net/snmp", "/proc/net/snmp6"])
    const v6 = [...counters.matchAll(/^Icmp6InCsumErrors\s+(\d+)/gm)].map(([, count]) => Number(count))
    const v4 = ["Tcp", "Icmp"].map((name) => {
        const [names, values] = [...counters.matchAll(new RegExp(`^${name}: (.*)$`, "gm"))].map(([, row]) =>
            row!.split(" "),
        )
        return Number(values![names!.indexOf("InCsumErrors")])
    })
    return [...v4, ...v6].reduce((sum, count) => sum + count, 0)
}

/** The start of an argument vector that gives the rest a ping in /mnt that may ping: not every system's may any more. */
const PRIVILEGED_PING = [
    "unshare",
    "--mount",
    "sh",
    "-euc",
    'mount -t tmpfs tmpfs /mnt; cp "$(command -v ping)" /mnt; chmod 4755 /mnt/ping; exec "$@"',
    "sh",
]

function drive(namespace: Namespace, prefix: readonly string[]): Driver {
    const argv = [...prefix, process.execPath, "--import", "tsx", "test/lab/knocker-driver.ts"]
    const child = namespace.start(argv, { cwd: root, stdio: ["pipe", "pipe", "inherit"] })
    const lines: Lines = collectLines(child, child.stdout!)
    let answered = 0
    const ask = async <T>(order: Order): Promise<T> => {
        const from = answered++
        child.stdin!.write(`${JSON.stringify(order)}\n`)
        return JSON.parse(await lines.waitFor(/^./, { from }))
    }
    return {
        child,
        allowed: (hits, target, options = {}) =>
            ask<SendResult>({ do: "allowed", hits, target, options: { ...PLAIN, ...options } }),
        send: (hit, target, options = {}) =>
            ask<SendResult>({ do: "send", hit, target, options: { ...PLAIN, ...options } }),
        probe: (port, target, more = {}) => {
            const order = { do: "probe", options: PLAIN, service: { protocol: "tcp", port }, target, ms: 2000 } as const
            return ask<ProbeResult>({ ...order, ...more })
        },
    }
}
