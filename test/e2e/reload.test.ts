/**
 * A new configuration for a daemon that runs, with real packets in real kernels: half a knock, live grants and a running
 * connection live through it, and at no moment a hidden port answers a stranger.
 */
import { spawn } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { controlClient } from "../../src/adapters/control/client.ts"
import { parseAddress } from "../../src/core/net/address.ts"
import {
    type Daemon,
    eventually,
    type Host,
    knockPlainly,
    type Lab,
    listTable,
    makeLab,
    POSTERN,
    portState,
    untilPort,
} from "../lab/lab.ts"
import { collectLines } from "../lab/lines.ts"
import { whyNoNamespaces } from "../lab/namespace.ts"

const why = whyNoNamespaces()
const SSH = ["32144", "21312:udp", "27015"]
const WEB = ["41414", "11977:udp", "29011"]
const door = (name: string, port: number, hits: readonly string[], more = "") => `
[[door]]
name  = "${name}"
opens = ["tcp/${port}"]
for   = "60s"
hide  = true
${more}
  [door.sequence]
  hits   = ${JSON.stringify(hits)}
  within = "30s"
`
const ssh = door("ssh", 22, SSH)
const web = door("web", 80, WEB)
const OPENED = /: open: /
const RELOADED = /\breloaded \(/

/** Echoes what it hears on both ports. */
const SERVICES = `for (const port of [22, 80])
    require("node:net").createServer((socket) => socket.on("error", () => {}).pipe(socket)).listen(port, "::")`
/** Connects to ADDRESS again and again, and says every answer but a refusal, and how many those were in the end. */
const PROBE = `const net = require("node:net")
    let refused = 0, ended = false
    process.on("SIGTERM", () => { ended = true })
    const once = () => {
        if (ended) return console.log("refused", refused), process.exit()
        const socket = net.connect(22, process.argv[1])
        const late = setTimeout(() => console.log("no answer for a second"), 1000)
        socket.on("connect", () => { console.log("OPEN"); socket.destroy() })
        socket.on("error", (error) => { error.code === "ECONNREFUSED" ? refused++ : console.log(error.code) })
        socket.on("close", () => { clearTimeout(late); setTimeout(once, 1) })
    }
    console.log("probing"); once()`

/** Puts another text into the place of the doors; what the lab has added stays. */
function change(daemon: Daemon, text: string): void {
    const gateways = /\n?\[gateway\]\n(?:\w+ = .*\n)*/.exec(readFileSync(daemon.file, "utf8"))![0]
    writeFileSync(daemon.file, `${text}\n${gateways}`)
}

const sized = (text: string, grants: number, attempts: number) =>
    text.replace(/grants = \d+/, `grants = ${grants}`).replace(/attempts = \d+/, `attempts = ${attempts}`)

async function reload(daemon: Daemon, text: string): Promise<string> {
    change(daemon, text)
    const from = daemon.log.all.length
    process.kill(daemon.pid, "SIGHUP")
    return daemon.log.waitFor(RELOADED, { from })
}

describe.skipIf(why !== null)(`a reload${why === null ? "" : ` (${why})`}`, () => {
    let lab: Lab<"knocker" | "stranger">
    let gateway: Host
    let knocker: Host
    let stranger: Host
    const daemons: Daemon[] = []

    beforeAll(async () => {
        lab = makeLab(["knocker", "stranger"])
        gateway = lab.gateway
        knocker = lab.hosts.knocker
        stranger = lab.hosts.stranger
        gateway.start([process.execPath, "-e", SERVICES], { stdio: "ignore" })
        for (const port of [22, 80]) expect(await untilPort("open", knocker, gateway.v4, port)).toBe("open")
    })
    afterEach(async () => {
        for (const daemon of daemons.splice(0)) await daemon.stop()
        gateway.exec(["nft", "delete", "table", "inet", "postern"])
    })
    afterAll(() => lab?.remove())

    async function start(text: string): Promise<Daemon> {
        const daemon = await lab.startDaemon(text)
        daemons.push(daemon)
        return daemon
    }
    const knock = (host: Host, ...hits: readonly string[]) => knockPlainly(host, gateway.v4, hits)

    describe.each(["nflog", "packet-socket"])("with %s", (capture) => {
        const head = `[gateway]\ncapture = "${capture}"\n`

        it("lets half a knock go on, and what is open stay open, connections included", async () => {
            const daemon = await start(head + ssh + web)
            knock(stranger, ...SSH)
            await daemon.log.waitFor(OPENED)
            const talk = stranger.start(["nc", gateway.v4, "22"], { stdio: ["pipe", "pipe", "ignore"] })
            const heard = collectLines(talk, talk.stdout!)
            talk.stdin!.write("before\n")
            await heard.waitFor(/^before/)
            knock(knocker, ...SSH.slice(0, 2))
            await daemon.log.waitFor(/10\.77\.0\.2: stage 2 of 3/)

            // Another order, another name, other services: what must stay is found again.
            const line = await reload(daemon, door("other", 80, ["5001", "5002:udp", "5003"]) + ssh)
            expect(line).toMatch(/doors: 1 added, 1 removed, 0 changed, 1 as they were; .*; grants ended: 0/)
            talk.stdin!.write("after\n")
            await heard.waitFor(/^after/)
            talk.kill()
            expect(await portState(stranger, gateway.v4, 22)).toBe("open")
            expect(await portState(knocker, gateway.v4, 22)).toBe("refused")
            knock(knocker, SSH[2]!)
            expect(await untilPort("open", knocker, gateway.v4, 22)).toBe("open")
            // The new door's knock is seen from now on.
            knock(knocker, "5001", "5002:udp", "5003")
            expect(await untilPort("open", knocker, gateway.v4, 80)).toBe("open")
        })

        it("ends the grants of a door that is gone, and hides what is hidden now", async () => {
            const daemon = await start(head + ssh + web)
            knock(knocker, ...SSH)
            knock(knocker, ...WEB)
            await daemon.log.waitFor(/web: 10\.77\.0\.2: open: /)
            expect(listTable(gateway)).toContain("10.77.0.2 . tcp . 22")
            expect(await reload(daemon, web)).toContain("grants ended: 1")
            expect(listTable(gateway)).not.toContain("10.77.0.2 . tcp . 22")
            expect(listTable(gateway)).toContain("10.77.0.2 . tcp . 80")
            expect(daemon.log.all.join("\n")).toMatch(/ssh: 10\.77\.0\.2: closed by a new configuration/)
            // No door hides it any more.
            expect(await portState(stranger, gateway.v4, 22)).toBe("open")
            await reload(daemon, ssh)
            expect(await portState(knocker, gateway.v4, 22)).toBe("refused")
            expect(await portState(stranger, gateway.v4, 80)).toBe("open")
        })
    })

    it("that must make the sets anew, loses neither grants nor half a knock, nor the strictness between its hits", async () => {
        const daemon = await start(`[gateway]\ngrants = 64\nattempts = 1024\n${ssh}`)
        knock(stranger, ...SSH)
        await daemon.log.waitFor(OPENED)
        knock(knocker, ...SSH.slice(0, 2))
        await daemon.log.waitFor(/10\.77\.0\.2: stage 2 of 3/)
        const again = async (grants: number, attempts: number) => {
            const from = daemon.log.all.length
            writeFileSync(daemon.file, sized(readFileSync(daemon.file, "utf8"), grants, attempts))
            process.kill(daemon.pid, "SIGHUP")
            await daemon.log.waitFor(RELOADED, { from })
        }
        await again(128, 1024)
        expect(listTable(gateway)).toMatch(/size 256/)
        await again(128, 2048)
        expect(listTable(gateway)).toMatch(/size 2048/)
        expect(await portState(stranger, gateway.v4, 22)).toBe("open")
        const from = daemon.log.all.length
        knock(knocker, "4444")
        await daemon.log.waitFor(/10\.77\.0\.2: spoiled at stage 2 of 3/, { from })
        knock(knocker, SSH[2]!)
        expect(await portState(knocker, gateway.v4, 22)).toBe("refused")
        knock(knocker, ...SSH)
        expect(await untilPort("open", knocker, gateway.v4, 22)).toBe("open")
    })

    it("that allows far less than is open takes nothing away, and lets nobody new in until there is room", async () => {
        const daemon = await start(
            `[gateway]\ngrants = 1024\n${ssh.replace('"tcp/22"', '"tcp/22", "udp/53", "tcp/80"')}`,
        )
        const client = controlClient(daemon.socket)
        for (let i = 0; i < 100; i++) {
            const source = parseAddress(`10.99.0.${i}`)!
            expect(await client.ask({ ask: "grant", door: "ssh", source, ms: 3_600_000 })).toMatchObject({ ok: true })
        }
        client.close()
        knock(knocker, ...SSH)
        await daemon.log.waitFor(OPENED)
        const open = () => (listTable(gateway).match(/10\.\d+\.\d+\.\d+ \. tcp \. 22 /g) ?? []).length
        expect(open()).toBe(101)

        writeFileSync(daemon.file, sized(readFileSync(daemon.file, "utf8"), 16, 0))
        const ask = (at: Daemon, ...words: readonly string[]) =>
            gateway.exec([POSTERN, ...words, "--socket", at.socket])
        const { status, stderr } = ask(daemon, "reload")
        expect(status).toBe(0)
        expect(stderr).toContain("101 grants are there, and `grants` allows 16: they end on their time")
        expect(open()).toBe(101)
        expect(ask(daemon, "status").stdout).toMatch(/room {5}101 of 16 grants/)
        expect(ask(daemon, "metrics").stdout).toMatch(/^postern_grants_used 101$[\s\S]*^postern_grants_room 16$/m)
        // Somebody takes all of it away.
        gateway.must(["nft", "flush ruleset"])
        await daemon.log.waitFor(/took our table .* made again/)
        expect(open()).toBe(101)
        expect(await portState(knocker, gateway.v4, 22)).toBe("open")
        knock(stranger, ...SSH)
        await daemon.log.waitFor(/10\.77\.0\.3: refused: .* as many grants are open as `grants` allows/)
        // Who is in can stay in.
        knock(knocker, ...SSH)
        await daemon.log.waitFor(/10\.77\.0\.2: open for longer/)

        expect(await daemon.stop("SIGKILL")).toBeNull()
        const next = await start(readFileSync(daemon.file, "utf8"))
        expect(next.log.all.join("\n")).toContain("101 grants are there, and `grants` allows 16")
        expect(open()).toBe(101)
        // Each with the time that it has left.
        expect(listTable(gateway)).toMatch(/10\.77\.0\.2 \. tcp \. 22 timeout \S+ expires \d+s/)
        expect(listTable(gateway)).toMatch(/10\.99\.0\.95 \. tcp \. 22 timeout \S+ expires (1h|59m)/)
        expect(ask(next, "revoke", "10.99.0.0/26").stderr).toContain("ended 64 grants")
        const from = next.log.all.length
        knock(stranger, ...SSH)
        await next.log.waitFor(/10\.77\.0\.3: refused: /, { from })
        ask(next, "revoke", "10.99.0.64/27")
        knock(stranger, ...SSH)
        await next.log.waitFor(/10\.77\.0\.3: open: /, { from })
        expect(await portState(stranger, gateway.v4, 22)).toBe("open")
    })

    it("200 times: not once does a hidden port answer a stranger, and knocks go on meanwhile", async () => {
        const daemon = await start(ssh)
        const probe = stranger.start([process.execPath, "-e", PROBE, gateway.v4], {
            stdio: ["ignore", "pipe", "ignore"],
        })
        const said = collectLines(probe, probe.stdout!)
        await said.waitFor(/^probing/)
        for (let i = 0; i < 200; i++) {
            // One hit between one reload and the next.
            if (i % 40 < 3) knock(knocker, SSH[i % 40]!)
            const text = [ssh, ssh + web, web + ssh.replace('"60s"', '"50s"'), door("new", 22, WEB) + ssh][i % 4]!
            await reload(daemon, text)
        }
        const opened = () => daemon.log.all.filter((line) => / open(?: for longer)?: /.test(line)).length
        expect(await eventually(() => opened() === 5)).toBe(true)
        probe.kill("SIGTERM")
        const refused = Number((await said.waitFor(/^refused/)).split(" ")[1])
        expect(said.all.filter((line) => line !== "" && !/^(probing|refused \d+)$/.test(line))).toEqual([])
        expect(refused).toBeGreaterThan(200)
    }, 300_000)

    it("asked for by a storm of signals is made as often as it can be, and harms nobody", async () => {
        const daemon = await start(ssh)
        const script = `for (let i = 0; i < 20000; i++) try { process.kill(${daemon.pid}, "SIGHUP") } catch {}`
        const storm = spawn(process.execPath, ["-e", script], { stdio: "ignore" })
        const over = new Promise((resolve) => storm.once("close", resolve))
        knock(knocker, ...SSH)
        expect(await untilPort("open", knocker, gateway.v4, 22)).toBe("open")
        await over
        // One more, and it is answered after all others.
        const { status, stdout } = gateway.exec([POSTERN, "reload", "--socket", daemon.socket])
        expect([status, stdout.trim()]).toEqual([0, "1 door is as it was, and no other is there"])
        const made = () => daemon.log.all.filter((line) => RELOADED.test(line)).length
        expect(await eventually(() => made() > 1)).toBe(true)
        // Most signals find one that has not begun yet.
        expect(made()).toBeLessThan(10_000)
        expect(listTable(gateway)).toContain("10.77.0.2 . tcp . 22")
    })

    it("to what has mistakes changes nothing, whoever asks", async () => {
        const daemon = await start(ssh)
        knock(knocker, ...SSH.slice(0, 2))
        await daemon.log.waitFor(/stage 2 of 3/)
        const before = listTable(gateway).replaceAll(/ expires [0-9a-z]+/g, "")
        change(daemon, `${ssh.replace('"60s"', "60")}${web.replace("tcp/80", "tcp/http")}`)
        const { status, stdout, stderr } = gateway.exec([POSTERN, "reload", "--socket", daemon.socket])
        expect([status, stdout]).toEqual([3, ""])
        expect(stderr).toContain(`${daemon.file}:5:9: door.ssh.for: `)
        expect(stderr).toContain(`${daemon.file}:14:10: door.web.opens[0]: `)
        expect(stderr).toContain("postern: error: the configuration has errors: nothing was changed")
        process.kill(daemon.pid, "SIGHUP")
        await daemon.log.waitFor(/not reloaded \(SIGHUP\): the configuration has errors/)
        expect(listTable(gateway).replaceAll(/ expires [0-9a-z]+/g, "")).toBe(before)
        knock(knocker, SSH[2]!)
        expect(await untilPort("open", knocker, gateway.v4, 22)).toBe("open")
        expect(await eventually(() => listTable(gateway).includes("10.77.0.2 . tcp . 22"))).toBe(true)
    })

    it("runs the stop of a door that is gone, and one that needs a journal now gets one", async () => {
        const file = join(lab.scratch, "ran")
        const run = (what: string) => `["/bin/sh", "-c", 'echo ${what} "$0" >> ${file}', "{source}"]`
        const programs = `  [door.command]\n  start = ${run("start")}\n  stop  = ${run("stop")}\n  after = "1h"\n`
        const ran = () => {
            const { stdout } = gateway.exec(["cat", file])
            return stdout.trim()
        }
        const daemon = await start(ssh)
        expect(await reload(daemon, ssh + web + programs)).toContain("1 added")
        expect(daemon.log.all.join("\n")).toContain("state: a new journal in")
        knock(knocker, ...WEB)
        expect(await eventually(() => ran() === "start 10.77.0.2")).toBe(true)
        expect(await reload(daemon, ssh)).toContain("grants ended: 1")
        expect(await eventually(() => ran() === "start 10.77.0.2\nstop 10.77.0.2")).toBe(true)
    })
})
