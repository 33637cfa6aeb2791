/**
 * `make bench`: from the last hit to the open port, beside Debian's knockd running iptables, in one run.
 *
 * Both daemons run on the gateway of a private network, one after the other within each round, several rounds. Each
 * refuses its port to strangers and opens it to the one who knocked: postern in its own table, knockd with a rule that
 * its start_command adds. "Open" is the same for both: a connection attempt of the knocker succeeds, tried again at
 * once whenever it is refused. Every knock comes from an address that has not knocked before, so nothing needs to be
 * closed in between. Writes build/bench/latency.json and .md.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { cpus, release } from "node:os"
import { join } from "node:path"
import { makeLab } from "../test/lab/lab.ts"
import { collectLines } from "../test/lab/lines.ts"
import type { Order } from "./measure.ts"

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5)
const KNOCKS = Number(process.env["BENCH_KNOCKS"] ?? 40)
const HITS = [27_001, 21_502, 24_003]
const PORTS = { postern: 2201, knockd: 2202 } as const
const GOAL = { median: 1, ratio: 25 }
const out = join(import.meta.dirname, "..", "build", "bench")

type Subject = keyof typeof PORTS
type Lab = ReturnType<typeof makeLab<"knocker">>

process.exitCode = await main()

async function main(): Promise<number> {
    if (process.getuid?.() !== 0) {
        process.stderr.write("bench: error: needs root, for network namespaces and knockd\n")
        return 6
    }
    const lab = makeLab(["knocker"])
    try {
        const samples = await measure(lab)
        const report = summarize(samples)
        mkdirSync(out, { recursive: true })
        writeFileSync(join(out, "latency.json"), `${JSON.stringify(report, null, 4)}\n`)
        writeFileSync(join(out, "latency.md"), markdown(report))
        process.stdout.write(markdown(report))
        return report.postern.missed === 0 && report.postern.median < GOAL.median && report.ratio > GOAL.ratio ? 0 : 1
    } finally {
        lab.remove()
    }
}

async function measure(lab: Lab): Promise<Record<Subject, (number | null)[]>> {
    const { gateway } = lab
    const samples: Record<Subject, (number | null)[]> = { postern: [], knockd: [] }
    listen(lab)
    for (let round = 0; round < ROUNDS; round++) {
        // Who begins changes from round to round.
        const order: Subject[] = round % 2 === 0 ? ["postern", "knockd"] : ["knockd", "postern"]
        for (const subject of order) {
            const stop = await (subject === "postern" ? startPostern(lab) : startKnockd(lab))
            // One knock to warm up: code is compiled, neighbours are known.
            await knocks(lab, subject, round, 200, 3)
            samples[subject].push(...(await knocks(lab, subject, round, 0, KNOCKS)))
            await stop()
            gateway.exec(["nft", "delete", "table", "inet", "postern"])
            gateway.exec(["iptables", "-F", "INPUT"])
        }
        process.stderr.write(`round ${round + 1} of ${ROUNDS}\n`)
    }
    return samples
}

/** Two services that only accept. */
function listen({ gateway }: Lab): void {
    const program = Object.values(PORTS).map(
        (port) => `require("net").createServer((s) => s.destroy()).listen(${port})`,
    )
    gateway.start(["taskset", "-c", serverCpu(), process.execPath, "-e", program.join(";")], { stdio: "ignore" })
}

async function startPostern(lab: Lab): Promise<() => Promise<void>> {
    const daemon = await lab.startDaemon(`
        [gateway]
        interfaces = ["eth0"]
        state = "${lab.scratch}/state"
        [[door]]
        name = "bench"
        opens = ["tcp/${PORTS.postern}"]
        for = "1h"
        hide = true
          [door.sequence]
          hits = [${HITS.map((hit) => `"${hit}"`).join(", ")}]
          within = "10s"`)
    spawnSync("taskset", ["-a", "-p", "-c", serverCpu(), String(daemon.pid)])
    return async () => {
        await daemon.stop()
    }
}

async function startKnockd({ gateway, scratch }: Lab): Promise<() => Promise<void>> {
    const refuse = ["-p", "tcp", "--dport", String(PORTS.knockd), "-j", "REJECT", "--reject-with", "tcp-reset"]
    gateway.must(["iptables", "-A", "INPUT", ...refuse])
    const file = join(scratch, "knockd.conf")
    writeFileSync(
        file,
        [
            "[options]",
            "  logfile = /dev/null",
            "[bench]",
            `  sequence = ${HITS.join(",")}`,
            "  seq_timeout = 10",
            "  tcpflags = syn",
            `  start_command = /usr/sbin/iptables -I INPUT -s %IP% -p tcp --dport ${PORTS.knockd} -j ACCEPT`,
            "",
        ].join("\n"),
    )
    const argv = ["stdbuf", "-oL", "knockd", "-i", "eth0", "-c", file, "-v"]
    const child = gateway.start(["taskset", "-c", serverCpu(), ...argv])
    child.stderr?.resume()
    await collectLines(child, child.stdout!).waitFor(/listening on/)
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()))
    return () => {
        child.kill("SIGTERM")
        return ended
    }
}

async function knocks(
    lab: Lab,
    subject: Subject,
    round: number,
    first: number,
    count: number,
): Promise<(number | null)[]> {
    const { gateway, hosts, scratch } = lab
    const network = `10.${subject === "postern" ? 81 : 82}.${round}`
    const sources = Array.from({ length: count }, (_, index) => `${network}.${first + index + 1}`)
    const batch = sources.map((source) => `address add ${source}/32 dev eth0`).join("\n")
    writeFileSync(join(scratch, "addresses"), `${batch}\n`)
    hosts.knocker.must(["ip", "-batch", join(scratch, "addresses")])
    gateway.must(["ip", "route", "replace", `${network}.0/24`, "via", hosts.knocker.v4])
    const order: Order = { gateway: gateway.v4, hits: HITS, port: PORTS[subject], sources, gap: 5, patience: 2000 }
    const script = join(import.meta.dirname, "measure.ts")
    const argv = ["taskset", "-c", "0", process.execPath, "--import", "tsx", script, JSON.stringify(order)]
    const { status, stdout, stderr } = await hosts.knocker.run(argv, { timeout: 300_000 })
    if (status !== 0) throw new Error(`measuring failed: ${stderr}`)
    const times: (number | null)[] = JSON.parse(stdout)
    return times
}

/** The measuring process keeps the first CPU, the daemons the last. */
function serverCpu(): string {
    return String(cpus().length - 1)
}

type Figures = { readonly knocks: number; readonly missed: number } & Record<"min" | "median" | "p99" | "max", number>
type Report = { readonly machine: string; readonly versions: string; readonly ratio: number } & Record<Subject, Figures>

function summarize(samples: Record<Subject, (number | null)[]>): Report {
    const [postern, knockd] = [figures(samples.postern), figures(samples.knockd)]
    return {
        machine: `${cpus().length} x ${cpus()[0]?.model ?? "unknown CPU"}, Linux ${release()}`,
        versions: [
            `Node.js ${process.version}`,
            version(["knockd", "-V"]),
            version(["iptables", "--version"]),
            version(["nft", "--version"]),
        ].join(", "),
        postern,
        knockd,
        ratio: Number((knockd.median / postern.median).toFixed(1)),
    }
}

function version(argv: readonly string[]): string {
    const { stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), { encoding: "utf8" })
    return `${stdout ?? ""}${stderr ?? ""}`.trim().split("\n")[0] ?? ""
}

function figures(samples: readonly (number | null)[]): Figures {
    const times = samples.filter((time) => time !== null).sort((a, b) => a - b)
    const at = (share: number) =>
        Number((times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? NaN).toFixed(3))
    return {
        knocks: samples.length,
        missed: samples.length - times.length,
        min: at(0),
        median: at(0.5),
        p99: at(0.99),
        max: at(1),
    }
}

function markdown({ machine, versions, postern, knockd, ratio }: Report): string {
    return [
        "## Last hit to open port",
        "",
        `${machine}. ${versions}. ${ROUNDS} rounds, interleaved, in network namespaces.`,
        "",
        "| | knocks | missed | min ms | median ms | p99 ms | max ms |",
        "|---|---|---|---|---|---|---|",
        row("postern", postern),
        row("knockd + iptables", knockd),
        "",
        `knockd takes ${ratio} times as long (medians). Goal: median under ${GOAL.median} ms, ratio above ${GOAL.ratio}.`,
        "",
    ].join("\n")
}

function row(name: string, { knocks, missed, min, median, p99, max }: Figures): string {
    return `| ${name} | ${knocks} | ${missed} | ${min} | ${median} | ${p99} | ${max} |`
}
