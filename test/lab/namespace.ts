/**
 * Network namespaces of our own making, and programs inside them. Names are unique to this process; everything goes
 * away with `remove()`, and at the latest when the process ends. Nothing here touches the network of the host.
 */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process"
import { existsSync } from "node:fs"

/** What a program did. `status` is null when a signal ended it, also after `timeout`. */
export type Result = { readonly status: number | null; readonly stdout: string; readonly stderr: string }

export type ExecOptions = {
    readonly input?: string
    /** Milliseconds; the program is killed after that. */
    readonly timeout?: number
    readonly env?: Readonly<Record<string, string>>
}

/** One namespace. */
export type Namespace = {
    /** As `ip netns` knows it. */
    readonly name: string
    /** The argument vector that runs `argv` inside: for a program of your own making. */
    readonly inside: (argv: readonly string[]) => string[]
    /** Runs a program to its end. Throws only if it cannot be started. Blocks: use `start` for anything long. */
    readonly exec: (argv: readonly string[], options?: ExecOptions) => Result
    /** As `exec`, and throws, with what the program said, unless it exits with 0. Returns stdout. */
    readonly must: (argv: readonly string[], options?: ExecOptions) => string
    /** As `exec`, without blocking. */
    readonly run: (argv: readonly string[], options?: ExecOptions) => Promise<Result>
    /** Starts a program; it is ended with the namespace. */
    readonly start: (argv: readonly string[], options?: SpawnOptions) => ChildProcess
    /** Ends what runs inside and removes the namespace. Can be called twice. */
    readonly remove: () => void
}

/** What tests in a namespace run, besides those that knock as other programs do. */
const TOOLS = ["ip", "nft", "unshare", "nsenter", "setpriv", "sysctl", "tcpdump", "ping", "iptables"]

const living = new Map<string, Namespace>()
let count = 0

process.on("exit", () => {
    for (const namespace of living.values()) namespace.remove()
})

/**
 * Why no namespace can be made here, or null. Tests ask before they begin: `ctx.skip(reason)`.
 */
export function whyNoNamespaces(): string | null {
    if (process.getuid?.() !== 0) return "needs root, for network namespaces"
    const look = 'for tool; do command -v "$tool" >/dev/null || echo "$tool"; done'
    const absent = spawnSync("sh", ["-c", look, "sh", ...TOOLS], { encoding: "utf8" }).stdout.trim()
    if (absent !== "") return `needs ${absent.replaceAll("\n", ", ")}`
    const made = spawnSync("unshare", ["--net", "true"], { encoding: "utf8" })
    return made.status === 0 ? null : `this system gives out no network namespaces: ${made.stderr.trim()}`
}

/** A new namespace with loopback up. `role` is for people who read `ip netns`. Throws if the kernel refuses. */
export function makeNamespace(role: string): Namespace {
    const name = `pt-${process.pid}-${++count}-${role}`
    command(["ip", "netns", "add", name])
    const inside = (argv: readonly string[]) => ["nsenter", `--net=/run/netns/${name}`, "--", ...argv]
    const started = new Set<ChildProcess>()

    const exec = (argv: readonly string[], options: ExecOptions = {}): Result => {
        const [program, ...args] = inside(argv)
        const { status, stdout, stderr, error } = spawnSync(program!, args, {
            encoding: "utf8",
            input: options.input ?? "",
            timeout: options.timeout ?? 30_000,
            killSignal: "SIGKILL",
            maxBuffer: 64 << 20,
            env: { ...process.env, ...options.env },
        })
        if (error && status === null && stdout === null) throw error
        return { status, stdout, stderr }
    }
    const start = (argv: readonly string[], options: SpawnOptions = {}): ChildProcess => {
        const [program, ...args] = inside(argv)
        const child = spawn(program!, args, { stdio: ["ignore", "pipe", "pipe"], ...options })
        started.add(child)
        child.once("exit", () => started.delete(child))
        return child
    }
    const namespace: Namespace = {
        name,
        inside,
        exec,
        must(argv, options) {
            const { status, stdout, stderr } = exec(argv, options)
            if (status !== 0) throw new Error(`${name}: ${argv.join(" ")}: exit ${status}: ${stderr}${stdout}`)
            return stdout
        },
        run: (argv, options = {}) =>
            new Promise((resolve, reject) => {
                const env = { ...process.env, ...options.env }
                const child = start(argv, { stdio: ["pipe", "pipe", "pipe"], env })
                const timer = setTimeout(() => child.kill("SIGKILL"), options.timeout ?? 30_000)
                let [stdout, stderr] = ["", ""]
                child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text))
                child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text))
                child.stdin?.on("error", () => {}).end(options.input ?? "")
                child.once("error", reject)
                child.once("close", (status) => {
                    clearTimeout(timer)
                    resolve({ status, stdout, stderr })
                })
            }),
        start,
        remove() {
            if (!living.delete(name)) return
            for (const child of started) child.kill("SIGKILL")
            // Grandchildren too: whatever lives in a namespace that we made is ours.
            for (const pid of spawnSync("ip", ["netns", "pids", name], { encoding: "utf8" }).stdout.split(/\s+/)) {
                if (pid !== "") kill(Number(pid))
            }
            if (existsSync(`/run/netns/${name}`)) spawnSync("ip", ["netns", "del", name])
        },
    }
    living.set(name, namespace)
    namespace.must(["ip", "link", "set", "lo", "up"])
    return namespace
}

/**
 * Joins two namespaces with a veth pair, no duplicate-address wait, so that addresses work at once.
 * Each end: namespace, interface name, addresses with prefix length.
 */
export function joinNamespaces(...ends: readonly [VethEnd, VethEnd]): void {
    const [a, b] = ends
    const pair = [a.device, "type", "veth", "peer", "name", b.device, "netns", b.namespace.name]
    a.namespace.must(["ip", "link", "add", ...pair])
    for (const { namespace, device, addresses } of ends) {
        namespace.must(["sysctl", "-qw", `net.ipv6.conf.${device}.accept_dad=0`])
        for (const address of addresses) {
            const flags = address.includes(":") ? ["nodad"] : []
            namespace.must(["ip", "address", "add", address, "dev", device, ...flags])
        }
        namespace.must(["ip", "link", "set", device, "up"])
    }
}

export type VethEnd = {
    readonly namespace: Namespace
    readonly device: string
    readonly addresses: readonly string[]
}

function command(argv: readonly string[]): void {
    const [program, ...args] = argv
    const { status, stderr, error } = spawnSync(program!, args, { encoding: "utf8" })
    if (error) throw error
    if (status !== 0) throw new Error(`${argv.join(" ")}: exit ${status}: ${stderr}`)
}

function kill(pid: number): void {
    try {
        process.kill(pid, "SIGKILL")
    } catch {
        // It ended by itself meanwhile.
    }
}
