/** `postern metrics` beside a real daemon, its text before Prometheus' own checker, and its manual page. */
import { spawn } from "node:child_process"
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { metricFamilies } from "../../src/core/metrics/catalogue.ts"
import { Meter } from "../../src/core/metrics/meter.ts"
import { DOORS_MOST, OTHERS } from "../../src/core/metrics/tally.ts"
import { metricsNow } from "../../src/daemon/metrics.ts"
import { type Daemon, eventually, floodFrom, type Host, type Lab, makeLab, POSTERN } from "../lab/lab.ts"
import { whyNoNamespaces } from "../lab/namespace.ts"
import { checkMetrics, checkRules, whyNoPromtool } from "../lab/promtool.ts"
import { readSamples, rising } from "../lab/samples.ts"
import { config } from "../unit/core/world.ts"
import { makeGate } from "../unit/daemon/gate.ts"
import { session } from "./session.ts"

const reason = whyNoNamespaces()
const unchecked = whyNoPromtool()
const PAGE = readFileSync(join(import.meta.dirname, "../../docs/postern-metrics.1.md"), "utf8")
const HITS = ["32144", "21312:udp", "27015"]
const door = (extra: string) => `
[[door]]
name  = "ssh"
opens = ["tcp/22"]
for   = "60s"
${extra}
  [door.sequence]
  hits = ${JSON.stringify(HITS)}
  [door.command]
  start = ["/bin/true"]
  stop  = ["/bin/false"]
  after = "0s"
`

/** First hits from addresses that nobody has: each begins an attempt. */
const FLOOD = {
    destination: "10.77.0.1",
    protocol: "tcp",
    ports: [32144],
    sources: { kind: "sequential", network: "10.99.0.0/16" },
    count: 3000,
    rate: 10_000,
    seed: 1,
} as const

/** The text of a daemon with these doors, of models. */
const text = (...doors: Parameters<typeof config>[0]) => {
    const of = config(doors)
    const { loop, clock, meter } = makeGate(of)
    loop.start()
    const kept = { store: null, audit: null }
    const more = {
        version: "1.0",
        started: 0,
        loaded: () => 0,
        warnings: () => [],
        oneTime: null,
        published: null,
        clients: () => 0,
        kept,
    }
    return metricsNow({ ...more, standing: loop.standing, clock, meter })
}

/** Samples of a text that Prometheus has nothing to say about. */
const check = (text: string) => {
    if (unchecked === null) expect(checkMetrics(text)).toBe("")
    return readSamples(text).samples
}

it("without a daemon it says so", () => {
    session(
        {},
        `
        $ postern metrics --socket nowhere
        ! postern: error: no daemon listens at nowhere
        ! postern: hint: is it running? …
        ! postern: hint: name another place with --socket or $POSTERN_SOCKET
        ? 1
        $ postern metrics now
        ! postern: error: too many arguments for 'metrics'. …
        ! postern: hint: postern metrics --help shows what there is
        ? 2
        `,
    )
})

describe("postern-metrics(1)", () => {
    const levels = {
        version: "1",
        capture: "nflog",
        packets: { delivered: 0, dropped: 0, unreadable: 0, unwanted: 0, overflows: 0 },
        attempts: 0,
        sources: { used: 0, room: 1 },
        grants: { used: 0, room: 1 },
        open: new Map(),
        depth: 3,
        inPlace: true,
        hidden: { lasting: 1, trial: 0, spared: 0 },
        programs: { running: 0, waiting: 0 },
        journal: { claims: 0, counters: 0, stops: 0, since: 0, trouble: false },
        bundles: {
            trouble: false,
            made: 1,
            files: 1,
            took: 1,
            targets: [{ name: "directory /www", trouble: false, done: 1 }],
        },
        clients: 0,
        process: { rss: 1, cpu: 1, fds: 1, fdsMost: 1, started: 1, busy: 1 },
    }
    const meter = new Meter()
    meter.tally.door("ssh")
    meter.countAsked("status")
    meter.countRefused("busy")

    it("names every metric with its type and labels, in the order in which they are printed", () => {
        const printed = metricFamilies(meter, levels).map(({ name, type, samples }) => {
            return [name, type, ...Object.keys(samples[0]!.labels)].join(" ")
        })
        const rows = [...PAGE.matchAll(/^\| `([a-z_]+)` \| (counter|gauge|histogram) \| (.*?) ?\| /gm)]
        expect(
            rows.map(([, name, type, labels]) => `${name} ${type} ${labels!.replaceAll(/[`,]/g, "")}`.trim()),
        ).toEqual(printed)
    })

    it("says what every value of a label means", () => {
        // Those that are names, numbers, or words of other pages.
        const open = ["door", "stage", "version", "level", "ask", "target"]
        let seen = 0
        for (const { name, samples } of metricFamilies(meter, levels)) {
            const table = PAGE.split("\n### ").find((text) => text.includes(`\n| \`${name}\``))!
            // Codes of the control protocol.
            if (name === "postern_control_refused_total") continue
            for (const [label, value] of samples.flatMap(({ labels }) => Object.entries(labels))) {
                if (open.includes(label)) continue
                expect(table, `${name} ${label}`).toContain(`\`${value}\``)
                seen++
            }
        }
        expect(seen).toBeGreaterThan(60)
    })

    it("has alerts that Prometheus can read, on metrics that exist", (context) => {
        if (unchecked !== null) context.skip(unchecked)
        const rules = /```yaml\n(.*?)```/s.exec(PAGE)![1]!
        expect(checkRules(rules)).toMatch(/SUCCESS: 10 rules found/)
        const names = metricFamilies(meter, levels).map(({ name }) => name)
        const asked = [...rules.matchAll(/\bpostern_[a-z_]+/g)].map(([name]) => name.replace(/_bucket$/, ""))
        expect(names).toEqual(expect.arrayContaining(asked))
    })
})

describe("promtool check metrics", () => {
    const plain = { opens: ["tcp/22"], hits: ["7000", "8000:udp", "9000"] }

    it("finds nothing with names of all characters that a door's can have", (context) => {
        if (unchecked !== null) context.skip(unchecked)
        const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        const said = text({ ...plain, name: letters }, { ...plain, name: "a._-" }, { ...plain, name: "0".repeat(64) })
        expect(checkMetrics(said)).toBe("")
        expect(said).toContain('postern_knocks_total{door="a._-"} 0')
    })

    it("finds nothing with ten thousand doors, whose text stays small", (context) => {
        if (unchecked !== null) context.skip(unchecked)
        const said = text(
            ...Array.from({ length: 10_000 }, (_, i) => ({ ...plain, name: `d${i}`, hits: [`${i + 1}`, "1:udp"] })),
        )
        expect(checkMetrics(said)).toBe("")
        expect(said.length).toBeLessThan(400_000)
        const { samples } = readSamples(said)
        expect([...samples.keys()].filter((key) => key.startsWith("postern_knocks_total"))).toHaveLength(DOORS_MOST + 1)
        expect(samples.get(`postern_knocks_total{door="${OTHERS}"}`)).toBe(0)
    })
})

describe.skipIf(reason !== null)(`beside a daemon${reason === null ? "" : ` (${reason})`}`, () => {
    let lab: Lab<"knocker" | "stranger">
    let gateway: Host
    let knocker: Host
    let daemon: Daemon
    const metrics = () => gateway.must([POSTERN, "metrics", "--socket", daemon.socket])

    beforeAll(() => {
        lab = makeLab(["knocker", "stranger"])
        gateway = lab.gateway
        knocker = lab.hosts.knocker
    })
    afterEach(async () => {
        await daemon.stop()
        gateway.exec(["nft", "delete", "table", "inet", "postern"])
    })
    afterAll(() => lab?.remove())

    it.each(["nflog", "packet-socket"])("counts a knock, a refusal and a flood, by %s", async (capture) => {
        daemon = await lab.startDaemon(
            `[gateway]\ncapture = "${capture}"\nlog_group = 7465\nattempts = 1024\n${door(`sources = ["${knocker.v4}"]`)}`,
        )
        const fresh = metrics()
        check(fresh)
        const knock = (host: Host) => host.must([POSTERN, "knock", gateway.v4, ...HITS])
        knock(knocker)
        await daemon.log.waitFor(/: open: /)
        await daemon.log.waitFor(/stop: ended with exit code 1/)
        knock(lab.hosts.stranger)
        await daemon.log.waitFor(/may not knock/)
        const opened = check(metrics())
        expect(opened.get(`postern_capture_info{capture="${capture}"}`)).toBe(1)
        expect(opened.get('postern_knocks_total{door="ssh"}')).toBe(2)
        expect(opened.get('postern_grants_opened_total{door="ssh"}')).toBe(1)
        expect(opened.get('postern_grants_open{door="ssh"}')).toBe(1)
        expect(opened.get('postern_grants_refused_total{door="ssh",code="source"}')).toBe(1)
        expect(opened.get('postern_programs_ended_total{program="stop",outcome="failed"}')).toBe(1)
        expect(opened.get('postern_journal_operations_total{operation="note",result="ok"}')).toBeGreaterThan(1)
        expect(opened.get("postern_journal_failing")).toBe(0)
        // The stamp is the kernel's, and the clock the same: it is counted, after it came and within a second or so.
        expect(opened.get("postern_knock_to_grant_seconds_count")).toBe(1)
        expect(opened.get('postern_knock_to_grant_seconds_bucket{le="0.0001"}')).toBe(0)
        const took = opened.get("postern_knock_to_grant_seconds_sum")!
        expect(took).toBeGreaterThan(0.0001)
        expect(took).toBeLessThan(30)
        const granting = opened.get('postern_firewall_transaction_seconds_sum{operation="grant"}')!
        expect(took).toBeGreaterThanOrEqual(granting * 0.9)
        await lab.hosts.stranger.run(floodFrom(lab.hosts.stranger, gateway, FLOOD), { timeout: 60_000 })
        const reached = await eventually(() => check(metrics()).get('postern_attempt_stages_total{stage="1"}')! > 1000)
        expect(reached).toBe(true)
        const flooded = metrics()
        check(flooded)
        expect(flooded).not.toMatch(/10\.77\.|10\.99\./)
        const [before, after] = [rising(fresh), rising(flooded)]
        // Of more sources than the kernel remembers for us; the packet socket has no such set.
        expect(after.get("postern_watched_set_full_total")! > 0).toBe(capture === "nflog")
        for (const [key, value] of before) expect(after.get(key), key).toBeGreaterThanOrEqual(value)
        expect(after.get('postern_control_requests_total{ask="metrics"}')).toBeGreaterThan(3)
    })

    it("is scraped over a socket that somebody else holds, as the manual page shows", async () => {
        daemon = await lab.startDaemon(door(""))
        const script = join(lab.scratch, "postern-scrape")
        writeFileSync(script, /```sh\n(.*?)```/s.exec(PAGE)![1]!)
        const bin = join(lab.scratch, "bin")
        mkdirSync(bin, { recursive: true })
        symlinkSync(POSTERN, join(bin, "postern"))
        const scrape = async (socket: string) => {
            const env = { PATH: `${bin}:${process.env["PATH"]}`, POSTERN_SOCKET: socket }
            // As systemd does with Accept=yes: a process for the connection, which is its input and output.
            const server = createServer({ pauseOnConnect: true }, (client) => {
                spawn("sh", [script], { env, stdio: [client, client, "ignore"] }).once("close", () => client.destroy())
            })
            const path = join(lab.scratch, "scrape")
            await new Promise<void>((resolve) => server.listen(path, resolve))
            try {
                return await new Promise<string>((resolve, reject) => {
                    let answer = ""
                    const client = connect(path, () => client.write("GET /metrics HTTP/1.1\r\nHost: gate\r\n\r\n"))
                    client.setEncoding("utf8").on("data", (more: string) => (answer += more))
                    client.once("end", () => resolve(answer)).once("error", reject)
                })
            } finally {
                server.close()
            }
        }
        const [head, text] = (await scrape(daemon.socket)).split("\r\n\r\n")
        expect(head).toBe("HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4")
        expect(check(text!).get("postern_control_clients")).toBe(1)
        expect(await scrape("nowhere")).toMatch(/^HTTP\/1\.0 503 /)
    })
})
