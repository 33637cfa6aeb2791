/** What links and services promise (src/ports/links.ts, src/ports/services.ts), on each adapter. */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { simulatedLinks } from "../../src/adapters/links/simulated.ts"
import type { LinkState } from "../../src/ports/links.ts"
import { joinNamespaces, makeNamespace, type Namespace, whyNoNamespaces } from "../lab/namespace.ts"
import { type Event, startWorker, type Worker } from "../lab/worker.ts"

describe("links: simulated", () => {
    const empty: LinkState = { interfaces: [], addresses: [], defaultRoutes: [] }
    const one: LinkState = { ...empty, interfaces: [{ name: "eth0", index: 2, up: true }] }

    it("tells every listener of a change, and nobody after the end", () => {
        const links = simulatedLinks(empty)
        const heard: string[] = []
        links.start(() => heard.push("a"))
        links.start(() => heard.push("b"))
        expect([links.current(), heard]).toEqual([empty, []])
        links.change(one)
        expect([links.current(), heard]).toEqual([one, ["a", "b"]])
        links.stop()
        links.change(empty)
        expect(heard).toEqual(["a", "b"])
    })
})

const reason = whyNoNamespaces()

type Snapshot = Event["links"]

function named(state: Snapshot, name: string) {
    return state.interfaces.find((one) => one.name === name)
}

function addressesOf(state: Snapshot, name: string) {
    const index = named(state, name)?.index
    return state.addresses.flatMap(([address, at]) => (at === index ? [address] : []))
}

describe("listDefaultInterfaces()", () => {
    it("before the first route, when the kernel has no table: none", (ctx) => {
        if (reason !== null) ctx.skip(reason)
        const module = join(import.meta.dirname, "../../src/adapters/system/rtnetlink.ts")
        const code = `import(${JSON.stringify(module)}).then((m) => console.log(JSON.stringify(m.listDefaultInterfaces())))`
        const argv = ["--net", process.execPath, "--import", "tsx", "-e", code]
        const { stdout, stderr } = spawnSync("unshare", argv, { encoding: "utf8" })
        expect(stdout, stderr).toBe("[]\n")
    })
})

describe("links: rtnetlink", () => {
    let host: Namespace
    let other: Namespace
    let worker: Worker

    beforeEach((ctx) => {
        if (reason !== null) ctx.skip(reason)
    })

    beforeAll(async () => {
        if (reason !== null) return
        host = makeNamespace("host")
        other = makeNamespace("other")
        joinNamespaces(
            { namespace: host, device: "l0", addresses: ["192.0.2.1/24", "2001:db8::1/64"] },
            { namespace: other, device: "r0", addresses: ["192.0.2.2/24"] },
        )
        worker = startWorker(host, "watcher.ts")
        await worker.next("ready")
    })

    afterAll(async () => {
        // Also when the set-up failed half-way.
        await worker?.end()
        host?.remove()
        other?.remove()
    })

    async function now(): Promise<Snapshot> {
        worker.send({ links: true })
        return (await worker.next("links")).links
    }

    /** Changes something, and returns what the links are when they have told of it. */
    async function after(...argv: string[]): Promise<Snapshot> {
        worker.take("changed")
        host.must(["ip", ...argv])
        await worker.next("changed")
        return now()
    }

    it("knows everything before it is started", async () => {
        const state = await now()
        expect(named(state, "lo")).toEqual({ name: "lo", index: 1, up: true })
        expect(named(state, "l0")?.up).toBe(true)
        expect(addressesOf(state, "lo")).toEqual(["127.0.0.1", "::1"])
        expect(addressesOf(state, "l0")).toEqual(expect.arrayContaining(["192.0.2.1", "2001:db8::1"]))
        expect(state.defaultRoutes).toEqual([])
    })

    it("follows addresses, routes of both families, and links", async () => {
        worker.send({ listen: true })
        await worker.next("listening")
        // What is under way from the making of the link comes first; this change is told of in any case.
        let state = await after("address", "add", "192.0.2.77/32", "dev", "l0")
        await expect.poll(async () => addressesOf(await now(), "l0")).toContain("192.0.2.77")
        host.must(["ip", "address", "del", "192.0.2.77/32", "dev", "l0"])
        expect(addressesOf(await now(), "l0")).not.toContain("192.0.2.77")

        host.must(["ip", "route", "add", "default", "via", "192.0.2.2"])
        expect((await now()).defaultRoutes).toEqual(["l0"])
        host.must(["ip", "route", "del", "default"])
        expect((await now()).defaultRoutes).toEqual([])
        host.must(["ip", "-6", "route", "add", "default", "via", "2001:db8::2", "dev", "l0"])
        expect((await now()).defaultRoutes).toEqual(["l0"])
        host.must(["ip", "-6", "route", "del", "default"])

        host.must(["ip", "link", "add", "v1", "type", "veth", "peer", "name", "v2"])
        const before = named(await now(), "v1")
        expect(before).toMatchObject({ up: false })
        host.must(["ip", "link", "set", "v1", "name", "w1"])
        state = await now()
        expect([named(state, "v1"), named(state, "w1")]).toEqual([undefined, { ...before, name: "w1" }])
        host.must(["ip", "link", "set", "w1", "up"])
        expect(named(await now(), "w1")?.up).toBe(true)
        host.must(["ip", "link", "del", "w1"])
        expect([named(await now(), "w1"), named(await now(), "v2")]).toEqual([undefined, undefined])
    })

    it("knows the interfaces of a default route with several ways, and leaves other tables and blackholes out", async () => {
        host.must(["ip", "link", "add", "m1", "type", "veth", "peer", "name", "m2"])
        for (const device of ["m1", "m2"]) host.must(["ip", "link", "set", device, "up"])
        host.must(["ip", "address", "add", "198.51.100.1/24", "dev", "m1"])
        const ways = ["nexthop", "via", "192.0.2.2", "nexthop", "via", "198.51.100.2"]
        host.must(["ip", "route", "add", "default", ...ways])
        expect((await now()).defaultRoutes).toEqual(["l0", "m1"])
        host.must(["ip", "route", "del", "default"])
        host.must(["ip", "route", "add", "default", "via", "192.0.2.2", "table", "77"])
        host.must(["ip", "route", "add", "blackhole", "default", "metric", "99"])
        expect((await now()).defaultRoutes).toEqual([])
        // A route goes with its interface, which the kernel does not say of each route.
        host.must(["ip", "route", "add", "default", "via", "198.51.100.2"])
        expect((await now()).defaultRoutes).toEqual(["m1"])
        host.must(["ip", "link", "set", "m1", "down"])
        expect((await now()).defaultRoutes).toEqual([])
        host.must(["ip", "link", "del", "m1"])
    })

    it("loses nothing when more changes than it can be told of", async () => {
        // A thousand addresses in one go: more than the socket holds while the program is busy.
        const batch = Array.from({ length: 1000 }, (_, i) => `address add 10.9.${i >> 8}.${i & 255}/32 dev l0`)
        host.must(["ip", "-batch", "-"], { input: `${batch.join("\n")}\n` })
        await expect
            .poll(async () => (await now()).addresses.filter(([text]) => text.startsWith("10.9.")).length)
            .toBe(1000)
    })

    it("services: finds what listens on an outside address, and nothing else", async () => {
        const server = `
            const net = require("net"), dgram = require("dgram")
            const tcp = (port, host) => new Promise((done) => net.createServer().listen(port, host, done))
            const udp = (kind, port, host) => new Promise((done) => dgram.createSocket(kind).bind(port, host, done))
            Promise.all([
                tcp(80, "0.0.0.0"), tcp(8080, "::"), tcp(81, "127.0.0.1"), tcp(82, "127.0.0.5"), tcp(83, "::1"),
                tcp(84, "192.0.2.1"), tcp(80, "2001:db8::1"), udp("udp4", 53, "0.0.0.0"), udp("udp6", 54, "::1"),
                udp("udp6", 55, "2001:db8::1"),
            ]).then(() => {
                const connected = dgram.createSocket("udp4")
                connected.bind(56, "192.0.2.1", () => connected.connect(9, "192.0.2.2", () => console.log("up")))
            })`
        const running = host.start([process.execPath, "-e", server])
        let stdout = ""
        running.stdout!.setEncoding("utf8").on("data", (text: string) => {
            stdout += text
        })
        await expect.poll(() => stdout, { timeout: 10_000 }).toContain("up")
        worker.send({ services: true })
        expect((await worker.next("services")).services).toEqual([
            { protocol: "tcp", port: 80 },
            { protocol: "tcp", port: 84 },
            { protocol: "tcp", port: 8080 },
            { protocol: "udp", port: 53 },
            { protocol: "udp", port: 55 },
        ])
        running.kill()
    })
})
