/** Configurations with hits and sequences that are wrong, unwise, or well. */
import { type Scenario, scenario, ssh } from "./config-scenario.ts"

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

function sequenceLine(name: string, line: string, ...issues: readonly string[]): Scenario {
    return scenario(`sequence/${name}`, ssh("", undefined, line), issues)
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

/** All of them. */
export const hitScenarios: readonly Scenario[] = [
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
]
