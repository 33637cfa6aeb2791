/** What a soak is made of: a configuration, floods, and mischief. A new kind of either is one more entry. */
import { readFileSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { type Host, POSTERN } from "./lab.ts"
import type { Order } from "./siege.ts"
import type { Scene } from "./soak.ts"

/** What honest people knock. */
export const HITS = ["32144", "21312:udp", "27015"]
const [FIRST, NOWHERE] = [32_144, 4444]
const WHOLE = [32_145, 21_313, 27_016]
/** Doors with programs that hang, and that fail. */
const HANGS = ["32146", "21314", "27017"]
const FAILS = ["32147", "21315", "27018"]

const quoted = (hits: readonly (string | number)[]) => hits.map((hit) => `"${hit}"`).join(", ")

/** All kinds of doors. */
export const CONFIGURATION = (capture: string, scratch: string) => `
[gateway]
capture = "${capture}"
state = "${join(scratch, "state")}"
[[door]]
name = "ssh"
opens = ["tcp/22"]
for = "60s"
hide = true
[door.sequence]
hits = [${quoted(HITS)}]
[[door]]
name = "web"
opens = ["tcp/443", "udp/443"]
for = "1s"
hide = true
[door.sequence]
hits = [${quoted(WHOLE)}]
[[door]]
name = "hangs"
[door.sequence]
hits = [${quoted(HANGS)}]
[door.command]
start = ["/bin/sleep", "1000"]
stop = ["/bin/true"]
after = "100ms"
timeout = "1s"
[[door]]
name = "fails"
[door.sequence]
hits = [${quoted(FAILS)}]
[door.command]
start = ["/bin/false"]
stop = ["/nowhere/to/be/found"]
after = "100ms"
timeout = "1s"
`

type FloodKind = { readonly name: string; readonly order: (gateway: Host, seed: number) => Order }

const first = (family: 4 | 6, rate: number, ports: readonly number[], count: number): FloodKind["order"] => {
    const sources = { kind: "random", network: family === 4 ? "20.0.0.0/6" : "2a00::/12" } as const
    return ({ v4, v6 }, seed) => {
        return { protocol: "tcp", destination: family === 4 ? v4 : v6, ports, sources, rate, count, seed }
    }
}
const oneSource =
    (order: FloodKind["order"], network: string, kind: "fixed" | "random"): FloodKind["order"] =>
    (gateway, seed) => ({ ...order(gateway, seed), sources: { kind, network } })
const everywhere = Array.from({ length: 500 }, (_, i) => 10_000 + ((i * 7919) % 20_000))

/** Each flood takes a second or two. */
export const FLOODS: readonly FloodKind[] = [
    { name: "first hits, IPv4", order: first(4, 20_000, [FIRST], 30_000) },
    { name: "first hits, IPv6", order: first(6, 20_000, [FIRST], 30_000) },
    { name: "to no door, IPv4", order: first(4, 20_000, [NOWHERE], 30_000) },
    { name: "to no door, IPv6", order: first(6, 20_000, [NOWHERE], 30_000) },
    { name: "first hits at 200 000 a second, IPv4", order: first(4, 200_000, [FIRST], 200_000) },
    { name: "whole knocks, IPv4", order: first(4, 900, WHOLE, 1500) },
    { name: "whole knocks, IPv6", order: first(6, 900, WHOLE, 1500) },
    { name: "first hits at 200 000 a second, IPv6", order: first(6, 200_000, [FIRST], 200_000) },
    {
        name: "one source everywhere",
        order: oneSource(first(4, 20_000, [FIRST, ...everywhere], 20_000), "20.1.2.3", "fixed"),
    },
    { name: "one source, right knocks", order: oneSource(first(4, 20_000, WHOLE, 20_000), "20.1.2.4", "fixed") },
    {
        name: "one /64, near-misses",
        order: oneSource(first(6, 20_000, [WHOLE[0]!, WHOLE[1]!, NOWHERE], 20_000), "2a01:2:3:4::/64", "random"),
    },
]

type Act = {
    readonly name: string
    /** Ends the process, so that it must not happen while its memory is watched. */
    readonly early?: true
    readonly run: (scene: Scene) => Promise<void>
}

/** Everything else that can go wrong, in any order. */
export const MISCHIEF: readonly Act[] = [
    { name: "scan", run: (scene) => scan(scene, ["-sS", "-p", "20000-29999"]) },
    { name: "scan over IPv6", run: (scene) => scan(scene, ["-6", "-sS", "-r", "-p", "21000-33000"]) },
    { name: "UDP scan", run: (scene) => scan(scene, ["-sU", "-p", "21000-21400"]) },
    {
        name: "grant and revoke by hand",
        async run({ gateway, daemon }) {
            const socket = ["--socket", daemon().socket]
            for (const words of [
                ["grant", "ssh", "192.0.2.7", "--for", "60s"],
                ["status", "--json"],
                ["revoke", "192.0.2.7"],
            ]) {
                const { status, stderr } = await gateway.run([POSTERN, ...words, ...socket])
                if (status !== 0) throw new Error(`postern ${words[0]}: ${stderr}`)
            }
        },
    },
    {
        name: "reload, right and wrong",
        async run({ gateway, daemon }) {
            const { file, socket } = daemon()
            const right = readFileSync(file, "utf8")
            const reload = () => gateway.run([POSTERN, "reload", "--socket", socket])
            // One door more; then a mistake, which must change nothing; then as it was.
            const more = right.replaceAll('"ssh"', '"ssh-too"').split("[[door]]")[1]!.replace("32144", "32148")
            const steps = [
                [`${right}\n[[door]]${more}`, 0],
                [`${right}\nnonsense = [`, 3],
                [right, 0],
            ] as const
            for (const [text, code] of steps) {
                writeFileSync(file, text)
                const { status, stderr } = await reload()
                if (status !== code) throw new Error(`reload: ${status} in place of ${code}: ${stderr}`)
            }
        },
    },
    { name: "control clients that hang", run: ({ daemon }) => bother(daemon().socket, '{"version":1,') },
    {
        name: "control clients that talk nonsense",
        run: ({ daemon }) => bother(daemon().socket, `${"x".repeat(9000)}\n`),
    },
    { name: "programs that hang", run: (scene) => visit(scene, HANGS) },
    { name: "programs that fail", run: (scene) => visit(scene, FAILS) },
    {
        name: "SIGSTOP and SIGCONT",
        async run({ daemon }) {
            process.kill(daemon().pid, "SIGSTOP")
            await pause(300)
            process.kill(daemon().pid, "SIGCONT")
        },
    },
    {
        name: "link down and up",
        run: ({ gateway, knocker, excused }) => excused("while the link was down", () => flap(gateway, knocker)),
    },
    {
        name: "table flushed",
        run: ({ gateway, daemon, excused, shield }) =>
            excused("while the table was gone", async () => {
                const from = daemon().log.all.length
                gateway.must(["nft", "flush", "ruleset"])
                await daemon().log.waitFor(/it was made again/, { from, timeout: 30_000 })
                shield()
            }),
    },
    {
        name: "kill -9 and restart",
        early: true,
        run: ({ restart, excused }) => excused("while the daemon was dead", () => restart("SIGKILL")),
    },
    {
        name: "restart",
        early: true,
        run: ({ restart, excused }) => excused("while the daemon was dead", () => restart("SIGTERM")),
    },
]

async function scan({ enemy, gateway }: Scene, words: readonly string[]): Promise<void> {
    const address = words[0] === "-6" ? gateway.v6 : gateway.v4
    await enemy.run(["nmap", "-n", "-Pn", "--min-rate", "5000", "--host-timeout", "20s", ...words, address])
}

/** Twenty clients that say this and then wait for a second. */
async function bother(socket: string, text: string): Promise<void> {
    const clients = Array.from({ length: 20 }, () => {
        const client = connect(socket)
        client.on("error", () => {})
        client.write(text)
        return client.resume()
    })
    await pause(1000)
    for (const client of clients) client.destroy()
}

/** From another host than the honest: they would spoil the knock of whoever has the same address at that moment. */
async function visit({ enemy, gateway }: Scene, hits: readonly string[]): Promise<void> {
    await enemy.run(["knock", "-d", "20", gateway.v4, ...hits.map((hit) => `${hit}:tcp`)])
}

/** Down and up; routes go with the link, and are put back as an administrator's tool would. */
async function flap(gateway: Host, knocker: Host): Promise<void> {
    const routes = (["-4", "-6"] as const).map((family) => ({
        family,
        lines: gateway
            .must(["ip", family, "route", "show"])
            .split("\n")
            .filter((line) => line.includes(" via ")),
    }))
    gateway.must(["sysctl", "-qw", "net.ipv6.conf.eth0.keep_addr_on_down=1"])
    gateway.must(["ip", "link", "set", "eth0", "down"])
    await pause(200)
    gateway.must(["ip", "link", "set", "eth0", "up"])
    for (const { family, lines } of routes) {
        for (const line of lines) {
            const words = line.trim().split(/ +/)
            const route = words.slice(0, words.indexOf("via") + 2)
            gateway.must(["ip", family, "route", "replace", ...route, "dev", "eth0"])
        }
    }
    // Until both sides know each other again.
    for (let i = 0; i < 50; i++) {
        const pings = [gateway.v4, gateway.v6].map((address) => knocker.run(["ping", "-c", "1", "-W", "1", address]))
        const answers = await Promise.all(pings)
        if (answers.every(({ status }) => status === 0)) return
        await pause(100)
    }
    throw new Error("the link does not come back")
}
