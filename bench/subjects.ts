/** The daemons that are measured, in the gateway of the lab: each refuses its port to strangers until a knock. */
import { spawnSync } from "node:child_process"
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { controlClient } from "../src/adapters/control/client.ts"
import type { Status } from "../src/core/status.ts"
import type { Lab } from "../test/lab/lab.ts"
import { hitsOf } from "./doors.ts"
import type { Subject } from "./row.ts"
import { usageOf } from "./usage.ts"

/** What a knock opens. */
export const PORTS: Readonly<Record<Subject, number>> = { postern: 2201, "packet-socket": 2201, knockd: 2202 }

export type Options = {
    /** So many doors, each with a knock of its own; the first one is the one that is knocked at. */
    readonly doors?: number
}

/** A daemon that watches. */
export type Running = {
    readonly pid: number
    /** From its start until it watched, in milliseconds. */
    readonly ready: number
    /** Packets that could be hits and were looked at, and knocks that opened the door: of its whole life. It ends. */
    readonly finish: () => Promise<{ readonly handled: number; readonly opened: number }>
}

/** A second after it is ready the daemon gives memory back, once, and does nothing else for some 10 ms (decision 13). */
const SETTLED_MS = 1200

type AnyLab = Pick<Lab<never>, "gateway" | "scratch" | "startDaemon">

/** Starts a subject and waits until it is ready and at rest. Throws if it is not within a minute. */
export async function startSubject(lab: AnyLab, subject: Subject, options: Options = {}): Promise<Running> {
    return subject === "knockd" ? startKnockd(lab, options) : startPostern(lab, subject, options)
}

/** Senders and measuring keep the first processor, the daemon the last. */
export function serverCpu(): string {
    return String(cpus().length - 1)
}

/** As short as can be: ten thousand of them have to fit into a configuration file. */
function doorText(index: number): string {
    const hits = `sequence = { hits = [${hitsOf(index).join(", ")}] }`
    const door = `[[door]]\nname = "b${index}"\nopens = ["tcp/${PORTS.postern}"]\n${hits}`
    return index === 0 ? `${door}\nfor = "1h"\nhide = true` : door
}

async function startPostern(lab: AnyLab, subject: Subject, { doors = 1 }: Options): Promise<Running> {
    const begun = performance.now()
    const daemon = await lab.startDaemon(
        [
            "[gateway]",
            'interfaces = ["eth0"]',
            `capture = "${subject === "postern" ? "nflog" : "packet-socket"}"`,
            ...Array.from({ length: doors }, (_, index) => doorText(index)),
        ].join("\n"),
        { until: null },
    )
    // Ten thousand doors take their time to be checked.
    await daemon.log.waitFor(/\bready\b/, { timeout: 60_000 })
    const ready = performance.now() - begun
    spawnSync("taskset", ["-a", "-p", "-c", serverCpu(), String(daemon.pid)])
    await pause(SETTLED_MS)
    await atRest(daemon.pid)
    return {
        pid: daemon.pid,
        ready,
        async finish() {
            const status = await statusOf(daemon.socket)
            await daemon.stop()
            lab.gateway.exec(["nft", "delete", "table", "inet", "postern"])
            return { handled: status.counters.delivered, opened: status.totals.grants }
        },
    }
}

async function statusOf(socket: string): Promise<Status> {
    const client = controlClient(socket)
    const answer = await client.ask({ ask: "status" })
    client.close()
    if (!answer.ok || answer.answer !== "status") throw new Error(`no status: ${JSON.stringify(answer)}`)
    return answer.status
}

async function startKnockd({ gateway, scratch }: AnyLab, { doors = 1 }: Options): Promise<Running> {
    const port = PORTS.knockd
    const refuse = ["-p", "tcp", "--dport", String(port), "-j", "REJECT", "--reject-with", "tcp-reset"]
    for (const tables of ["iptables", "ip6tables"]) gateway.must([tables, "-A", "INPUT", ...refuse])
    const door = (_: unknown, index: number) => [
        `[bench${index}]`,
        `  sequence = ${hitsOf(index).join(",")}`,
        "  seq_timeout = 10",
        "  tcpflags = syn",
        `  start_command = /usr/sbin/iptables -I INPUT -s %IP% -p tcp --dport ${port} -j ACCEPT`,
        `  start_command_6 = /usr/sbin/ip6tables -I INPUT -s %IP% -p tcp --dport ${port} -j ACCEPT`,
    ]
    const file = join(scratch, "knockd.conf")
    const lines = ["[options]", "  logfile = /dev/null", ...Array.from({ length: doors }, door).flat(), ""]
    writeFileSync(file, lines.join("\n"))
    // It tells each hit with -v, which is how they are counted; its output is collected, so that this costs it little.
    const output = join(scratch, "knockd.out")
    const fd = openSync(output, "w")
    const argv = ["taskset", "-c", serverCpu(), "stdbuf", "-o64K", "knockd", "-i", "eth0", "-c", file, "-v"]
    const begun = performance.now()
    const child = gateway.start(argv, { stdio: ["ignore", fd, fd] })
    closeSync(fd)
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()))
    // First it is nsenter, taskset and stdbuf, on their way.
    const of = (file: string) => readFileSync(`/proc/${child.pid}/${file}`, "utf8").trim()
    await until(() => of("comm") === "knockd" && of("net/packet").includes("\n"), 1)
    const ready = performance.now() - begun
    await atRest(child.pid!)
    return {
        pid: child.pid!,
        ready,
        async finish() {
            child.kill("SIGTERM")
            // What waits in its ring, and its children, come first.
            const timer = setTimeout(() => child.kill("SIGKILL"), 20_000)
            await ended
            clearTimeout(timer)
            for (const tables of ["iptables", "ip6tables"]) gateway.must([tables, "-F", "INPUT"])
            const said = readFileSync(output, "utf8")
            return { handled: count(said, /: Stage \d/g), opened: count(said, /OPEN SESAME/g) }
        },
    }
}

function count(text: string, pattern: RegExp): number {
    return [...text.matchAll(pattern)].length
}

/** Waits until a process has used no processor for a while: it has started, or has done what there was to do. */
export async function atRest(pid: number): Promise<void> {
    let before = usageOf(pid)
    let quiet = 0
    await until(() => {
        const now = usageOf(pid)
        quiet = now.cpu - before.cpu < 1e6 ? quiet + 1 : 0
        before = now
        return quiet >= 8
    })
}

async function until(condition: () => boolean, every = 50): Promise<void> {
    const end = performance.now() + 60_000
    while (!condition()) {
        if (performance.now() > end) throw new Error("a daemon is not ready or not at rest after a minute")
        await pause(every)
    }
}
