/** `postern status`, `watch`, `grant` and `revoke` beside a real daemon, in network namespaces of our own. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { decodeAnswer } from "../../src/core/control/answer.ts"
import { type Daemon, eventually, type Host, type Lab, listTable, makeLab, POSTERN, portState } from "../lab/lab.ts"
import { collectLines } from "../lab/lines.ts"
import { whyNoNamespaces } from "../lab/namespace.ts"
import { session } from "./session.ts"

const reason = whyNoNamespaces()
const HITS = ["32144", "21312:udp", "27015"]
const CONFIG = `
[[door]]
name  = "ssh"
opens = ["tcp/22"]
for   = "60s"
hide  = true
  [door.sequence]
  hits = ${JSON.stringify(HITS)}
[[door]]
name = "wake"
  [door.sequence]
  hits = ["41414", "11977:udp", "29011"]
  [door.command]
  start = ["/bin/echo", "on"]
  stop  = ["/bin/echo", "off"]
  after = "1h"
`

let lab: Lab<"knocker">
let gateway: Host
let knocker: Host
let daemon: Daemon

/** Runs a command beside the daemon: everything it said, and its exit status if that is not 0. */
const postern = (...args: readonly string[]) => {
    const { status, stdout, stderr } = gateway.exec([POSTERN, ...args, "--socket", daemon.socket])
    return `${stdout}${stderr}${status === 0 ? "" : `? ${status}`}`.trim()
}
const status = () => {
    const answer = decodeAnswer(
        JSON.stringify({ postern: 1, ok: true, answer: "status", status: JSON.parse(postern("status", "--json")) }),
    )
    if (!answer.ok || answer.answer !== "status") throw new Error(JSON.stringify(answer))
    return answer.status
}
const knock = (...hits: readonly string[]) => knocker.must([POSTERN, "knock", gateway.v4, ...hits])

describe("without a daemon", () => {
    it("every command says so, and what to do", () => {
        session(
            {},
            `
            $ postern status --socket nowhere
            ! postern: error: no daemon listens at nowhere
            ! postern: hint: is it running? …
            ! postern: hint: name another place with --socket or $POSTERN_SOCKET
            ? 1
            $ POSTERN_SOCKET=elsewhere postern watch
            ! postern: error: no daemon listens at elsewhere
            ! postern: hint: is it running? …
            ! postern: hint: name another place …
            ? 1
            $ postern grant ssh 192.0.2.7 --socket nowhere
            ! postern: error: no daemon listens at nowhere
            ! postern: hint: is it running? …
            ! postern: hint: name another place …
            ? 1
            $ postern reload --socket nowhere
            ! postern: error: no daemon listens at nowhere
            ! postern: hint: is it running? …
            ! postern: hint: name another place …
            ? 1
            $ postern revoke --all --socket nowhere
            ! postern: error: no daemon listens at nowhere
            ! postern: hint: is it running? …
            ! postern: hint: name another place …
            ? 1
            `,
        )
    })

    it("wrong arguments are found before it is asked", () => {
        session(
            {},
            `
            $ postern grant ssh gate.example.org
            ! postern: error: gate.example.org: not an IPv4 or IPv6 address …
            ! postern: hint: such as 198.51.100.7 or 2001:db8::7: names are not looked up
            ? 2
            $ postern grant 198.51.100.7 ssh
            ! postern: error: ssh: not an IPv4 or IPv6 address …
            ! postern: hint: the door comes first: postern grant ssh 198.51.100.7
            ? 2
            $ postern grant ssh 198.51.100.0/24
            ! postern: error: 198.51.100.0/24: not an IPv4 or IPv6 address …
            ! postern: hint: name one address of it: …
            ? 2
            $ postern grant ssh 192.0.2.7 --for 10
            ! postern: error: --for 10: not a time that a grant can have
            ! postern: hint: such as 30s, 10m or 1h30m: 1s to 7d
            ? 2
            $ postern grant ssh 192.0.2.7 --for 8d
            ! postern: error: --for 8d: not a time …
            ! postern: hint: …
            ? 2
            $ postern revoke
            ! postern: error: say what to end: SOURCE, --door, --knocker, some of them, or --all alone
            ! postern: hint: postern status shows who is in
            ? 2
            $ postern revoke 192.0.2.7 --all
            ! postern: error: say what to end: SOURCE, --door, --knocker, some of them, or --all alone
            ! postern: hint: postern status shows who is in
            ? 2
            $ postern revoke 192.0.2.7/24
            ! postern: error: 192.0.2.7/24: not an address, nor a network whose bits after the prefix are 0
            ! postern: hint: such as 198.51.100.7, 198.51.100.0/24 or 2001:db8::/64: names are not looked up
            ? 2
            $ postern revoke ssh
            ! postern: error: ssh: not an address, …
            ! postern: hint: the door of this name: postern revoke --door ssh
            ? 2
            `,
        )
    })
})

describe.skipIf(reason !== null)(`beside a daemon${reason === null ? "" : ` (${reason})`}`, () => {
    beforeAll(() => {
        lab = makeLab(["knocker"])
        gateway = lab.gateway
        knocker = lab.hosts.knocker
        gateway.start(["nc", "-lk", "22"])
    })

    afterEach(async () => {
        await daemon?.stop()
        gateway.exec(["nft", "delete", "table", "inet", "postern"])
    })

    afterAll(() => lab?.remove())

    it("status says what is watched, who knocks and who is in; and no hit of it", async () => {
        daemon = await lab.startDaemon(CONFIG)
        expect(postern("status").split("\n").slice(0, 7)).toEqual([
            expect.stringMatching(/^up .* \(pid \d+\), watching eth0, by nflog$/),
            expect.stringMatching(/^configuration read \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
            "table in place, by nftables",
            "",
            "doors",
            "  ssh   tcp/22 for 60 s  hidden",
            "  wake  opens nothing",
        ])
        knock(...HITS.slice(0, 2))
        await daemon.log.waitFor(/stage 2 of 3/)
        expect(status()).toMatchObject({
            capture: "nflog",
            pid: daemon.pid,
            interfaces: ["eth0"],
            table: { by: "nftables", inPlace: true, leads: true },
            attempts: [{ door: "ssh", source: knocker.v4, stage: 2, of: 3 }],
            grants: [],
            totals: { doors: 2, attempts: 1, grants: 0 },
            counters: { hits: 2, dropped: 0 },
            warnings: [],
        })
        knock(HITS[2]!)
        await daemon.log.waitFor(/: open: /)
        const now = status()
        expect(now).toMatchObject({
            attempts: [],
            doors: [{ name: "ssh", grants: 1 }, { name: "wake" }],
            grants: [{ door: "ssh", source: knocker.v4, by: "knock", uid: null, program: "idle" }],
        })
        expect(now.grants[0]!.left).toBeLessThanOrEqual(60_000)
        expect(now.grants[0]!.since).toBeGreaterThanOrEqual(now.started)
        const text = postern("status")
        expect(text).toMatch(new RegExp(`^  ssh  ${knocker.v4}  [\\d.]+ s left  since .* by a knock$`, "m"))
        for (const hit of HITS) expect(text + JSON.stringify(now)).not.toContain(hit.split(":")[0])
    })

    it("grant lets somebody in, revoke keeps him out, and the log says who did it", async () => {
        daemon = await lab.startDaemon(CONFIG)
        expect(await portState(knocker, gateway.v4, 22)).toBe("refused")
        expect(postern("grant", "ssh", knocker.v4, "--for", "10m")).toBe(
            `postern: ssh: open to ${knocker.v4}: tcp/22 for 10m`,
        )
        expect(await portState(knocker, gateway.v4, 22)).toBe("open")
        expect(status().grants).toMatchObject([{ door: "ssh", by: "hand", uid: 0 }])
        expect(postern("revoke", knocker.v4)).toBe("postern: ended 1 grant")
        expect(await portState(knocker, gateway.v4, 22)).toBe("refused")
        expect(postern("revoke", "--all")).toBe("postern: ended no grant")
        const log = daemon.log.all.join("\n")
        expect(log).toMatch(`ssh: ${knocker.v4}: open by hand of user 0: tcp/22 for 10 min, until `)
        expect(log).toMatch(`ssh: ${knocker.v4}: revoked by hand of user 0`)
    })

    it("revoke takes back what nft was told by hand, and runs stop programs", async () => {
        daemon = await lab.startDaemon(CONFIG)
        gateway.must([
            "nft",
            `add element inet postern any4 { ${knocker.v4} timeout 10m }; add element inet postern open4 { ${knocker.v4} . tcp . 22 timeout 10m }`,
        ])
        expect(await portState(knocker, gateway.v4, 22)).toBe("open")
        expect(postern("grant", "wake", knocker.v6)).toBe(
            `postern: wake: open to ${knocker.v6}: its program was asked to run`,
        )
        await daemon.log.waitFor(/wake: .* start: on/)
        await eventually(() => status().grants[0]?.program === "started")
        expect(postern("revoke", "--all")).toBe("postern: ended 1 grant, and took back 1 that no door had opened")
        expect(await portState(knocker, gateway.v4, 22)).toBe("refused")
        await daemon.log.waitFor(/wake: .* stop: off/)
        expect(await eventually(() => status().grants.length === 0)).toBe(true)
        expect(listTable(gateway)).not.toContain(". 22 timeout")
    })

    it("a door that is not there is named, with those that are", async () => {
        daemon = await lab.startDaemon(CONFIG)
        expect(postern("grant", "shh", knocker.v4)).toBe(
            "postern: error: there is no such door\npostern: hint: there are: ssh, wake\n? 1",
        )
        expect(postern("revoke", "--door", "shh")).toContain("there are: ssh, wake")
        expect(postern("grant", "ssh", knocker.v4)).toContain("tcp/22 for 1m")
    })

    it("watch follows, until Ctrl-C or the end of the daemon", async () => {
        daemon = await lab.startDaemon(CONFIG)
        const follow = () => {
            const child = gateway.start([POSTERN, "watch", "--socket", daemon.socket])
            const ended = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)))
            return { child, ended, lines: collectLines(child, child.stdout!) }
        }
        const one = follow()
        await one.lines.waitFor(/^up /)
        knock(...HITS)
        await one.lines.waitFor(/ssh .* by a knock/)
        one.child.kill("SIGINT")
        expect(await one.ended).toBe(130)
        const other = follow()
        await other.lines.waitFor(/^up /)
        await daemon.stop()
        expect(await other.ended).toBe(1)
    })

    it("reload takes another configuration into use, and says what has changed; status says since when", async () => {
        daemon = await lab.startDaemon(CONFIG)
        const { loaded } = status()
        expect(postern("reload")).toBe("2 doors are as they were, and no other is there")
        expect(status().loaded).toBeGreaterThan(loaded)
        knock(...HITS)
        await daemon.log.waitFor(/ssh: .*: open: /)
        const text = readFileSync(daemon.file, "utf8")
        const hook = '[[hook]]\nname = "tell"\non = ["trouble"]\nrun = ["/bin/true"]\n'
        const renamed = `${text.replace('"ssh"', '"web"').replace('"1h"', '"2h"').replace("[gateway]", "[gateway]\nuniform = true")}${hook}`
        writeFileSync(daemon.file, renamed.replace(JSON.stringify(HITS), '["9999", "41000"]'))
        expect(postern("reload").split("\n")).toEqual([
            "added: web",
            "removed: ssh",
            "changed: wake",
            "hooks added: tell",
            "[gateway] changed: uniform",
            "0 doors are as they were",
            "ended: 1 grant",
            // From stderr.
            expect.stringMatching(/^\/.*\.toml:\d+:\d+: warning: door\.web\.sequence\.hits: only 2 hits/),
        ])
        writeFileSync(daemon.file, text)
        expect(JSON.parse(postern("reload", "--json"))).toMatchObject({
            version: 1,
            added: ["ssh"],
            removed: ["web"],
            changed: ["wake"],
            totals: { added: 1, removed: 1, changed: 1, kept: 0 },
            hooks: { added: [], removed: ["tell"], changed: [] },
            gateway: ["uniform"],
            ended: 0,
        })
        writeFileSync(daemon.file, text.replace("[gateway]\n", "[gateway]\nlog_group = 9\n"))
        const refused = postern("reload").split("\n")
        expect(refused[0]).toMatch(/\.toml:\d+:13: gateway\.log_group: cannot change while the daemon runs/)
        expect(refused.slice(1)).toEqual(["postern: error: the configuration has errors: nothing was changed", "? 3"])
        await daemon.log.waitFor(/ not reloaded \(user 0\): the configuration has errors/)
    })

    it("others than root may not ask", async () => {
        daemon = await lab.startDaemon(CONFIG)
        expect((statSync(daemon.socket).mode & 0o777).toString(8)).toBe("600")
        const script = `require("node:net").connect("${daemon.socket}").on("error", (e) => console.log(e.code))`
        const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", process.execPath, "-e", script]
        expect(gateway.exec(nobody).stdout).toBe("EACCES\n")
    })

    it("the socket goes with the daemon; one that a killed daemon left is taken over", async () => {
        daemon = await lab.startDaemon(CONFIG)
        const { socket } = daemon
        await daemon.stop("SIGKILL")
        expect(existsSync(socket)).toBe(true)
        const again = gateway.start([POSTERN, "run", "-c", daemon.file, "--socket", socket])
        const log = collectLines(again, again.stderr!)
        const ended = new Promise((resolve) => again.once("close", resolve))
        await log.waitFor(/ready/)
        expect(status().pid).toBe(again.pid)
        again.kill("SIGTERM")
        await ended
        expect(existsSync(socket)).toBe(false)
    })

    it("without a place for its socket the daemon guards its doors all the same", async () => {
        daemon = await lab.startDaemon(CONFIG.replace("\n", '\n[gateway]\nsocket_group = "no-such-group"\n'))
        expect(daemon.log.all.join("\n")).toMatch(/warning: control: there is no group no-such-group/)
        expect(status().warnings).toMatchObject([{ level: "warning", times: 1 }])
        await daemon.stop()
        const other = gateway.start([POSTERN, "run", "-c", daemon.file, "--socket", `/proc/nowhere/control`])
        const log = collectLines(other, other.stderr!)
        await log.waitFor(/ready/)
        expect(log.all.join("\n")).toMatch(/warning: nobody can ask this daemon: \/proc\/nowhere\/control: ENOENT/)
        knock(...HITS)
        await log.waitFor(/: open: /)
        const ended = new Promise((resolve) => other.once("close", resolve))
        other.kill("SIGTERM")
        await ended
    })
})
