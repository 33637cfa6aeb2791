/** Configurations with one-time sequences, and what publishes them. */
import { MAIN, type Scenario, scenario, ssh } from "./config-scenario.ts"

/** [bundles] on line 7, and a target on 9 and 10. */
const BUNDLES = `[bundles]
gateway = "gw.example.org"
[[bundles.publish]]
directory = "/var/www/knock"`

const TARGET = '[[bundles.publish]]\ndirectory = "/var/www/knock"'
const GATEWAY_NAME = 'gateway = "gw.example.org"'

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

/** All of them. */
export const oneTimeScenarios: readonly Scenario[] = [
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
