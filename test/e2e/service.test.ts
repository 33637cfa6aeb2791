/**
 * The service as it is installed: `make install`, sysusers, tmpfiles, and a real systemd that starts the unit with its
 * user, capabilities, read-only file systems and system call filter; and real knocks at it.
 */
import { readFileSync, readlinkSync, statSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { Told } from "../../src/core/doctor/catalogue.ts"
import { eventually, type Host, knockPlainly, type Lab, listTable, makeLab, untilPort } from "../lab/lab.ts"
import { makeService, type Service } from "../lab/service.ts"

const HITS = ["32144", "21312:udp", "27015"]
const probe = ["touch /usr/x", "ls /root", "mount -t tmpfs none /mnt", "unshare --user true", "echo at $(id -un)"]
const CONFIGURATION = `
[[door]]
name  = "ssh"
opens = ["tcp/22"]
for   = "60s"
hide  = true
  [door.sequence]
  hits   = ${JSON.stringify(HITS)}
  within = "10s"
  [door.command]
  start = ["/bin/sh", "-c", ${JSON.stringify(`{ ${probe.join("; ")}; } 2>&1`)}]
  stop  = ["/bin/true"]
  after = "1h"
`
const dropIns = join(import.meta.dirname, "../../systemd")
const shipped = (name: string) => readFileSync(join(dropIns, `${name}.conf`), "utf8")

let lab: Lab<"knocker">
let gateway: Host
let knocker: Host
let service: Service
let reason: string | null = null

const knock = () => knockPlainly(knocker, gateway.v4, HITS)
const opened = () => eventually(() => listTable(gateway).includes(`${knocker.v4} . tcp . 22`))
const openedBySets = () =>
    eventually(() => gateway.exec(["ipset", "save", "postern-open4"]).stdout.includes(`${knocker.v4},tcp:22`))
const start = () => {
    const { status, stderr } = service.systemctl("start", "postern")
    expect(status, `${stderr}\n${service.log()}`).toBe(0)
}
const doctor = () => {
    const { stdout, stderr } = service.exec(["postern", "doctor", "--json"])
    expect(stderr).not.toContain("units")
    const { findings }: { findings: readonly Told[] } = JSON.parse(stdout)
    return findings
}
const mainPid = () => Number(service.show("MainPID").MainPID)

beforeAll(async () => {
    lab = makeLab(["knocker"])
    gateway = lab.gateway
    knocker = lab.hosts.knocker
    const made = await makeService(gateway, lab.scratch, CONFIGURATION)
    if (typeof made === "string") reason = made
    else service = made
})

beforeEach((ctx) => {
    if (reason !== null) ctx.skip(`no systemd of our own: ${reason}`)
})

afterEach(() => {
    if (reason !== null) return
    service.systemctl("stop", "postern")
    service.systemctl("reset-failed", "postern")
    service.exec(["truncate", "-s", "0", "/run/postern.log"])
    // A stop program that is still due would make the next start of the door a renewal.
    service.exec(["rm", "-rf", "/var/lib/postern"])
    service.dropIn(null)
    service.configure(CONFIGURATION)
    gateway.exec(["nft", "delete", "table", "inet", "postern"])
})

afterAll(async () => {
    await service?.remove()
    lab?.remove()
})

describe("postern.service", () => {
    it("is started when it is ready, and tells what is open", async () => {
        start()
        expect(listTable(gateway)).toContain("hidden")
        expect(service.show("ActiveState", "StatusText")).toMatchObject({
            ActiveState: "active",
            StatusText: "guarding 1 door, nothing is open",
        })
        knock()
        expect(await opened()).toBe(true)
        const told = () => service.show("StatusText").StatusText === "guarding 1 door, 1 grant is open"
        expect(await eventually(told)).toBe(true)
        expect(service.systemctl("stop", "postern").status).toBe(0)
        expect(service.show("Result").Result).toBe("success")
        expect(service.log()).toContain("stopped: what is hidden stays hidden")
    })

    it("has its own user and one capability, and can get no other", () => {
        start()
        const status = readFileSync(`/proc/${mainPid()}/status`, "utf8")
        const value = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)![1]!
        const user = service.exec(["id", "-u", "postern"]).stdout.trim()
        expect(user).not.toBe("0")
        expect(value("Uid").split("\t")).toEqual([user, user, user, user])
        const netAdmin = (1n << 12n).toString(16).padStart(16, "0")
        for (const set of ["CapPrm", "CapEff", "CapBnd", "CapAmb"]) expect(value(set)).toBe(netAdmin)
        expect([value("NoNewPrivs"), value("Seccomp")]).toEqual(["1", "2"])
    })

    it("is seen by the doctor, and started at boot after its command", () => {
        expect(doctor().find(({ code }) => code === "daemon-absent")?.commands).toEqual(["systemctl start postern"])
        start()
        const found = doctor()
        expect(found.map(({ code }) => code)).not.toContain("daemon-absent")
        const boot = found.filter(({ code }) => code === "not-at-boot")
        expect(boot.map(({ what }) => what)).toContain("postern is not started at boot")
        for (const command of boot.flatMap(({ commands }) => commands)) service.exec(["sh", "-c", command])
        expect(doctor().map(({ code }) => code)).not.toContain("not-at-boot")

        const unit =
            "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n[Install]\nWantedBy=default.target\n"
        for (const name of ["firewalld", "nftables"])
            service.exec(["sh", "-c", 'cat >"$0"', `/run/systemd/user/${name}.service`], { input: unit })
        service.exec(["sh", "-c", 'cat >"$0"', "/etc/nftables.conf"], { input: "flush ruleset\n" })
        service.systemctl("daemon-reload")
        service.systemctl("enable", "--now", "firewalld", "nftables")
        const two = doctor()
        expect(two.find(({ code }) => code === "managers")?.what).toBe(
            "firewalld and nftables all load a firewall at boot",
        )
        expect(two.find(({ code }) => code === "flushes")?.severity).toBe("note")
        for (const command of two.find(({ code }) => code === "managers")!.commands) service.exec(["sh", "-c", command])
        const one = doctor().map(({ code }) => code)
        expect(one).not.toContain("managers")
        expect(one).not.toContain("flushes")
        service.systemctl("disable", "--now", "firewalld")
        service.exec([
            "rm",
            "/run/systemd/user/firewalld.service",
            "/run/systemd/user/nftables.service",
            "/etc/nftables.conf",
        ])
        service.systemctl("daemon-reload")
    })

    it("keeps its state, answers at its socket, and sees what is published", async () => {
        // What a trial as root has left.
        service.exec(["install", "-d", "-m", "700", "/var/lib/postern"])
        service.exec(["touch", "/var/lib/postern/left"])
        gateway.must(["nft", "add table ip nat; add chain ip nat pre { type nat hook prerouting priority -100; }"])
        gateway.must(["nft", "add rule ip nat pre tcp dport 8080 dnat to 10.99.0.1:80"])
        start()
        knock()
        expect(await eventually(() => service.log().includes("start: at "))).toBe(true)
        const { status, stdout, stderr } = service.exec(["postern", "status", "--json"])
        expect(status, stderr).toBe(0)
        expect(stdout).toContain('"tcp/8080"')
        expect(stdout).toContain(`"${knocker.v4}"`)
        const owner = service.exec(["stat", "-c", "%U %a", "/var/lib/postern", "/var/lib/postern/journal"])
        expect(owner.stdout).toBe("postern 700\npostern 600\n")
        expect(service.exec(["stat", "-c", "%U", "/var/lib/postern/left"]).stdout).toBe("postern\n")
        gateway.must(["nft", "delete table ip nat"])
    })

    it("holds programs of doors to the same: nothing can be written, mounted, or seen of homes", async () => {
        start()
        knock()
        expect(await eventually(() => service.log().includes("start: at "))).toBe(true)
        const log = service.log()
        expect(log).toMatch(/start: touch: .*Read-only file system/)
        expect(log).toMatch(/start: ls: cannot open directory '\/root': Permission denied/)
        expect(log).toMatch(/start: mount: .*(permission denied|must be superuser)/i)
        expect(log).toMatch(/start: unshare: .*Operation not permitted/)
        expect(log).toContain("start: at postern")
    })

    it("is started again when it is killed, and what was open stays so", async () => {
        start()
        knock()
        expect(await opened()).toBe(true)
        const before = mainPid()
        process.kill(before, "SIGKILL")
        const again = () => service.show("ActiveState").ActiveState === "active" && mainPid() !== before
        expect(await eventually(again, 20_000)).toBe(true)
        expect(listTable(gateway)).toContain(`${knocker.v4} . tcp . 22`)
    })

    it("is started again when it hangs: the watchdog", async () => {
        service.dropIn("[Service]\nWatchdogSec=2s\nTimeoutStopSec=1s\nTimeoutAbortSec=1s\n")
        start()
        const before = mainPid()
        process.kill(before, "SIGSTOP")
        const again = () => service.show("ActiveState").ActiveState === "active" && ![0, before].includes(mainPid())
        expect(await eventually(again, 30_000)).toBe(true)
        knock()
        expect(await opened()).toBe(true)
        // And one that lives is left alone.
        const living = mainPid()
        expect(await eventually(() => mainPid() !== living, 5000)).toBe(false)
    })

    it("is restored on another host as the guide says: the same links, other sequences", async () => {
        const bundles = `[bundles]\ngateway = "gw"\nurl = "https://gw/knock/"\n`
        const target = `[[bundles.publish]]\ndirectory = "/var/lib/postern-web"\n`
        service.configure(`${bundles}${target}[[door]]\nname = "ssh"\nopens = ["tcp/22"]\n[door.one_time]\n`)
        const must = (script: string) => {
            const { status, stdout, stderr } = service.exec(["sh", "-euc", script])
            expect({ script, status, stderr }).toMatchObject({ status: 0 })
            return stdout
        }
        const key = "age1qfdmhgatwdqjk67jtn2vwf5jt3nfluzve6hg60mdqrcsvmcu640qa7r639"
        const link = () => must("postern user link anna")
        try {
            start()
            must(`umask 077; postern user add anna --key ${key}`)
            const [before, master] = [link(), must("cat /var/lib/postern/one-time.master")]
            service.systemctl("stop", "postern")
            // As a backup comes back: everything is root's.
            must("mkdir /run/backup; cp -r /etc/postern /var/lib/postern/gateway.keys /run/backup")
            must(
                "rm -rf /etc/postern /var/lib/postern; cp -r /run/backup/postern /etc; chown -R root:root /etc/postern",
            )
            const guide = readFileSync(join(dropIns, "../docs/one-time.md"), "utf8")
            const block = /^```console\n(# systemctl stop[\s\S]*?)^```$/m.exec(guide)![1]!
            const script = block.replaceAll(/^# /gm, "").replace("enable --now", "start")
            must(`cd /run/backup; ${script.replaceAll("systemctl ", "systemctl --user --no-pager ")}`)
            expect(link()).toBe(before)
            expect(must("cat /var/lib/postern/one-time.master")).not.toBe(master)
            const owners = must("stat -c '%U:%G %a' /etc/postern /etc/postern/users.d/anna.toml /var/lib/postern/*")
            expect(owners.split("\n").slice(0, 2)).toEqual(["root:postern 2750", "root:postern 640"])
            expect(owners).not.toMatch(/^root:root/m)
        } finally {
            service.exec(["sh", "-c", "rm -rf /run/backup /etc/postern/users.d/* /var/lib/postern-web/*"])
        }
    })

    it("is not started again with a configuration that has a mistake", () => {
        service.configure("[[door]]\nname = 7\n")
        expect(service.systemctl("start", "postern").status).not.toBe(0)
        expect(service.show("ActiveState", "NRestarts", "ExecMainStatus")).toEqual(
            expect.objectContaining({ ActiveState: "failed", NRestarts: "0", ExecMainStatus: "3" }),
        )
    })

    it.each([["no-writable-code"], ["packet-socket"], ["iptables"], ["programs-as-root"]])(
        "opens with %s.conf",
        async (name) => {
            service.dropIn(shipped(name))
            if (name === "iptables") service.configure(`[gateway]\nfirewall = "iptables"\n${CONFIGURATION}`)
            if (name === "packet-socket") service.configure(`[gateway]\ncapture = "packet-socket"\n${CONFIGURATION}`)
            start()
            knock()
            expect(await (name === "iptables" ? openedBySets() : opened()), service.log()).toBe(true)
            if (name === "iptables") await hidesEarly()
            const who = name === "programs-as-root" || name === "iptables" ? "root" : "postern"
            expect(await eventually(() => service.log().includes(`start: at ${who}`)), service.log()).toBe(true)
        },
    )

    it("shares its socket with a group, by a drop-in", () => {
        service.dropIn("[Service]\nSupplementaryGroups=adm\n")
        service.configure(`[gateway]\nsocket_group = "adm"\n${CONFIGURATION}`)
        start()
        const { stdout } = service.exec(["stat", "-c", "%U:%G %a", "/run/postern/control"])
        expect(stdout, service.log()).toBe("postern:adm 660\n")
    })
})

describe("postern-lead@.service", () => {
    it("leads those who knocked to what listens on loopback, with two rights and no more", async () => {
        const unit = "postern-lead@tcp-22.service"
        const link = "ln -sf /usr/local/lib/systemd/system/postern-lead@.service /run/systemd/user/"
        expect(service.exec(["sh", "-c", link])).toMatchObject({ status: 0, stderr: "" })
        const listener = gateway.start(["nc", "-lk", "127.0.0.1", "22"])
        try {
            expect(service.systemctl("start", unit)).toMatchObject({ status: 0, stderr: "" })
            start()
            knock()
            expect(await opened()).toBe(true)
            expect(await untilPort("open", knocker, gateway.v4, 22), service.log()).toBe("open")
            const pid = service.systemctl("show", "-p", "MainPID", "--value", unit).stdout.trim()
            // CAP_NET_ADMIN and CAP_SYS_PTRACE: capabilities 12 and 19.
            expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(/^CapEff:\t0*81000$/m)

            // It runs, and would not after the next start of the host.
            const once = doctor().filter(({ code }) => code === "led-once")
            expect(once.map(({ what }) => what)).toEqual([expect.stringMatching(/^tcp\/22 is led to, and will not be/)])
            for (const command of once.flatMap(({ commands }) => commands)) service.exec(["sh", "-c", command])
            expect(doctor().map(({ code }) => code)).not.toContain("led-once")
        } finally {
            service.systemctl("disable", "--now", unit)
            listener.kill()
        }
    })
})

const hidden = () => gateway.exec(["nft", "list", "set", "inet", "postern", "hidden"]).stdout

/** Who jumps to chains of ours, of iptables. */
const jumps = () => gateway.must(["sh", "-c", "iptables-save; ip6tables-save"]).match(/-j POSTERN-\S+$/gm)

/** What the daemon has saved of iptables' rules is loaded without it, and again over what is there. */
async function hidesEarly(): Promise<void> {
    const before = jumps()
    const saved = ["test", "-e", "/var/lib/postern/hide.rules6"]
    expect(await eventually(() => service.exec(saved).status === 0), service.log()).toBe(true)
    const clear = "for i in iptables ip6tables; do $i-save | grep -v POSTERN- | $i-restore; done; ipset destroy"
    linkUnits("postern-hide-iptables")
    service.systemctl("daemon-reload")
    try {
        service.systemctl("stop", "postern")
        gateway.must(["sh", "-c", clear])
        expect(jumps()).toBeNull()
        const answer = service.systemctl("start", "postern-hide-iptables")
        expect(answer).toMatchObject({ status: 0, stderr: "" })
        expect(jumps()).toEqual(before)
        start()
        knock()
        expect(await openedBySets()).toBe(true)
        expect(service.systemctl("restart", "postern-hide-iptables")).toMatchObject({ status: 0, stderr: "" })
        expect(await eventually(() => jumps()?.length === before?.length)).toBe(true)
        expect(await openedBySets()).toBe(true)
    } finally {
        service.systemctl("stop", "postern-hide-iptables", "postern")
        gateway.exec(["sh", "-c", clear])
    }
}

const linkUnits = (...names: readonly string[]) =>
    service.exec([
        "sh",
        "-c",
        `cd /usr/local/lib/systemd/system && ln -sf ${names.map((name) => `$PWD/${name}.service`).join(" ")} /run/systemd/user/`,
    ])
const stopUnits = () => service.systemctl("stop", "postern-hide", "postern-grace", "nftables")

describe("postern-hide.service", () => {
    it("hides what the daemon has saved, without it, with one right, and again when tables are flushed", async () => {
        linkUnits("postern-hide", "postern-grace")
        // Debian's has a condition that a test would not meet; what it does is this.
        const flushing =
            "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=nft flush ruleset\nExecReload=nft flush ruleset\nExecStop=nft flush ruleset\n"
        service.exec([
            "sh",
            "-c",
            'printf "$0" >/run/systemd/user/nftables.service; mkdir -p /run/systemd/user/nftables.service.wants && ln -sf /usr/local/lib/systemd/system/postern-hide.service /run/systemd/user/nftables.service.wants/',
            flushing,
        ])
        service.systemctl("daemon-reload")
        try {
            // Nothing was saved yet: nothing is done.
            expect(service.systemctl("start", "postern-hide")).toMatchObject({ status: 0 })
            expect(hidden()).toBe("")
            service.configure(`[gateway]\ngrace = "1h"\n${CONFIGURATION}`)
            start()
            const saved = ["test", "-e", "/var/lib/postern/grace.nft"]
            expect(await eventually(() => service.exec(saved).status === 0), service.log()).toBe(true)
            service.systemctl("stop", "postern")
            gateway.must(["nft", "flush", "ruleset"])
            expect(service.systemctl("start", "nftables", "postern-hide", "postern-grace")).toMatchObject({
                status: 0,
                stderr: "",
            })
            expect(hidden()).toContain("tcp . 22")
            const spared = () => gateway.must(["nft", "list", "set", "inet", "postern", "spared"])
            expect(spared()).toMatch(/tcp \. 22 timeout 1h/)
            for (const act of ["reload", "restart"]) {
                expect(service.systemctl(act, "nftables")).toMatchObject({ status: 0, stderr: "" })
                expect(await eventually(() => hidden().includes("tcp . 22")), act).toBe(true)
                // The window does not begin anew.
                expect(spared()).not.toContain("timeout 1h")
            }
            expect(service.show("ActiveState").ActiveState).toBe("inactive")
        } finally {
            stopUnits()
            service.exec(["sh", "-c", "rm -rf /run/systemd/user/nftables.service*"])
            service.systemctl("daemon-reload")
        }
    })

    it("loaded over the table of a running daemon, harms nothing", async () => {
        linkUnits("postern-hide")
        service.systemctl("daemon-reload")
        start()
        knock()
        expect(await opened()).toBe(true)
        const saved = ["test", "-e", "/var/lib/postern/hide.nft"]
        expect(await eventually(() => service.exec(saved).status === 0), service.log()).toBe(true)
        try {
            expect(service.systemctl("start", "postern-hide")).toMatchObject({ status: 0, stderr: "" })
            expect(await opened()).toBe(true)
            expect(listTable(gateway)).toMatch(/chain watch/)
            gateway.must(["nft", "flush", "set", "inet", "postern", "open4"])
            knock()
            expect(await opened()).toBe(true)
        } finally {
            stopUnits()
        }
    })
})

describe("postern-web.service", () => {
    it("serves what is published by a socket that it is given, without rights and without a network", async () => {
        const name = "a".repeat(32)
        const place =
            "mkdir -p /run/systemd/user/postern-web.service.d && cd /run/systemd/user && ln -sf /usr/local/lib/systemd/system/postern-web.socket . && " +
            "printf '[Service]\\nStandardError=append:/run/postern.log\\n' >postern-web.service.d/00-log.conf && "
        // As the daemon publishes: the directory is its own.
        const publish = `setpriv --reuid postern --regid postern --clear-groups sh -c 'echo published >/var/lib/postern-web/${name}'`
        expect(service.exec(["sh", "-c", `${place}${publish}`])).toMatchObject({ status: 0, stderr: "" })
        try {
            expect(service.systemctl("start", "postern-web.socket")).toMatchObject({ status: 0, stderr: "" })
            const { stdout } = service.exec(["curl", "-s", "-m", "20", `http://127.0.0.1:8080/${name}`])
            expect(stdout, service.log()).toBe("published\n")
            const pid = service.systemctl("show", "-p", "MainPID", "--value", "postern-web").stdout.trim()
            const status = readFileSync(`/proc/${pid}/status`, "utf8")
            expect(status).toMatch(/^CapEff:\t0+\nCapBnd:\t0+$/m)
            expect(status).not.toMatch(/^Uid:\t0\t/m)
            expect(readlinkSync(`/proc/${pid}/ns/net`)).not.toContain(
                String(statSync(`/run/netns/${gateway.name}`).ino),
            )
            expect(gateway.must(["nsenter", `--net=/proc/${pid}/ns/net`, "ip", "-br", "link"]).trim()).toMatch(
                /^lo\b[^\n]*$/,
            )
        } finally {
            service.systemctl("stop", "postern-web.socket", "postern-web.service")
        }
    })
})
