/** A healthy host, and what each thing that is changed about it makes the doctor say. */
import { beforeAll, describe, expect, it } from "vitest"
import type { Config } from "../../../../src/core/config/config.ts"
import { readConfig } from "../../../../src/core/config/parse.ts"
import { CATALOGUE } from "../../../../src/core/doctor/catalogue.ts"
import { examine } from "../../../../src/core/doctor/examine.ts"
import type { Facts, FilterFact, KernelFeature, ListenerFact } from "../../../../src/core/doctor/facts.ts"
import type { Finding } from "../../../../src/core/doctor/finding.ts"
import type { Status } from "../../../../src/core/status.ts"
import { address } from "../../../lab/rulesets.ts"

const NOW = 1_700_000_000_000
const TEXT = `
[[door]]
name  = "ssh"
opens = ["tcp/22"]
hide  = true
[door.sequence]
hits  = ["32144", "21312:udp", "44871", "icmp:321"]
`
let config: Config
let oneTime: Config
let dns: Config
let marking: Config
let inner: Config
let behind: Config
let gracious: Config

async function read(text: string): Promise<Config> {
    const reading = await readConfig([{ file: "postern.toml", text }], { listening: null })
    if (!reading.ok) throw new Error(reading.issues.map(({ message }) => message).join("\n"))
    return reading.config
}

beforeAll(async () => {
    config = await read(TEXT)
    marking = await read(`[gateway]\nmark = "0x10000000"\n${TEXT}`)
    inner = await read(TEXT.replace("hide  = true", 'hide  = true\nlead_to = ["10.77.3.200"]'))
    gracious = await read(`[gateway]\ngrace = "5m"\n${TEXT}`)
    behind = await read(TEXT.replace("hide  = true", 'hide  = true\nat = ["2001:db8:80::1"]'))
    dns = await read(TEXT.replace("tcp/22", "udp/53"))
    oneTime = await read(`${TEXT.split("[door.sequence]")[0]}[door.one_time]\n[bundles]\ngateway = "gw.example.org"\n`)
})

const listener = (at: string, port = 22, more: Partial<ListenerFact> = {}): ListenerFact => ({
    protocol: "tcp",
    port,
    address: address(at),
    inside: at === "127.0.0.1" || at === "::1",
    transparent: true,
    bySystemd: false,
    ...more,
})
const LED = [listener("127.0.0.1"), listener("::1")]
const LEAD = { name: "postern-lead@tcp-22.service", active: true, enabled: false }
const SSH = { protocol: "tcp", port: 22 } as const

const status = (): Status => ({
    pid: 1,
    now: NOW,
    started: NOW,
    loaded: NOW,
    capture: "nflog",
    interfaces: ["eth0"],
    offered: [],
    table: { by: "nftables", inPlace: true, leads: true },
    doors: [],
    attempts: [],
    grants: [],
    totals: { doors: 1, attempts: 0, grants: 0, grantsRoom: 1, sources: 0, sourcesRoom: 1 },
    counters: { delivered: 0, dropped: 0, hits: 0, repeats: 0, ignored: 0, turnedAway: 0 },
    state: { directory: "/s", journal: null, audit: null },
    oneTime: null,
    publication: null,
    warnings: [],
})
const telling = (more: Partial<Status>): Partial<Facts> => ({
    daemon: { runs: true, changed: false, status: { ...status(), ...more } },
})

const FILTER: FilterFact = {
    name: "inet filter input",
    hook: "input",
    families: ["IPv4", "IPv6"],
    by: "nft",
    closed: true,
    admits: [],
    marks: [],
    rewritten: false,
    unclear: false,
}
const FORWARD: FilterFact = { ...FILTER, name: "inet filter forward", hook: "forward" }
const firewall = (more: Partial<NonNullable<Facts["firewall"]>>): Partial<Facts> => ({
    firewall: { ...healthy().firewall!, ...more },
})
const eth = (index: number, name = `eth${index}`) => ({ name, index, up: true })

/** Nothing is wrong with it. */
const healthy = (): Facts => ({
    file: "/etc/postern/postern.toml",
    config,
    issues: [],
    daemon: { runs: true, changed: false, status: status() },
    listeners: LED,
    links: {
        interfaces: [{ name: "lo", index: 1, up: true }, eth(0)],
        addresses: [
            { address: address("127.0.0.1"), interface: 1 },
            { address: address("203.0.113.7"), interface: 0 },
            { address: address("fe80::1"), interface: 0 },
        ],
        defaultRoutes: ["eth0"],
    },
    firewall: {
        ours: { there: true, hidden: [SSH], spared: [], translates: false },
        filters: [],
        published: [],
        legacy: [],
        owners: [],
    },
    units: [{ name: "postern.service", active: true, enabled: true }],
    flushing: [],
    sysctls: { "net.ipv4.conf.all.rp_filter": "0", "net.ipv4.conf.eth0.rp_filter": "1" },
    clock: { now: NOW, synchronised: true, latest: { at: NOW - 5000, file: "/s/journal" } },
    sshds: [
        {
            pid: 9,
            file: "/etc/ssh/sshd_config",
            settings: { passwordauthentication: "no", kbdinteractiveauthentication: "no", permitrootlogin: "yes" },
        },
    ],
    secrets: [{ path: "/s/journal", mode: 0o600, excess: 0o077 }],
    lacks: [],
    unseen: [],
})

/** What is said of such a host, as `CODE SEVERITY WHAT`, and the commands. */
function said(more: Partial<Facts>) {
    return examine({ ...healthy(), ...more }).findings.map((one) => ({
        line: `${one.code} ${one.severity}: ${one.what}`,
        commands: one.commands,
    }))
}

/** With this address on lo, too. */
const lo = (at: string): Partial<Facts> => {
    const { links } = healthy()
    return { links: { ...links!, addresses: [...links!.addresses, { address: address(at), interface: 1 }] } }
}

const second = (more: Partial<Facts> = {}): Partial<Facts> => {
    const { links } = healthy()
    return {
        links: {
            interfaces: [...links!.interfaces, eth(2)],
            addresses: [...links!.addresses, { address: address("192.0.2.1"), interface: 2 }],
            defaultRoutes: ["eth0"],
        },
        ...more,
    }
}

/** Each finding: what makes it true, what is said, and which commands are given. */
const CASES: {
    readonly [C in Finding["code"]]: readonly [() => Partial<Facts>, string, readonly string[], ...string[]][]
} = {
    configuration: [
        [
            () => ({
                issues: [
                    {
                        severity: "warning",
                        code: "long-grant",
                        file: "a.toml",
                        line: 3,
                        column: 9,
                        path: "door.ssh.for",
                        message: "long",
                    },
                    {
                        severity: "error",
                        code: "missing",
                        file: "a.toml",
                        line: 0,
                        column: 0,
                        path: "",
                        message: "gone",
                    },
                ],
            }),
            "configuration broken: a.toml: gone",
            [],
            "configuration unsafe: a.toml:3:9: door.ssh.for: long",
        ],
    ],
    "daemon-absent": [
        [
            () => ({ daemon: { runs: false } }),
            "daemon-absent broken: no daemon runs: nobody can knock",
            ["systemctl start postern"],
        ],
        [
            () => ({ daemon: { runs: false }, units: null }),
            "daemon-absent broken: no daemon runs: nobody can knock",
            [],
        ],
    ],
    "not-at-boot": [
        [
            () => ({ units: [{ name: "postern.service", active: true, enabled: false }] }),
            "not-at-boot unsafe: postern is not started at boot",
            ["systemctl enable postern"],
        ],
        [
            () => ({ config: gracious, units: [{ name: "postern-grace.service", active: false, enabled: false }] }),
            "not-at-boot unsafe: postern-grace is not started at boot",
            ["systemctl enable postern-grace"],
        ],
    ],
    "table-lost": [
        [
            () => telling({ table: { by: "nftables", inPlace: false, leads: true } }),
            "table-lost broken: the daemon runs, and the kernel has not its table as it is wanted",
            [],
        ],
    ],
    "configuration-newer": [
        [
            () => ({ daemon: { runs: true, changed: true, status: status() } }),
            "configuration-newer note: the files of the configuration have changed since the daemon read them",
            ["postern reload"],
        ],
    ],
    "daemon-trouble": [
        [
            () => telling({ oneTime: { waitsFor: "the journal", knockers: 0, sequences: 0, members: [], total: 0 } }),
            "daemon-trouble broken: one-time sequences open nothing: the journal",
            [],
        ],
    ],
    "target-fails": [
        [
            () =>
                telling({
                    publication: {
                        trouble: null,
                        last: null,
                        targets: [
                            { name: "/web", done: null, serial: null, trouble: "no permission", failures: 2 },
                            { name: "/good", done: NOW, serial: 1, trouble: null, failures: 0 },
                        ],
                    },
                }),
            "target-fails broken: bundles are not published to /web: no permission (2 times)",
            ["postern bundle publish"],
        ],
    ],
    "daemon-said": [
        [
            () => telling({ warnings: [{ time: NOW, level: "warning", text: "a hook failed", times: 3 }] }),
            "daemon-said note: the daemon said: warning: a hook failed (3 times)",
            [],
        ],
    ],
    answers: [
        [
            () => ({
                listeners: [listener("0.0.0.0"), listener("::"), ...LED],
                ...firewall({ ours: { there: false, hidden: [], spared: [], translates: false } }),
            }),
            "answers unsafe: tcp/22 is to be hidden and answers everyone at 0.0.0.0, ::",
            ["postern reload"],
        ],
        [
            () => ({
                listeners: [listener("2001:db8::1")],
                daemon: { runs: "unknown" },
                ...firewall({ ours: { there: true, hidden: [], spared: [], translates: false } }),
            }),
            "answers unsafe: tcp/22 is to be hidden and answers everyone at 2001:db8::1",
            ["systemctl start postern"],
        ],
    ],
    published: [
        [
            () => firewall({ published: [SSH] }),
            "published unsafe: tcp/22 is to be hidden, and is published to everyone by rewriting destinations (containers, port forwarding)",
            ["postern reload"],
        ],
        [
            () => ({ ...firewall({ published: [SSH] }), daemon: { runs: "unknown" }, listeners: [] }),
            "published unsafe: tcp/22 is to be hidden, and is published to everyone by rewriting destinations (containers, port forwarding)",
            ["systemctl start postern"],
        ],
    ],
    refused: [
        [
            () => ({ listeners: [listener("0.0.0.0")] }),
            "refused note: tcp/22 listens at 0.0.0.0: strangers are refused by a rule",
            [],
        ],
    ],
    "not-led": [
        [
            () => ({ listeners: [listener("127.0.0.1", 22, { transparent: false })] }),
            "not-led broken: tcp/22 listens at 127.0.0.1 alone, and nobody is led there",
            ["postern lead tcp/22"],
        ],
        [
            () => ({ listeners: [listener("127.0.0.1", 22, { transparent: false })], units: [LEAD] }),
            "not-led broken: tcp/22 listens at 127.0.0.1 alone, and nobody is led there",
            ["systemctl enable --now postern-lead@tcp-22"],
        ],
    ],
    "led-once": [
        [
            () => ({ units: [LEAD] }),
            "led-once unsafe: tcp/22 is led to, and will not be when it listens anew: postern-lead@tcp-22 does not run, or not from boot on",
            ["systemctl enable --now postern-lead@tcp-22"],
        ],
    ],
    spared: [
        [
            () => firewall({ ours: { there: true, hidden: [SSH], spared: [SSH], translates: false } }),
            "spared unsafe: tcp/22 is to be hidden, and is open to everyone at this moment",
            [],
        ],
    ],
    "half-led": [
        [() => ({ listeners: [listener("127.0.0.1")] }), "half-led note: nobody is led to tcp/22 over IPv6", []],
        [() => ({ listeners: [listener("::1")] }), "half-led note: nobody is led to tcp/22 over IPv4", []],
    ],
    "nothing-listens": [
        [
            () => ({ listeners: [listener("127.0.0.1", 23)] }),
            "nothing-listens note: nothing listens on tcp/22 at this moment",
            [],
        ],
    ],
    "udp-inside": [
        [
            () => ({ config: dns, listeners: [listener("127.0.0.1", 53, { protocol: "udp" })] }),
            "udp-inside broken: udp/53 listens on loopback alone",
            [],
        ],
    ],
    "own-range": [
        [
            () => ({ sysctls: { "net.ipv4.ip_local_port_range": "20\t1000" } }),
            "own-range note: tcp/22 is among the ports that this host gives to connections of its own (20 to 1000)",
            ['sysctl -w net.ipv4.ip_local_port_range="23 1000"'],
        ],
        [
            () => ({ sysctls: { "net.ipv4.ip_local_port_range": "2 22" } }),
            "own-range note: tcp/22 is among the ports that this host gives to connections of its own (2 to 22)",
            ['sysctl -w net.ipv4.ip_local_port_range="2 21"'],
        ],
    ],
    filtered: [
        [
            () => firewall({ filters: [FILTER] }),
            "filtered broken: inet filter input lets nobody in to tcp/22, those who knocked neither",
            ["nft insert rule inet filter input tcp dport 22 accept"],
        ],
        [
            () => firewall({ filters: [{ ...FILTER, name: "ip6 filter INPUT", by: "ip6tables" }] }),
            "filtered broken: ip6 filter INPUT lets nobody in to tcp/22, those who knocked neither",
            ["ip6tables -I INPUT -p tcp --dport 22 -j ACCEPT"],
        ],
        [
            () => ({ config: marking, ...firewall({ filters: [FILTER] }) }),
            "filtered broken: inet filter input lets nobody in to tcp/22, those who knocked neither",
            ["nft insert rule inet filter input meta mark and 0x10000000 != 0 accept"],
        ],
        [
            () => ({
                config: marking,
                ...firewall({ filters: [{ ...FILTER, name: "ip filter INPUT", by: "iptables" }] }),
            }),
            "filtered broken: ip filter INPUT lets nobody in to tcp/22, those who knocked neither",
            ["iptables -I INPUT -m mark --mark 0x10000000/0x10000000 -j ACCEPT"],
        ],
        [
            () => ({ config: inner, ...firewall({ filters: [FORWARD] }) }),
            "filtered broken: inet filter forward lets nobody in to tcp/22 at 10.77.3.200, those who knocked neither",
            ["nft insert rule inet filter forward ip daddr 10.77.3.200 tcp dport 22 accept"],
        ],
        [
            () => ({ config: inner, ...lo("10.77.3.200"), ...firewall({ filters: [FORWARD, FILTER] }) }),
            "filtered broken: inet filter input lets nobody in to tcp/22 at 10.77.3.200, those who knocked neither",
            ["nft insert rule inet filter input ip daddr 10.77.3.200 tcp dport 22 accept"],
        ],
        [
            () => ({
                config: behind,
                ...firewall({ filters: [FORWARD, { ...FORWARD, name: "ip6 filter FORWARD", by: "ip6tables-legacy" }] }),
            }),
            "filtered broken: inet filter forward lets nobody in to tcp/22 at 2001:db8:80::1, those who knocked neither",
            ["nft insert rule inet filter forward ip6 daddr 2001:db8:80::1 tcp dport 22 accept"],
            "filtered broken: ip6 filter FORWARD lets nobody in to tcp/22 at 2001:db8:80::1, those who knocked neither",
        ],
        [
            () =>
                firewall({
                    filters: [FORWARD, FILTER],
                    published: [SSH],
                    ours: { there: true, hidden: [SSH], spared: [], translates: true },
                }),
            "filtered broken: inet filter forward lets nobody in to what is published as tcp/22, those who knocked neither",
            ["nft insert rule inet filter forward ct status dnat accept"],
        ],
    ],
    manager: [[() => firewall({ owners: ["ufw"] }), "manager note: ufw keeps a firewall here, too", []]],
    managers: [
        [
            () => ({
                units: ["firewalld", "nftables"].map((name) => ({
                    name: `${name}.service`,
                    active: true,
                    enabled: true,
                })),
            }),
            "managers unsafe: firewalld and nftables all load a firewall at boot",
            ["systemctl disable --now nftables"],
            "manager note: firewalld keeps a firewall here, too",
            "manager note: nftables keeps a firewall here, too",
        ],
    ],
    flushes: [
        [
            () => ({ flushing: ["/etc/nftables.conf"] }),
            'flushes note: /etc/nftables.conf begins with "flush ruleset", which takes our table away whenever it is loaded',
            [],
        ],
        [
            () => ({ flushing: ["/etc/nftables.conf"], daemon: { runs: false } }),
            "daemon-absent broken: no daemon runs: nobody can knock",
            ["systemctl start postern"],
            'flushes unsafe: /etc/nftables.conf begins with "flush ruleset", which takes our table away whenever it is loaded',
        ],
    ],
    legacy: [
        [
            () => firewall({ legacy: ["iptables filter"] }),
            "legacy note: the old ip_tables has rules, too (iptables filter): iptables-legacy-save shows them",
            [],
        ],
    ],
    "kernel-lacks": [
        [
            () => ({ lacks: ["log", "tproxy", "table"] }),
            'kernel-lacks broken: this kernel lacks "table"',
            [],
            'kernel-lacks unsafe: this kernel lacks "tproxy"',
            'kernel-lacks note: this kernel lacks "log"',
        ],
    ],
    "clock-unsynchronised": [
        [
            () => ({ clock: { now: NOW, synchronised: false, latest: null } }),
            "clock-unsynchronised note: the clock of this host is kept by nobody",
            ["timedatectl set-ntp true"],
        ],
        [
            () => ({ config: oneTime, clock: { now: NOW, synchronised: false, latest: null } }),
            "clock-unsynchronised unsafe: the clock of this host is kept by nobody",
            ["timedatectl set-ntp true"],
        ],
    ],
    "clock-behind": [
        [
            () => ({ clock: { now: NOW, synchronised: true, latest: { at: NOW + 7_200_500, file: "/s/journal" } } }),
            "clock-behind broken: the clock is behind: /s/journal was written 2h from now",
            [],
        ],
    ],
    "watches-nothing": [
        [
            () => ({ ...telling({ interfaces: [] }), links: null }),
            "watches-nothing broken: the daemon watches no interface: no knock is seen",
            [],
        ],
    ],
    "interface-missing": [
        [
            () => ({ config: { ...config, gateway: { ...config.gateway, interfaces: ["eth0", "wg9"] } } }),
            "interface-missing broken: there is no interface wg9, and the configuration names it",
            [],
        ],
    ],
    unwatched: [[() => second(), "unwatched note: nobody can knock at eth2: not watched", []]],
    "reverse-path": [
        [
            () => second({ ...telling({ interfaces: null }), sysctls: { "net.ipv4.conf.all.rp_filter": "1" } }),
            "reverse-path note: eth2 has no default route and a strict reverse-path filter",
            ["sysctl -w net/ipv4/conf/eth2/rp_filter=2"],
        ],
    ],
    "route-localnet": [
        [
            () => ({ sysctls: { "net.ipv4.conf.eth0.route_localnet": "1" } }),
            "route-localnet unsafe: eth0 takes packets to 127.0.0.0/8 from outside",
            ["sysctl -w net/ipv4/conf/eth0/route_localnet=0"],
        ],
    ],
    "arp-tells": [
        [
            () => ({ config: inner, ...lo("10.77.3.200"), sysctls: { "net.ipv4.conf.all.arp_ignore": "0" } }),
            "arp-tells unsafe: this host answers ARP for 10.77.3.200, which is on lo and meant for lead_to alone",
            ["sysctl -w net.ipv4.conf.all.arp_ignore=1"],
        ],
    ],
    "not-forwarding": [
        [
            () => ({ config: inner, sysctls: { "net.ipv4.ip_forward": "0" } }),
            "not-forwarding broken: this host does not forward IPv4, and a door leads to 10.77.3.200 behind it",
            ["sysctl -w net.ipv4.ip_forward=1"],
        ],
        [
            () => ({ config: behind, sysctls: { "net.ipv6.conf.all.forwarding": "0" } }),
            "not-forwarding broken: this host does not forward IPv6, and a door leads to 2001:db8:80::1 behind it",
            ["sysctl -w net.ipv6.conf.all.forwarding=1"],
        ],
    ],
    "nat-upstream": [
        [
            () => ({
                links: {
                    ...healthy().links!,
                    addresses: [
                        { address: address("192.168.1.5"), interface: 0 },
                        { address: address("fd00::5"), interface: 0 },
                        { address: address("203.0.113.9"), interface: 1 },
                    ],
                },
            }),
            "nat-upstream note: this host has private addresses alone (192.168.1.5, fd00::5)",
            [],
        ],
    ],
    sshd: [
        [
            () => ({
                sshds: [
                    {
                        pid: 9,
                        file: "/etc/ssh/other config",
                        settings: { passwordauthentication: "yes", permitrootlogin: "yes", permitemptypasswords: "no" },
                    },
                ],
            }),
            "sshd unsafe: sshd has PasswordAuthentication yes",
            ["sed -i '1i PasswordAuthentication no' '/etc/ssh/other config'", "kill -HUP 9"],
            "sshd unsafe: sshd has PermitRootLogin yes",
        ],
    ],
    "secret-open": [
        [
            () => ({
                secrets: [
                    { path: "/s/it's", mode: 0o644, excess: 0o077 },
                    { path: "/etc/postern", mode: 0o777, excess: 0o022 },
                ],
            }),
            "secret-open unsafe: /s/it's: others can read it (mode 644)",
            ["chmod 600 '/s/it'\\''s'"],
            "secret-open unsafe: /etc/postern: others can change it (mode 777)",
        ],
        // Nothing of a name is taken for a line of ours.
        [
            () => ({ secrets: [{ path: "/s/a\n    # rm -r b\u001b[8m", mode: 0o644, excess: 0o077 }] }),
            "secret-open unsafe: /s/a?    # rm -r b?[8m: others can read it (mode 644)",
            [],
        ],
    ],
}

describe("examine()", () => {
    it("has nothing to say of a host with which nothing is wrong", () => {
        expect(said({})).toEqual([])
    })

    describe("says, and gives the commands:", () => {
        for (const [code, cases] of Object.entries(CASES))
            it.each(cases)(`${code} %#`, (make, line, commands, ...others) => {
                const findings = said(make())
                expect(findings.map((one) => one.line)).toEqual([line, ...others])
                expect(findings[0]!.commands).toEqual(commands)
            })
    })

    it("has severities as the catalogue says, and every one of them comes up", () => {
        const seen = new Map<string, Set<string>>()
        for (const cases of Object.values(CASES))
            for (const [make] of cases)
                for (const { code, severity } of examine({ ...healthy(), ...make() }).findings)
                    seen.set(code, (seen.get(code) ?? new Set()).add(severity))
        for (const [code, { severities }] of Object.entries(CATALOGUE)) {
            const wanted = code === "configuration" ? ["broken", "unsafe"] : [...severities].toSorted()
            expect([...(seen.get(code) ?? [])].toSorted(), code).toEqual(wanted)
        }
    })

    it("is content with a listener that is led to whenever it listens anew", () => {
        expect(said({ units: [{ ...LEAD, enabled: true }] })).toEqual([])
        const socket = LED.map((one) => ({ ...one, bySystemd: true }))
        expect(said({ units: [LEAD], listeners: socket })).toEqual([])
    })

    it("asks of the kernel what some door needs", () => {
        const [door] = config.doors
        const one = (more: Partial<typeof door>) => ({ ...config, doors: [{ ...door!, ...more }] })
        const always = [{ address: address("192.0.2.0"), bits: 120 }]
        const needs: readonly (readonly [KernelFeature, Partial<Facts>])[] = [
            ["uses", { config: one({ uses: 1 }) }],
            ["ranges", { config: one({ always }) }],
            ["nat", { config: inner }],
        ]
        for (const [feature, more] of needs) {
            expect(said({ lacks: [feature] }), feature).toEqual([])
            expect(said({ ...more, lacks: [feature] }).map(({ line }) => line)).toEqual([
                `kernel-lacks broken: this kernel lacks "${feature}"`,
            ])
        }
        const plain = [listener("127.0.0.1", 22, { transparent: false }), listener("::1")]
        expect(said({ lacks: ["borrow"] })).toEqual([])
        expect(said({ lacks: ["borrow"], listeners: plain })[0]?.line).toMatch(/"borrow"/)
        const iptables = { ...config, gateway: { ...config.gateway, firewall: "iptables" as const } }
        expect(said({ lacks: ["table"], config: iptables })).toEqual([])
        const units = ["postern-hide", "postern-hide-iptables"].map((name) => ({
            name: `${name}.service`,
            active: false,
            enabled: false,
        }))
        const lines = (more: Partial<Facts>) => said({ units, ...more }).map(({ line }) => line)
        expect(lines({})).toEqual(["not-at-boot unsafe: postern-hide is not started at boot"])
        expect(lines({ config: iptables })).toEqual([
            "not-at-boot unsafe: postern-hide-iptables is not started at boot",
        ])
    })

    it("asks nobody for postern-grace where no grace is wanted", () => {
        expect(said({ units: [{ name: "postern-grace.service", active: false, enabled: false }] })).toEqual([])
    })

    it("leaves filters alone that let on what is led elsewhere: by place, port, mark, or rewritten as it is", () => {
        const network = { address: address("10.77.3.0"), bits: 120 }
        const other = { address: address("10.77.4.0"), bits: 120 }
        const says = (more: Partial<FilterFact>, config = inner) =>
            said({ config, ...firewall({ filters: [{ ...FORWARD, ...more }] }) }).length
        expect(says({ rewritten: true })).toBe(0)
        expect(says({ rewritten: true }, behind)).toBe(1)
        expect(says({ admits: [{ service: null, to: network }] })).toBe(0)
        expect(says({ admits: [{ service: SSH, to: network }] })).toBe(0)
        expect(says({ admits: [{ service: SSH, to: other }] })).toBe(1)
        expect(says({ admits: [{ service: { ...SSH, port: 23 }, to: null }] })).toBe(1)
        expect(says({ families: ["IPv6"] })).toBe(0)
        expect(says({}, config)).toBe(0)
        expect(said({ config: inner, links: null, ...firewall({ filters: [FORWARD] }) })).toEqual([])
    })

    it("puts the worst first", () => {
        const found = examine({
            ...healthy(),
            ...firewall({ published: [SSH], owners: ["ufw"] }),
            daemon: { runs: false },
        })
        expect(found.findings.map(({ severity }) => severity)).toEqual(["broken", "unsafe", "note"])
    })

    it("guesses nothing of what was not seen", () => {
        const blind: Facts = {
            ...healthy(),
            listeners: null,
            links: null,
            firewall: null,
            units: null,
            sshds: null,
            lacks: null,
            clock: { now: NOW, synchronised: null, latest: null },
            daemon: { runs: "unknown" },
            unseen: [{ what: "the firewall", why: "only root sees the rules" }],
        }
        expect(examine(blind)).toEqual({ findings: [], unseen: blind.unseen })
        expect(examine({ ...blind, listeners: [listener("0.0.0.0")] }).findings).toEqual([])
        expect(examine({ ...blind, config: null, listeners: LED }).findings).toEqual([])
    })

    it("leaves filters alone that let in those who knocked, or that cannot be read", () => {
        for (const more of [{ closed: false }, { admits: [{ service: SSH, to: null }] }, { unclear: true }])
            expect(said(firewall({ filters: [{ ...FILTER, ...more }] }))).toEqual([])
        const marked = firewall({ filters: [{ ...FILTER, marks: [0x10000000] }] })
        expect(said({ ...marked, config: marking })).toEqual([])
        expect(said(marked)).toHaveLength(1)
        for (const one of [inner, behind]) expect(said({ ...firewall({ filters: [FILTER] }), config: one })).toEqual([])
    })

    it("does not take the place that a service is led to for an outside address of it", () => {
        const there = { ...lo("10.77.3.200"), config: inner, listeners: [listener("10.77.3.200")] }
        expect(said(there)).toEqual([])
        expect(said({ ...there, listeners: [listener("10.77.3.200"), listener("0.0.0.0")] })).toHaveLength(1)
    })

    it("calls a published service hidden where our table looks at rewritten destinations", () => {
        expect(
            said(firewall({ published: [SSH], ours: { there: true, hidden: [SSH], spared: [], translates: true } })),
        ).toEqual([])
    })
    it("takes a host without addresses for none behind a router, and a port where nothing is bound for any other", () => {
        expect(said({ links: { ...healthy().links!, addresses: [] } })).toEqual([])
        const range = { "net.ipv4.ip_local_port_range": "20 1000" }
        expect(said({ sysctls: range, listeners: [] })).toMatchObject([
            { line: expect.stringMatching(/^nothing-listens /) },
        ])
    })
})
