/** Scenarios for where services are, and how packets are marked: `at`, `lead_to`, `mark`. */
import { type Scenario, scenario, ssh } from "./config-scenario.ts"

function door(name: string, lines: string, ...issues: readonly string[]): Scenario {
    return scenario(`reach/${name}`, ssh(lines), issues)
}

function gateway(name: string, line: string, ...issues: readonly string[]): Scenario {
    return scenario(`reach/${name}`, `[gateway]\n${line}\n${ssh("")}`, issues)
}

const WEB = '"51002", "33871:udp", "60123", "24417"'

const ELSEWHERE = `[[door]]
name = "other"
opens = ["tcp/22"]
hide = true
at = ["10.0.0.5"]
[door.sequence]
hits = [${WEB}]
`

export const reachScenarios: readonly Scenario[] = [
    door("lead-to-both-families", 'lead_to = ["10.77.3.200", "[fd77:3::c8]:2222"]'),
    door("lead-to-with-port", 'lead_to = ["10.77.3.200:2222", "fd77:3::c8"]'),
    door(
        "lead-to-two-of-a-family",
        'lead_to = ["10.77.3.200", "10.77.3.201"]',
        "5:27 error place-twice door.ssh.lead_to[1]",
    ),
    door("lead-to-three", 'lead_to = ["10.0.0.1", "fd00::1", "fd00::2"]', "5:11 error count door.ssh.lead_to"),
    door(
        "lead-to-loopback",
        'lead_to = ["127.0.0.1", "::1"]',
        "5:12 error place-loopback door.ssh.lead_to[0]",
        "5:25 error place-loopback door.ssh.lead_to[1]",
    ),
    door(
        "lead-to-no-place",
        'lead_to = ["gate", "10.0.0.1:0", "10.0.0.1:65536", "[10.0.0.1]:22", "fd00::1%eth0"]',
        "5:11 error count door.ssh.lead_to",
        "5:12 error place door.ssh.lead_to[0]",
        "5:20 error place door.ssh.lead_to[1]",
        "5:34 error place door.ssh.lead_to[2]",
        "5:52 error place door.ssh.lead_to[3]",
    ),
    door("at", 'at = ["203.0.113.80", "2001:db8::80"]'),
    door("at-network", 'at = ["203.0.113.0/24"]', "5:7 error address door.ssh.at[0]"),
    door(
        "at-and-lead-to",
        'at = ["203.0.113.80"]\nlead_to = ["10.0.0.5"]',
        "6:11 error at-or-lead-to door.ssh.lead_to",
    ),
    scenario("reach/port-of-several", ssh('lead_to = ["10.0.0.5:2222"]').replace('"tcp/22"', '"tcp/22", "tcp/80"'), [
        "5:12 error place-port door.ssh.lead_to[0]",
    ]),
    scenario("reach/not-hidden", ssh('lead_to = ["10.0.0.5"]').replace("hide = true\n", ""), [
        "3:9 warning not-hidden door.ssh.opens",
        "4:11 error needs-hide door.ssh.lead_to",
    ]),
    scenario(
        "reach/without-opens",
        `[[door]]\nname = "a"\nat = ["10.0.0.5"]\nlead_to = []\ncloses = ["ssh"]\nsequence.hits = [${WEB}]\n${ssh("")}`,
        ["3:6 error needs-opens door.a.at"],
    ),
    scenario("reach/elsewhere", ssh("") + ELSEWHERE, ["11:10 error elsewhere door.other.opens[0]"]),
    scenario(
        "reach/by-iptables",
        `[gateway]\nfirewall = "iptables"\nmark = "0x10000000"\n${ssh('at = ["10.0.0.5"]')}`,
        [],
    ),
    door("at-with-uses", 'at = ["10.0.0.5"]\nuses = 1', "6:8 error uses-at door.ssh.uses"),
    gateway("mark", 'mark = "0x10000000"'),
    gateway("mark-lowest", 'mark = "0x1"'),
    gateway("mark-highest", 'mark = "0x80000000"'),
    gateway("mark-two-bits", 'mark = "0x3"', "2:8 error mark gateway.mark"),
    gateway("mark-none", 'mark = "0x0"', "2:8 error mark gateway.mark"),
    gateway("mark-too-long", 'mark = "0x100000000"', "2:8 error mark gateway.mark"),
    gateway("mark-number", "mark = 1", "2:8 error type gateway.mark"),
]
