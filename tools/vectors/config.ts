/**
 * Scenarios for configurations: texts in, every issue out, as `LINE:COLUMN severity code path` (of a second file with
 * its name in front).
 */
/**
 * One scenario. `listening` is null where the host is not known; `lacks`: `program /bin/a`, `group ops`; `knockers`: so
 * many may open every door.
 */
export type Scenario = {
    readonly name: string
    readonly files: readonly { readonly file: string; readonly text: string; readonly mode?: number }[]
    readonly listening: readonly string[] | null
    readonly lacks?: readonly string[]
    readonly knockers?: number
    readonly issues: readonly string[]
}

const MAIN = "postern.toml"

function scenario(name: string, text: string, issues: readonly string[], more: Partial<Scenario> = {}): Scenario {
    return { name, files: [{ file: MAIN, text }], listening: null, issues, ...more }
}

/** A door without any issue: lines 1 to 4, then `door` from line 5, and the hits after it. */
function ssh(door: string, hits = '"32144", "21312:udp", "48231", "icmp:321"', sequence = ""): string {
    return `[[door]]
name = "ssh"
opens = ["tcp/22"]
hide = true
${door}
[door.sequence]
hits = [${hits}]
${sequence}
`
}

/** A second door on its own lines, without any issue by itself. */
function web(hits: string, more = ""): string {
    return `[[door]]
name = "web"
closes = ["ssh"]
${more}
[door.sequence]
hits = [${hits}]
`
}

/** One hit among good ones: it stands at 7:30. */
function amongGood(hit: string): string {
    return ssh("", `"32144", "21312:udp", ${hit}, "48231"`)
}

function wrongHit(name: string, hit: string): Scenario {
    return oddHit(name, hit, "error refused")
}

function oddHit(name: string, hit: string, code: string, listening: readonly string[] | null = null): Scenario {
    return scenario(`hit/${name}`, amongGood(hit), [`7:31 ${code} door.ssh.sequence.hits[2]`], { listening })
}

function gateway(name: string, line: string, issue: string): Scenario {
    return scenario(`gateway/${name}`, `[gateway]\n${line}\n${ssh("")}`, [issue])
}

function doorLine(name: string, line: string, ...issues: readonly string[]): Scenario {
    return scenario(`door/${name}`, ssh(line), issues)
}

function sequenceLine(name: string, line: string, ...issues: readonly string[]): Scenario {
    return scenario(`sequence/${name}`, ssh("", undefined, line), issues)
}

/** [bundles] on line 7, and a target on 9 and 10. */
const BUNDLES = `[bundles]
gateway = "gw.example.org"
[[bundles.publish]]
directory = "/var/www/knock"`

const TARGET = '[[bundles.publish]]\ndirectory = "/var/www/knock"'
const GATEWAY_NAME = 'gateway = "gw.example.org"'

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

    wrongHit("port-0", '"0"'),
    wrongHit("port-65536", '"65536"'),
    wrongHit("port-negative", '"-1"'),
    wrongHit("port-fraction", "7000.5"),
    wrongHit("port-leading-zero", '"07000"'),
    wrongHit("port-blank", '" 7000"'),
    wrongHit("port-name", '"ssh"'),
    wrongHit("port-words", '"seven"'),
    wrongHit("port-not-wanted", '"!22"'),
    wrongHit("empty", '""'),
    wrongHit("protocol", '"7000:upd"'),
    wrongHit("protocol-empty", '"7000:"'),
    wrongHit("three-parts", '"7000:udp:1"'),
    wrongHit("as-service", '"tcp/7000"'),
    wrongHit("list-in-one", '"7000,8000"'),
    wrongHit("icmp-alone", '"icmp"'),
    wrongHit("icmp-turned", '"321:icmp"'),
    wrongHit("icmp-size", '"icmp:65508"'),
    wrongHit("icmpv6", '"icmpv6:321"'),
    oddHit("type", "true", "error type"),
    scenario("hit/own-service", amongGood('"22"'), ["7:31 warning own-service door.ssh.sequence.hits[2]"]),
    oddHit("well-known-privileged", '"443"', "warning well-known"),
    oddHit("well-known-popular", '"3389"', "warning well-known"),
    oddHit("browsers", '"6566"', "note browsers-refuse"),
    oddHit("browsers-udp", '"443:udp"', "warning well-known"),
    oddHit("listening", '"5201"', "warning listening", ["tcp/22", "tcp/5201"]),
    oddHit("ping-default", '"icmp:56"', "warning ping-default"),
    oddHit("ping-fragments", '"icmp:1401"', "warning fragments"),
    oddHit("repeated", '"32144"', "warning repeated"),
    oddHit("twice-running", '"21312:udp"', "warning twice-running"),

    scenario("hits/none", ssh("", ""), ["7:8 error count door.ssh.sequence.hits"]),
    scenario("hits/one", ssh("", '"32144"'), ["7:8 error scannable door.ssh.sequence.hits"]),
    scenario("hits/two", ssh("", '"32144", "1977"'), ["7:8 warning short door.ssh.sequence.hits"]),
    scenario(
        "hits/too-many",
        ssh("", Array.from({ length: 33 }, (_, i) => `"${20000 + ((i * 7919) % 30000)}"`).join(", ")),
        ["7:8 error count door.ssh.sequence.hits"],
    ),
    scenario("hits/neighbours", ssh("", '"32144", "32145", "32146", "32147"'), [
        "7:8 error scannable door.ssh.sequence.hits",
    ]),
    scenario("hits/neighbours-down", ssh("", '"32144", "32144", "32143"'), [
        "7:8 error scannable door.ssh.sequence.hits",
        "7:18 warning twice-running door.ssh.sequence.hits[1]",
    ]),
    scenario("hits/one-repeated", ssh("", '"icmp:321", "icmp:321", "icmp:321"'), [
        "7:8 error scannable door.ssh.sequence.hits",
        "7:21 warning twice-running door.ssh.sequence.hits[1]",
        "7:33 warning twice-running door.ssh.sequence.hits[2]",
    ]),
    scenario("hits/ascending-by-two-protocols", ssh("", '"12144", "21312:udp", "48231", "icmp:321"'), []),
    scenario("hits/ascending", ssh("", '"12144", "21312", "48231"'), ["7:8 warning in-order door.ssh.sequence.hits"]),
    scenario("hits/descending", ssh("", '"62144", "51312", "48231"'), ["7:8 warning in-order door.ssh.sequence.hits"]),
    scenario("hits/guessable", ssh("", '"32144", "32147", "32141", "32149"'), [
        "7:8 warning guessable door.ssh.sequence.hits",
    ]),
    scenario("hits/published", ssh("", '"32144", "21312:udp", "icmp:321"'), [
        "7:8 warning published door.ssh.sequence.hits",
    ]),

    sequenceLine("within-long", 'within = "61s"', "8:10 warning long-window door.ssh.sequence.within"),
    sequenceLine("within-too-long", 'within = "11m"', "8:10 error duration-range door.ssh.sequence.within"),
    sequenceLine("within-words", 'within = "soon"', "8:10 error refused door.ssh.sequence.within"),
    sequenceLine("flags-unknown", 'flags = "syn,!akc"', "8:9 error refused door.ssh.sequence.flags"),
    sequenceLine("flags-twice", 'flags = "syn,!syn"', "8:9 error refused door.ssh.sequence.flags"),
    sequenceLine("flags-list", 'flags = ["syn"]', "8:9 error type door.ssh.sequence.flags"),
    sequenceLine("flags-any", 'flags = "any"', "8:9 warning flags-not-new door.ssh.sequence.flags"),
    sequenceLine("flags-fin", 'flags = " FIN , !Ack "'),
    sequenceLine("target-name", 'target = "gate.example"', "8:10 error address door.ssh.sequence.target"),
    sequenceLine("target-network", 'target = ["192.0.2.0/24"]', "8:11 error address door.ssh.sequence.target[0]"),
    sequenceLine("target-number", "target = 1", "8:10 error type door.ssh.sequence.target"),
    sequenceLine("target", 'target = "192.0.2.7"'),
    sequenceLine("unknown-key", 'tcpflags = "syn"', "8:1 error unknown-key door.ssh.sequence.tcpflags"),
    scenario("sequence/too-many-views", Array.from({ length: 65 }, (_, i) => view(i)).join(""), [
        "453:1 error too-many-views door.d64.sequence",
    ]),

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

    oneTime("alone", "length = 4", BUNDLES, []),
    oneTime(
        "whole",
        'length = 8\nwindow = 100\nwithin = "1m"\nprotocols = ["icmp", "udp", "tcp"]\nports = "1024-65535"',
        BUNDLES,
        [],
    ),
    scenario("one-time/beside-a-sequence", `${ssh("")}[door.one_time]\n${BUNDLES}\n`, []),
    scenario("one-time/no-bundles", `${ssh("")}[door.one_time]\n`, ["9:1 error needs-bundles door.ssh.one_time"]),
    scenario("one-time/number", ssh("one_time = 4"), [
        "5:12 error type door.ssh.one_time",
        "5:12 error needs-bundles door.ssh.one_time",
    ]),
    oneTime("unknown-key", "lenght = 4", BUNDLES, ["6:1 error unknown-key door.ssh.one_time.lenght"]),
    oneTime("length", "length = 2", BUNDLES, ["6:10 error range door.ssh.one_time.length"]),
    oneTime("window", "window = 0", BUNDLES, ["6:10 error range door.ssh.one_time.window"]),
    oneTime("within", 'within = "61s"', BUNDLES, ["6:10 warning long-window door.ssh.one_time.within"]),
    oneTime("protocol", 'protocols = ["sctp"]', BUNDLES, ["6:14 error type door.ssh.one_time.protocols[0]"]),
    oneTime("no-protocol", "protocols = []", BUNDLES, ["6:13 error count door.ssh.one_time.protocols"]),
    oneTime("ports-turned", 'ports = "32000-10100"', BUNDLES, ["6:9 error ports door.ssh.one_time.ports"]),
    oneTime("ports-number", "ports = 10100", BUNDLES, ["6:9 error type door.ssh.one_time.ports"]),
    oneTime("ports-beyond", 'ports = "60000-65536"', BUNDLES, ["6:9 error ports door.ssh.one_time.ports"]),
    oneTime("small-pool", 'length = 5\nports = "10100-11099"', BUNDLES, []),
    oneTime("smaller-pool", 'ports = "10100-11098"', BUNDLES, ["6:9 error small-pool door.ssh.one_time.ports"]),
    oneTime("echoes-alone", 'protocols = ["icmp"]', BUNDLES, ["5:1 warning odds door.ssh.one_time"]),
    oneTime("odds", "length = 3", BUNDLES, ["5:1 warning odds door.ssh.one_time"]),
    oneTime("odds-of-many", "length = 4", BUNDLES, ["5:1 warning odds door.ssh.one_time"], 20_000),
    oneTime("odds-longer", "length = 5", BUNDLES, [], 20_000),
    oneTime("nobody", "length = 4", BUNDLES, ["5:1 note no-knockers door.ssh.one_time"], 0),
    oneTime(
        "too-many",
        "length = 5\nwindow = 100",
        BUNDLES,
        ["7:10 error too-many-upcoming door.ssh.one_time.window"],
        50_000,
    ),
    scenario(
        "one-time/second-bundles",
        `${ssh("")}[door.one_time]\n${BUNDLES}\n`,
        ["postern.d/b.toml:1:2 error second-bundles bundles"],
        {
            files: [
                { file: MAIN, text: `${ssh("")}[door.one_time]\n${BUNDLES}\n` },
                { file: "postern.d/b.toml", text: BUNDLES },
            ],
        },
    ),

    bundles(
        "whole",
        `${GATEWAY_NAME}\nusers = "/srv/people"\nurl = "https://example.org/knock/"\nlifetime = "7d"\nevery = "1h"\nfiles = 50\n${TARGET}`,
    ),
    bundles("no-gateway", TARGET, "7:1 error missing bundles.gateway"),
    bundles("gateway-port", `gateway = "gw.example.org:443"\n${TARGET}`, "8:11 error host bundles.gateway"),
    bundles("gateway-v6", `gateway = "2001:db8::1"\n${TARGET}`),
    bundles("url-bare", `${GATEWAY_NAME}\nurl = "example.org/knock/"\n${TARGET}`, "9:7 error url bundles.url"),
    bundles("url-no-slash", `${GATEWAY_NAME}\nurl = "https://example.org/k"\n${TARGET}`, "9:7 error url bundles.url"),
    bundles("url-query", `${GATEWAY_NAME}\nurl = "https://example.org/?k=/"\n${TARGET}`, "9:7 error url bundles.url"),
    bundles("url-none", `${GATEWAY_NAME}\nurl = ""\n${TARGET}`),
    bundles("users-empty", `${GATEWAY_NAME}\nusers = ""\n${TARGET}`, "9:9 error type bundles.users"),
    bundles("lifetime", `${GATEWAY_NAME}\nlifetime = "59m"\n${TARGET}`, "9:12 error duration-range bundles.lifetime"),
    bundles(
        "every-too-late",
        `${GATEWAY_NAME}\nlifetime = "1d"\nevery = "24h"\n${TARGET}`,
        "10:9 error short-lifetime bundles.every",
    ),
    bundles("files", `${GATEWAY_NAME}\nfiles = -1\n${TARGET}`, "9:9 error range bundles.files"),
    bundles("unknown-key", `${GATEWAY_NAME}\nuser = "a"\n${TARGET}`, "9:1 error unknown-key bundles.user"),
    bundles("nothing-published", GATEWAY_NAME, "7:1 note nothing-published bundles"),
    scenario("bundles/unused", `${ssh("")}${BUNDLES}\n`, ["9:1 warning bundles-unused bundles"]),
    target("put", 'put = "https://dav.example.org/knock/"\nheaders = "/etc/postern/dav"\ntimeout = "5s"'),
    target("put-address", 'put = "dav.example.org"', "10:7 error url bundles.publish[0].put"),
    target(
        "put-in-clear",
        'put = "http://dav.example.org/"\nheaders = "/etc/postern/dav"',
        "10:7 warning headers-in-clear bundles.publish[0].put",
    ),
    target("headers", 'put = "https://a.example/"\nheaders = "dav"', "11:11 error relative bundles.publish[0].headers"),
    target("run", 'run = ["/usr/bin/rsync", "-a", "{directory}/", "www:knock/"]\ntimeout = "2m"'),
    target("run-relative", 'run = ["rsync"]', "10:8 error relative bundles.publish[0].run[0]"),
    target("run-placeholder", 'run = ["/a", "{folder}"]', "10:14 error placeholder bundles.publish[0].run[1]"),
    target("directory", 'directory = "www"', "10:13 error relative bundles.publish[0].directory"),
    target("unknown-key", 'directory = "/a"\nhost = "a"', "11:1 error unknown-key bundles.publish[0].host"),
    target("nothing", 'timeout = "2m"', "9:1 error one-target bundles.publish[0]"),
    target("two", 'directory = "/a"\nput = "https://a.example/"', "11:7 error one-target bundles.publish[0].put"),
    bundles("publish-text", `${GATEWAY_NAME}\npublish = ["/var/www"]`, "9:12 error type bundles.publish[0]"),
]

/** A door with one-time sequences: these lines stand from 6 on, those of [bundles] after them. */
function oneTime(name: string, lines: string, bundles: string, issues: readonly string[], knockers = 1): Scenario {
    const text = `${ssh("").slice(0, ssh("").indexOf("\n\n"))}\n[door.one_time]\n${lines}\n${bundles}\n`
    return scenario(`one-time/${name}`, text, issues, { knockers })
}

/** [bundles] after a door with one-time sequences: its lines are from 8 on. */
function bundles(name: string, lines: string, ...issues: readonly string[]): Scenario {
    return { ...oneTime("", "length = 4", `[bundles]\n${lines}`, issues), name: `bundles/${name}` }
}

/** A target of its own: its lines are from 10 on. */
function target(name: string, lines: string, ...issues: readonly string[]): Scenario {
    return bundles(`publish-${name}`, `${GATEWAY_NAME}\n[[bundles.publish]]\n${lines}`, ...issues)
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

/** A door with a target of its own: seven lines. */
function view(i: number): string {
    const hits = `"${20001 + i * 13}", "${60001 - i * 17}", "${10001 + i * 29}"`
    return `[[door]]
name = "d${i}"
opens = ["udp/9"]
hide = true
[door.sequence]
hits = [${hits}]
target = "192.0.2.${i}"
`
}

/** One file for each scenario. */
export const configVectors: Readonly<Record<string, unknown>> = Object.fromEntries(
    SCENARIOS.map((one) => [
        `config/${one.name.replaceAll("/", "-")}.json`,
        { spec: "docs/postern.toml.5.md", ...one },
    ]),
)
