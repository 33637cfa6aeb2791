/**
 * A small network of our own for end-to-end tests, the demo and the benchmark. Nothing of it touches the host's network.
 *
 *      gateway ─ 10.77.0.1, fd77::1 ──┐
 *      knocker ─ 10.77.0.2, fd77::2 ──┤ br0 in `switch` (10.77.0.254, fd77::fe: everyone's default route)
 *     stranger ─ 10.77.0.3, fd77::3 ──┤
 *          more, in the order given ──┘
 *
 * Every host is a network namespace with one interface, eth0. The gateway runs the built program.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { program } from "./bundled.ts"
import type { Flood } from "./flood.ts"
import { collectLines, type Lines } from "./lines.ts"
import { joinNamespaces, makeNamespace, type Namespace } from "./namespace.ts"

/** A host of the lab. */
export type Host = Namespace & { readonly v4: string; readonly v6: string }

/** The network, and a scratch directory that goes away with it. */
export type Lab<Role extends string> = {
    readonly gateway: Host
    readonly hosts: Readonly<Record<Role, Host>>
    readonly scratch: string
    /** Starts `postern run` on the gateway and waits until it watches. */
    readonly startDaemon: (configuration: string, options?: DaemonOptions) => Promise<Daemon>
    /** Ends everything and removes it. Can be called twice. */
    readonly remove: () => void
}

export type DaemonOptions = {
    /** The line that says it watches; null does not wait. */
    readonly until?: RegExp | null
    /** Put before the program: `prlimit …`, or what enters another namespace. It must exec the program in the end. */
    readonly wrap?: readonly string[]
    readonly env?: Readonly<Record<string, string>>
}

/** A running daemon. */
export type Daemon = {
    readonly pid: number
    readonly log: Lines
    /** Where it is asked: for `--socket`. */
    readonly socket: string
    /** The configuration file, to be changed by a test. */
    readonly file: string
    /** Ends it (SIGTERM unless said otherwise) and resolves to its exit code, null after a signal. */
    readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>
    /** Resolves when it has ended, by itself or by `stop`. */
    readonly ended: Promise<number | null>
}

/** What a connection attempt sees. `silent`: no answer in time. */
export type PortState = "open" | "refused" | "silent"

/** The launcher in the root of the repository. */
export const POSTERN = join(import.meta.dirname, "..", "..", "postern")

/** Builds the network: the gateway and one host for each role. Throws if the kernel refuses; nothing is left then. */
export function makeLab<Role extends string>(roles: readonly Role[]): Lab<Role> {
    const scratch = mkdtempSync(join(tmpdir(), "postern-lab-"))
    const made: Namespace[] = []
    const remove = () => {
        for (const namespace of made.splice(0)) namespace.remove()
        rmSync(scratch, { recursive: true, force: true })
    }
    try {
        const bridge = makeNamespace("switch")
        made.push(bridge)
        bridge.must(["ip", "link", "add", "br0", "type", "bridge"])
        bridge.must(["sysctl", "-qw", "net.ipv6.conf.br0.accept_dad=0"])
        for (const address of ["10.77.0.254/24", "fd77::fe/64"])
            bridge.must(["ip", "address", "add", address, "dev", "br0"])
        // A switch does not filter: with br_netfilter every packet would pass the rules of the bridge's host as well.
        bridge.must(["sysctl", "-eqw", ...["ip", "ip6", "arp"].map((t) => `net.bridge.bridge-nf-call-${t}tables=0`)])
        bridge.must(["ip", "link", "set", "br0", "up"])
        const add = (role: string, number: number): Host => {
            const host = makeNamespace(role)
            made.push(host)
            return plugIn(bridge, host, number)
        }
        const gateway = add("gateway", 1)
        const entries = roles.map((role, index) => [role, add(role, index + 2)] as const)
        // oxlint-disable-next-line no-unsafe-type-assertion -- Object.fromEntries forgets the names of its keys
        const hosts = Object.fromEntries(entries) as Record<Role, Host>
        return {
            gateway,
            hosts,
            scratch,
            remove,
            startDaemon: (text, options) => startDaemon(gateway, scratch, text, options),
        }
    } catch (error) {
        remove()
        throw error
    }
}

function plugIn(bridge: Namespace, host: Namespace, number: number): Host {
    const [v4, v6] = [`10.77.0.${number}`, `fd77::${number.toString(16)}`]
    const port = `port${number}`
    joinNamespaces(
        { namespace: host, device: "eth0", addresses: [`${v4}/24`, `${v6}/64`] },
        { namespace: bridge, device: port, addresses: [] },
    )
    bridge.must(["ip", "link", "set", port, "master", "br0"])
    host.must(["ip", "route", "add", "default", "via", "10.77.0.254"])
    host.must(["ip", "-6", "route", "add", "default", "via", "fd77::fe"])
    // Anyone may ping. In a user namespace there is no anyone but root, who may already, and the kernel says no.
    host.exec(["sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647"])
    // Closed UDP ports answer without ration, so that scans do not wait; -e: not every kernel has all of these.
    const free = ["ipv4.icmp_ratelimit=0", "ipv4.icmp_msgs_per_sec=1000000", "ipv4.icmp_msgs_burst=100000"]
    host.must(["sysctl", "-eqw", ...free.map((limit) => `net.${limit}`), "net.ipv6.icmp.ratelimit=0"])
    return { ...host, v4, v6 }
}

let configurations = 0

/** With a state directory of the lab's own, unless it names one: a test must not find or leave anything on this host. */
export function withState(configuration: string, state: string): string {
    if (/^\s*state\s*=/m.test(configuration)) return configuration
    const line = `state = ${JSON.stringify(state)}\n`
    // At the end, where it moves no line that a test asks about.
    if (!/^\s*\[gateway\]/m.test(configuration)) return `${configuration}\n[gateway]\n${line}`
    return configuration.replace(/^\s*\[gateway\][^\n]*\n/m, (head) => `${head}${line}`)
}

async function startDaemon(
    gateway: Namespace,
    scratch: string,
    configuration: string,
    options: DaemonOptions = {},
): Promise<Daemon> {
    const { until = /\bready\b/, wrap = [], env = {} } = options
    const file = join(scratch, `postern-${++configurations}.toml`)
    writeFileSync(file, withState(configuration, join(scratch, "state")), { mode: 0o600 })
    const socket = join(scratch, `control-${configurations}`)
    const argv = [...wrap, POSTERN, "run", "-c", file, "--socket", socket]
    const child = gateway.start(argv, { env: { ...process.env, ...env } })
    child.stdout?.resume()
    const log = collectLines(child, child.stderr!)
    const ended = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)))
    if (until !== null) await log.waitFor(until, { timeout: 20_000 })
    return {
        pid: child.pid!,
        log,
        socket,
        file,
        ended,
        stop(signal = "SIGTERM") {
            child.kill(signal)
            return ended
        },
    }
}

/**
 * Knocks with Debian's `knock`, and `ping`: for tests of something else, since ours takes longer to start. Throws if
 * `knock` fails; who is answered a ping does not matter.
 */
export function knockPlainly(host: Namespace, address: string, hits: readonly string[]): void {
    const knock = `knock ${address.includes(":") ? "-6" : "-4"} ${address}`
    const lines = hits.map((hit) => {
        const [first, second] = hit.split(":")
        return first === "icmp" ? `ping -c 1 -W 1 -s ${second} ${address} >/dev/null || true` : `${knock} ${hit}`
    })
    host.must(["sh", "-ec", lines.join("\n")])
}

/** What a real connection attempt from `host` to `address` sees. */
export async function portState(host: Namespace, address: string, port: number, seconds = 1): Promise<PortState> {
    const argv = ["nc", "-z", "-v", "-n", "-w", String(seconds), address, String(port)]
    const { status, stderr } = await host.run(argv, { timeout: (seconds + 5) * 1000 })
    if (status === 0) return "open"
    return stderr.includes("refused") ? "refused" : "silent"
}

/** Asks until the answer is `wanted`, for at most `ms`; returns the last answer. */
export async function untilPort(
    wanted: PortState,
    host: Namespace,
    address: string,
    port: number,
    ms = 10_000,
): Promise<PortState> {
    const end = performance.now() + ms
    for (;;) {
        const state = await portState(host, address, port)
        if (state === wanted || performance.now() > end) return state
        await pause(patience(end - ms))
    }
}

/** Asks until `condition` holds, for at most `ms`; returns whether it did. */
export async function eventually(condition: () => boolean | Promise<boolean>, ms = 10_000): Promise<boolean> {
    const end = performance.now() + ms
    for (;;) {
        if (await condition()) return true
        if (performance.now() > end) return false
        await pause(patience(end - ms))
    }
}

/**
 * How long to wait before asking once more (ms), of something that was first asked at `begun`: what is soon there is
 * soon seen, and what takes its time is not asked for all the time, which would take the time of all others.
 */
function patience(begun: number): number {
    return Math.min(200, Math.max(20, (performance.now() - begun) / 8))
}

/** The daemon's table as nft lists it; empty when it is not there. */
export function listTable(gateway: Namespace): string {
    const { status, stdout } = gateway.exec(["nft", "list", "table", "inet", "postern"])
    return status === 0 ? stdout : ""
}

/** The argument vector that sends `order` from `host` to the gateway's interface; run it with `host.run`. */
export function floodFrom(host: Host, gateway: Host, order: Omit<Flood, "namespace" | "device" | "mac">): string[] {
    const mac = / link\/ether ([0-9a-f:]{17}) /.exec(gateway.must(["ip", "link", "show", "eth0"]))![1]!
    const whole: Flood = { ...order, namespace: host.name, device: "eth0", mac }
    return [...program("flood"), JSON.stringify(whole)]
}

/**
 * Lets packets from these networks end at the gateway after capture has seen them, as on a host that drops by default:
 * spoofed ones are then answered by no reset, which would cost a flood more than its packets. A table of its own.
 */
export function shield(gateway: Namespace, networks: { readonly v4: string; readonly v6: string }): void {
    const rules = `ip saddr ${networks.v4} drop; ip6 saddr ${networks.v6} drop`
    gateway.must([
        "nft",
        `table inet shield { chain lost { type filter hook prerouting priority raw; policy accept; ${rules}; }; }`,
    ])
}
