/**
 * `make run`: the daemon on this host, to try a knock, with a configuration that changes nothing of what the host lets
 * in. Its one door hides nothing: a knock shows in the log and as an element of the table, and that is all it does.
 * The configuration and its random sequence are made on the first start, kept in `.postern/`, and never overwritten.
 * Without root: the same in a private network, with a second host to knock from.
 * POSTERN_RUN_SECONDS=N ends it by itself after N seconds.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { randomInt } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { networkInterfaces } from "node:os"
import { join } from "node:path"
import { makeLab, POSTERN } from "../test/lab/lab.ts"
import { enterPrivateNetwork, insidePrivateNetwork } from "./private-network.ts"

const root = join(import.meta.dirname, "..")
const home = join(root, ".postern")
/** What one may knock with that is not ours. */
const OTHERS = ["knock", "nc"]

process.exitCode = await main()

async function main(): Promise<number> {
    if (insidePrivateNetwork()) return runPrivate()
    return process.getuid?.() === 0 ? runHere() : enterPrivateNetwork(false)
}

async function runHere(): Promise<number> {
    const file = configuration("run.toml")
    const devices = defaultInterfaces()
    const names = devices.length > 0 ? devices : Object.keys(networkInterfaces())
    const addresses = names.flatMap((device) => networkInterfaces()[device] ?? [])
    const outside = addresses.filter(({ address, internal }) => !internal && !address.startsWith("fe80:"))
    say(`postern watches ${devices.join(", ") || "no interface yet: this host has no default route"}`)
    introduce(file)
    say("From another machine that reaches this one:")
    const host = outside.find(({ family }) => family === "IPv4") ?? outside[0]
    for (const line of commands(host?.address ?? "THIS-HOST", "postern", file, OTHERS)) say(line)
    const code = await follow(spawn(POSTERN, ["run", "-c", file], { stdio: "inherit" }))
    // The daemon leaves its table to a grant that is still open. This trial leaves nothing, unless it was made to hide.
    const hides = /^\s*hide\s*=\s*true/m.test(readFileSync(file, "utf8"))
    if (code === 0 && !hides) spawnSync("nft", ["delete", "table", "inet", "postern"])
    return code
}

async function runPrivate(): Promise<number> {
    const lab = makeLab(["knocker"])
    const { gateway, hosts } = lab
    try {
        const file = configuration("private.toml")
        // A process that does nothing but be there: whoever wants to knock enters the network through it.
        const door = hosts.knocker.start(["sleep", "infinity"], { stdio: "ignore" })
        const enter = `nsenter --preserve-credentials -t ${door.pid} -U -m -n --`
        say("Not root: postern runs in a private network of two hosts, a gateway and a knocker.")
        introduce(file)
        say("From another terminal of yours, as the knocker:")
        for (const line of commands(gateway.v4, POSTERN, file, OTHERS.filter(pathOf)))
            say(line.replace(/^ {4}/, `    ${enter} `))
        say("and to look at the gateway's table:")
        const view = `nsenter --net=/run/netns/${gateway.name} ${pathOf("nft")} list table inet postern`
        say(`    nsenter --preserve-credentials -t ${door.pid} -U -m -- ${view}`)
        say("")
        const argv = [POSTERN, "run", "-c", file, "--socket", join(lab.scratch, "control")]
        return await follow(gateway.start(argv, { stdio: "inherit" }))
    } finally {
        lab.remove()
    }
}

/** Waits for the daemon's end; Ctrl-C and the time limit are good ends. */
function follow(daemon: ChildProcess): Promise<number> {
    const limit = Number(process.env["POSTERN_RUN_SECONDS"] ?? 0)
    let wanted = false
    const stop = () => {
        wanted = true
        daemon.kill("SIGTERM")
    }
    const timer = limit > 0 ? setTimeout(stop, limit * 1000) : undefined
    // From a terminal the daemon has had the same signal; it stops once.
    process.on("SIGINT", stop)
    process.on("SIGTERM", stop)
    return new Promise((resolve, reject) => {
        daemon.once("error", reject)
        daemon.once("close", (code) => {
            clearTimeout(timer)
            resolve(wanted && (code === 130 || code === null) ? 0 : (code ?? 1))
        })
    })
}

/** The path of the configuration; makes it if there is none. Never touches one that is there. */
function configuration(name: string): string {
    const file = join(home, name)
    if (existsSync(file)) return file
    mkdirSync(home, { recursive: true, mode: 0o700 })
    const hits = randomHits().map((port) => `"${port}"`)
    const text = [
        "# Made by `make run` on its first start, with a sequence of its own. Yours to change: it is never overwritten.",
        "[gateway]",
        'interfaces = "auto"',
        `state = ${JSON.stringify(join(home, "state"))}`,
        "",
        "[[door]]",
        'name = "trial"',
        'opens = ["tcp/22"]',
        'for = "30s"',
        "# Nothing is hidden, so nothing that this host lets in changes. `hide = true` refuses ssh to all who did not knock.",
        "hide = false",
        "  [door.sequence]",
        `  hits = [${hits.join(", ")}]`,
        '  within = "15s"',
        "  # What an open door runs: here, something to see in the log.",
        "  [door.command]",
        '  start = ["/bin/echo", "hello, {source}"]',
        "",
    ]
    writeFileSync(file, text.join("\n"), { mode: 0o600, flag: "wx" })
    return file
}

/** Four ports above the services and below the ephemeral ports, all different, neither all rising nor all falling. */
function randomHits(): number[] {
    for (;;) {
        const ports = Array.from({ length: 4 }, () => randomInt(10_100, 32_000))
        const rises = ports.slice(1).filter((port, index) => port > ports[index]!).length
        if (new Set(ports).size === 4 && rises > 0 && rises < 3) return ports
    }
}

function hitsOf(file: string): string[] {
    const list = /^\s*hits\s*=\s*\[([^\]]*)\]/m.exec(readFileSync(file, "utf8"))?.[1] ?? ""
    return [...list.matchAll(/[\w:]+/g)].map(([hit]) => hit)
}

function introduce(file: string): void {
    say(`configuration: ${file}`)
    say("It hides nothing and changes nothing of what this host lets in. Ctrl-C ends it and removes its table.")
    say("All ports refuse, as they should; a right knock shows below, as `open: tcp/22` and `start: hello`.")
    say("")
}

/**
 * The lines that knock: with our client, and with the programs of `have`: Debian's `knock`, and the `nc` of any machine.
 * Those know TCP and UDP, and neither can ping.
 */
function commands(host: string, postern: string, file: string, have: readonly string[]): string[] {
    const hits = hitsOf(file)
    const lines = [`    ${postern} knock ${host} ${hits.join(" ")}`]
    const simple = hits.every((hit) => !hit.startsWith("icmp:"))
    if (simple && have.includes("knock")) {
        lines.push(`    knock ${host.includes(":") ? "-6 " : ""}${host} ${hits.join(" ")}`)
    }
    if (simple && have.includes("nc")) {
        const nc = hits.map((hit) => {
            const [port, protocol] = hit.split(":")
            return protocol === "udp" ? `echo | nc -u -w1 ${host} ${port}` : `nc -z -w1 ${host} ${port}`
        })
        lines.push(`    sh -c '${nc.join("; ")}'`)
    }
    return [...lines, ""]
}

/** Where a program is, or "". An ordinary user's shell does not look where nft is, so its name alone would not do. */
function pathOf(program: string): string {
    return spawnSync("sh", ["-c", 'command -v "$0"', program], { encoding: "utf8" }).stdout.trim()
}

function defaultInterfaces(): string[] {
    const devices = ["-4", "-6"].flatMap((family) => {
        const { stdout } = spawnSync("ip", [family, "route", "show", "default"], { encoding: "utf8" })
        return [...(stdout ?? "").matchAll(/ dev (\S+)/g)].map((match) => match[1]!)
    })
    return [...new Set(devices)]
}

function say(line: string): void {
    process.stdout.write(`${line}\n`)
}
