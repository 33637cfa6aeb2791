import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { formatIssue } from "../../../../src/core/config/issues.ts"
import { readConfig } from "../../../../src/core/config/parse.ts"
import type { Service } from "../../../../src/core/knock/hit.ts"
import { ACK, SYN } from "../../../../src/core/net/packet.ts"

const FULL = `
[gateway]
interfaces = ["eth0", "wg0"]
state = "/srv/postern"
audit = false
socket = "/run/gate/control"
socket_group = "adm"
capture = "packet-socket"
firewall = "nftables"
services = ["tcp/443", "udp/443"]
uniform = false
log_group = 9
attempts = 4096
grants = 100
grace = "5m"

[[door]]
name = "ssh"
opens = ["tcp/22", "udp/60001"]
for = "1m30s"
hide = true
sources = ["198.51.100.0/24", "2001:db8::/32"]
always = ["192.0.2.7"]
[door.sequence]
hits = ["32144", 51002, "21312:udp", "icmp:321"]
within = "5s"
flags = "syn,!ack,!rst"
target = ["192.0.2.1", "2001:db8::1"]
[door.one_time]
length = 5
window = 3
within = "20s"
protocols = ["tcp", "icmp"]
ports = "20000-30000"
[door.command]
start = ["/usr/bin/wake", "{source}", "{door}", "{knocker}"]
stop = ["/usr/bin/sleep"]
after = "1h"
timeout = "5s"

[[hook]]
name = "tell"
on = ["grant", "trouble"]
doors = ["ssh"]
run = ["/usr/bin/tell", "{event}", "{door}", "{source}", "{text}"]
timeout = "20s"
[[hook]]
name = "all"
on = ["end"]
run = ["/usr/bin/all"]

[bundles]
users = "/etc/postern/people"
gateway = "gw.example.org"
url = "https://example.org/knock/"
lifetime = "7d"
every = "12h"
files = 20
[[bundles.publish]]
directory = "/var/www/knock"
[[bundles.publish]]
put = "https://dav.example.org/knock/"
headers = "/etc/postern/dav.headers"
[[bundles.publish]]
run = ["/usr/bin/rsync", "-a", "{directory}/", "www:knock/"]
timeout = "90s"

[hide]
"udp/60001" = false
`

const unknown = { listening: null }

function door(name: string, first: number): string {
    return `[[door]]\nname = "${name}"\nopens = ["tcp/22"]\nhide = true\n[door.sequence]\nhits = [${first}, 21312, 48231, 11977]\n`
}

async function lines(text: string, file = "postern.toml"): Promise<readonly string[]> {
    return (await readConfig([{ file, text }], unknown)).issues.map(formatIssue)
}

const wake = {
    start: ["/usr/bin/wake", "{source}", "{door}", "{knocker}"],
    stop: ["/usr/bin/sleep"],
    after: 3_600_000,
    timeout: 5000,
    shell: false,
}

/** The problems of a door that hides tcp/22, on a host where nothing listens outside. */
async function codes(inside: readonly Service[]): Promise<readonly string[]> {
    const text = door("ssh", 7022)
    const { issues } = await readConfig([{ file: "postern.toml", text }], { listening: [], inside })
    return issues.map(({ code }) => code)
}

describe("readConfig()", () => {
    test("a hidden service listens, too, if it does so on loopback, where a knock does not meet it", async () => {
        expect(await codes([])).toEqual(["nothing-listens"])
        const both = [{ protocol: "tcp", port: 22 } as const, { protocol: "tcp", port: 7022 } as const]
        expect(await codes(both)).toEqual([])
    })

    test("reads every key", async () => {
        const reading = await readConfig([{ file: "postern.toml", text: FULL }], unknown)
        expect(reading).toEqual({
            ok: true,
            issues: [],
            knockers: [],
            config: {
                gateway: {
                    interfaces: ["eth0", "wg0"],
                    state: "/srv/postern",
                    audit: false,
                    socket: "/run/gate/control",
                    socketGroup: "adm",
                    capture: "packet-socket",
                    firewall: "nftables",
                    mark: 0,
                    services: [
                        { protocol: "tcp", port: 443 },
                        { protocol: "udp", port: 443 },
                    ],
                    uniform: false,
                    logGroup: 9,
                    attempts: 4096,
                    grants: 100,
                    grace: 300_000,
                },
                hide: [{ service: { protocol: "udp", port: 60_001 }, hide: false }],
                doors: [
                    {
                        name: "ssh",
                        opens: [
                            { protocol: "tcp", port: 22 },
                            { protocol: "udp", port: 60_001 },
                        ],
                        for: 90_000,
                        uses: null,
                        network: { v4: 32, v6: 128 },
                        hide: true,
                        at: [],
                        leadTo: [],
                        sources: [
                            { address: [0, 0, 0xffff, 0xc6336400], bits: 120 },
                            { address: [0x20010db8, 0, 0, 0], bits: 32 },
                        ],
                        always: [{ address: [0, 0, 0xffff, 0xc0000207], bits: 128 }],
                        closes: [],
                        sequence: {
                            hits: [
                                { protocol: "tcp", port: 32_144 },
                                { protocol: "tcp", port: 51_002 },
                                { protocol: "udp", port: 21_312 },
                                { protocol: "icmp", port: 321 },
                            ],
                            within: 5000,
                            flags: { set: SYN, clear: ACK | 4 },
                            strict: true,
                            once: false,
                            knockd: null,
                            target: [
                                [0, 0, 0xffff, 0xc0000201],
                                [0x20010db8, 0, 0, 1],
                            ],
                        },
                        oneTime: {
                            length: 5,
                            window: 3,
                            within: 20_000,
                            protocols: ["tcp", "icmp"],
                            from: 20_000,
                            to: 30_000,
                        },
                        command: wake,
                        command6: wake,
                    },
                ],
                hooks: [
                    {
                        name: "tell",
                        on: ["grant", "trouble"],
                        doors: ["ssh"],
                        run: ["/usr/bin/tell", "{event}", "{door}", "{source}", "{text}"],
                        timeout: 20_000,
                    },
                    { name: "all", on: ["end"], doors: null, run: ["/usr/bin/all"], timeout: 10_000 },
                ],
                bundles: {
                    users: "/etc/postern/people",
                    gateway: "gw.example.org",
                    url: "https://example.org/knock/",
                    lifetime: 7 * 86_400_000,
                    every: 43_200_000,
                    files: 20,
                    publish: [
                        { kind: "directory", directory: "/var/www/knock" },
                        {
                            kind: "put",
                            url: "https://dav.example.org/knock/",
                            headers: "/etc/postern/dav.headers",
                            timeout: 60_000,
                        },
                        { kind: "run", run: ["/usr/bin/rsync", "-a", "{directory}/", "www:knock/"], timeout: 90_000 },
                    ],
                },
            },
        })
    })

    test("fills in what is left out", async () => {
        const text =
            '[[door]]\nname = "a"\nopens = ["tcp/22"]\n[door.sequence]\nhits = ["32144", "21312:udp", "48231"]\n'
        const reading = await readConfig([{ file: "a", text }], unknown)
        expect(reading.ok && reading.config).toEqual({
            gateway: {
                interfaces: "auto",
                state: "/var/lib/postern",
                audit: true,
                socket: "/run/postern/control",
                socketGroup: null,
                capture: "auto",
                firewall: "auto",
                mark: 0,
                services: [],
                uniform: false,
                logGroup: 7464,
                attempts: 262_144,
                grants: 16_384,
                grace: null,
            },
            hide: [],
            hooks: [],
            bundles: null,
            doors: [
                {
                    name: "a",
                    opens: [{ protocol: "tcp", port: 22 }],
                    for: 30_000,
                    uses: null,
                    network: { v4: 32, v6: 128 },
                    hide: false,
                    at: [],
                    leadTo: [],
                    sources: [
                        { address: [0, 0, 0xffff, 0], bits: 96 },
                        { address: [0, 0, 0, 0], bits: 0 },
                    ],
                    always: [],
                    closes: [],
                    sequence: {
                        hits: [
                            { protocol: "tcp", port: 32_144 },
                            { protocol: "udp", port: 21_312 },
                            { protocol: "tcp", port: 48_231 },
                        ],
                        within: 15_000,
                        flags: { set: SYN, clear: ACK },
                        target: [],
                        strict: true,
                        once: false,
                        knockd: null,
                    },
                    oneTime: null,
                    command: null,
                    command6: null,
                },
            ],
        })
    })

    test("appends the doors of the files in their order", async () => {
        const files = ["m", "z", "a"].map((file, i) => ({ file, text: door(file, 32_144 + i * 7) }))
        const reading = await readConfig(files, unknown)
        expect(reading.ok && reading.config.doors.map(({ name }) => name)).toEqual(["m", "z", "a"])
    })

    test("says which file cannot be read, and looks at the others", async () => {
        const text = { trouble: "not-utf8", detail: "" } as const
        const reading = await readConfig(
            [
                { file: "a", text },
                { file: "b", text: "x = 1" },
            ],
            unknown,
        )
        expect(reading.ok).toBe(false)
        expect(reading.issues.map(formatIssue)).toEqual([
            "a: not UTF-8 text: save it as UTF-8",
            'b:1:1: x: "x" is not a key of the top of a configuration: see postern.toml(5) for those there are',
        ])
    })

    test.each([
        [
            "interfce = 1",
            'interfce: "interfce" is not a key of the top of a configuration: did you mean interfaces, in [gateway]?',
        ],
        ["hits = []", 'hits: "hits" is not a key of the top of a configuration: it belongs into [door.sequence]'],
        ["[options]", 'options: "options" is not a key of the top of a configuration: did you mean gateway?'],
        [
            "colour = 1",
            'colour: "colour" is not a key of the top of a configuration: see postern.toml(5) for those there are',
        ],
        [
            '"a b" = 1',
            '"a b": "a b" is not a key of the top of a configuration: see postern.toml(5) for those there are',
        ],
    ])("%s: what was meant, and where it belongs", async (text, expected) => {
        const found = (await lines(text)).map((line) => line.replace(/^postern.toml:1:\d+: /, ""))
        expect(found.filter((line) => !line.startsWith("there is no [[door]]"))).toEqual([expected])
    })

    test("points into inline tables, dotted and quoted keys, and counts columns in UTF-16 units", async () => {
        const line = '"door" = [{ name = "🚪", sequence.hits = ["0"], "sequence".within = "x" }]'
        const { issues } = await readConfig([{ file: "a", text: `# ☕ 🚪\n${line}\n` }], unknown)
        const columns = ["{ name", '"🚪"', '"0"', '"x"'].map((part) => line.indexOf(part) + 1)
        expect(issues.map(({ line, column }) => [line, column])).toEqual(columns.map((column) => [2, column]))
    })
})

describe("readConfig() on damaged texts", () => {
    const words = [
        "[",
        "]",
        '"',
        "=",
        "\n",
        ",",
        "{",
        "}",
        "door",
        "gateway",
        "hits",
        "-1",
        "1e9",
        "nan",
        "\0",
        "\u{1f6aa}",
    ]
    const starts = [...FULL.matchAll(/\w+|[^\w\s]/g)].map(({ index }) => index)
    const slip = fc.record({ at: fc.constantFrom(...starts), less: fc.nat(8), more: fc.constantFrom(...words, "") })
    const damage = fc.array(slip, { minLength: 1, maxLength: 3 })

    test("never throws, and always says where", async () => {
        const codes = new Set<string>()
        const run = async (slips: readonly { at: number; less: number; more: string }[]) => {
            let text = FULL
            for (const { at, less, more } of slips) text = text.slice(0, at) + more + text.slice(at + less)
            const reading = await readConfig([{ file: "a", text }], unknown)
            for (const { line, column, message, code } of reading.issues) {
                codes.add(code)
                expect(line >= 1 && line <= text.split("\n").length && column >= 1).toBe(true)
                expect(message).not.toBe("")
            }
            codes.add(reading.ok ? "ok" : "")
        }
        await fc.assert(fc.asyncProperty(damage, run), { numRuns: 1500 })
        // The damage must reach beyond the TOML parser, or this says nothing about what is behind it.
        for (const code of ["ok", "syntax", "unknown-key", "missing", "type", "refused"]) expect(codes).toContain(code)
    })

    test("never puts a hit of a sequence into a message", async () => {
        // Hits that are no numbers of the messages themselves; one of them is damaged.
        const digits = fc.integer({ min: 40_000, max: 49_999 })
        const slip = fc.constantFrom("", "0", "-", " ", "x", ":", "/", ":upd", ":icmp", ",", "!", "7777")
        let refused = 0
        const run = async (hits: readonly number[], wrong: string, before: boolean) => {
            const texts = hits.map(String)
            texts[1] = before ? wrong + texts[1] : texts[1] + wrong
            const text = `[[door]]\nname = "d"\nopens = ["tcp/22"]\n[door.sequence]\nhits = ${JSON.stringify(texts)}\n`
            const reading = await readConfig([{ file: "a", text }], unknown)
            if (!reading.ok) refused++
            for (const hit of hits) expect(JSON.stringify(reading.issues)).not.toContain(String(hit))
        }
        const hits = fc.array(digits, { minLength: 3, maxLength: 6 })
        await fc.assert(fc.asyncProperty(hits, slip, fc.boolean(), run), { numRuns: 500 })
        expect(refused).toBeGreaterThan(100)
        expect(await lines('[[door]]\nname = "d"\n[door.sequence]\nhits = [44001 44002]\n')).toEqual([
            "postern.toml:4:15: not valid TOML: expected comma or end of structure",
        ])
    })
})
