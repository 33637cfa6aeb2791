/**
 * Scenarios for configurations: texts in, every issue out, as `LINE:COLUMN severity code path` (of a second file with
 * its name in front).
 */
import { hitScenarios } from "./config-hits.ts"
import { oneTimeScenarios } from "./config-one-time.ts"
import { reachScenarios } from "./config-reach.ts"
import { MAIN, type Scenario, scenario, ssh, web } from "./config-scenario.ts"

function gateway(name: string, line: string, issue: string): Scenario {
    return scenario(`gateway/${name}`, `[gateway]\n${line}\n${ssh("")}`, [issue])
}

function doorLine(name: string, line: string, ...issues: readonly string[]): Scenario {
    return scenario(`door/${name}`, ssh(line), issues)
}

/** A door for networks of IPv6: seven lines without any issue by themselves. */
function sharing(length: number, i: number): string {
    const hits = `"${20001 + i * 13}", "${60001 - i * 17}:udp", "${10001 + i * 29}", "${41001 + i * 31}"`
    const door = `name = "d${i}"\nopens = ["tcp/${1000 + i}"]\nhide = true\nnetwork = { v6 = ${length} }`
    return `[[door]]\n${door}\n[door.sequence]\nhits = [${hits}]\n`
}

/** A hook after a door without any issue; its lines are from 10 on. */
function hook(name: string, lines: string, ...issues: readonly string[]): Scenario {
    return scenario(`hook/${name}`, `${ssh("")}[[hook]]\n${lines}\n`, issues)
}

function command(name: string, lines: string, ...issues: readonly string[]): Scenario {
    return scenario(`command/${name}`, ssh("").trimEnd() + `\n[door.command]\n${lines}\n`, issues)
}

function twoDoors(first: string, second: string, one = "", two = ""): string {
    return ssh("", first, one) + web(second).trimEnd() + `\n${two}\n`
}

/** After a door that hides tcp/22, and one that opens tcp/443 to those who knock; its lines are from 16 on. */
function hide(name: string, lines: string, ...issues: readonly string[]): Scenario {
    const door = web('"51002", "33871", "24417:udp", "60123"', name === "overrules" ? 'opens = ["tcp/443"]' : "")
    return scenario(`hide/${name}`, `${ssh("")}${door}[hide]\n${lines}\n`, issues)
}

/** Every scenario. */
const SCENARIOS: readonly Scenario[] = [
    scenario("good/one-door", ssh(""), []),
    scenario("good/closing-knock", ssh("") + web('"51002", "33871:udp", "60123", "24417"'), []),
    scenario("good/numbers-as-hits", ssh("", '32144, "21312:udp", 48231, "ICMP:321"'), []),
    scenario("good/crlf", ssh("").replaceAll("\n", "\r\n"), []),
    scenario("good/inline-tables", ssh("").replace("[door.sequence]\nhits = ", "sequence.hits = "), []),
    scenario("good/listens-where-it-should", ssh(""), [], { listening: ["tcp/22", "tcp/443"] }),

    scenario("file/empty", "", ["1:1 error no-doors"]),
    scenario("file/syntax", "[[door]]\nname = ssh\n", ["2:8 error syntax"]),
    scenario("file/key-twice", ssh("hide = false"), ["5:1 error syntax"]),
    scenario("file/unsafe-key", "__proto__ = 1\n", ["1:1 error syntax"]),
    scenario("file/deep", `a = ${"[".repeat(50)}`, ["1:21 error syntax"]),
    scenario("file/gateway-only", "[gateway]\n", ["1:1 error no-doors"]),
    scenario("file/unknown-table", `${ssh("")}[gatway]\n`, ["9:2 error unknown-key gatway"]),
    scenario("file/key-of-another-table", `interfaces = "any"\n${ssh("")}`, ["1:1 error unknown-key interfaces"]),
    scenario("file/door-once-bracketed", '[door]\nname = "x"\n', ["1:2 error type door"]),
    scenario("file/doors-not-tables", "door = [1, 2]\n", [
        "1:9 error type door[0]",
        "1:9 error does-nothing door[0]",
        "1:12 error type door[1]",
        "1:12 error does-nothing door[1]",
    ]),
    scenario("file/readable", ssh(""), ["1:1 warning readable"], {
        files: [{ file: MAIN, text: ssh(""), mode: 0o644 }],
    }),
    scenario("file/writable", ssh(""), ["1:1 warning writable"], {
        files: [{ file: MAIN, text: ssh(""), mode: 0o620 }],
    }),
    scenario("file/private", ssh(""), [], { files: [{ file: MAIN, text: ssh(""), mode: 0o600 }] }),
    scenario("file/readable-without-secret", "", [], {
        files: [
            { file: MAIN, text: "[gateway]\nuniform = true\n", mode: 0o644 },
            { file: "conf.d/ssh.toml", text: ssh(""), mode: 0o640 },
        ],
    }),
    scenario("files/second-gateway", "", ["conf.d/b.toml:1:2 error second-gateway gateway"], {
        files: [
            { file: MAIN, text: `[gateway]\n${ssh("")}` },
            { file: "conf.d/b.toml", text: "[gateway]\nuniform = true\n" },
        ],
    }),
    scenario("files/second-door", "", ["conf.d/b.toml:2:8 error second-door door.ssh.name"], {
        files: [
            { file: MAIN, text: ssh("") },
            { file: "conf.d/b.toml", text: ssh("", '"60231", "1111:udp", "51234", "icmp:999"') },
        ],
    }),
    scenario(
        "files/syntax-in-one-and-mistake-in-other",
        "",
        ["1:3 error syntax", "conf.d/b.toml:5:7 error type door.ssh.for"],
        {
            files: [
                { file: MAIN, text: "[[[\n" },
                { file: "conf.d/b.toml", text: ssh("for = 30") },
            ],
        },
    ),
    scenario("files/closes-a-door-of-a-broken-file", "", ["1:1 error syntax"], {
        files: [
            { file: MAIN, text: "!\n" },
            { file: "conf.d/b.toml", text: web('"51002", "33871:udp", "60123", "24417"') },
        ],
    }),

    gateway("interfaces-word", 'interfaces = "eth0"', "2:14 error type gateway.interfaces"),
    gateway("interfaces-empty", "interfaces = []", "2:14 error count gateway.interfaces"),
    gateway("interfaces-name", 'interfaces = ["eth0", "et h1"]', "2:23 error interface gateway.interfaces[1]"),
    gateway("interfaces-any-in-list", 'interfaces = ["any"]', "2:15 error type gateway.interfaces[0]"),
    gateway("interfaces-twice", 'interfaces = ["eth0", "eth0"]', "2:23 error listed-twice gateway.interfaces[1]"),
    gateway("state-relative", 'state = "var/lib"', "2:9 error relative gateway.state"),
    gateway("capture", 'capture = "nflogs"', "2:11 error type gateway.capture"),
    gateway("firewall", 'firewall = "ipfw"', "2:12 error type gateway.firewall"),
    gateway(
        "firewall-nflog",
        'firewall = "iptables"\ncapture = "nflog"',
        "3:11 error nflog-without-nftables gateway.capture",
    ),
    gateway("services", 'services = ["https"]', "2:13 error refused gateway.services[0]"),
    gateway("uniform", 'uniform = "yes"', "2:11 error type gateway.uniform"),
    gateway("audit", 'audit = "no"', "2:9 error type gateway.audit"),
    gateway(
        "uniform-unused",
        'uniform = true\ncapture = "packet-socket"',
        "2:11 warning uniform-unused gateway.uniform",
    ),
    gateway("log-group-0", "log_group = 0", "2:13 error range gateway.log_group"),
    gateway("log-group-large", "log_group = 65536", "2:13 error range gateway.log_group"),
    gateway("attempts-odd", "attempts = 100000", "2:12 error power-of-two gateway.attempts"),
    gateway("attempts-small", "attempts = 512", "2:12 error range gateway.attempts"),
    gateway("attempts-fraction", "attempts = 1024.5", "2:12 error type gateway.attempts"),
    gateway("attempts-nan", "attempts = nan", "2:12 error type gateway.attempts"),
    gateway("grants", 'grants = "16384"', "2:10 error type gateway.grants"),
    gateway("unknown-key", 'interface = "eth0"', "2:1 error unknown-key gateway.interface"),

    scenario("door/no-name", ssh("").replace('name = "ssh"', ""), ["1:1 error missing door[0].name"]),
    scenario("door/bad-name", ssh("").replace('"ssh"', '"my door"'), ["2:8 error name door[0].name"]),
    scenario("door/long-name", ssh("").replace('"ssh"', `"${"a".repeat(65)}"`), ["2:8 error name door[0].name"]),
    scenario("door/no-sequence", '[[door]]\nname = "ssh"\nopens = ["tcp/22"]\nhide = true\n', [
        "1:1 error missing door.ssh.sequence",
    ]),
    scenario("door/later", `${ssh("")}[door.keys]\nusers = 4\n`, ["9:2 error later door.ssh.keys"]),
    scenario("door/does-nothing", ssh("").replace(/opens.*\nhide.*\n/, ""), ["1:1 error does-nothing door.ssh"]),
    scenario("door/opens-port", ssh("").replace('"tcp/22"', '"22"'), ["3:10 error refused door.ssh.opens[0]"]),
    scenario("door/opens-icmp", ssh("").replace('"tcp/22"', '"icmp/8"'), ["3:10 error refused door.ssh.opens[0]"]),
    scenario("door/opens-text", ssh("").replace('["tcp/22"]', '"tcp/22"'), ["3:9 error type door.ssh.opens"]),
    scenario("door/opens-twice", ssh("").replace('"tcp/22"', '"tcp/22", "TCP/22"'), [
        "3:20 error listed-twice door.ssh.opens[1]",
    ]),
    doorLine("for-number", "for = 30", "5:7 error type door.ssh.for"),
    doorLine("for-no-unit", 'for = "30"', "5:7 error refused door.ssh.for"),
    doorLine("for-zero", 'for = "0s"', "5:7 error duration-range door.ssh.for"),
    doorLine("for-long", 'for = "1h1s"', "5:7 warning long-grant door.ssh.for"),
    doorLine("for-an-hour", 'for = "60m"'),
    doorLine("sources-host-bits", 'sources = ["10.1.0.0/8"]', "5:12 error network door.ssh.sources[0]"),
    doorLine("sources-nobody", "sources = []", "5:11 error count door.ssh.sources"),
    doorLine("always-everyone", 'always = ["0.0.0.0/0"]', "5:11 warning always-everyone door.ssh.always[0]"),
    doorLine("always-everyone-v6", 'always = ["::/0"]', "5:11 warning always-everyone door.ssh.always[0]"),
    doorLine("always-some", 'always = ["192.0.2.0/24", "2001:db8::/32"]'),
    doorLine("closes-itself", 'closes = ["ssh"]', "5:11 error closes-itself door.ssh.closes[0]"),
    doorLine("closes-unknown", 'closes = ["web"]', "5:11 error closes-unknown door.ssh.closes[0]"),
    doorLine("unknown-key", 'seq_timeout = "15s"', "5:1 error unknown-key door.ssh.seq_timeout"),
    scenario("door/hide-without-opens", `${ssh("")}${web('"51002", "33871:udp", "60123", "24417"', "hide = true")}`, [
        "12:8 error needs-opens door.web.hide",
    ]),
    scenario("door/for-without-opens", `${ssh("")}${web('"51002", "33871:udp", "60123", "24417"', 'for = "1m"')}`, [
        "12:7 error needs-opens door.web.for",
    ]),
    scenario(
        "door/always-without-opens",
        `${ssh("")}${web('"51002", "33871:udp", "60123", "24417"', 'always = ["::1"]')}`,
        ["12:10 error needs-opens door.web.always"],
    ),
    doorLine("network", "network = { v6 = 64 }"),
    doorLine(
        "network-wide",
        "network = { v4 = 24, v6 = 56 }",
        "5:18 warning wide-network door.ssh.network.v4",
        "5:27 warning wide-network door.ssh.network.v6",
    ),
    doorLine(
        "network-range",
        "network = { v4 = 16, v6 = 129 }",
        "5:18 error range door.ssh.network.v4",
        "5:27 error range door.ssh.network.v6",
    ),
    scenario("door/networks-too-many", [64, 65, 64, 66, 67, 68].map(sharing).join(""), [
        "40:18 error too-many-lengths door.d5.network.v6",
    ]),
    doorLine("network-number", "network = 24", "5:11 error type door.ssh.network"),
    doorLine("network-unknown-key", "network = { ipv4 = 24 }", "5:13 error unknown-key door.ssh.network.ipv4"),
    doorLine("uses-one", "uses = 1"),
    doorLine("uses-two", "uses = 2", "5:8 error type door.ssh.uses"),
    scenario("door/uses-several-services", ssh("uses = 1").replace('"tcp/22"', '"tcp/22", "tcp/443"'), [
        "5:8 error uses-one-service door.ssh.uses",
    ]),
    scenario("door/uses-without-opens", `${ssh("")}${web('"51002", "33871:udp", "60123", "24417"', "uses = 1")}`, [
        "12:8 error needs-opens door.web.uses",
    ]),
    scenario("door/uses-not-hidden", ssh("uses = 1").replace("hide = true", ""), [
        "3:9 warning not-hidden door.ssh.opens",
        "5:8 warning uses-unhidden door.ssh.uses",
    ]),
    scenario("door/uses-by-iptables", `[gateway]\nfirewall = "iptables"\n${ssh("uses = 1")}`, [
        "7:8 error uses-without-nftables door.ssh.uses",
    ]),
    scenario("door/not-hidden", ssh("").replace("hide = true", ""), ["3:9 warning not-hidden door.ssh.opens"]),
    scenario("door/always-not-hidden", ssh('always = ["192.0.2.0/24"]').replace("hide = true", ""), [
        "3:9 warning not-hidden door.ssh.opens",
        "5:10 warning always-unhidden door.ssh.always",
    ]),
    scenario(
        "host/lacks-programs",
        `${ssh("")}[door.command]\nstart = ["/bin/a", "/bin/b"]\nstop = ["/bin/b"]\n[[hook]]\nname = "h"\non = ["grant"]\nrun = ["/bin/c", "/bin/a"]\n`,
        ["11:9 warning no-program door.ssh.command.stop[0]", "15:8 warning no-program hook[0].run[0]"],
        { lacks: ["program /bin/b", "program /bin/c", "group /bin/a"] },
    ),
    scenario(
        "host/lacks-group",
        `[gateway]\nsocket_group = "ops"\n${ssh("")}`,
        ["2:16 warning no-group gateway.socket_group"],
        { lacks: ["group ops"] },
    ),
    scenario(
        "host/lacks-targets",
        `${ssh("").replace(/\[door.sequence\][\s\S]*/, "[door.one_time]\n")}[bundles]\ngateway = "g.example"\n[[bundles.publish]]\ndirectory = "/srv/a"\n[[bundles.publish]]\ndirectory = "/srv/b"\n[[bundles.publish]]\nrun = ["/bin/c", "{directory}"]\n`,
        [
            "10:13 warning no-directory bundles.publish[0].directory",
            "14:8 warning no-program bundles.publish[2].run[0]",
        ],
        { lacks: ["directory /srv/a", "program /bin/c"], knockers: 1 },
    ),
    scenario(
        "host/lacks-rights",
        `${ssh("").replace(/\[door.sequence\][\s\S]*/, "[door.one_time]\n")}[bundles]\ngateway = "g.example"\n[[bundles.publish]]\ndirectory = "/srv/a"\n[[bundles.publish]]\nput = "https://a.example/"\nheaders = "/etc/missing"\n[[bundles.publish]]\nput = "https://b.example/"\nheaders = "/etc/open"\n[[bundles.publish]]\nrun = ["/root/copy", "{directory}"]\n`,
        [
            "10:13 warning not-its-directory bundles.publish[0].directory",
            "13:11 warning not-its-file bundles.publish[1].headers",
            "16:11 warning headers-readable bundles.publish[2].headers",
            "18:8 warning not-its-program bundles.publish[3].run[0]",
        ],
        { lacks: ["writing /srv/a", "reading /etc/missing", "secrecy /etc/open", "running /root/copy"], knockers: 1 },
    ),
    scenario("door/nothing-listens", ssh(""), ["3:10 note nothing-listens door.ssh.opens[0]"], { listening: [] }),

    command("relative", 'start = ["wake", "{source}"]', "9:10 error relative door.ssh.command.start[0]"),
    command("shell-string", 'start = "/usr/bin/wake {source}"', "9:9 error type door.ssh.command.start"),
    command("empty", "start = []", "9:9 error count door.ssh.command.start"),
    command("placeholder", 'start = ["/bin/wake", "{sorce}"]', "9:23 error placeholder door.ssh.command.start[1]"),
    command("knockd-token", 'start = ["/bin/wake", "%IP%"]', "9:23 error placeholder door.ssh.command.start[1]"),
    command("nul", 'start = ["/bin/wake", "a\\u0000b"]', "9:23 error argument door.ssh.command.start[1]"),
    command("number", 'start = ["/bin/wake", 1]', "9:23 error type door.ssh.command.start[1]"),
    command("json-is-no-placeholder", `start = ["/bin/wake", '{"to": "{source}"}']`),
    command("start-and-stop", 'start = ["/bin/a"]\nstop = ["/bin/b"]\nafter = "1m"\ntimeout = "5s"'),
    command("stop-alone", 'stop = ["/bin/b"]', "8:1 error missing door.ssh.command.start"),
    command("after-without-stop", 'start = ["/bin/a"]\nafter = "1m"', "10:9 error needs-stop door.ssh.command.after"),
    command("timeout", 'start = ["/bin/a"]\ntimeout = "1ms"', "10:11 error duration-range door.ssh.command.timeout"),

    hook(
        "whole",
        'name = "a"\non = ["grant", "end"]\ndoors = ["ssh"]\nrun = ["/bin/a", "{event} {text}"]\ntimeout = "1m"',
    ),
    hook("trouble", 'name = "a"\non = ["trouble", "refusal"]\nrun = ["/bin/a"]'),
    hook(
        "empty",
        "",
        "9:1 error missing hook[0].name",
        "9:1 error missing hook[0].on",
        "9:1 error missing hook[0].run",
    ),
    hook("events", 'name = "a"\non = ["grants"]\nrun = ["/bin/a"]', "11:7 error type hook[0].on[0]"),
    hook("events-twice", 'name = "a"\non = ["end", "end"]\nrun = ["/bin/a"]', "11:14 error listed-twice hook[0].on[1]"),
    hook("no-events", 'name = "a"\non = []\nrun = ["/bin/a"]', "11:6 error count hook[0].on"),
    hook(
        "door",
        'name = "a"\non = ["end"]\ndoors = ["shs"]\nrun = ["/bin/a"]',
        "12:10 error closes-unknown hook[0].doors[0]",
    ),
    hook("shell-string", 'name = "a"\non = ["end"]\nrun = "a {text}"', "12:7 error type hook[0].run"),
    hook(
        "placeholder",
        'name = "a"\non = ["end"]\nrun = ["/bin/a", "{knocker}"]',
        "12:18 error placeholder hook[0].run[1]",
    ),
    hook("relative", 'name = "a"\non = ["end"]\nrun = ["a"]', "12:8 error relative hook[0].run[0]"),
    hook(
        "timeout",
        'name = "a"\non = ["end"]\nrun = ["/bin/a"]\ntimeout = "1h"',
        "13:11 error duration-range hook[0].timeout",
    ),
    hook("unknown-key", 'name = "a"\non = ["end"]\nrun = ["/bin/a"]\nurl = "x"', "13:1 error unknown-key hook[0].url"),
    hook(
        "second",
        'name = "a"\non = ["end"]\nrun = ["/bin/a"]\n[[hook]]\nname = "a"\non = ["end"]\nrun = ["/bin/b"]',
        "14:8 error second-hook hook[1].name",
    ),
    scenario("hook/single", `hook = 1\n${ssh("")}`, ["1:1 error type hook"]),
    scenario(
        "hook/too-many",
        ssh("") +
            Array.from({ length: 65 }, (_, i) => `[[hook]]\nname = "h${i}"\non = ["end"]\nrun = ["/bin/a"]\n`).join(""),
        ["265:1 error too-many-hooks hook[64]"],
    ),

    scenario("doors/same-knock", twoDoors('"51002", "33871:udp", "60123"', '"51002", "33871:udp", "60123"'), [
        "14:8 warning same-knock door.web.sequence.hits",
    ]),
    scenario("doors/ends-alike", twoDoors('"33871:udp", "60123", "24417"', '"51002", "33871:udp", "60123", "24417"'), [
        "14:8 warning ends-alike door.web.sequence.hits",
    ]),
    scenario("doors/contains", twoDoors('"51002", "33871:udp", "60123", "24417"', '"51002", "33871:udp", "60123"'), [
        "7:8 warning contains door.ssh.sequence.hits",
    ]),
    scenario(
        "doors/same-knock-other-target",
        twoDoors(
            '"51002", "33871:udp", "60123"',
            '"51002", "33871:udp", "60123"',
            'target = "192.0.2.7"',
            'target = "192.0.2.8"',
        ),
        [],
    ),
    scenario(
        "doors/same-knock-other-family",
        ssh('sources = ["0.0.0.0/0"]', '"51002", "33871:udp", "60123"') +
            web('"51002", "33871:udp", "60123"', 'sources = ["::/0"]'),
        [],
    ),
    scenario(
        "doors/same-knock-other-flags",
        twoDoors('"51002", "33871:udp", "60123"', '"51002", "33871:udp", "60123"', "", 'flags = "fin,!syn"'),
        [],
    ),
    scenario(
        "all-at-once",
        `[gateway]
atempts = 1024
[[door]]
name = "ssh"
opens = ["22", "22/tcp"]
for = 30
[door.sequence]
hits = ["70000", "ssh"]
within = "15"
[[door]]
name = "ssh"
hide = "yes"
closes = ["shh"]
`,
        [
            "2:1 error unknown-key gateway.atempts",
            "5:10 error refused door.ssh.opens[0]",
            "5:16 error refused door.ssh.opens[1]",
            "6:7 error type door.ssh.for",
            "8:9 error refused door.ssh.sequence.hits[0]",
            "8:18 error refused door.ssh.sequence.hits[1]",
            "9:10 error refused door.ssh.sequence.within",
            "10:1 error missing door.ssh.sequence",
            "11:8 error second-door door.ssh.name",
            "12:8 error type door.ssh.hide",
            "12:8 error needs-opens door.ssh.hide",
            "13:11 error closes-unknown door.ssh.closes[0]",
        ],
    ),

    hide("overrules", '"tcp/22" = false\n"tcp/443" = true'),
    hide("twice", '"tcp/22" = false\n"TCP/22" = true', '17:1 error hidden-twice hide."TCP/22"'),
    hide(
        "nobody-opens",
        '"tcp/2222" = true\n"udp/53" = false',
        '16:1 error no-way-in hide."tcp/2222"',
        '17:1 note hide-unused hide."udp/53"',
    ),
    hide("no-service", 'ssh = true\n"tcp/22" = "no"', "16:1 error refused hide.ssh", '17:12 error type hide."tcp/22"'),
    scenario("hide/no-table", `hide = true\n${ssh("")}`, ["1:1 error type hide"]),
    gateway("grace", 'grace = "2d"', "2:9 error duration-range gateway.grace"),

    ...hitScenarios,
    ...oneTimeScenarios,
    ...reachScenarios,
]

/** One file for each scenario. */
export const configVectors: Readonly<Record<string, unknown>> = Object.fromEntries(
    SCENARIOS.map((one) => [
        `config/${one.name.replaceAll("/", "-")}.json`,
        { spec: "docs/postern.toml.5.md", ...one },
    ]),
)
