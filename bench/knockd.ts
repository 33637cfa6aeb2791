/** Debian's knockd and `postern knockd` in its place: the same configuration file, the same options. */
import type { ChildProcess } from "node:child_process"
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { POSTERN } from "../test/lab/lab.ts"
import { hitsOf, PORTS } from "./doors.ts"
import { type AnyLab, atRest, type Options, type Running, serverCpu, settle, stampsIn, until } from "./running.ts"

/** What waits in knockd's ring, and its children, come first when it ends. */
const PATIENCE_MS = 20_000

/** Debian's. */
export async function startKnockd(lab: AnyLab, options: Options): Promise<Running> {
    const file = prepare(lab, options)
    // It tells each hit with -v, which is how they are counted; its output is collected, so that this costs it little.
    const argv = ["taskset", "-c", serverCpu(), "stdbuf", "-o64K", "knockd", "-i", "eth0", "-c", file, "-v"]
    const begun = performance.now()
    const { child, ended, said } = start(lab, argv)
    // First it is nsenter, taskset and stdbuf, on their way.
    const of = (name: string) => readFileSync(`/proc/${child.pid}/${name}`, "utf8").trim()
    await until(() => of("comm") === "knockd" && of("net/packet").includes("\n"), 1)
    const ready = performance.now() - begun
    await atRest(child.pid!)
    return {
        pid: child.pid!,
        ready,
        async finish() {
            await ended()
            return { handled: count(said(), /: Stage \d/g), opened: opened(lab) }
        },
    }
}

/** Ours. */
export async function startInItsPlace(lab: AnyLab, options: Options): Promise<Running> {
    const file = prepare(lab, options)
    const begun = performance.now()
    const { child, ended, said } = start(lab, [POSTERN, "knockd", "-i", "eth0", "-c", file, "-v"])
    await until(() => said().includes("listening on"), 1)
    const ready = performance.now() - begun
    await settle(child.pid!)
    return {
        pid: child.pid!,
        ready,
        async finish() {
            await ended()
            // It tells each hit, too, as far as its ration of lines goes, and how many lines it has left out.
            const left = [...said().matchAll(/^(\d+) more lines/gm)].reduce((sum, [, more]) => sum + Number(more), 0)
            return { handled: count(said(), /: Stage \d/g) + left, opened: opened(lab) }
        },
    }
}

/** The configuration, and what it opens closed to strangers. Returns the file. */
function prepare({ gateway, scratch }: AnyLab, { doors = 1, stamps }: Options): string {
    const port = PORTS.knockd
    const refuse = ["-p", "tcp", "--dport", String(port), "-j", "REJECT", "--reject-with", "tcp-reset"]
    for (const tables of ["iptables", "ip6tables"]) gateway.must([tables, "-A", "INPUT", ...refuse])
    mkdirSync(stampsIn(scratch), { recursive: true })
    const accept = `-I INPUT -s %IP% -p tcp --dport ${port} -j ACCEPT`
    const opening = [
        `  start_command = /usr/sbin/iptables ${accept}`,
        `  start_command_6 = /usr/sbin/ip6tables ${accept}`,
    ]
    const stamping = [`  start_command = date +%s%N > ${stampsIn(scratch)}/%IP%`]
    const stopping = ["  cmd_timeout = 5", "  stop_command = true"]
    const commands = stamps === undefined ? opening : [...stamping, ...(stamps === "start" ? [] : stopping)]
    const door = (_: unknown, index: number) => [
        `[bench${index}]`,
        `  sequence = ${hitsOf(index).join(",")}`,
        "  seq_timeout = 10",
        "  tcpflags = syn",
        ...commands,
    ]
    const file = join(scratch, "knockd.conf")
    const lines = ["[options]", "  logfile = /dev/null", ...Array.from({ length: doors }, door).flat(), ""]
    writeFileSync(file, lines.join("\n"))
    return file
}

type Started = { readonly child: ChildProcess; readonly ended: () => Promise<void>; readonly said: () => string }

/** `ended` ends it, and `said` is what it has said so far. */
function start({ gateway, scratch }: AnyLab, argv: readonly string[]): Started {
    const output = join(scratch, "knockd.out")
    const fd = openSync(output, "w")
    const env = { ...process.env, POSTERN_KNOCKD_STATE: join(scratch, "state") }
    const child = gateway.start(argv, { stdio: ["ignore", fd, fd], env })
    closeSync(fd)
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()))
    return {
        child,
        async ended() {
            child.kill("SIGTERM")
            const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS)
            await closed
            clearTimeout(timer)
        },
        said: () => readFileSync(output, "utf8"),
    }
}

/** How many sources were let in, whatever was said of it. Puts the filter back to what it was. */
function opened({ gateway }: AnyLab): number {
    const rules = ["iptables", "ip6tables"].map((tables) => {
        const listed = gateway.must([tables, "-S", "INPUT"])
        gateway.must([tables, "-F", "INPUT"])
        return count(listed, /-j ACCEPT$/gm)
    })
    return rules.reduce((sum, more) => sum + more, 0)
}

function count(text: string, pattern: RegExp): number {
    return [...text.matchAll(pattern)].length
}
