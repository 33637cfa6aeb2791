/**
 * Doors whose grants are good for one connection (`uses = 1`), by a real daemon: tcp/22 listens on loopback and is led to,
 * tcp/2222 and udp/53 listen outside and are refused to strangers.
 */
import { afterAll, beforeAll, expect, it } from "vitest"
import { type Daemon, type Host, knockPlainly, type Lab, makeLab, POSTERN, portState, untilPort } from "../lab/lab.ts"
import { collectLines } from "../lab/lines.ts"

const DOORS = [
    ["led", "tcp/22", ["32144", "21312", "27015"]],
    ["refused", "tcp/2222", ["32145", "21313", "27016"]],
    ["dns", "udp/53", ["32146", "21314", "27017"]],
] as const
const CONFIGURATION = DOORS.map(
    ([name, service, hits]) => `
[[door]]
name  = "${name}"
opens = ["${service}"]
for   = "1m"
uses  = 1
hide  = true
sequence.hits = ${JSON.stringify(hits)}
`,
).join("")
type Door = (typeof DOORS)[number][0]

let lab: Lab<"knocker" | "stranger">
let daemon: Daemon
let knocker: Host

beforeAll(async () => {
    lab = makeLab(["knocker", "stranger"])
    knocker = lab.hosts.knocker
    const server = lab.gateway.start([process.execPath, "-e", SERVER])
    await collectLines(server, server.stdout!).waitFor(/^ready$/)
    daemon = await lab.startDaemon(CONFIGURATION)
    lab.gateway.must([POSTERN, "lead", "tcp/22"])
})
afterAll(async () => {
    await daemon?.stop()
    lab?.remove()
})

const addresses = () => [lab.gateway.v4, lab.gateway.v6]

async function knock(door: Door, address: string, from = knocker): Promise<void> {
    const [, , hits] = DOORS.find(([name]) => name === door)!
    const seen = daemon.log.all.length
    knockPlainly(from, address, hits)
    await daemon.log.waitFor(new RegExp(` ${door}: ${address === lab.gateway.v4 ? from.v4 : from.v6}: open`), {
        from: seen,
    })
}

function cookies(value: "1" | "2"): void {
    lab.gateway.must(["sysctl", "-qw", `net.ipv4.tcp_syncookies=${value}`])
}

/** So many connections at once, by so many processes; how many got in. */
async function race(address: string, port: number, processes = 4, each = 25): Promise<number> {
    const at = String(Date.now() + 700)
    const racers = Array.from({ length: processes }, () =>
        knocker.run([process.execPath, "-e", RACER, address, String(port), String(each), at], { timeout: 30_000 }),
    )
    const ended = await Promise.all(racers)
    const counts = ended.map(({ stdout }) => /^(\d+) in, (\d+) out$/.exec(stdout.trim())!.slice(1).map(Number))
    expect(counts.reduce((sum, [wins = 0, losses = 0]) => sum + wins + losses, 0)).toBe(processes * each)
    return counts.reduce((sum, [wins = 0]) => sum + wins, 0)
}

it.each([
    ["led", 22],
    ["refused", 2222],
] as const)("%s: of a hundred connections that race exactly one gets in, over both families", async (door, port) => {
    for (const address of addresses()) {
        await knock(door, address)
        const seen = daemon.log.all.length
        expect(await race(address, port)).toBe(1)
        const who = address === lab.gateway.v4 ? knocker.v4 : knocker.v6
        await daemon.log.waitFor(new RegExp(` ${door}: ${who}: used: a connection began, and no other can$`), {
            from: seen,
        })
        expect(await portState(knocker, address, port)).toBe("refused")
        // And another knock is good for another.
        await knock(door, address)
        expect(await portState(lab.hosts.stranger, address, port)).toBe("refused")
        expect(await portState(knocker, address, port)).toBe("open")
        expect(await portState(knocker, address, port)).toBe("refused")
    }
})

function ask(...argv: readonly string[]): string {
    return lab.gateway.must([POSTERN, ...argv, "--socket", daemon.socket, "--json"])
}

it("says so in status and in the audit trail", async () => {
    await expect
        .poll(() => JSON.parse(ask("status")).grants)
        .toContainEqual(expect.objectContaining({ door: "led", source: knocker.v4, used: true }))
    await knock("led", lab.gateway.v4)
    expect(JSON.parse(ask("status")).grants).toContainEqual(
        expect.objectContaining({ door: "led", source: knocker.v4, used: false }),
    )
    expect(ask("log")).toMatch(/"what":\s*"used"/)
    expect(await portState(knocker, lab.gateway.v4, 22)).toBe("open")
})

it.each([22, 2222])("tcp/%d: what was lost on the way is sent again, and gets in", async (port) => {
    const door = port === 22 ? "led" : "refused"
    // The first answer to each client is lost, so that its SYN comes twice.
    knocker.must(["nft", LOSE_FIRST_ANSWER])
    try {
        for (const address of addresses()) {
            await knock(door, address)
            expect(await portState(knocker, address, port, 5)).toBe("open")
            expect(await portState(knocker, address, port)).toBe("refused")
        }
        expect(knocker.must(["nft", "list", "table", "inet", "lossy"])).toMatch(/counter packets [1-9]/)
    } finally {
        knocker.must(["nft", "delete table inet lossy"])
    }
})

it.each([22, 2222])("tcp/%d: the ports of the connection that got in open no second one", async (port) => {
    for (const address of addresses()) {
        await knock(port === 22 ? "led" : "refused", address)
        const { stdout } = await knocker.run([process.execPath, "-e", AGAIN, address, String(port)])
        expect(stdout.trim()).toBe("open ECONNREFUSED")
    }
})

it("a led service gets in by SYN cookies, too", async () => {
    // Always, however few come.
    cookies("2")
    try {
        for (const address of addresses()) {
            await knock("led", address)
            expect(await race(address, 22, 2, 20)).toBe(1)
        }
    } finally {
        cookies("1")
    }
})

it("of UDP the flow that comes first goes on, and no other begins", async () => {
    for (const address of addresses()) {
        await knock("dns", address)
        const { stdout } = await knocker.run([process.execPath, "-e", FLOWS, address, "53"], { timeout: 30_000 })
        expect(stdout.trim()).toBe("answer ECONNREFUSED answer")
    }
})

it("ends before its time by a hand, unused, and with the table that knew whether it was used", async () => {
    await knock("led", lab.gateway.v4)
    lab.gateway.must([POSTERN, "revoke", "--all", "--socket", daemon.socket])
    expect(await portState(knocker, lab.gateway.v4, 22)).toBe("refused")
    await knock("refused", lab.gateway.v6)
    const seen = daemon.log.all.length
    lab.gateway.must(["nft", "flush ruleset"])
    await daemon.log.waitFor(/ refused: fd77::2: closed because somebody took our table away/, { from: seen })
    await daemon.log.waitFor(/made again/, { from: seen })
    expect(await untilPort("refused", knocker, lab.gateway.v6, 2222)).toBe("refused")
})

it("is counted by the kernel when the daemon is dead, and is known to the next one", async () => {
    const { stop } = daemon
    await knock("refused", lab.gateway.v4)
    await knock("led", lab.gateway.v6)
    await stop("SIGKILL")
    expect(await race(lab.gateway.v4, 2222, 2, 20)).toBe(1)
    daemon = await lab.startDaemon(CONFIGURATION)
    const { grants } = JSON.parse(lab.gateway.must([POSTERN, "status", "--socket", daemon.socket, "--json"]))
    expect(grants).toContainEqual(expect.objectContaining({ source: knocker.v4, by: "found", used: true }))
    expect(grants).toContainEqual(expect.objectContaining({ source: knocker.v6, by: "found", used: false }))
    expect(await portState(knocker, lab.gateway.v4, 2222)).toBe("refused")
    expect(await race(lab.gateway.v6, 22, 2, 20)).toBe(1)
})

/** Echoes on loopback alone (22), and everywhere (2222, udp 53). */
const SERVER = `
const { createServer } = require("node:net")
const echo = (port, host) => new Promise((done) =>
    createServer((socket) => socket.on("error", () => {}).pipe(socket)).listen({ port, host, backlog: 512 }, done))
const answer = (type, port) => new Promise((done) => {
    const socket = require("node:dgram").createSocket({ type, ipv6Only: type === "udp6" })
    socket.on("message", (bytes, from) => socket.send(bytes, from.port, from.address)).bind(port, done)
})
Promise.all([echo(22, "127.0.0.1"), echo(22, "::1"), echo(2222, "::"), answer("udp4", 53), answer("udp6", 53)])
    .then(() => console.log("ready"))`

/** Many connections at one moment. */
const RACER = `
const [address, port, count, at] = process.argv.slice(1)
let [wins, losses] = [0, 0]
const done = () => { if (wins + losses === Number(count)) { console.log(wins + " in, " + losses + " out"); process.exit() } }
setTimeout(() => {
    for (let i = 0; i < Number(count); i++) {
        const socket = require("node:net").connect(Number(port), address)
        socket.on("connect", () => { wins++; done() }).on("error", () => { losses++; done() })
    }
}, Number(at) - Date.now())`

/**
 * A connection that goes on acknowledging for a while, and another by the same port of ours right behind its reset, which
 * both ends have forgotten it by.
 */
const AGAIN = `
const [host, port] = process.argv.slice(1)
const { connect } = require("node:net")
const localPort = 20000 + (process.pid % 10000)
const first = connect({ host, port: Number(port), localPort }, () => {
    const talk = setInterval(() => first.write("on"), 2)
    setTimeout(() => { clearInterval(talk); first.resetAndDestroy().on("close", again) }, 100)
})
const again = () => connect({ host, port: Number(port), localPort })
    .on("connect", () => end("open")).on("error", (error) => end(error.code))
const end = (what) => { console.log("open " + what); process.exit() }`

/** Two UDP sockets: the first, the second, the first again. */
const FLOWS = `
const [address, port] = process.argv.slice(1)
const { createSocket } = require("node:dgram")
const open = () => new Promise((done) => {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4")
    socket.connect(Number(port), address, () => done(socket))
})
const ask = (socket) => new Promise((done) => {
    // A closed port answers by ration: so it is asked more than once.
    const again = setInterval(() => socket.send("hello"), 300)
    const end = (what) => { clearInterval(again); socket.removeAllListeners(); done(what) }
    socket.on("error", (error) => end(error.code)).on("message", () => end("answer"))
    socket.send("hello")
})
Promise.all([open(), open()]).then(async ([one, two]) => {
    console.log(await ask(one), await ask(two), await ask(one))
    process.exit()
})`

const LOSE_FIRST_ANSWER = [
    "add table inet lossy; add set inet lossy seen { type inet_service; size 1000; flags dynamic,timeout; };",
    "add chain inet lossy in { type filter hook input priority 0; };",
    "add rule inet lossy in tcp flags & (syn | ack) == (syn | ack) tcp dport != @seen",
    "add @seen { tcp dport timeout 1m } counter drop",
].join(" ")
