/**
 * The rules of hiding in real kernels: what strangers, granted sources and others see of a gateway on which these
 * listen, while the test process itself is inside the gateway's namespace and holds the firewall:
 *
 *     tcp/22, udp/53   hidden, an echo behind each          tcp/80, udp/5300   not hidden, an echo behind each
 */
import { createSocket, type Socket } from "node:dgram"
import { createServer, type Server } from "node:net"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { iptablesFirewall } from "../../src/adapters/firewall/iptables/iptables.ts"
import { nftFirewall } from "../../src/adapters/firewall/nft.ts"
import type { Firewall } from "../../src/ports/firewall.ts"
import { askUdp, openSession } from "../lab/echo.ts"
import { enterNamespace } from "../lab/enter.ts"
import { type Host, type Lab, makeLab, portState, untilPort } from "../lab/lab.ts"
import { whyNoNamespaces } from "../lab/namespace.ts"
import { element, ruleset } from "../lab/rulesets.ts"

const why = whyNoNamespaces()
const HIDE = ruleset({ hidden: ["tcp/22", "udp/53"] })
const LONG = 600_000

/** The firewalls that hide. */
const FIREWALLS: readonly [name: string, make: () => Firewall][] = [
    ["nftables", nftFirewall],
    ["iptables and ipset", () => iptablesFirewall(undefined, "-legacy")],
]

describe.skipIf(why !== null).each(FIREWALLS)(
    `a service hidden by %s${why === null ? "" : ` (${why})`}`,
    (name, make) => {
        let lab: Lab<"knocker" | "stranger">
        let leave: (() => void) | undefined
        let firewall: Firewall
        const servers: (Server | Socket)[] = []
        let knocker: Host
        let stranger: Host

        beforeAll(async () => {
            lab = makeLab(["knocker", "stranger"])
            knocker = lab.hosts.knocker
            stranger = lab.hosts.stranger
            leave = enterNamespace(lab.gateway)
            firewall = make()
            for (const port of [22, 80]) servers.push(await echoTcp(port))
            for (const port of [53, 5300]) servers.push(await echoUdp(port))
        })
        afterAll(() => {
            for (const server of servers) server.close()
            leave?.()
            lab?.remove()
        })
        beforeEach(() => {
            expect(firewall.clear()).toEqual({ ok: true })
        })

        const addresses = () => [lab.gateway.v4, lab.gateway.v6]

        it("is open to all without our table", async () => {
            for (const address of addresses()) {
                expect(await portState(stranger, address, 22)).toBe("open")
                expect(await askUdp(stranger, address, 53)).toBe("answer")
            }
        })

        it("is refused to strangers with a reset or port-unreachable, and others are left alone", async () => {
            firewall.apply(HIDE)
            for (const six of [false, true]) {
                expect(await scan(stranger, lab.gateway, six, "-sS", "22,23,80")).toEqual([
                    "22/tcp closed reset",
                    "23/tcp closed reset",
                    "80/tcp open syn-ack",
                ])
                expect(await scan(stranger, lab.gateway, six, "-sU", "53,54,5300")).toEqual([
                    "53/udp closed port-unreach",
                    "54/udp closed port-unreach",
                    "5300/udp open udp-response",
                ])
            }
        })

        it.each([
            ["-sA", "unfiltered reset"],
            ["-sF", "closed reset"],
            ["-sN", "closed reset"],
            ["-sX", "closed reset"],
            ["-sM", "closed reset"],
        ])("answers a %s scan as the closed port beside it does", async (kind, answer) => {
            firewall.apply(HIDE)
            for (const six of [false, true]) {
                expect(await scan(stranger, lab.gateway, six, kind, "22,23")).toEqual([
                    `22/tcp ${answer}`,
                    `23/tcp ${answer}`,
                ])
            }
        })

        it("is not reached by fragments", async () => {
            firewall.apply(HIDE)
            expect(await scan(stranger, lab.gateway, false, "-sS", "22,80", "-f")).toEqual([
                "22/tcp closed reset",
                "80/tcp open syn-ack",
            ])
        })

        it("is open to the granted source alone, by the granted service alone, and closes on time", async () => {
            firewall.apply(HIDE)
            firewall.grant(of(knocker, "tcp/22"), 3000)
            for (const address of addresses()) {
                expect(await portState(knocker, address, 22)).toBe("open")
                expect(await askUdp(knocker, address, 53)).toBe("ECONNREFUSED")
                expect(await portState(stranger, address, 22)).toBe("refused")
            }
            for (const address of addresses()) expect(await untilPort("refused", knocker, address, 22)).toBe("refused")
            expect(firewall.list()).toEqual([])
        })

        it("is open by UDP while the grant lives", async () => {
            firewall.apply(HIDE)
            firewall.grant(of(knocker, "udp/53"), LONG)
            for (const address of addresses()) {
                expect(await askUdp(knocker, address, 53)).toBe("answer")
                expect(await portState(knocker, address, 22)).toBe("refused")
                expect(await askUdp(stranger, address, 53)).toBe("ECONNREFUSED")
            }
            firewall.revoke(of(knocker, "udp/53"))
            for (const address of addresses()) expect(await askUdp(knocker, address, 53)).toBe("ECONNREFUSED")
        })

        it("closes when the grant is revoked, and only what was revoked", async () => {
            firewall.apply(HIDE)
            firewall.grant([...of(knocker, "tcp/22"), ...of(knocker, "udp/53"), ...of(stranger, "tcp/22")], LONG)
            firewall.revoke(of(knocker, "tcp/22"))
            for (const address of addresses()) {
                expect(await portState(knocker, address, 22)).toBe("refused")
                expect(await askUdp(knocker, address, 53)).toBe("answer")
                expect(await portState(stranger, address, 22)).toBe("open")
            }
        })

        it("a short grant does not cut another service's longer one", async () => {
            firewall.apply(HIDE)
            firewall.grant(of(knocker, "udp/53"), LONG)
            firewall.grant(of(knocker, "tcp/22"), 500)
            for (const address of addresses()) {
                expect(await untilPort("refused", knocker, address, 22)).toBe("refused")
                expect(await askUdp(knocker, address, 53)).toBe("answer")
            }
        })

        it("established connections live on after the grant, on both families", async () => {
            firewall.apply(HIDE)
            firewall.grant(of(knocker, "tcp/22"), LONG)
            const sessions = addresses().map((address) => openSession(knocker, address, 22))
            for (const session of sessions) await session.say("during")
            firewall.revoke(of(knocker, "tcp/22"))
            for (const address of addresses()) expect(await portState(knocker, address, 22)).toBe("refused")
            for (const session of sessions) {
                await session.say("after")
                session.end()
            }
        })

        it("connections that were there before the table live on when it comes", async () => {
            const sessions = addresses().map((address) => openSession(stranger, address, 22))
            for (const session of sessions) await session.say("before")
            firewall.apply(HIDE)
            for (const address of addresses()) expect(await portState(stranger, address, 22)).toBe("refused")
            for (const session of sessions) {
                await session.say("since")
                session.end()
            }
        })

        it("needs no knock from the networks of `always`, and only for the service they are for", async () => {
            const needless = [`${knocker.v4}/32 tcp/22`, `${knocker.v6}/128 tcp/22`, "10.99.0.0/16 tcp/22"]
            firewall.apply({ ...HIDE, always: ruleset({ needless }).always })
            for (const address of addresses()) {
                expect(await portState(knocker, address, 22)).toBe("open")
                expect(await askUdp(knocker, address, 53)).toBe("ECONNREFUSED")
                expect(await portState(stranger, address, 22)).toBe("refused")
            }
            firewall.apply({ ...HIDE, always: ruleset({ needless: ["10.77.0.0/24 udp/53", "::/0 udp/53"] }).always })
            for (const address of addresses()) {
                expect(await askUdp(knocker, address, 53)).toBe("answer")
                expect(await portState(knocker, address, 22)).toBe("refused")
            }
        })

        it("is open on the gateway itself", async () => {
            firewall.apply(HIDE)
            for (const address of ["127.0.0.1", "::1", ...addresses()]) {
                expect(await portState(lab.gateway, address, 22)).toBe("open")
                expect(await askUdp(lab.gateway, address, 53)).toBe("answer")
            }
        })

        // Rules of iptables that accept end it for all that come later, so ours come first there.
        const [beside, state] =
            name === "nftables" ? ["stays silent", "silent"] : ["is refused all the same", "refused"]
        it(`${beside} where the host's own filter drops it`, async () => {
            firewall.apply(HIDE)
            const drop = ["INPUT", "-p", "tcp", "-m", "multiport", "--dports", "22,23", "-j", "DROP"]
            lab.gateway.must(["iptables-legacy", "-A", ...drop])
            expect(await portState(stranger, lab.gateway.v4, 23)).toBe("silent")
            expect(await portState(stranger, lab.gateway.v4, 22)).toBe(state)
            lab.gateway.must(["iptables-legacy", "-D", ...drop])
            expect(await portState(stranger, lab.gateway.v4, 22)).toBe("refused")
        })
    },
)

/** An echo on every address of the gateway. */
function echoTcp(port: number): Promise<Server> {
    return new Promise((resolve, reject) => {
        const server = createServer((socket) => socket.on("error", () => {}).pipe(socket))
        server.once("error", reject).listen(port, "::", () => resolve(server))
    })
}

function echoUdp(port: number): Promise<Socket> {
    return new Promise((resolve, reject) => {
        const socket = createSocket({ type: "udp6", ipv6Only: false })
        socket.on("message", (bytes, { port: from, address }) => socket.send(bytes, from, address))
        socket.once("error", reject).bind(port, "::", () => resolve(socket))
    })
}

/** Both addresses of a host with this service. */
function of(host: Host, what: string) {
    return [element(host.v4, what), element(host.v6, what)]
}

/** What nmap says of each port: `22/tcp closed reset`. */
async function scan(
    from: Host,
    to: Host,
    six: boolean,
    kind: string,
    ports: string,
    ...more: readonly string[]
): Promise<string[]> {
    const target = six ? ["-6", to.v6] : [to.v4]
    // A UDP probe of unknown kind gets no answer from most services; ours echoes anything.
    const options = ["-n", "-Pn", "--reason", "-T4", "--max-retries", "3", "--data-string", "hello", ...more]
    const { stdout } = await from.run(["nmap", kind, "-p", ports, ...options, ...target], { timeout: 60_000 })
    return stdout.split("\n").flatMap((line) => {
        const found = /^(\d+\/\w+)\s+(\S+)\s+\S+\s+(\S+)/.exec(line)
        return found ? [found.slice(1, 4).join(" ")] : []
    })
}
