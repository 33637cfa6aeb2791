/**
 * docs/from-knockd.md, run as it stands: Debian's knockd as a service of a real systemd, with Debian's knockd.conf; looked
 * at, tried beside, changed over, taken back, kept. From outside a real knock, and a host's own rules that keep ssh closed.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { eventually, type Lab, makeLab, POSTERN, type PortState, untilPort } from "../lab/lab.ts"
import { collectLines } from "../lab/lines.ts"
import { whyNoNamespaces } from "../lab/namespace.ts"
import { makeService, type Service } from "../lab/service.ts"

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/from-knockd.md"), "utf8")
const [KNOCK, UNIT, SAMPLE] = ["/usr/bin/knock", "/lib/systemd/system/knockd.service", "/etc/knockd.conf"]
const lacking = [KNOCK, UNIT, SAMPLE, "/sbin/iptables"].find((file) => !existsSync(file))

/** What stands below a heading, and the shell's words in it. */
function section(heading: string): { readonly text: string; readonly sh: readonly string[] } {
    const rank = heading.slice(0, heading.indexOf(" "))
    const text = PAGE.split(`\n${heading}\n`)[1]!.split(new RegExp(`^#{2,${rank.length}} `, "m"))[0]!
    return { text, sh: [...text.matchAll(/^```sh\n(.*?)^```/gms)].map(([, words]) => words!) }
}

describe("from knockd to Postern, as the page says", () => {
    let lab: Lab<"knocker">
    let service: Service
    let reason = whyNoNamespaces() ?? (lacking === undefined ? null : `needs ${lacking} (packages knockd, iptables)`)

    beforeAll(async () => {
        if (reason !== null) return
        lab = makeLab(["knocker"])
        const { gateway, scratch } = lab
        const made = await makeService(gateway, scratch, "")
        if (typeof made === "string") {
            reason = made
            return
        }
        service = made
        // Here systemd is that of a user.
        const bin = join(scratch, "bin")
        mkdirSync(bin)
        for (const name of ["systemctl", "systemd-run"])
            writeFileSync(join(bin, name), `#!/bin/sh\nexec /usr/bin/${name} --user "$@"\n`, { mode: 0o755 })
        shell(`echo 'KNOCKD_OPTS="-i eth0 -v"' >/etc/default/knockd`)
        gateway.start([process.execPath, "-e", "require('net').createServer((s) => s.destroy()).listen(22, '::')"])
        for (const rule of ["-P INPUT DROP", "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT"])
            gateway.must(["iptables", "-w", ...rule.split(" ")])
        shell("systemctl start knockd")
    })
    beforeEach((ctx) => {
        if (reason !== null) ctx.skip(reason)
    })
    afterAll(async () => {
        await service?.remove()
        lab?.remove()
    })

    const env = () => ({ PATH: `${lab.scratch}/bin:/usr/local/bin:${process.env["PATH"] ?? ""}` })
    /** Runs the words of the page, as root on the gateway; throws unless all goes well. */
    function shell(script: string): string {
        const { status, stdout, stderr } = service.exec(["sh", "-e", "-c", script], { env: env() })
        if (status !== 0) throw new Error(`${script}: ${status}: ${stderr}${stdout}${log()}`)
        return stdout
    }
    const log = () => service.exec(["cat", "/run/postern-knockd.log"]).stdout
    const knock = (...ports: readonly string[]) => lab.hosts.knocker.must([KNOCK, "-d", "10", lab.gateway.v4, ...ports])
    const seen = (wanted: PortState) => untilPort(wanted, lab.hosts.knocker, lab.gateway.v4, 22)
    /** Those who are let in, as often as they are. */
    const openings = () =>
        lab.gateway
            .must(["iptables", "-w", "-S", "INPUT"])
            .split("\n")
            .filter((line) => line.includes("--dport 22"))
    const active = () =>
        ["knockd", "postern-knockd"].filter((unit) => service.systemctl("is-active", unit).stdout === "active\n")
    const closes = async () => {
        knock("9000", "8000", "7000")
        expect(await eventually(() => openings().length === 0)).toBe(true)
    }
    /** Sample's doors, from outside: opened, by one rule, and closed again. */
    async function opensAndCloses(first = "7000"): Promise<void> {
        // Whoever has just started knockd may knock before it listens: its unit does not tell.
        const opens = () => {
            knock(first, "8000", "9000")
            return eventually(() => openings().length > 0, 3000)
        }
        expect(await eventually(opens), log()).toBe(true)
        expect(await seen("open")).toBe("open")
        expect(openings()).toHaveLength(1)
        await closes()
    }

    it("1. installs what takes nobody's place", async () => {
        expect(section("### 1. Install").sh).toEqual(["make build\nmake install\nsystemctl daemon-reload\n"])
        shell("systemctl daemon-reload")
        expect(active()).toEqual(["knockd"])
        expect(shell("command -v knockd")).toBe("/usr/sbin/knockd\n")
        expect(await seen("silent")).toBe("silent")
        await opensAndCloses()
    })

    it("2. looks at the configuration, against which nothing stands in the way", () => {
        const [check] = section("### 2. Look at the configuration").sh
        expect(shell(check!)).toMatch(/^\/etc\/knockd\.conf:\d+:\d+: warning: openSSH\.sequence: /m)
    })

    it("3. tries it beside knockd, which goes on alone", async () => {
        const { text, sh } = section("### 3. Try it beside knockd")
        const script = sh[0]!.replace("timeout 5m", "timeout 30")
        const argv = service.inside(["sh", "-e", "-c", `${script.trimEnd()} 2>&1`])
        const child = lab.gateway.start(argv, { env: { ...process.env, ...env() } })
        const said = collectLines(child, child.stdout!)
        await said.waitFor(/listening on eth0/, { timeout: 20_000 })
        knock("7000", "8000", "9000")
        expect(await seen("open")).toBe("open")
        await said.waitFor(/would run command/)
        const shown = /^```\n(198\.51.*?)^```/ms.exec(text)![1]!.replaceAll("198.51.100.7", lab.hosts.knocker.v4)
        expect(said.all.join("\n")).toContain(shown.trimEnd())
        // One rule: knockd's.
        expect(openings()).toHaveLength(1)
        await closes()
        child.kill("SIGTERM")
        expect(active()).toEqual(["knockd"])
    })

    it("tries one-time sequences in step with knockd, which alone marks them", async () => {
        const { gateway, scratch } = lab
        const [list, conf, ran] = ["sequences", "one.conf", "ran"].map((name) => join(scratch, name))
        writeFileSync(list!, " 1000,2000\n 3000,4000\n 5000,6000\n")
        const door = `[one]\n one_time_sequences = ${list}\n tcpflags = syn\n command = echo %IP% >>${ran}\n`
        writeFileSync(conf!, `[options]\n logfile = ${scratch}/one.log\n${door}`)
        const started = [
            ["/usr/sbin/knockd", "-v"],
            [POSTERN, "knockd", "-n"],
        ].map((program) => gateway.start([...program, "-i", "eth0", "-c", conf!]))
        const [, dry] = started.map((child) => collectLines(child, child.stdout!))
        await dry!.waitFor(/listening on eth0/, { timeout: 20_000 })
        const log = join(scratch, "one.log")
        const listens = () => existsSync(log) && readFileSync(log, "utf8").includes("starting up")
        expect(await eventually(listens)).toBe(true)
        const would = () => dry!.all.filter((line) => line.includes("would run command")).length
        for (const [index, ports] of [
            ["1000", "2000"],
            ["3000", "4000"],
        ].entries()) {
            // Between two sequences knockd is deaf for a moment: whoever knocks then knocks again.
            const marked = () => readFileSync(list!, "utf8").split("#").length === index + 2
            const uses = async () => {
                knock(...ports)
                return await eventually(marked, 2000)
            }
            expect(await eventually(uses)).toBe(true)
            expect(await eventually(() => would() === index + 1)).toBe(true)
        }
        expect(readFileSync(list!, "utf8")).toBe("#1000,2000\n#3000,4000\n 5000,6000\n")
        const twice = `${lab.hosts.knocker.v4}\n`.repeat(2)
        expect(await eventually(() => existsSync(ran!) && readFileSync(ran!, "utf8") === twice)).toBe(true)
        for (const child of started) child.kill("SIGTERM")
        expect(readFileSync(ran!, "utf8")).toBe(twice)
    })

    it("4. changes over, with a way back that needs nobody", async () => {
        shell(section("### 4. Change over, with a way back that needs nobody").sh[0]!)
        expect(active()).toEqual(["postern-knockd"])
        expect(shell("systemctl is-active knockd-back.timer")).toBe("active\n")
        await opensAndCloses()
        const pid = /MainPID=(\d+)/.exec(service.systemctl("show", "postern-knockd").stdout)![1]!
        const [comm, words] = ["comm", "cmdline"].map((name) => readFileSync(`/proc/${pid}/${name}`, "utf8"))
        expect([comm, words]).toEqual(["knockd\n", expect.stringMatching(/^knockd -i eth0 -v/)])
        // What the timer does when its time has come.
        shell("systemctl start knockd-back.service")
        expect(await eventually(() => active().join() === "knockd")).toBe(true)
        shell("systemctl start postern-knockd")
    })

    it("is read anew by a reload, goes on with a mistake, and is started again when it dies", async () => {
        shell("echo nonsense >>/etc/knockd.conf; systemctl reload postern-knockd")
        expect(await eventually(() => log().includes("syntax error: nothing has changed"))).toBe(true)
        await opensAndCloses()
        shell("sed -i '$d' /etc/knockd.conf; sed -i 's/= 7000,8000/= 7100,8000/' /etc/knockd.conf")
        // Logrotate's words.
        const kill = /^ *(systemctl kill .*)$/m.exec(PAGE)![1]!
        shell(kill)
        expect(await eventually(() => log().split("re-reading config file").length === 3)).toBe(true)
        const before = service.systemctl("show", "postern-knockd", "--property=MainPID").stdout
        process.kill(Number(before.trim().split("=")[1]), "SIGKILL")
        const again = () =>
            service.systemctl("show", "postern-knockd", "--property=MainPID").stdout !== before &&
            active().includes("postern-knockd")
        expect(await eventually(again, 20_000)).toBe(true)
        await opensAndCloses("7100")
        shell("sed -i 's/= 7100,8000/= 7000,8000/' /etc/knockd.conf")
    })

    it("5. keeps it, and goes back at once", async () => {
        shell(section("### 5. Keep it").sh[0]!)
        expect(shell("systemctl is-enabled postern-knockd")).toBe("enabled\n")
        expect(service.systemctl("is-active", "knockd-back.timer").stdout).not.toBe("active\n")
        shell(section("### The way back").sh[0]!)
        expect(active()).toEqual(["knockd"])
        await opensAndCloses()
    })

    it("fails to start aloud, and then the way back is open", () => {
        shell("sed -i 's/eth0/nosuch0/' /etc/default/knockd")
        expect(service.systemctl("start", "postern-knockd").status).not.toBe(0)
        expect(log()).toContain("could not open nosuch0")
        shell("sed -i 's/nosuch0/eth0/' /etc/default/knockd")
        const [back, stays] = section("### The way back").sh
        shell(`${back}${stays}`)
        expect(active()).toEqual(["knockd"])
        expect(service.systemctl("is-enabled", "postern-knockd").stdout).not.toBe("enabled\n")
    })

    it("runs without systemd, and ends", async () => {
        const [start, end] = section("### Without systemd").sh
        service.systemctl("stop", "knockd")
        shell(start!)
        await opensAndCloses()
        const pid = Number(shell("cat /var/run/knockd.pid"))
        shell(end!)
        expect(await eventually(() => !existsSync(`/proc/${pid}`))).toBe(true)
        expect(service.exec(["test", "-e", "/var/run/knockd.pid"]).status).toBe(1)
    })

    it("shows a knockd.conf against which there is nothing to say but that it can be repeated", () => {
        const conf = /^```\n(\[ssh\].*?)^```/ms.exec(PAGE)![1]!
        const check = "umask 077; cat >/run/shown.conf; postern check --knockd /run/shown.conf"
        const { stdout } = service.exec(["sh", "-c", check], { input: conf })
        expect(stdout.split("\n").filter((line) => !/: note: /.test(line))).toEqual([""])
    })

    it("has doors of its own beside those of knockd.conf", async () => {
        const { sh, text } = section("## The second step")
        shell(sh[0]!.replaceAll("/root/postern.toml", "/run/imported.toml"))
        shell("systemctl start postern-knockd")
        const toml = /^```toml\n(.*?)^```/ms.exec(text)![1]!
        const daemon = await lab.startDaemon(toml)
        const { gateway, hosts } = lab
        // Where the host's own rules keep it closed they let everybody in, once Postern hides it.
        gateway.must(["iptables", "-w", "-A", "INPUT", "-p", "tcp", "--dport", "22", "-j", "ACCEPT"])
        expect(await seen("refused")).toBe("refused")
        knock("7000", "8000", "9000")
        await eventually(() => openings().length === 2)
        // A rule of iptables lets nobody past what Postern hides.
        expect(await seen("refused")).toBe("refused")
        hosts.knocker.must([POSTERN, "knock", gateway.v4, "44871", "19420:udp", "32144", "icmp:321"])
        expect(await seen("open")).toBe("open")
        expect(await daemon.stop()).toBe(0)
    })
})
