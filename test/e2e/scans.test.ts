/**
 * Two hundred scans of all kinds, several at a time, from hosts of their own, over the ports of every door. None opens
 * anything, and everyone who knocks meanwhile gets in. The windows are as long as they can be, so that no scan is too
 * slow or too fast to be counted, and the doors are as weak as doors get: neighbours, rising, falling.
 */
import { afterAll, beforeAll, expect, it } from "vitest"
import { account } from "../lab/account.ts"
import { type Daemon, eventually, floodFrom, type Host, type Lab, listTable, makeLab } from "../lab/lab.ts"

const SCANNERS = ["scanner1", "scanner2", "scanner3", "scanner4"] as const
type Role = "knocker" | "blocked" | (typeof SCANNERS)[number]

const DOORS: Readonly<Record<string, readonly string[]>> = {
    rising: ["7000", "7003", "7006"],
    falling: ["7206", "7203", "7200"],
    apart: ["7100", "7300", "7500", "7700"],
    mixed: ["7010", "7010:udp", "7020", "7020:udp"],
    udp: ["7400:udp", "7402:udp", "7404:udp"],
    echo: ["icmp:100", "icmp:102", "icmp:104"],
}
/** What the knocker knocks at: another door, so that its log lines are told apart from any others. */
const KNOCK = ["7050", "7550", "7250"]

const door = (name: string, hits: readonly string[]) => `
[[door]]
name = "${name}"
opens = ["tcp/22"]
for = "1s"
hide = true
  [door.sequence]
  hits = [${hits.map((hit) => `"${hit}"`).join(", ")}]
  within = "600s"
`

const nmap = (...args: string[]) => ["nmap", "-n", "-Pn", "--host-timeout", "60s", ...args]
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)
const PORTS = "7000-7999"

/** A kind of scan: how many times, and the program for the n-th time. */
type Kind = {
    readonly name: string
    readonly times: number
    readonly argv: (host: Host, n: number) => string[]
    /** By the host whose answers are held back, so that its scans repeat what was not answered. */
    readonly blocked?: boolean
}

const KINDS: readonly Kind[] = [
    { name: "nmap, its own order", times: 24, argv: () => nmap("-sS", "-p", PORTS, v4) },
    { name: "nmap -r", times: 24, argv: () => nmap("-sS", "-r", "-p", PORTS, v4) },
    { name: "nmap -r over IPv6", times: 12, argv: () => nmap("-6", "-sS", "-r", "-p", PORTS, v6) },
    { name: "nmap over IPv6", times: 8, argv: () => nmap("-6", "-sS", "-p", PORTS, v6) },
    { name: "nmap by connect()", times: 12, argv: (_, n) => nmap("-sT", ...(n % 2 ? ["-r"] : []), "-p", PORTS, v4) },
    { name: "nmap UDP", times: 12, argv: (_, n) => nmap("-sU", ...(n % 2 ? ["-r"] : []), "-p", "7000-7449", v4) },
    {
        name: "nmap TCP and UDP together",
        times: 8,
        argv: (_, n) => nmap("-sSU", ...(n % 2 ? ["-r"] : []), "-p", "7000-7449", v4),
    },
    {
        name: "nmap with decoys",
        times: 12,
        argv: (_, n) => nmap("-sS", "-r", "-D", "10.77.0.101,10.77.0.102,ME,10.77.0.103", "-p", `7000-7${n % 2}99`, v4),
    },
    { name: "nmap fragments", times: 12, argv: (_, n) => nmap("-sS", n % 2 ? "-r" : "-f", "-f", "-p", PORTS, v4) },
    { name: "nmap from one source port", times: 6, argv: () => nmap("-sS", "-r", "-g", "53", "-p", PORTS, v4) },
    { name: "nmap fast", times: 12, argv: () => nmap("-sS", "-r", "-T5", "--min-rate", "8000", "-p", PORTS, v4) },
    { name: "nmap slow", times: 4, argv: () => nmap("-sS", "-r", "--max-rate", "40", "-p", "6990-7210", v4) },
    { name: "nmap slow, UDP", times: 2, argv: () => nmap("-sU", "-r", "--max-rate", "40", "-p", "7395-7410", v4) },
    {
        name: "nmap that repeats itself",
        times: 8,
        blocked: true,
        argv: (_, n) => nmap("-sS", ...(n % 2 ? ["-r"] : []), "--max-retries", `${1 + (n % 3)}`, "-p", "6995-7105", v4),
    },
    {
        name: "other flags",
        times: 8,
        argv: (_, n) => nmap(["-sF", "-sN", "-sX", "-sA"][n % 4]!, "-r", "-p", PORTS, v4),
    },
    {
        name: "one port at a time, up and down",
        times: 8,
        argv: (_, n) => loop(n % 2 ? range(6995, 7025) : range(7195, 7215).toReversed(), `nc -n -z -w 1 ${v4} $p`),
    },
    {
        name: "one nmap for each port",
        times: 4,
        argv: () => loop(range(6998, 7010), `nmap -n -Pn -sS -p $p ${v4}`),
    },
    {
        name: "ping of every size",
        times: 4,
        argv: (_, n) => loop(n % 2 ? range(98, 106) : range(98, 106).toReversed(), `ping -c 1 -W 1 -s $p ${v4}`),
    },
    { name: "flood, ascending", times: 6, argv: (host, n) => scanByFlood(host, n, range(1, 10_000)) },
    { name: "flood, descending", times: 4, argv: (host, n) => scanByFlood(host, n, range(1, 10_000).toReversed()) },
    { name: "flood, random order", times: 6, argv: (host, n) => scanByFlood(host, n, shuffled(range(6000, 9000), n)) },
    { name: "flood, every source its own scan", times: 4, argv: (host, n) => manySources(host, n) },
]

function loop(ports: readonly number[], command: string): string[] {
    return ["sh", "-c", `for p in ${ports.join(" ")}; do ${command}; done >/dev/null 2>&1; true`]
}

function scanByFlood(host: Host, n: number, ports: readonly number[]): string[] {
    const protocol = n % 3 === 2 ? ("udp" as const) : ("tcp" as const)
    const destination = n % 2 ? v6 : v4
    // A source of its own for each scan, so that they do not spoil each other.
    const network = n % 2 ? `fd77::${(0x1000 + n).toString(16)}` : `10.77.0.${150 + n}`
    const order = { destination, protocol, ports, count: ports.length, rate: 20_000, seed: n + 1 }
    return floodFrom(host, lab.gateway, { ...order, sources: { kind: "fixed", network } })
}

function manySources(host: Host, n: number): string[] {
    const ports = n % 2 ? range(6990, 7030) : range(7190, 7230).toReversed()
    const sources = { kind: "sequential" as const, network: `10.${90 + n}.0.0/16` }
    const order = { destination: v4, protocol: "tcp" as const, ports, count: 200 * ports.length, rate: 10_000 }
    return floodFrom(host, lab.gateway, { ...order, sources, seed: n + 1 })
}

/** Fisher–Yates, the same for the same seed. */
function shuffled(ports: readonly number[], seed: number): number[] {
    const result = [...ports]
    let state = seed * 2_654_435_761 + 1
    for (let index = result.length - 1; index > 0; index--) {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
        const other = state % (index + 1)
        ;[result[index], result[other]] = [result[other]!, result[index]!]
    }
    return result
}

let lab: Lab<Role>
let daemon: Daemon
let [v4, v6] = ["", ""]

beforeAll(async () => {
    lab = makeLab<Role>(["knocker", "blocked", ...SCANNERS])
    ;({ v4, v6 } = lab.gateway)
    // What the blocked host is answered is lost on the way, so that its scans send everything again.
    const drop = `table inet lab { chain lost { type filter hook output priority 0; ip daddr ${lab.hosts.blocked.v4} tcp flags rst drop; }; }`
    lab.gateway.must(["nft", drop])
    const doors = Object.entries({ ...DOORS, knocked: KNOCK }).map(([name, hits]) => door(name, hits))
    daemon = await lab.startDaemon(doors.join("\n"))
})

afterAll(async () => {
    await daemon?.stop()
    lab?.remove()
})

it("200 scans of all kinds open nothing, and every knock meanwhile opens its door", async () => {
    const scans = KINDS.flatMap((kind) => range(0, kind.times - 1).map((n) => ({ ...kind, n })))
    expect(scans.length).toBeGreaterThanOrEqual(200)
    const failed: string[] = []
    const progress = { left: scans.length }
    const work = async (host: Host, mine: typeof scans) => {
        for (const { name, argv, n } of mine) {
            const { status, stderr } = await host.run(argv(host, n), { timeout: 100_000 })
            if (status !== 0) failed.push(`${name} (${n}): exit ${status}: ${stderr}`)
            progress.left -= 1
        }
    }
    const open = scans.filter((scan) => scan.blocked !== true)
    const scanning = Promise.all([
        work(
            lab.hosts.blocked,
            scans.filter((scan) => scan.blocked === true),
        ),
        ...SCANNERS.map((role, index) =>
            work(
                lab.hosts[role],
                open.filter((_, position) => position % SCANNERS.length === index),
            ),
        ),
    ])

    let knocks = 0
    const { knocker } = lab.hosts
    while (progress.left > 0 && failed.length === 0) {
        const from = daemon.log.all.length
        await knocker.run(["knock", "-d", "5", v4, ...KNOCK])
        knocks += 1
        await daemon.log.waitFor(new RegExp(`knocked: ${knocker.v4}: open`), { from, timeout: 5000 })
        // The grant ends before the next knock, so that each is an opening of its own.
        await daemon.log.waitFor(new RegExp(`knocked: ${knocker.v4}: closed on time`), { from, timeout: 10_000 })
    }
    await scanning
    expect(failed).toEqual([])
    expect(knocks).toBeGreaterThan(10)

    const opened = daemon.log.all.filter((line) => / open(?: for longer)?: /.test(line))
    expect(opened.filter((line) => !line.includes(`knocked: ${knocker.v4}: `))).toEqual([])
    expect(opened).toHaveLength(knocks)
    account(
        `${scans.length} scans, ${opened.length - knocks} doors opened by them; ${knocks} knocks meanwhile, ${opened.length} let in`,
    )
    expect(await eventually(() => !/10\.77\.0|fd77/.test(setsOf(listTable(lab.gateway))))).toBe(true)
}, 300_000)

it("each of these doors opens to its own knock: the scans had something to open", async () => {
    const { knocker } = lab.hosts
    for (const [name, hits] of Object.entries(DOORS)) {
        const from = daemon.log.all.length
        for (const hit of hits) {
            const [first, second] = hit.split(":")
            if (first === "icmp") knocker.must(["ping", "-c", "1", "-s", second!, v4])
            else knocker.must(["knock", v4, `${first}:${second ?? "tcp"}`])
        }
        await daemon.log.waitFor(new RegExp(`${name}: ${knocker.v4}: open`), { from, timeout: 5000 })
    }
})

/** The grant sets of a listing, without the chains. */
function setsOf(table: string): string {
    return [...table.matchAll(/set (?:any|open)[46] \{[^}]*(?:\{[^}]*\})?[^}]*\}/g)].map(([set]) => set).join("\n")
}
