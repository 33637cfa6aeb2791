/**
 * Services that are not sockets of the gateway's outside: led to an address of its own, led to a host behind it, on
 * that host, and published by Docker's rules. What the lab does not have, one more host behind the gateway:
 *
 *     knocker, stranger, friend ── switch ── gateway (eth1: 10.78.0.1, fd78::1) ── inner (10.78.0.2, fd78::2)
 *                                               lo: 10.77.3.200, fd77:3::c8
 *
 * Everything is asked by both families, by TCP and by UDP.
 */
import { once } from "node:events"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { answerOf, askUdp, openSession, type Session, startEchoes } from "../lab/echo.ts"
import { type Daemon, eventually, type Host, knockPlainly, type Lab, makeLab, POSTERN, portState } from "../lab/lab.ts"
import { collectLines } from "../lab/lines.ts"
import { joinNamespaces, makeNamespace, type Namespace } from "../lab/namespace.ts"

const HOSTS = join(import.meta.dirname, "..", "..", "vectors", "hosts")
const KNOCK = ["32144", "21312", "27015"]
/** One knock opens all of them. */
const SEQUENCE = `[door.sequence]\nhits = ${JSON.stringify(KNOCK)}\n`
const CONFIGURATION = `
[gateway]
mark  = "0x10000000"
grace = "4s"
[[door]]
name    = "here"
opens   = ["tcp/22", "udp/22"]
for     = "1h"
hide    = true
lead_to = ["10.77.3.200", "fd77:3::c8"]
always  = ["10.77.0.4/32"]
${SEQUENCE}
[[door]]
name    = "there"
opens   = ["tcp/8080", "udp/8080"]
for     = "1h"
hide    = true
lead_to = ["10.78.0.2:80", "[fd78::2]:80"]
${SEQUENCE}
[[door]]
name    = "behind"
opens   = ["tcp/443", "udp/443"]
for     = "1h"
hide    = true
at      = ["10.78.0.2", "fd78::2"]
${SEQUENCE}
[[door]]
name    = "published"
opens   = ["tcp/9090", "udp/9090", "tcp/7070", "udp/7070", "tcp/7071"]
for     = "1h"
hide    = true
${SEQUENCE}
`
/** What iptables cannot count. */
const ONCE = `
[[door]]
name    = "once"
opens   = ["tcp/2222"]
uses    = 1
for     = "1h"
hide    = true
lead_to = ["10.77.3.200:22", "[fd77:3::c8]:22"]
${SEQUENCE}
`
/** Closed, on the gateway. */
const CLOSED = 9099

let lab: Lab<"knocker" | "stranger" | "friend">
let inner: Namespace
let daemon: Daemon
let knocker: Host
let stranger: Host

beforeAll(async () => {
    lab = makeLab(["knocker", "stranger", "friend"])
    ;({ knocker, stranger } = lab.hosts)
    const { gateway } = lab
    inner = makeNamespace("inner")
    joinNamespaces(
        { namespace: inner, device: "eth0", addresses: ["10.78.0.2/24", "fd78::2/64"] },
        { namespace: gateway, device: "eth1", addresses: ["10.78.0.1/24", "fd78::1/64"] },
    )
    inner.must(["ip", "route", "add", "default", "via", "10.78.0.1"])
    inner.must(["ip", "-6", "route", "add", "default", "via", "fd78::1"])
    const forwards = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.arp_ignore=1"]
    gateway.must(["sysctl", "-qw", ...forwards])
    gateway.must(["ip", "address", "add", "10.77.3.200/32", "dev", "lo"])
    gateway.must(["ip", "address", "add", "fd77:3::c8/128", "dev", "lo", "nodad"])
    // Whoever is on this wire can address what is behind the gateway, or in it.
    for (const host of Object.values(lab.hosts)) {
        for (const network of ["10.78.0.0/24", "10.77.3.200/32"])
            host.must(["ip", "route", "add", network, "via", gateway.v4])
        for (const network of ["fd78::/64", "fd77:3::c8/128"])
            host.must(["ip", "-6", "route", "add", network, "via", gateway.v6])
    }
    await startEchoes(gateway, ["10.77.3.200 22", "fd77:3::c8 22"])
    await startEchoes(inner, ["10.78.0.2 80", "fd78::2 80", "10.78.0.2 443", "fd78::2 443"])
    daemon = await lab.startDaemon(CONFIGURATION + ONCE)
})

afterAll(async () => {
    await daemon?.stop("SIGKILL")
    inner?.remove()
    lab?.remove()
})

/** The services, each with where it is asked. */
const services = () => [
    { door: "here", port: 22, at: [lab.gateway.v4, lab.gateway.v6] },
    { door: "there", port: 8080, at: [lab.gateway.v4, lab.gateway.v6] },
    { door: "behind", port: 443, at: ["10.78.0.2", "fd78::2"] },
    { door: "published", port: 9090, at: [lab.gateway.v4, lab.gateway.v6] },
]

/** What `host` sees of every service: by family, and by TCP and UDP. */
async function seen(host: Host): Promise<Record<string, string[]>> {
    const all = services().map(async ({ door, port, at }) => {
        const answers = at.map((address) => Promise.all([portState(host, address, port), askUdp(host, address, port)]))
        return [door, (await Promise.all(answers)).flat()] as const
    })
    return Object.fromEntries(await Promise.all(all))
}

const every = (answers: readonly string[]) =>
    Object.fromEntries(services().map(({ door }) => [door, [...answers, ...answers]]))
const OPEN = ["open", "answer"]
const REFUSED = ["refused", "ECONNREFUSED"]
const SILENT = ["silent", "silent"]

/** Docker starts. What is marked is let through by one rule of the host's own. */
function publish(): void {
    for (const six of ["", "6"]) {
        const rules = readFileSync(join(HOSTS, `docker.rules${six}`), "utf8")
        lab.gateway.must([`ip${six}tables-nft-restore`], { input: rules })
        const mark = ["-m", "mark", "--mark", "0x10000000/0x10000000", "-j", "ACCEPT"]
        lab.gateway.must([`ip${six}tables-nft`, "-I", "DOCKER-USER", ...mark])
    }
}

function knock(): void {
    for (const address of [lab.gateway.v4, lab.gateway.v6]) knockPlainly(knocker, address, KNOCK)
}

/** What strangers see, with `behind` as said. */
const hidden = (behind: readonly string[]) => ({ ...every(REFUSED), behind: [...behind, ...behind] })

/** Writes what [hide] says of all of them. */
function say(hide: boolean): void {
    const lines = services().flatMap(({ port }) => ["tcp", "udp"].map((one) => `"${one}/${port}" = ${hide}\n`))
    mkdirSync(join(lab.scratch, "conf.d"), { recursive: true })
    writeFileSync(join(lab.scratch, "conf.d/hide.toml"), `[hide]\n${lines.join("")}`)
    lab.gateway.must([POSTERN, "reload", "--socket", daemon.socket])
}

/** What is remembered of a connection that the service has reset lets nobody in whose grant has ended. */
async function beginAgain(): Promise<void> {
    const old = [lab.gateway.v4, lab.gateway.v6].map((address, index) => {
        const by = ["nc", "-n", "-p", String(20_022 + index), address, "22"]
        const child = knocker.start(by, { stdio: ["pipe", "pipe", "ignore"] })
        return { by, child, said: collectLines(child, child.stdout!) }
    })
    for (const { child, said } of old) {
        child.stdin!.on("error", () => {}).write("here\n")
        await said.waitFor(/^here$/)
    }
    for (const address of [knocker.v4, knocker.v6])
        lab.gateway.must([POSTERN, "revoke", address, "--socket", daemon.socket])
    const states = old.map(async ({ by, child }) => {
        const ended = once(child, "close")
        child.stdin!.write("reset\n")
        await ended
        return (await knocker.run([...by.slice(0, 2), "-z", "-w", "1", ...by.slice(2)])).status
    })
    expect(await Promise.all(states)).toEqual([1, 1])
}

/** Hides one of every kind on trial, and comes in to each; nobody confirms any. */
async function onTrial(): Promise<void> {
    lab.gateway.must([POSTERN, "revoke", "--all", "--socket", daemon.socket])
    const names = ["udp/22", "tcp/8080", "tcp/443", "udp/9090"]
    const trials = names.map((name) => {
        const argv = [POSTERN, "hide", name, "-c", daemon.file, "--socket", daemon.socket]
        const child = lab.gateway.start(argv, { stdio: ["pipe", "ignore", "pipe"] })
        return { name, child, said: collectLines(child, child.stderr!) }
    })
    await Promise.all(trials.map(({ said }) => said.waitFor(/knock now/, { timeout: 30_000 })))
    knock()
    await Promise.all(trials.map(({ said }) => said.waitFor(/is hidden on trial/)))
    expect(await seen(stranger)).toEqual({
        here: ["open", "ECONNREFUSED", "open", "ECONNREFUSED"],
        there: ["refused", "answer", "refused", "answer"],
        behind: ["silent", "answer", "silent", "answer"],
        published: ["open", "ECONNREFUSED", "open", "ECONNREFUSED"],
    })
    const { hiding } = JSON.parse(lab.gateway.must([POSTERN, "status", "--json", "--socket", daemon.socket]))
    expect(hiding.trials.map(({ arrived }: { arrived: string[] }) => arrived)).toEqual(names.map(() => []))
    expect(await seen(knocker)).toEqual(every(OPEN))
    await Promise.all(trials.map(({ said }) => said.waitFor(/(10\.77\.0\.2|fd77::2) came in by a new connection/)))
    for (const { child } of trials) child.kill("SIGINT")
    await Promise.all(trials.map(({ said }) => said.waitFor(/is open again: ended by SIGINT/)))
    expect(await seen(stranger)).toEqual(every(OPEN))
}

describe("services that are elsewhere", () => {
    const sessions: Session[] = []

    it("are refused to strangers, and are where they are for those who knocked", async () => {
        expect(await seen(stranger)).toEqual(hidden(REFUSED))
        knock()
        await daemon.log.waitFor(/fd77::2: open: tcp\/9090/)
        // Nobody publishes anything yet.
        expect(await seen(knocker)).toEqual({ ...every(OPEN), published: [...REFUSED, ...REFUSED] })
        expect(await seen(stranger)).toEqual(hidden(REFUSED))
    })

    it("are led to by one connection, where a grant is for one", async () => {
        for (const address of [lab.gateway.v4, lab.gateway.v6]) {
            const session = openSession(knocker, address, 2222)
            await session.say("the one")
            expect(await portState(knocker, address, 2222)).toBe("refused")
            await session.say("goes on")
            session.end()
        }
    })

    it("are reached by the networks of `always` without a knock", async () => {
        const { friend } = lab.hosts
        expect(await portState(friend, lab.gateway.v4, 22)).toBe("open")
        expect(await askUdp(friend, lab.gateway.v4, 22)).toBe("answer")
        expect(await portState(friend, lab.gateway.v6, 22)).toBe("refused")
    })

    it("are not reached where they are led to: an address of ours is silent, a host behind us refused", async () => {
        for (const address of ["10.77.3.200", "fd77:3::c8"]) {
            for (const host of [stranger, knocker]) expect(await portState(host, address, 22)).toBe("silent")
        }
        for (const address of ["10.78.0.2", "fd78::2"]) {
            expect(await portState(stranger, address, 80)).toBe("refused")
            expect(await askUdp(stranger, address, 80)).toBe("ECONNREFUSED")
        }
    })

    it("are kept from strangers as soon as Docker publishes them, which drops what it is not told of", async () => {
        const { gateway } = lab
        publish()
        const stays = () => gateway.exec(["nft", "list", "chain", "inet", "postern", "translate"]).stdout
        expect(await eventually(() => stays().includes("goto stay"))).toBe(true)
        // What nobody publishes takes the same way as a closed port.
        const kept = gateway.must(["nft", "list", "set", "inet", "postern", "published"])
        expect(kept).toMatch(/elements = \{ (tcp \. 9090,\s+udp \. 9090|udp \. 9090,\s+tcp \. 9090) \}/)
        expect(await seen(stranger)).toEqual(hidden(SILENT))
        expect(await seen(knocker)).toEqual(every(OPEN))
        // Docker starts again, and somebody flushes everything: our table is made again, with the grants.
        gateway.must(["nft", "flush", "ruleset"])
        publish()
        await daemon.log.waitFor(/it was made again/)
        expect(await seen(knocker)).toEqual(every(OPEN))
        expect(await seen(stranger)).toEqual(hidden(SILENT))
    })

    it("look closed where the host answers, led or published, as the port beside them", async () => {
        for (const address of [lab.gateway.v4, lab.gateway.v6]) {
            for (const protocol of ["tcp", "udp"] as const) {
                const ports = [CLOSED, 22, 8080, 9090]
                const answers = ports.map((port) => answerOf(stranger, address, port, protocol))
                const [closed, ...others] = await Promise.all(answers)
                expect(closed).toMatch(protocol === "tcp" ? /Flags \[R\.\]/ : /unreachable/)
                expect(others).toEqual([closed, closed, closed])
            }
        }
    })

    it("are open to everyone, wherever they are, when [hide] says so, and until it says otherwise", async () => {
        say(false)
        expect(await seen(stranger)).toEqual(every(OPEN))
        await onTrial()
        say(true)
        expect(await seen(stranger)).toEqual(hidden(SILENT))
    })

    it("sessions outlive their grants and the daemon, and nobody else comes in then", async () => {
        for (const { port, at } of services()) {
            for (const address of at) {
                for (const protocol of ["tcp", "udp"] as const) {
                    const session = openSession(knocker, address, port, protocol)
                    await session.say("here")
                    sessions.push(session)
                }
            }
        }
        await beginAgain()
        expect(await seen(knocker)).toEqual(hidden(SILENT))
        for (const session of sessions) await session.say("grant ended")
        await daemon.stop("SIGKILL")
        for (const session of sessions) await session.say("daemon dead")
        expect(await seen(knocker)).toEqual(hidden(SILENT))
    })

    it.each(["nft", "legacy"])(
        "are refused if somebody publishes them by iptables-%s while no daemon runs",
        async (kind) => {
            const { gateway } = lab
            const rule = (act: string) => {
                for (const [six, behind, own] of [
                    ["", "10.78.0.2:80", "10.77.3.200:22"],
                    ["6", "[fd78::2]:80", "[fd77:3::c8]:22"],
                ] as const) {
                    const add = (protocol: string, port: string, to: string) => {
                        const match = ["-p", protocol, "--dport", port, "-j", "DNAT", "--to-destination", to]
                        gateway.must([`ip${six}tables-${kind}`, "-t", "nat", act, "PREROUTING", ...match])
                    }
                    for (const protocol of ["tcp", "udp"]) add(protocol, "7070", behind)
                    add("tcp", "7071", own)
                    // Not hidden, and in transit: nobody's business but of who publishes it.
                    add("tcp", "7072", behind)
                }
            }
            rule("-A")
            for (const [address, elsewhere] of [
                [gateway.v4, "10.78.0.9"],
                [gateway.v6, "fd78::9"],
            ] as const) {
                expect(await portState(stranger, address, 7072)).toBe("open")
                // In transit: to somebody else's address, whose port is called as a hidden one.
                expect(await portState(stranger, elsewhere, 7070)).toBe("open")
                for (const port of [7070, 7071]) expect(await portState(stranger, address, port)).toBe("refused")
                expect(await askUdp(stranger, address, 7070)).toBe("ECONNREFUSED")
            }
            for (const session of sessions) await session.say("published")
            rule("-D")
        },
    )

    it("are open to everyone in the time after the start of the host, from files alone, and hidden when it is over", async () => {
        for (const name of ["hide", "grace"]) lab.gateway.must(["nft", "-f", join(lab.scratch, `state/${name}.nft`)])
        expect(await seen(stranger)).toEqual(every(OPEN))
        const last = await eventually(async () => (await portState(stranger, lab.gateway.v4, 22)) === "refused")
        expect(last).toBe(true)
        expect(await seen(stranger)).toEqual(hidden(SILENT))
        for (const session of sessions) await session.say("spared no longer")
    })

    it("without the table what is led to is closed to all", async () => {
        lab.gateway.must(["nft", "delete", "table", "inet", "postern"])
        expect(await seen(stranger)).toMatchObject({ here: [...REFUSED, ...REFUSED], there: [...REFUSED, ...REFUSED] })
        for (const session of sessions) session.end()
    })

    it("are kept from strangers, and led to, by iptables and ipset as well, after a flush and without a daemon", async () => {
        const { gateway } = lab
        gateway.must(["nft", "flush", "ruleset"])
        publish()
        daemon = await lab.startDaemon(CONFIGURATION.replace("[gateway]", '[gateway]\nfirewall = "iptables"'))
        knock()
        await daemon.log.waitFor(/fd77::2: open: tcp\/9090/)
        await beginAgain()
        const seenSoFar = daemon.log.all.length
        knock()
        await daemon.log.waitFor(/fd77::2: open: tcp\/9090/, { from: seenSoFar })
        for (const six of ["", "6"]) {
            for (const table of ["nat", "raw"]) gateway.must([`ip${six}tables`, "-t", table, "-F", "PREROUTING"])
            const to = ["-j", "DNAT", "--to-destination", six === "" ? "10.78.0.2:80" : "[fd78::2]:80"]
            // The one who publishes comes first.
            for (const protocol of ["tcp", "udp"]) {
                const rule = ["-p", protocol, "--dport", "9090", ...to]
                gateway.must([`ip${six}tables`, "-t", "nat", "-I", "PREROUTING", ...rule])
            }
        }
        const first = () =>
            gateway
                .must(["ip6tables-save", "-t", "nat"])
                .split("\n")
                .find((line) => line.startsWith("-A"))
        expect(await eventually(() => first() === "-A PREROUTING -j POSTERN-TURN")).toBe(true)
        await daemon.stop("SIGKILL")
        // Ours stand before what drops.
        expect(await seen(stranger)).toEqual(every(REFUSED))
        expect(await seen(knocker)).toEqual(every(OPEN))
        for (const address of ["10.77.3.200", "fd77:3::c8"])
            expect(await portState(knocker, address, 22)).toBe("silent")
    })
})
