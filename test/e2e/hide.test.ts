/**
 * `postern hide` with a real sshd that listens outside, and a session that is there: proof, trial, confirmation from a new
 * session, and every way in which that can die. Whatever dies, the port is open again at the end of the trial at the latest.
 */
import type { ChildProcess } from "node:child_process"
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest"
import { type Daemon, knockPlainly, type Lab, makeLab, POSTERN, portState, untilPort } from "../lab/lab.ts"
import { collectLines, type Lines } from "../lab/lines.ts"
import { type Sshd, startSshd } from "../lab/sshd.ts"

const HITS = ["32144", "21312", "27015"]
const CONFIGURATION = `
[[door]]
name  = "ssh"
opens = ["tcp/22"]
for   = "20s"
[door.sequence]
hits = ${JSON.stringify(HITS)}
`
/** Longer than a test takes, and so short that one can wait for it. */
const [LONG, SHORT] = ["5m", "3s"]

let lab: Lab<"knocker" | "stranger">
let sshd: Sshd
let daemon: Daemon
/** One that was there before, and lives on through everything. */
let session: ChildProcess
let file: string

beforeAll(async () => {
    lab = makeLab(["knocker", "stranger"])
    sshd = await startSshd(lab.gateway, lab.scratch)
    daemon = await lab.startDaemon(CONFIGURATION)
    file = join(lab.scratch, "conf.d/hide.toml")
    session = lab.hosts.knocker.start(sshd.client(lab.gateway.v4, "cat"), { stdio: ["pipe", "pipe", "inherit"] })
    await answers()
})

beforeEach(async () => {
    if (await isOver(daemon)) daemon = await lab.startDaemon(CONFIGURATION)
    lab.gateway.must([POSTERN, "revoke", "--all", "--socket", daemon.socket])
})

afterEach(async () => {
    expect(await answers(), "the session that was there").toBe("still here\n")
    rmSync(file, { force: true })
    if (!(await isOver(daemon))) lab.gateway.must([POSTERN, "reload", "--socket", daemon.socket])
})

afterAll(async () => {
    session?.kill()
    await daemon?.stop()
    lab?.remove()
})

async function isOver({ ended }: Daemon): Promise<boolean> {
    return Promise.race([ended.then(() => true), new Promise<false>((resolve) => setImmediate(() => resolve(false)))])
}

function answers(): Promise<string> {
    const heard = new Promise<string>((resolve) => session.stdout!.once("data", (data) => resolve(String(data))))
    session.stdin!.write("still here\n")
    return heard
}

const options = () => ["-c", daemon.file, "--socket", daemon.socket]
const postern = (...args: readonly string[]) => lab.gateway.run([POSTERN, ...args, ...options()])
const stranger = () => portState(lab.hosts.stranger, lab.gateway.v4, 22)
const untilStranger = (wanted: "open" | "refused") => untilPort(wanted, lab.hosts.stranger, lab.gateway.v4, 22)
const knock = () => knockPlainly(lab.hosts.knocker, lab.gateway.v4, HITS)
const comeIn = () => lab.hosts.knocker.start(sshd.client(lab.gateway.v4, "cat"), { stdio: ["pipe", "pipe", "inherit"] })

/** A command that has come as far as the trial. */
type Trial = { readonly child: ChildProcess; readonly said: Lines; readonly ended: Promise<number | null> }

async function begin(time: string, wrap: (argv: string[]) => string[] = (argv) => argv): Promise<Trial> {
    const argv = wrap([POSTERN, "hide", "tcp/22", "--for", time, ...options()])
    const child = lab.gateway.start(argv, { stdio: ["pipe", "pipe", "pipe"] })
    const said = collectLines(child, argv[0] === "script" ? child.stdout! : child.stderr!)
    const ended = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)))
    await said.waitFor(/knock now, from another host, at ssh/, { timeout: 30_000 })
    expect(await stranger()).toBe("open")
    knock()
    await said.waitFor(/10\.77\.0\.2 has knocked: it works/)
    await said.waitFor(/hidden on trial/)
    expect(await stranger()).toBe("refused")
    return { child, said, ended }
}

it("hides for good after a yes of who came in by a new connection; unhide takes it back for good", async () => {
    const { child, said, ended } = await begin(LONG)
    expect((await postern("hide", "tcp/22", "--confirm")).stderr).toMatch(/nobody has come in since the trial began/)
    const fresh = comeIn()
    await said.waitFor(/10\.77\.0\.2 came in by a new connection: shall tcp\/22 stay hidden/)
    // What somebody has written meanwhile stays.
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, "# by hand\n[hide]\n")
    child.stdin!.write("yes\n")
    expect(await ended).toBe(0)
    fresh.stdin!.end()
    expect(readFileSync(file, "utf8")).toBe('# by hand\n[hide]\n"tcp/22" = true\n')
    expect(await stranger()).toBe("refused")
    await daemon.stop()
    expect(await stranger()).toBe("refused")
    daemon = await lab.startDaemon(CONFIGURATION)
    expect(await stranger()).toBe("refused")
    expect(await postern("unhide", "tcp/22")).toMatchObject({ status: 0 })
    expect(await stranger()).toBe("open")
    expect(readFileSync(file, "utf8")).toMatch(/^"tcp\/22" = false$/m)
    const trail = lab.gateway.must([POSTERN, "log", "--kind", "hiding", "--socket", daemon.socket])
    expect(trail.replaceAll(/^.{21}/gm, "")).toBe(
        [
            "tcp/22: hidden on trial for 5 min, by hand of user 0",
            "tcp/22: hidden from then on",
            "tcp/22: open to everyone, by hand of user 0",
            "tcp/22: not hidden from then on",
            "",
        ].join("\n"),
    )
    expect((await postern("unhide", "tcp/2222")).stderr).toContain("no door opens it")
})

it("is confirmed by another process, which the first one hears of", async () => {
    const { ended, said } = await begin(LONG)
    const fresh = comeIn()
    await said.waitFor(/came in by a new connection/)
    expect(await postern("hide", "tcp/22", "--confirm", "--json")).toMatchObject({
        status: 0,
        stdout: `{"version":1,"service":"tcp/22","result":"hidden","knocked":null,"arrived":["10.77.0.2"]}\n`,
    })
    expect(await ended).toBe(0)
    fresh.stdin!.end()
    expect(await stranger()).toBe("refused")
    expect((await postern("hide", "tcp/22")).stderr).toContain("tcp/22: it is hidden already")
})

it("is open again at once when the answer is no", async () => {
    const { child, said, ended } = await begin(LONG)
    const fresh = comeIn()
    await said.waitFor(/came in by a new connection/)
    child.stdin!.write("no\n")
    expect(await ended).toBe(1)
    fresh.stdin!.end()
    expect(await stranger()).toBe("open")
    expect(existsSync(file)).toBe(false)
})

it("is open again when nobody answers", async () => {
    const { said, ended } = await begin(SHORT)
    expect(await ended).toBe(1)
    expect(said.all.join("\n")).toContain("tcp/22 is open again: nobody has confirmed it in time")
    expect(await stranger()).toBe("open")
})

it("is open again at once by Ctrl-C, and when its terminal dies", async () => {
    const { child, ended } = await begin(LONG)
    child.kill("SIGINT")
    expect(await ended).toBe(130)
    expect(await stranger()).toBe("open")
    lab.gateway.must([POSTERN, "revoke", "--all", "--socket", daemon.socket])
    const { child: terminal } = await begin(LONG, (argv) => ["script", "-qec", argv.join(" "), "/dev/null"])
    terminal.kill("SIGKILL")
    expect(await untilStranger("open")).toBe("open")
})

it("is open again when the command is killed: the kernel ends the trial", async () => {
    const { child, ended } = await begin(SHORT)
    child.kill("SIGKILL")
    await ended
    expect(await untilStranger("open")).toBe("open")
    await daemon.log.waitFor(/no longer hidden on trial: nobody has confirmed it/)
})

it("is open again when the daemon stands still, and a yes that it does not hear is none", async () => {
    const { child, said, ended } = await begin(SHORT)
    const fresh = comeIn()
    await said.waitFor(/came in by a new connection/)
    process.kill(daemon.pid, "SIGSTOP")
    try {
        child.stdin!.write("yes\n")
        expect(await ended).toBe(1)
        expect(await stranger()).toBe("open")
    } finally {
        process.kill(daemon.pid, "SIGCONT")
    }
    fresh.stdin!.end()
    await daemon.log.waitFor(/no longer hidden on trial: nobody has confirmed it/)
    expect(await stranger()).toBe("open")
    expect(existsSync(file)).toBe(false)
})

it("is open again when daemon and command are killed: the kernel ends the trial", async () => {
    const { child, ended } = await begin(SHORT)
    await daemon.stop("SIGKILL")
    child.kill("SIGKILL")
    await ended
    expect(lab.gateway.must(["nft", "list", "set", "inet", "postern", "hidden"])).toContain("expires")
    expect(await untilStranger("open")).toBe("open")
    expect(lab.gateway.must(["nft", "list", "table", "inet", "postern"])).toContain("chain hide")
})

it("is open again when the daemon starts anew: it knows of no trial", async () => {
    const { ended } = await begin(LONG)
    await daemon.stop("SIGKILL")
    daemon = await lab.startDaemon(CONFIGURATION)
    expect(await stranger()).toBe("open")
    // The command asks at the socket of the first one, which nobody answers: it ends with its time.
    await daemon.stop("SIGKILL")
    expect(await Promise.race([ended, Promise.resolve("waits")])).toBe("waits")
})

it("hides nothing without a knock, or without a door", async () => {
    expect(await postern("hide", "tcp/22", "--wait", "500ms")).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("nobody has knocked, so nothing was hidden"),
    })
    const none = await postern("hide", "tcp/2222")
    expect(none).toMatchObject({
        status: 3,
        stderr: expect.stringContaining('add a [[door]] with opens = ["tcp/2222"]'),
    })
    expect((await postern("hide", "tcp/22", "--confirm")).stderr).toContain("tcp/22: it is not on trial")
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, '[hide]\n"tcp/22" = true\n')
    expect(await postern("hide", "tcp/22")).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("the configuration hides it, and the daemon does not"),
    })
    expect(await stranger()).toBe("open")
})

it("unhide works where no daemon runs, in the kernel and for the next start", async () => {
    await daemon.stop()
    daemon = await lab.startDaemon(CONFIGURATION.replace("for ", "hide = true\nfor "))
    const saved = () => readFileSync(join(lab.scratch, "state/hide.nft"), "utf8")
    await expect.poll(saved).toContain("tcp . 22")
    expect(await stranger()).toBe("refused")
    await daemon.stop("SIGKILL")
    expect(await postern("unhide", "tcp/22")).toMatchObject({
        status: 0,
        stderr: expect.stringContaining("no daemon runs"),
    })
    expect(await stranger()).toBe("open")
    expect(saved()).not.toContain("hidden { tcp . 22")
    // What can no longer be read keeps nobody out, either.
    lab.gateway.must(["nft", "delete", "table", "inet", "postern"])
    rmSync(file)
    daemon = await lab.startDaemon(CONFIGURATION.replace("for ", "hide = true\nfor "))
    await expect.poll(saved).toContain("hidden { tcp . 22")
    process.kill(daemon.pid, "SIGSTOP")
    expect(await postern("unhide", "tcp/22")).toMatchObject({
        status: 0,
        stderr: expect.stringContaining("until the daemon goes on"),
    })
    expect(await stranger()).toBe("open")
    await daemon.stop("SIGKILL")
    rmSync(file)
    lab.gateway.must(["nft", "-f", "-"], { input: saved().replaceAll(/^insert.*$/gm, "") })
    expect(await stranger()).toBe("refused")
    appendFileSync(daemon.file, "hide = = 3")
    expect(await postern("unhide", "tcp/22")).toMatchObject({
        status: 3,
        stderr: expect.stringMatching(/^postern: tcp\/22 is open to everyone; no daemon runs\n.*not valid TOML/),
    })
    expect(await stranger()).toBe("open")
    lab.gateway.must(["nft", "flush", "ruleset"])
    lab.gateway.must(["nft", "-f", "-"], { input: saved() })
    expect(await stranger()).toBe("open")
    daemon = await lab.startDaemon(CONFIGURATION.replace("for ", "hide = true\nfor "))
    expect(await stranger()).toBe("open")
})

it("is hidden from the first packet on when the host comes up, without and with the daemon", async () => {
    await daemon.stop()
    const hiding = CONFIGURATION.replace("for ", "hide = true\nfor ")
    rmSync(file, { force: true })
    daemon = await lab.startDaemon(hiding)
    const saved = join(lab.scratch, "state/hide.nft")
    await expect.poll(() => existsSync(saved) && readFileSync(saved, "utf8")).toContain("tcp . 22")
    await daemon.stop()
    const { gateway } = lab
    // As at the start of a host: no network, no table; then in the order of the units.
    gateway.must(["ip", "link", "set", "eth0", "down"])
    gateway.must(["nft", "flush", "ruleset"])
    gateway.must(["nft", "-f", saved])
    const seen: string[] = []
    const look = async () => {
        seen.push(await stranger())
        return seen.at(-1)
    }
    gateway.must(["ip", "link", "set", "eth0", "up"])
    gateway.must(["ip", "route", "replace", "default", "via", "10.77.0.254"])
    await expect.poll(look, { timeout: 10_000 }).toBe("refused")
    const starting = lab.startDaemon(hiding)
    for (let begun = false; !begun; ) {
        await look()
        begun = await Promise.race([starting.then(() => true), pause(1, false)])
    }
    daemon = await starting
    gateway.must(["nft", "-f", saved])
    expect(await look()).toBe("refused")
    knock()
    expect(await untilPort("open", lab.hosts.knocker, gateway.v4, 22)).toBe("open")
    expect(seen).not.toContain("open")
})

it("is open again by ipset, too, when daemon and command are killed", async () => {
    if (!(await isOver(daemon))) await daemon.stop("SIGKILL")
    daemon = await lab.startDaemon(`[gateway]\nfirewall = "iptables"\n${CONFIGURATION}`)
    await daemon.log.waitFor(/what a daemon by nftables has left is taken away/)
    const { child, ended } = await begin("5s")
    await daemon.stop("SIGKILL")
    child.kill("SIGKILL")
    await ended
    expect(await untilStranger("open")).toBe("open")
    // By iptables, too, it is opened where the configuration cannot be read.
    daemon = await lab.startDaemon(
        `[gateway]\nfirewall = "iptables"\n${CONFIGURATION.replace("for ", "hide = true\nfor ")}`,
    )
    expect(await stranger()).toBe("refused")
    const file4 = join(lab.scratch, "state/hide.rules4")
    await expect.poll(() => existsSync(file4)).toBe(true)
    await daemon.stop("SIGKILL")
    appendFileSync(daemon.file, "hide = = 3")
    expect((await postern("unhide", "tcp/22")).status).toBe(3)
    expect(await stranger()).toBe("open")
    const saved = readFileSync(file4, "utf8")
    lab.gateway.must(["iptables-restore", "--test", "--noflush"], { input: saved })
    expect(saved).toMatch(/-j POSTERN-REFUSE\n.*-I POSTERN-HIDE 1 -p tcp -m tcp --dport 22 -j RETURN\n/s)
})
