/**
 * A hidden port against closed ones, byte for byte: a stranger on the gateway's own link (the strongest place there is)
 * sends every probe of `postern scan`, and all that nmap has, to a real sshd that is led to, beside the rules of other
 * firewalls, too; and to the same service where it is refused instead, which shows what the threat model says and no more.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { account } from "../lab/account.ts"
import {
    type Daemon,
    eventually,
    type Host,
    knockPlainly,
    type Lab,
    makeLab,
    POSTERN,
    portState,
    untilPort,
} from "../lab/lab.ts"
import { joinNamespaces, makeNamespace, type Namespace } from "../lab/namespace.ts"
import { openSshSession, type Sshd, startSshd } from "../lab/sshd.ts"

const CONFIGURATION = `
[[door]]
name   = "ssh"
opens  = ["tcp/22", "udp/5300"]
for    = "2s"
hide   = true
always = ["10.77.0.77/32", "fd77::77/128"]
[door.sequence]
hits   = ["32144", "21312", "27015"]
`
/** Led to on loopback, led to an address of the gateway's own, and published by Docker's rules (vectors/hosts). */
const ELSEWHERE = `
[[door]]
name    = "own"
opens   = ["tcp/8022", "udp/8022"]
hide    = true
lead_to = ["10.77.3.200", "fd77:3::c8"]
always  = ["10.77.0.77/32", "fd77::77/128"]
[door.sequence]
hits    = ["32144", "21312", "27015"]
[[door]]
name    = "led"
opens   = ["tcp/22"]
hide    = true
[door.sequence]
hits    = ["32144", "21312", "27017"]
[[door]]
name    = "published"
opens   = ["tcp/9090", "udp/9090"]
hide    = true
[door.sequence]
hits    = ["32144", "21312", "27016"]
`
const SIZES = { 4: 130, 6: 125 } as const

/** Of `postern scan --json`, as far as it is read here. */
type Found = {
    readonly looksClosed: boolean
    readonly families: readonly {
        readonly family: 4 | 6
        readonly counts: { readonly all: number; readonly answered: number; readonly differ: number }
        readonly differ: readonly {
            readonly group: string
            readonly differences: readonly { readonly part: string }[]
        }[]
        readonly void: readonly string[]
        readonly leftOut: readonly string[]
        readonly sharedLabels: readonly number[]
        readonly timing: readonly Timing[]
    }[]
}
type Timing = {
    readonly what: string
    readonly here: number
    readonly closed: number
    readonly test: { readonly p: number }
    readonly control: { readonly p: number }
}

let lab: Lab<"stranger" | "knocker">
let sshd: Sshd
let daemon: Daemon

beforeAll(async () => {
    lab = makeLab(["stranger", "knocker"])
    // What goes to sources that were made up comes by here.
    for (const [six, { v4, v6 }] of [
        [false, lab.hosts.stranger],
        [true, lab.hosts.stranger],
    ] as const)
        lab.gateway.must(["ip", six ? "-6" : "-4", "route", "replace", "default", "via", six ? v6 : v4])
    sshd = await startSshd(lab.gateway, lab.scratch, 22, "loopback")
    daemon = await lab.startDaemon(CONFIGURATION)
    lab.gateway.must([POSTERN, "lead", "tcp/22"])
})

afterAll(async () => {
    await daemon?.stop()
    lab?.remove()
})

const addresses = () => [lab.gateway.v4, lab.gateway.v6]

/** What is found by both families, side by side. The lab's hosts do not ration their answers. */
async function look(from: Host, ...options: readonly string[]) {
    const looks = addresses().map(async (address) => {
        const argv = [POSTERN, "scan", address, "--json", "--no-pace", ...options]
        const { status, stdout, stderr } = await from.run(argv, { timeout: 120_000 })
        expect(stderr).toBe("")
        const found: Found = JSON.parse(stdout)
        expect(status).toBe(found.looksClosed ? 0 : 1)
        return found.families[0]!
    })
    return Promise.all(looks)
}

/** Every probe was sent, counts, and finds no difference; most of them were answered. */
async function expectClosed(from: Host, ...options: readonly string[]) {
    const views = await look(from, ...options)
    for (const { family, counts, differ, void: nothing, leftOut, sharedLabels } of views) {
        expect({ differ, nothing, leftOut, sharedLabels }).toEqual({
            differ: [],
            nothing: [],
            leftOut: [],
            sharedLabels: [],
        })
        expect(counts.all).toBe(SIZES[family])
    }
    return views
}

describe("a service that is led to", () => {
    it("answers all 255 probes as closed ports do, and its times are told", async () => {
        const views = await expectClosed(lab.hosts.stranger, "--timing")
        for (const { family, counts, timing } of views) {
            expect(counts.answered).toBeGreaterThan(80)
            const times = timing.map(({ what, here, closed, test, control }) => {
                const [p, alike] = [test.p, control.p].map((one) => one.toPrecision(2))
                return `${what} ${here}/${closed} ns, p ${p} (closed ports ${alike})`
            })
            expect(times).toHaveLength(3)
            account(`led, IPv${family}: ${counts.differ} of ${counts.all} probes differ; ${times.join("; ")}`)
        }
        // Of thousands of SYN none has come to the listener: a full queue and cookies would show.
        const counters = lab.gateway.must(["nstat", "-asz", "TcpExtSyncookiesSent", "TcpExtListenDrops"])
        expect(counters.match(/ \d+ /g)?.map(Number)).toEqual([0, 0])
    })

    it("answers a source whose grant has ended so, too, while its session goes on", async () => {
        const { knocker } = lab.hosts
        const sessions = []
        for (const address of addresses()) {
            knockPlainly(knocker, address, ["32144", "21312", "27015"])
            expect(await untilPort("open", knocker, address, 22)).toBe("open")
            sessions.push(await openSshSession(knocker, sshd, address))
        }
        for (const address of addresses()) expect(await untilPort("refused", knocker, address, 22)).toBe("refused")
        await expectClosed(knocker, "--rounds", "1")
        for (const session of sessions) {
            await session.say("still here")
            session.end()
        }
    })

    it("looks closed to every kind of scan that nmap has", async () => {
        const { stranger } = lab.hosts
        const kinds = [
            ["-sS"],
            ["-sA"],
            ["-sF"],
            ["-sN"],
            ["-sX"],
            ["-sM"],
            ["-sW"],
            ["-sU"],
            ["-sS", "-f"],
            ["-sS", "--badsum"],
        ]
        let answered = 0
        const both = addresses().map(async (address) => {
            for (const kind of kinds) {
                const [here, closed] = await Promise.all([
                    nmap(stranger, address, 22, kind),
                    nmap(stranger, address, 23, kind),
                ])
                expect(here, `${address} ${kind.join(" ")}`).toEqual(closed)
                answered += here.length
            }
        })
        await Promise.all(both)
        // All but those with a wrong checksum, which nobody answers, and fragments over IPv6, which nmap cannot.
        expect(answered).toBeGreaterThanOrEqual(17)
    })

    it("gives nmap's search for the operating system what a closed port gives", async () => {
        const { stranger } = lab.hosts
        const [here, closed] = await Promise.all([22, 23].map((port) => fingerprint(stranger, lab.gateway.v4, port)))
        expect(here).toHaveLength(5)
        expect(here).toEqual(closed)
        const six = await Promise.all([22, 23].map((port) => fingerprint(stranger, lab.gateway.v6, port)))
        expect(six[0]).toEqual(six[1])
    })
})

/** What nmap says of a port, without its number. */
async function nmap(from: Host, address: string, port: number, kind: readonly string[]): Promise<string[]> {
    const family = address.includes(":") ? ["-6"] : []
    const argv = ["nmap", "-n", "-Pn", "--disable-arp-ping", "--reason", "--max-retries", "1", ...family, ...kind]
    const { stdout } = await from.run([...argv, "-p", String(port), address], { timeout: 60_000 })
    return [...stdout.matchAll(/^\d+\/(\w+ +\S+) +\S+( .*)$/gm)].map(
        ([, state, reason]) => `${state!.replace(/ +/, " ")} ${reason!.trim()}`,
    )
}

/** What nmap -O sees: IPv4 the tests of a closed port, answer by answer; IPv6 which were answered, and whom it takes it for. */
async function fingerprint(from: Host, address: string, port: number): Promise<string[]> {
    const family = address.includes(":") ? ["-6"] : []
    const argv = ["nmap", "-n", "-Pn", "-O", "-d", ...family, "-p", String(port), address]
    const { stdout } = await from.run(argv, { timeout: 60_000 })
    if (family.length === 0) return [...stdout.matchAll(/^(?:T5|T6|T7|U1|IE)\(.*\)$/gm)].map(([line]) => line)
    const whole = stdout.replaceAll("\nOS:", "")
    const names = [...whole.matchAll(/(IE1|IE2|NS|U1|T5|T6|T7)\(P=/g)].map(([, name]) => name!)
    return [...names, ...[...stdout.matchAll(/^OS details: .*$/gm)].map(([line]) => line)]
}

/** The rules of another firewall, as they were recorded. */
function hostRules(file: string): string {
    return readFileSync(join(import.meta.dirname, "../../vectors/hosts", file), "utf8")
}

const ACCEPT_ALL = "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n"

describe("a service that is led to, beside other firewalls", () => {
    it("looks closed where the host drops invalid packets", async () => {
        const rules = "chain input { type filter hook input priority filter; ct state invalid drop; };"
        lab.gateway.must(["nft", `table inet other { ${rules} }`])
        try {
            await expectClosed(lab.hosts.stranger, "--rounds", "1")
        } finally {
            lab.gateway.must(["nft", "delete", "table", "inet", "other"])
        }
    })

    it("is silent with all other ports under ufw's rules, which nothing has been added to", async () => {
        const families = [
            ["iptables-restore", "ufw.rules"],
            ["ip6tables-restore", "ufw.rules6"],
        ] as const
        for (const [program, file] of families) lab.gateway.must([program], { input: hostRules(file) })
        try {
            for (const { counts } of await expectClosed(lab.hosts.stranger, "--rounds", "1", "--wait", "5ms"))
                expect(counts.answered).toBeLessThan(10)
        } finally {
            for (const [program] of families) lab.gateway.must([program], { input: ACCEPT_ALL })
        }
    })

    it("is rejected with all other ports under firewalld's rules, where ssh is not let in for everyone", async () => {
        lab.gateway.must(["nft", "-f", "-"], {
            input: hostRules("firewalld.nft").replace(/^\t+tcp dport 22 accept\n/gm, ""),
        })
        try {
            for (const { counts } of await expectClosed(lab.hosts.stranger, "--rounds", "1", "--wait", "5ms"))
                expect(counts.answered).toBeGreaterThan(60)
        } finally {
            lab.gateway.must(["nft", "delete", "table", "inet", "firewalld"])
        }
    })
})

describe("a service that is refused", () => {
    it("differs in what the threat model says, and in nothing else", async () => {
        const listeners = addresses().map((address) => lab.gateway.start(["nc", "-lk", address, "22"]))
        try {
            await expect.poll(() => lab.gateway.exec([POSTERN, "lead", "tcp/22"]).stderr).toMatch(/fd77::1, too/)
            const [v4, v6] = await look(lab.hosts.stranger, "--rounds", "1")
            for (const { family, counts } of [v4!, v6!])
                account(`refused, IPv${family}: ${counts.differ} of ${counts.all} probes differ`)
            // Kernels differ in which of these they show, and in nothing beside them.
            expect(["answer", "ip options", "tos"]).toEqual(expect.arrayContaining(partsOf(v4!)))
            expect(["dscp", "extensions", "link", "malformed", "options"]).toEqual(
                expect.arrayContaining(groupsOf(v4!)),
            )
            expect(["answer", "flow label", "traffic class"]).toEqual(expect.arrayContaining(partsOf(v6!)))
            expect(partsOf(v6!)).toContain("flow label")
            expect(v4!.counts.differ).toBeLessThan(20)
        } finally {
            for (const listener of listeners) listener.kill()
        }
        for (const address of addresses()) expect(await portState(lab.hosts.stranger, address, 22)).toBe("refused")
    })

    it("differs so for UDP as well", async () => {
        const servers = addresses().map((address) => lab.gateway.start(["nc", "-luk", address, "5300"]))
        try {
            const views = await look(lab.hosts.stranger, "--rounds", "1", "--port", "udp/5300")
            for (const view of views) {
                account(`udp, refused, IPv${view.family}: ${view.counts.differ} of ${view.counts.all} probes differ`)
                expect(view.counts.answered).toBeGreaterThan(10)
            }
        } finally {
            for (const server of servers) server.kill()
        }
    })
})

function partsOf({ differ }: Found["families"][number]): string[] {
    return [...new Set(differ.flatMap(({ differences }) => differences.map(({ part }) => part)))].toSorted()
}

function groupsOf({ differ }: Found["families"][number]): string[] {
    return [...new Set(differ.map(({ group }) => group))].toSorted()
}

describe("services elsewhere, under Docker's rules", () => {
    let inner: Namespace
    let other: Daemon

    beforeAll(async () => {
        const { gateway } = lab
        inner = makeNamespace("inner")
        joinNamespaces(
            { namespace: gateway, device: "eth1", addresses: ["10.78.0.1/24", "fd78::1/64"] },
            { namespace: inner, device: "eth0", addresses: ["10.78.0.2/24", "fd78::2/64"] },
        )
        gateway.must(["sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1", "net.ipv4.ip_forward=1"])
        gateway.must(["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"])
        for (const address of ["10.77.3.200/32", "fd77:3::c8/128"])
            gateway.must(["ip", "address", "add", address, "dev", "lo"])
        for (const [program, file] of [
            ["iptables-nft-restore", "docker.rules"],
            ["ip6tables-nft-restore", "docker.rules6"],
        ] as const)
            gateway.must([program], { input: hostRules(file) })
        await daemon.stop()
        other = await lab.startDaemon(ELSEWHERE)
        const stays = () => gateway.exec(["nft", "list", "chain", "inet", "postern", "translate"]).stdout
        expect(await eventually(() => stays().includes("goto stay"))).toBe(true)
    })
    afterAll(async () => {
        await other?.stop()
        for (const program of ["iptables-nft-restore", "ip6tables-nft-restore"])
            lab.gateway.exec([program], { input: `*nat\n:PREROUTING ACCEPT\nCOMMIT\n${ACCEPT_ALL}` })
        inner?.remove()
    })

    it.each(["tcp/22", "tcp/8022", "udp/8022", "tcp/9090", "udp/9090"])(
        "look closed to strangers: %s",
        async (service) => {
            const protocol = service.slice(0, 3)
            const closed = `${protocol}/9098,${protocol}/9099`
            const views = await look(lab.hosts.stranger, "--rounds", "1", "--port", service, "--closed", closed)
            for (const { family, counts, differ, void: nothing } of views) {
                expect({ differ, nothing }).toEqual({ differ: [], nothing: [] })
                expect(counts.answered).toBeGreaterThan(30)
                account(`${service}, IPv${family}: ${counts.differ} of ${counts.all} probes differ`)
            }
        },
    )
})

it("looks closed by iptables and ipset, too", async () => {
    await daemon.stop()
    lab.gateway.must(["nft", "delete", "table", "inet", "postern"])
    const other = await lab.startDaemon(`[gateway]\nfirewall = "iptables"\n${CONFIGURATION}`)
    try {
        await expectClosed(lab.hosts.stranger, "--rounds", "1")
    } finally {
        await other.stop()
    }
})
