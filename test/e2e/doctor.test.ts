/**
 * The doctor on a real host: each thing is made wrong, found, and gone after the printed commands were run, as they are,
 * in a shell.
 */
import { chmodSync, existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { isClockSynchronised } from "../../src/adapters/system/adjtimex.ts"
import type { Told } from "../../src/core/doctor/catalogue.ts"
import { type Daemon, type Lab, makeLab, POSTERN } from "../lab/lab.ts"
import { whyNoNamespaces } from "../lab/namespace.ts"
import { writeKnocker } from "../lab/one-time.ts"

const why = whyNoNamespaces()
const DOOR = `
[[door]]
name  = "ssh"
opens = ["tcp/22"]
hide  = true
[door.sequence]
hits  = ["32144", "21312:udp", "44871", "icmp:321"]
`
/** One whose service is in another place. */
const doorTo = (opens: string, to: string) =>
    DOOR.replace("tcp/22", opens).replace("ssh", opens.slice(4)).replace("hide", `lead_to = ["${to}"]\nhide`)

type Answer = {
    readonly ok: boolean
    readonly findings: readonly Told[]
    readonly unseen: readonly { readonly what: string; readonly why: string }[]
}

const texts = (findings: readonly Told[]) => findings.map(({ code, what }) => `${code}: ${what}`)

/** Where a command line finds our program and this daemon. */
const environment = (of: Daemon) => ({
    POSTERN_CONFIG: of.file,
    POSTERN_SOCKET: of.socket,
    PATH: `${dirname(POSTERN)}:${process.env["PATH"]}`,
})

describe.skipIf(why !== null)(`postern doctor${why === null ? "" : ` (${why})`}`, () => {
    let lab: Lab<never>
    let daemon: Daemon
    let undo: (() => void)[] = []
    /** With the state that the lab's daemon has. */
    let state = ""

    beforeAll(async () => {
        lab = makeLab<never>([])
        lab.gateway.must(["ip", "link", "add", "eth9", "type", "veth", "peer", "name", "far9"])
        lab.gateway.must(["ip", "address", "add", "192.0.2.1/24", "dev", "eth9"])
        state = `[gateway]\nstate = ${JSON.stringify(join(lab.scratch, "state"))}\n`
        daemon = await lab.startDaemon(DOOR)
    })
    afterAll(async () => {
        await daemon?.stop()
        lab?.remove()
    })
    beforeEach(() => {
        undo = []
    })
    afterEach(() => {
        for (const one of undo.toReversed()) one()
    })

    /** What it answers, and how it exits. */
    const ask = (of: Daemon = daemon, wrap: readonly string[] = []) => {
        const { status, stdout } = lab.gateway.exec([...wrap, POSTERN, "doctor", "--json"], { env: environment(of) })
        const answer: Answer = JSON.parse(stdout)
        return { ...answer, status }
    }
    const codes = (of?: Daemon) => ask(of).findings.map(({ code }) => code)
    const about = (code: Told["code"], of?: Daemon, wrap?: readonly string[]) =>
        ask(of, wrap).findings.filter((found) => found.code === code)
    type Wrong = readonly [Told["code"], RegExp]
    /** It finds these, with such words; the commands of all of them are run, and they are gone. What it found before. */
    const mended = (wrongs: readonly Wrong[], of: Daemon = daemon, wrap: readonly string[] = []) => {
        const before = ask(of, wrap).findings
        const found = wrongs.flatMap(([code, words]) => {
            const those = before.filter((one) => one.code === code)
            expect(those.map(({ what }) => what).join("\n")).toMatch(words)
            return those
        })
        const commands = found.flatMap((one) => one.commands)
        expect(commands).not.toEqual([])
        for (const command of commands) lab.gateway.must([...wrap, "sh", "-c", command], { env: environment(of) })
        const after = ask(of, wrap).findings
        for (const [code] of wrongs) expect(after.filter((one) => one.code === code)).toEqual([])
        return { before: texts(before), after: texts(after) }
    }
    /** Something that listens, until the end of the test. */
    const listen = async (...where: readonly string[]) => {
        const child = lab.gateway.start(["nc", "-lk", ...where])
        undo.push(() => child.kill())
        const port = where.at(-1)!
        const there = () => lab.gateway.must(["ss", "-Hlntu", `sport = :${port}`])
        await expect.poll(there).toContain(where.includes("::") ? "*:" : where.at(-2)!)
        return child
    }
    const must = (...argv: readonly string[]) => lab.gateway.must(argv)

    it("finds a service that answers because no daemon ever ran, at all its addresses, over both families", async () => {
        await listen("0.0.0.0", "2222")
        await listen("-6", "fd77::1", "2222")
        await listen("0.0.0.0", "44871")
        const file = join(lab.scratch, "never.toml")
        writeFileSync(file, DOOR.replace("tcp/22", "tcp/2222"), { mode: 0o600 })
        const never = { ...daemon, file, socket: join(lab.scratch, "nobody") }
        const { status, findings } = ask(never)
        expect(status).toBe(1)
        expect(findings.map(({ code }) => code)).toContain("daemon-absent")
        // And what a port of the knock clashes with.
        expect(findings.filter(({ code }) => code === "configuration").map(({ what }) => what)).toContainEqual(
            expect.stringMatching(/door\.ssh\.sequence\.hits\[2\]: something listens on this port/),
        )
        expect(findings.find(({ code }) => code === "answers")?.what).toBe(
            "tcp/2222 is to be hidden and answers everyone at 0.0.0.0, fd77::1",
        )
    })

    it("finds a service that answers until the new configuration is in force, and what is refused by a rule alone", async () => {
        await listen("0.0.0.0", "80")
        const text = `${DOOR.replace("tcp/22", "tcp/80").replace('"ssh"', '"web"').replaceAll("32144", "32145")}${DOOR}`
        writeFileSync(daemon.file, `${text}${state}`)
        const { before, after } = mended([["answers", /tcp\/80 is to be hidden and answers everyone at 0\.0\.0\.0/]])
        expect(before.join()).toContain("configuration-newer")
        expect(after).toContain("refused: tcp/80 listens at 0.0.0.0: strangers are refused by a rule")
        expect(after.join()).not.toContain("configuration-newer")
        writeFileSync(daemon.file, `${DOOR}${state}`)
        must(POSTERN, "reload", "--socket", daemon.socket)
    })

    it("finds a listener on loopback that nobody is led to", async () => {
        await listen("127.0.0.1", "22")
        const { after } = mended([["not-led", /^tcp\/22 listens at 127\.0\.0\.1 alone/]])
        expect(after).toContain("half-led: nobody is led to tcp/22 over IPv6")
    })

    it("finds filters that drop those who knocked: of nftables and of iptables, both families", () => {
        undo.push(() => must("nft", "delete table inet host"))
        must(
            "nft",
            "table inet host { chain input { type filter hook input priority filter; policy drop; iif lo accept; ct state established,related accept; tcp dport { 443, 8000-8100 } accept; }; }",
        )
        undo.push(() =>
            must("sh", "-c", "iptables -P INPUT ACCEPT; iptables -F; ip6tables -P INPUT ACCEPT; ip6tables -F"),
        )
        must("sh", "-c", "iptables -P INPUT DROP; iptables -A INPUT -p tcp -m multiport --dports 80,443 -j ACCEPT")
        must(
            "sh",
            "-c",
            "ip6tables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT; ip6tables -A INPUT -j REJECT",
        )
        const each = ["inet host input", "ip filter INPUT", "ip6 filter INPUT"]
        const words = each.map((name) => `^${name} lets nobody in to tcp/22,.*$`).join("\n")
        mended([["filtered", new RegExp(words, "m")]])
    })

    it("finds rules of the old iptables, and knows other firewalls by what they leave", () => {
        undo.push(() => must("sh", "-c", "iptables-legacy -F; iptables-legacy -X; nft delete table inet firewalld"))
        must("sh", "-c", "iptables-legacy -N ufw-user-input; iptables-legacy -A ufw-user-input -j RETURN")
        must("nft", "add table inet firewalld")
        expect(ask().findings.map(({ what }) => what)).toEqual(
            expect.arrayContaining([
                expect.stringMatching(/^the old ip_tables has rules, too \(iptables filter\)/),
                "firewalld keeps a firewall here, too",
                "ufw keeps a firewall here, too",
            ]),
        )
    })

    it("finds what is published past the rules that hide, until these know of it", () => {
        undo.push(() => must("nft", "delete table ip containers"))
        const to = "tcp dport 8080 dnat to 10.99.0.2:80"
        must("nft", `table ip containers { chain pre { type nat hook prerouting priority dstnat; ${to}; }; }`)
        writeFileSync(daemon.file, `${DOOR.replace("tcp/22", "tcp/8080")}${state}`)
        mended([["published", /^tcp\/8080 is to be hidden/]])
        writeFileSync(daemon.file, `${DOOR}${state}`)
        must(POSTERN, "reload", "--socket", daemon.socket)
    })

    it("finds what a place elsewhere asks of this host", () => {
        must("ip", "address", "add", "10.77.3.200/32", "dev", "lo")
        const file = join(lab.scratch, "elsewhere.toml")
        writeFileSync(file, `${doorTo("tcp/80", "10.77.3.200")}${doorTo("tcp/81", "192.0.2.99")}`, { mode: 0o600 })
        const of = { ...daemon, file, socket: join(lab.scratch, "nobody") }
        undo.push(() =>
            must("sh", "-c", "nft delete table inet through; iptables -P FORWARD ACCEPT; iptables -F FORWARD"),
        )
        const known = "ct state established,related accept; ip daddr 192.0.2.99 tcp dport 82 accept"
        must("nft", `table inet through { chain f { type filter hook forward priority 0; policy drop; ${known}; }; }`)
        must("sh", "-c", "iptables -P FORWARD DROP; iptables -A FORWARD -d 172.17.0.2 -p tcp --dport 81 -j ACCEPT")
        const nobody = "lets nobody in to tcp/81 at 192\\.0\\.2\\.99,.*"
        mended(
            [
                ["filtered", new RegExp(`^inet through f ${nobody}\nip filter FORWARD ${nobody}$`)],
                ["arp-tells", /^this host answers ARP for 10\.77\.3\.200/],
                ["not-forwarding", /^this host does not forward IPv4, and a door leads to 192\.0\.2\.99/],
            ],
            of,
        )
        must("sysctl", "-qw", "net.ipv4.ip_forward=0")
    })

    it("finds settings of the kernel that lose knocks, or let neighbours in", async () => {
        undo.push(() => must("ip", "link", "set", "eth9", "down"))
        for (const end of ["eth9", "far9"]) must("ip", "link", "set", end, "up")
        must("sysctl", "-qw", "net.ipv4.conf.eth9.route_localnet=1", "net.ipv4.conf.eth9.rp_filter=1")
        must("sysctl", "-qw", "net.ipv4.ip_local_port_range=5000 60999")
        expect(mended([["route-localnet", /^eth9 /]]).after.join()).toContain("unwatched")
        await listen("0.0.0.0", "5022")
        const gateway = `[gateway]\ninterfaces = ["eth0", "eth9", "eth7"]\nlog_group = 7\nfirewall = "iptables"\n`
        const every = await lab.startDaemon(`${gateway}${DOOR.replace("tcp/22", "tcp/5022")}`)
        try {
            const wrongs = [
                ["reverse-path", /^eth9 /],
                ["own-range", /^tcp\/5022 is among the ports/],
            ] as const
            const found = mended(wrongs, every).after.join("\n")
            expect(found).toMatch(/^interface-missing: there is no interface eth7/m)
            expect(found).toMatch(/^refused: tcp\/5022 listens at 0\.0\.0\.0/m)
            expect(found).not.toMatch(/^unwatched/m)
        } finally {
            await every.stop()
            for (const program of ["iptables", "ip6tables"]) must("sh", "-c", `${program} -F; ${program} -t mangle -F`)
        }
    })

    it("finds what is open by hand, what nobody can be led to, a daemon that watches nothing, and a table that is not its own", async () => {
        await listen("-u", "127.0.0.1", "5353")
        await listen("0.0.0.0", "2022")
        const doors = ["udp/5353", "tcp/2022"].map((opens, i) =>
            DOOR.replace("tcp/22", opens).replace('"ssh"', `"more${i}"`).replace("32144", `3300${i}`),
        )
        const reload = () => must(POSTERN, "reload", "--socket", daemon.socket)
        writeFileSync(daemon.file, `${DOOR}${doors.join("")}${state}[hide]\n"tcp/2022" = false\n`)
        reload()
        undo.push(reload, () => writeFileSync(daemon.file, `${DOOR}${state}`))
        const routes = ["-4", "-6"].map((family) => must("ip", family, "route", "show", "default"))
        const restore = routes.map(
            (route, i) => () => must("ip", i === 0 ? "-4" : "-6", "route", "replace", ...route.trim().split(/\s+/)),
        )
        for (const family of ["-4", "-6"]) must("ip", family, "route", "del", "default")
        undo.push(...restore)
        writeFileSync(daemon.file, `${DOOR}${doors.join("")}${state}`)
        await expect.poll(() => codes()).toContain("watches-nothing")
        const { before } = mended([
            ["configuration-newer", /./],
            ["spared", /^tcp\/2022 is to be hidden, and is open to everyone/],
        ])
        expect(before).toContain("udp-inside: udp/5353 listens on loopback alone")
        // What the kernel says of its clock nobody may change for a test.
        expect(before.some((one) => one.startsWith("clock-unsynchronised"))).toBe(isClockSynchronised() === false)
        for (const one of restore) one()

        const owner = lab.gateway.start(["nft", "-i"], { stdio: ["pipe", "ignore", "ignore"] })
        undo.push(() => owner.kill())
        owner.stdin!.write("delete table inet postern; add table inet postern { flags owner; }\n")
        await expect.poll(() => codes()).toContain("table-lost")
        owner.kill()
        await expect.poll(() => codes()).not.toContain("table-lost")
        expect(codes()).not.toContain("watches-nothing")
    })

    it("finds secrets that others can read, and files from the future", async () => {
        const folder = join(lab.scratch, "state")
        await expect.poll(() => existsSync(join(folder, "hide.nft"))).toBe(true)
        const file = join(folder, "hide.nft")
        chmodSync(file, 0o644)
        mended([["secret-open", new RegExp(`^${file}: others can read it`)]])
        const future = Date.now() / 1000 + 7205
        utimesSync(file, future, future)
        expect(about("clock-behind").map(({ what }) => what)).toEqual([
            expect.stringMatching(`^the clock is behind: ${file} was written 2h`),
        ])
        must("touch", file)
        expect(about("clock-behind")).toEqual([])
    })

    it("finds a target that bundles cannot be published at", async () => {
        const web = join(lab.scratch, "web")
        writeKnocker(join(lab.scratch, "people"), "anna")
        const words = `[bundles]\nusers = "people"\ngateway = "gw.example.org"\n[[bundles.publish]]\ndirectory = ${JSON.stringify(web)}\n`
        const gateway = `[gateway]\nlog_group = 9\nstate = ${JSON.stringify(join(lab.scratch, "other-state"))}\n`
        const door = DOOR.replace(/\[door\.sequence\](.|\n)*/, "[door.one_time]\n")
        const publisher = await lab.startDaemon(`${gateway}${words}${door}`)
        try {
            await expect.poll(() => about("target-fails", publisher)).toHaveLength(1)
            const [found] = about("target-fails", publisher)
            expect(found?.what).toMatch(/^bundles are not published to /)
            mkdirSync(web)
            for (const command of found!.commands)
                lab.gateway.must(["sh", "-c", command], { env: environment(publisher) })
            expect(codes(publisher)).not.toContain("target-fails")
        } finally {
            await publisher.stop()
        }
    })

    it("finds passwords that sshd asks for, and what it says is what holds", async () => {
        const file = join(lab.scratch, "sshd_config")
        const key = join(lab.scratch, "host_key")
        must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        const settings = ["Port 22", "ListenAddress 127.0.0.1", `HostKey ${key}`, "PidFile none", "UsePAM no"]
        writeFileSync(file, [...settings, "PasswordAuthentication yes", "PermitRootLogin yes", ""].join("\n"))
        const script = `mount -t tmpfs none /run; mkdir /run/sshd; exec /usr/sbin/sshd -D -e -f ${file}`
        const sshd = lab.gateway.start(["unshare", "--mount", "sh", "-euc", script])
        undo.push(() => sshd.kill())
        sshd.stderr?.resume()
        await expect.poll(() => must("ss", "-Hlnt", "sport = :22")).toContain("127.0.0.1:22")
        expect(ask().unseen).toContainEqual({ what: `sshd[${sshd.pid}]`, why: expect.stringContaining("container") })
        const beside = ["nsenter", `--mount=/proc/${sshd.pid}/ns/mnt`, "--"]
        const { before } = mended([["sshd", /^sshd has PasswordAuthentication yes/]], daemon, beside)
        expect(before).toContain("sshd: sshd has PermitRootLogin yes")
    })

    it("works without root, and says what it could not see", () => {
        const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
        const { status, unseen, findings } = ask(daemon, nobody)
        expect(unseen.map(({ what }) => what)).toEqual(
            expect.arrayContaining(["the firewall", "the configuration", "the daemon"]),
        )
        expect(findings.filter(({ severity }) => severity !== "note")).toEqual([])
        expect(findings.find(({ code }) => code === "nat-upstream")?.what).toContain("(10.77.0.1, fd77::1)")
        expect(status).toBe(6)
    })
})
